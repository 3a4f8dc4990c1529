"""Meshes of any origin: what is read, what is put right and said, what is refused; and GLB by the Khronos validator."""

import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import trimesh
from shapes.bodies import ball, checked, crate, ring
from uploads import glb, gltf

from pipelines.errors import MediaError
from pipelines.media import Mesh
from pipelines.settings import MeshSettings, ShapeEditSettings
from pipelines.shapes import measured, read_mesh, textured, watertight, work_on
from studio.commands import meshes
from studio.export import save
from studio.export.loading import load_mesh
from studio.intake import Limits, take

SETTINGS = MeshSettings(prompt="a red mug", seed=3)


def exported(tmp_path, scene, name):
    path = tmp_path / name
    path.write_bytes(scene.export(file_type=path.suffix[1:]))
    return path


def test_a_scene_of_200_parts_is_placed_and_joined(tmp_path):
    scene = trimesh.Scene()
    for number in range(200):
        part = trimesh.creation.box(extents=[0.5, 0.5, 0.5])
        part.visual.vertex_colors = [number, 100, 50, 255]
        scene.add_geometry(part, transform=trimesh.transformations.translation_matrix([number % 20, number // 20, 0]))
    path = exported(tmp_path, scene, "many.glb")
    assert take(path).medium == "mesh"
    mesh, said = load_mesh(path)
    found = measured(mesh)
    assert found.pieces == 200 and found.size == (19.5, 9.5, 0.5)
    assert said == ["Its 200 parts were joined into one mesh."]
    assert found.watertight and found.volume == pytest.approx(200 * 0.125, rel=1e-5)
    assert len(np.unique(mesh.colours[:, 0])) > 150


def test_a_mirrored_part_shows_its_outside(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box(), transform=np.diag([-1.0, 1, 1, 1]))
    assert measured(read_mesh(exported(tmp_path, scene, "mirror.glb"))[0]).outward


def test_several_textures_become_colours_of_vertices_and_one_stays(tmp_path):
    one = load_mesh(save(checked(), tmp_path / "one.glb", SETTINGS))[0]
    assert one.texture is not None and np.array_equal(one.texture.pixels, checked().texture.pixels)
    scene = trimesh.Scene()
    for number in range(2):
        part = trimesh.load_mesh(tmp_path / "one.glb", process=False)
        scene.add_geometry(part, transform=trimesh.transformations.translation_matrix([2 * number, 0, 0]))
    mesh, said = load_mesh(exported(tmp_path, scene, "two.glb"))
    assert mesh.texture is None and any("textures became colours" in text for text in said)
    assert {tuple(colour[:3]) for colour in mesh.colours.tolist()} >= {(200, 0, 0), (0, 200, 0)}


@pytest.mark.parametrize("kind", ["obj", "stl", "ply", "glb"])
def test_every_format_comes_back_at_its_size_and_upright(tmp_path, kind):
    tall = Mesh(ring().vertices[:, [0, 2, 1]] * np.float32([1, 2, 1]), ring().faces[:, ::-1])
    mesh, _ = load_mesh(save(tall, tmp_path / f"it.{kind}", SETTINGS))
    assert np.allclose(np.ptp(mesh.vertices, axis=0), np.ptp(tall.vertices, axis=0), rtol=1e-5)
    found = measured(mesh)
    assert found.watertight and found.outward and found.genus == 1 and found.corners == len(ring().vertices)


def test_numbers_that_are_none_are_left_out_and_said(tmp_path):
    body = ball(1)
    vertices = body.vertices.copy()
    vertices[3] = np.nan
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"f {a} {b} {c}" for a, b, c in body.faces + 1]
    (tmp_path / "nan.obj").write_text("\n".join(lines) + "\n")
    mesh, said = read_mesh(tmp_path / "nan.obj")
    assert np.isfinite(mesh.vertices).all() and len(mesh.faces) < len(body.faces)
    assert any("no numbers" in text for text in said)
    assert measured(watertight(mesh, detail=32)[0]).watertight


def test_flat_faces_are_counted_and_mended(tmp_path):
    body = ball(2)
    faces = np.concatenate([body.faces, [[0, 0, 1], [2, 2, 2]], body.faces[:1]])
    save(Mesh(body.vertices, faces), tmp_path / "flat.glb", SETTINGS)
    mesh, _ = load_mesh(tmp_path / "flat.glb")
    assert measured(mesh).flat_faces == 2 and not measured(mesh).watertight
    made, said = watertight(mesh)
    assert measured(made).watertight and said[0] == "Flat or doubled faces removed: 3."


def test_what_passes_through_itself_becomes_one_skin():
    cross = [trimesh.creation.box(extents=[1, 0.2, 0.2]), trimesh.creation.box(extents=[0.2, 1, 0.2])]
    both = trimesh.util.concatenate(cross)
    made = list(work_on(ShapeEditSettings(remesh=64), Mesh(both.vertices.astype("f4"), both.faces)))[-1].items[0]
    assert measured(made).pieces == 1 and measured(made).volume == pytest.approx(2 * 0.04 - 0.008, rel=0.03)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("points.ply", b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
         b"property float z\nend_header\n0 0 0\n", "points or lines, but no faces"),
        ("cut.stl", b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", "cannot be read|no faces|is empty"),
        ("words.glb", b"glTF\x02\x00\x00\x00" + bytes(60), "cannot be read as a mesh; it is damaged"),
        ("empty.obj", b"# nothing\n", "is empty|no faces|cannot be read"),
    ],
)  # fmt: skip
def test_what_holds_no_surface_is_refused_in_a_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=words):
        read_mesh(tmp_path / name)


OUTSIDE = glb(gltf({"buffers": [{"byteLength": 36, "uri": "../../etc/passwd"}]}))
DRACO = glb(gltf({"extensionsRequired": ["KHR_draco_mesh_compression"]}))


@pytest.mark.parametrize("content, words", [(OUTSIDE, "points outside"), (DRACO, "compressed meshes are not read")])
def test_the_command_says_what_the_gate_says(tmp_path, content, words):
    (tmp_path / "it.glb").write_bytes(content)
    with pytest.raises(MediaError, match=words):
        meshes._read(tmp_path / "it.glb")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mesh.glb", bytes(50_000_000))
    with pytest.raises(MediaError, match="bomb.zip"):
        meshes._read(tmp_path / "bomb.zip")


def test_a_mesh_beyond_the_limits_is_refused_before_it_is_read(tmp_path):
    header = b"ply\nformat binary_little_endian 1.0\nelement vertex 5000001\nproperty float x\nelement face 1\n"
    (tmp_path / "huge.ply").write_bytes(header + b"property list uchar int vertex_indices\nend_header\n" + bytes(100))
    with pytest.raises(MediaError, match="vertices: 5,000,001, at most 5,000,000; simplify it first"):
        take(tmp_path / "huge.ply")
    body = textured(ball(2), side=64)
    save(body, tmp_path / "picture.glb", SETTINGS)
    with pytest.raises(MediaError, match="pixels of a texture: 4,096, at most 1,000; shrink it first"):
        take(tmp_path / "picture.glb", limits=Limits(pixels=1000))


def test_many_faces_are_measured_and_simplified():
    fine = ball(6)  # 81,920
    thin = list(work_on(ShapeEditSettings(faces=1000), fine))[-1].items[0]
    assert len(fine.faces) > 80_000 and len(thin.faces) == 1000 and measured(thin).watertight


# The validator of the Khronos Group, from npm ---------------------------------------------------------------------

VALIDATE = """
const validator = require('gltf-validator'), fs = require('fs');
const read = async (path) => [path, (await validator.validateBytes(new Uint8Array(fs.readFileSync(path)))).issues];
Promise.all(process.argv.slice(1).map(read)).then((found) => console.log(JSON.stringify(found)));
"""
PACKAGE = "gltf-validator@2.0.0-dev.3.10"


@pytest.fixture(scope="session")
def validator(tmp_path_factory):
    """Folder with the validator; skipped where npm is not there, or reaches nothing."""
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm is not here")
    folder = tmp_path_factory.mktemp("npm")
    command = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "gltf-validator@2.0.0-dev.3.10",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"gltf-validator cannot be had: {done.stderr.strip()[-200:]}")
    return folder


def test_every_glb_passes_the_khronos_validator(validator, tmp_path):
    bodies = {
        "plain": Mesh(ball().vertices, ball().faces), "colours": ball(), "texture": textured(ball(), side=64),
        "ring": ring(), "crate": crate(), "sheet": checked(),
    }  # fmt: skip
    bodies["hollow"] = list(work_on(ShapeEditSettings(faces=200, wall=60), ball()))[-1].items[0]
    paths = [str(save(mesh, tmp_path / f"{name}.glb", SETTINGS)) for name, mesh in bodies.items()]
    done = subprocess.run(["node", "-e", VALIDATE, *paths], cwd=validator, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == 7
    for path, issues in found:
        assert issues["numErrors"] == issues["numWarnings"] == 0, (path, issues["messages"][:3])


def test_colours_beside_a_material_come_back(tmp_path):
    path = save(ball(1), tmp_path / "ball.glb", MeshSettings(prompt="a ball", seed=1))
    found, _ = read_mesh(path)
    assert found.colours is not None and np.abs(found.colours.astype(int) - ball(1).colours).max() <= 2
    # Another program may multiply them with a colour of the material.
    body = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    half = trimesh.visual.material.PBRMaterial(baseColorFactor=[128, 128, 128, 255])
    body.visual = trimesh.visual.TextureVisuals(material=half)
    body.visual.vertex_attributes["color"] = np.array([[255, 0, 0, 255]] * 3, np.uint8)
    body.export(tmp_path / "half.glb")
    assert np.abs(read_mesh(tmp_path / "half.glb")[0].colours[0].astype(int) - (188, 0, 0, 255)).max() <= 2
