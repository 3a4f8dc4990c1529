"""Meshes, written and opened again by a library that did not write them."""

import json
import os

import meshio
import numpy as np
import pytest
import trimesh
from samples import MADE, SETTINGS, tetrahedron

from pipelines.shapes.colours import from_linear, linear
from studio.export import save
from studio.provenance import read_settings


def gltf_of(path):
    """Tree and binary part of a GLB, read by the letter of the specification."""
    data = path.read_bytes()
    assert data[:4] == b"glTF" and data[4] == 2 and int.from_bytes(data[8:12], "little") == len(data)
    size = int.from_bytes(data[12:16], "little")
    assert data[16:20] == b"JSON" and size % 4 == 0 and data[24 + size : 28 + size] == b"BIN\x00"
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def test_a_glb_by_the_letter(tmp_path):
    made = tetrahedron()
    tree, body = gltf_of(save(made, tmp_path / "it.glb", SETTINGS))
    assert tree["asset"]["version"] == "2.0" and tree["asset"]["copyright"].startswith("Made with AI")
    assert tree["asset"]["extras"]["eddyline"]["settings"]["prompt"] == "a red apple"
    packet = tree["extensions"]["KHR_xmp_json_ld"]["packets"][tree["asset"]["extensions"]["KHR_xmp_json_ld"]["packet"]]
    assert packet["Iptc4xmpExt:DigitalSourceType"]["@id"] == MADE and tree["extensionsUsed"] == ["KHR_xmp_json_ld"]
    part = tree["meshes"][0]["primitives"][0]

    def values(index, kind, width):
        accessor = tree["accessors"][index]
        view = tree["bufferViews"][accessor["bufferView"]]
        return np.frombuffer(body, kind, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)

    assert np.array_equal(values(part["attributes"]["POSITION"], "<f4", 3), made.vertices)
    assert np.array_equal(values(part["indices"], "<u4", 1).reshape(-1, 3), made.faces)
    normals = values(part["attributes"]["NORMAL"], "<f4", 3)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    assert ((normals * (made.vertices - made.vertices.mean(0))).sum(1) > 0).all()  # they point outside
    bounds = tree["accessors"][part["attributes"]["POSITION"]]
    assert bounds["min"] == made.vertices.min(0).tolist() and bounds["max"] == made.vertices.max(0).tolist()
    light = values(part["attributes"]["COLOR_0"], "<u2", 4)
    assert np.allclose(light[1] / 65535, [0.1274, 0, 0.9560, 1], atol=1e-4)  # linear light: 100 and 250 of 255


def test_colours_of_a_glb_lose_no_step():
    every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    assert np.array_equal(from_linear(linear(every) / 65535), every)


@pytest.mark.parametrize("textured", [False, True])
def test_another_library_opens_the_glb(tmp_path, textured):
    made = tetrahedron(colours=not textured, texture=textured)
    seen = trimesh.load_mesh(save(made, tmp_path / "it.glb", SETTINGS), process=False)
    assert np.array_equal(seen.vertices.astype("f4"), made.vertices) and np.array_equal(seen.faces, made.faces)
    if textured:
        assert np.allclose(seen.visual.uv, made.uv)
        texture = seen.visual.material.baseColorTexture
        assert np.array_equal(np.asarray(texture.convert("RGBA")), made.texture.pixels)


def test_an_obj_holds_shape_and_colours(tmp_path):
    made = tetrahedron()
    path = save(made, tmp_path / "it.obj", SETTINGS)
    rows = [line.split() for line in path.read_text().splitlines()]
    places = np.array([row[1:] for row in rows if row[0] == "v"], float)
    assert np.array_equal(places[:, :3].astype("f4"), made.vertices)
    assert np.array_equal(np.round(places[:, 3:] * 255), made.colours[:, :3])
    seen = meshio.read(save(tetrahedron(colours=False), tmp_path / "bare.obj", SETTINGS))
    assert np.allclose(seen.points, made.vertices) and np.array_equal(seen.cells_dict["triangle"], made.faces)
    assert max(map(len, path.read_text().splitlines())) < 256  # lines that any reader takes


def test_an_obj_brings_its_texture(tmp_path):
    made = tetrahedron(colours=False, texture=True)
    seen = trimesh.load_mesh(save(made, tmp_path / "it.obj", SETTINGS), process=False)
    assert sorted(os.listdir(tmp_path)) == ["it.obj", "it.obj.mtl", "it.obj.png"]
    assert np.allclose(seen.visual.uv, made.uv) and np.allclose(seen.vertices, made.vertices)
    assert np.array_equal(np.asarray(seen.visual.material.image.convert("RGBA")), made.texture.pixels)
    assert read_settings(tmp_path / "it.obj.png").settings == SETTINGS


def test_an_stl_holds_the_shape_and_a_short_mark(tmp_path):
    made = tetrahedron()
    path = save(made, tmp_path / "it.stl", SETTINGS)
    data = path.read_bytes()
    assert data.startswith(b"AI trainedAlgorithmicMedia eddyline=") and len(data) == 84 + 50 * 4
    body = np.frombuffer(data, np.dtype([("normal", "<3f4"), ("corners", "<9f4"), ("more", "<u2")]), offset=84)
    # Millimetres, +Z up: what programs for printers take an STL for.
    x, y, z = np.moveaxis(1000 * made.vertices[made.faces], -1, 0)
    assert np.allclose(body["corners"].reshape(-1, 3, 3), np.stack([x, -z, y], axis=-1), rtol=1e-6)
    assert len(meshio.read(path).cells_dict["triangle"]) == 4


@pytest.mark.parametrize("textured", [False, True])
def test_a_ply_holds_shape_and_colours(tmp_path, textured):
    made = tetrahedron(colours=not textured, texture=textured)
    seen = meshio.read(save(made, tmp_path / "it.ply", SETTINGS))
    assert np.array_equal(seen.points, made.vertices) and np.array_equal(seen.cells_dict["triangle"], made.faces)
    paint = np.stack([seen.point_data[name] for name in ("red", "green", "blue", "alpha")], axis=1)
    paint = paint.astype(np.uint8)  # meshio takes them for signed
    corners = made.texture.pixels[[-1, -1, 0], [0, -1, 0]] if textured else made.colours[:3]
    assert np.array_equal(paint[:3], corners)
