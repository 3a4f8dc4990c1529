"""The mesh starter measured: ``python tests/bench/mesh.py --data DATA --out FOLDER [--parts ...]``.

- **codec**: meshes that no starter saw through the grid and back: volume IoU on a grid of twice as many values, chamfer
  distance in voxels, colour error of 255, closed and outward. The model's linear basis stands beside.
- **text**: samples over all kinds, each told an attribute and a colour. A judge (``mesh_judge.py``) says which kind and
  whether the attribute is there; trimesh and Manifold say whether it is closed, and in one piece; the Khronos
  validator (npm) whether the GLB is right; and the faces are counted.
- **picture**: rendered views of held-out objects to meshes, see ``mesh_pictures.py``.
- **trip**: eight calls into noise and back, to the bit.
- **speed**: seconds of a process of its own, and its peak memory.
- **judge**: the judge on objects of its own examination.

FOLDER keeps what each part found, row by row, its meshes and a sheet of them to look at; a part goes on from there.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import trimesh
from common import table
from mesh_judge import EXAM, HERE, iou, judge_itself, object_of, trained
from mesh_pictures import measured, summary
from PIL import Image

from pipelines.codecs.mesh import finer, to_fields, to_grid, to_grids, to_mesh
from pipelines.edit.rf_edit import invert
from pipelines.events import Done, Preview
from pipelines.flow import ALF, CLAMP, conditioned, sigma_grid, solve
from pipelines.media import Picture
from pipelines.mesh import MeshPipeline, View, render
from pipelines.models.mesh import Told
from pipelines.models.shapes import COLOURS, KINDS, Recipe
from pipelines.models.wording import read_prompt
from pipelines.settings import MeshSettings

sys.path.insert(0, str(Path(__file__).parents[2]))  # the bench beside this one is called ``studio`` too

from studio.export import save  # noqa: E402

BEYOND = EXAM + 100_000  # seeds of objects that neither a starter nor the judge saw
VALIDATOR = "gltf-validator@2.0.0-dev.3.10"
CHECK = """
const validator = require('gltf-validator'), fs = require('fs');
(async () => { const found = [];
for (const path of process.argv.slice(1)) {
  const issues = (await validator.validateBytes(new Uint8Array(fs.readFileSync(path)))).issues;
  found.push([issues.numErrors, issues.numWarnings]); }
console.log(JSON.stringify(found)); })();
"""


def solid_of(mesh):
    """``mesh`` as trimesh has it, nothing merged."""
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def closed(mesh):
    """Closed, its triangles facing outward, and a manifold."""
    import manifold3d

    body = solid_of(mesh)
    held = manifold3d.Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    whole = manifold3d.Manifold(held).status() == manifold3d.Error.NoError
    return bool(whole and body.is_watertight and body.is_winding_consistent and body.volume > 0)


def surfaces(mesh, count=4000):
    """Points [N, 3] on the surface, and their colours."""
    points, faces = trimesh.sample.sample_surface(solid_of(mesh), count, seed=0)
    return points, mesh.colours[mesh.faces[faces, 0], :3].astype(float)


def away(a, b):
    """Chamfer distance in voxels of 48^3, and mean colour error of 255, between two meshes."""
    from scipy.spatial import cKDTree

    (p, p_colour), (q, q_colour) = surfaces(a), surfaces(b)
    there, nearest = cKDTree(q).query(p)
    here, _ = cKDTree(p).query(q)
    return float((there.mean() + here.mean()) * 24), float(np.abs(p_colour - q_colour[nearest]).mean())


def codec(model, place):
    """One mesh through the grid, and through the grid and the basis, and back."""
    exact, made = object_of(Recipe(1 + place % len(KINDS)), BEYOND + place, 96)
    source = to_mesh(exact, pieces=None)
    truth = to_grid(source, 96, placed=HERE)
    grid = to_grid(source, placed=HERE)
    through = to_grids(model.fields(model.signal(to_fields(grid))))[0]
    row = {"kind": KINDS[made.recipe.kind - 1].name}
    for name, one in (("grid", grid), ("basis", through)):
        mesh = to_mesh(finer(one), pieces=None)
        chamfer, colour = away(source, mesh)
        again = to_grid(mesh, 96, placed=HERE)
        row[name] = {
            "IoU": iou(truth.distance, again.distance), "chamfer": chamfer, "colour": colour, "closed": closed(mesh)
        }  # fmt: skip
    return row


def codec_summary(rows):
    """Means over the rows of :func:`codec`."""
    found = {"meshes": len(rows)}
    for name, label in (("grid", "grid"), ("basis", "grid and basis")):
        held = {key: np.array([row[name][key] for row in rows]) for key in rows[0][name]}
        found |= {
            f"{label}: IoU": held["IoU"].mean(), f"{label}: least IoU": held["IoU"].min(),
            f"{label}: share of .95 or more": (held["IoU"] >= 0.95).mean(),
            f"{label}: chamfer, voxels": held["chamfer"].mean(), f"{label}: colour error of 255": held["colour"].mean(),
            f"{label}: closed": held["closed"].mean(),
        }  # fmt: skip
    return found


def asked(count, seed=3):
    """(prompt, recipe numbers that it names) for ``count`` samples: every kind in turn, with one attribute each."""
    rng = np.random.default_rng(seed)
    for place in range(count):
        kind = KINDS[place % len(KINDS)]
        colour = str(rng.choice(list(COLOURS)))
        said = [f"a {colour} {kind.name}"]
        if kind.shapes:
            said.append(f"a {rng.choice(kind.shapes)} {colour} {kind.name}")
        if "height" in kind.sized:
            said.append(f"a {rng.choice(['tall', 'low'])} {colour} {kind.name}")
        if kind.counted:
            names, least, most = kind.counted
            said.append(f"a {colour} {kind.name} with {rng.integers(least, most + 1)} {names[0]}")
        for feature in kind.features:
            said.append(f"a {colour} {kind.name} {rng.choice(['with', 'without'])} {feature[0]}")
        prompt = str(said[int(rng.integers(len(said)))])
        yield prompt, read_prompt(prompt).recipe.numbers()


def text(pipeline, judge, place, prompt, wanted, faces):
    """One sample judged, and its mesh."""
    *_, done = pipeline.generate(MeshSettings(prompt=prompt, seed=place, faces=faces))
    mesh = done.items[0]
    seen = to_grid(mesh, placed=HERE).distance
    found = judge.verdict(seen, int(wanted[0]))
    return {
        "prompt": prompt, "kind": KINDS[wanted[0] - 1].name,
        "taken for": KINDS[judge.verdict(seen)[0] - 1].name,
        "attributes": [bool(right) for right in (found == wanted)[1:][wanted[1:] > 0]],
        "closed": closed(mesh), "pieces": int(solid_of(mesh).body_count), "faces": len(mesh.faces),
    }, mesh  # fmt: skip


def text_summary(rows, faces):
    """The table of rows of :func:`text`."""
    right = np.array([row["kind"] == row["taken for"] for row in rows])
    attributes = [right for row in rows for right in row["attributes"]]
    made = np.array([row["faces"] for row in rows])
    missed = {f"{row['kind']} for {row['taken for']}" for row in rows if row["kind"] != row["taken for"]}
    return {
        "samples": len(rows), "kind": right.mean(), "taken": sorted(missed), "attribute": np.mean(attributes),
        "attributes": len(attributes), "closed manifold": np.mean([row["closed"] for row in rows]),
        "in one piece": np.mean([row["pieces"] == 1 for row in rows]), "faces asked": faces,
        "faces exact": (made == faces).mean(), "faces within 1%": (np.abs(made - faces) <= faces / 100).mean(),
    }  # fmt: skip


def validated(paths):
    """Errors and warnings of the Khronos validator on GLB files."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "--no-audit", VALIDATOR], cwd=folder, check=True)
        found = subprocess.run(["node", "-e", CHECK, *map(str, paths)], cwd=folder, check=True, capture_output=True)
    issues = np.array(json.loads(found.stdout))
    return {"validator errors": int(issues[:, 0].sum()), "validator warnings": int(issues[:, 1].sum())}


def trip(model, count):
    """Whether eight calls there return the same bits each time, and the largest error of the way back."""
    same, gaps = [], []
    for place in range(count):
        grid, made = object_of(Recipe(1 + place % len(KINDS)), BEYOND + place)
        x = model.signal(to_fields(grid))
        velocity = conditioned(model, model.encode(Told.of([made.recipe])))
        rising = sigma_grid(8, start=CLAMP, end=1.0)
        *_, there = invert(velocity, x, rising)
        *_, back = solve(velocity, there.state, rising.flip(0), ALF)
        *_, first = invert(velocity, x, rising)
        same.append(torch.equal(there.state.x, first.state.x))
        gaps.append(float((back.state.value.float() - x).abs().max()))
    return {"meshes": count, "same bits": float(np.mean(same)), "largest error": max(gaps)}


def speed():
    """Processor and wall seconds of a fresh pipeline, medians of three runs, and peak memory."""
    started = time.perf_counter()
    pipeline = MeshPipeline.load("starter")
    found = {"load, s": time.perf_counter() - started}
    for faces in (800, 2000):
        walls, works, firsts = [], [], []
        for seed in range(4):
            start, work, first = time.perf_counter(), time.process_time(), None
            for event in pipeline.generate(MeshSettings(prompt="a round wooden table", seed=seed, faces=faces)):
                if isinstance(event, Preview) and first is None:
                    first = time.perf_counter() - start
                if isinstance(event, Done):
                    walls.append(time.perf_counter() - start)
                    works.append(time.process_time() - work)
            firsts.append(first)
        found[f"{faces} faces, s"] = float(np.median(walls[1:]))
        found[f"{faces} faces, processor s"] = float(np.median(works[1:]))
        found[f"{faces} faces, first preview, s"] = float(np.median(firsts[1:]))
    return found | {"peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def tile(shown, side=160):
    """A picture, or one of a mesh, on white."""
    pixels = shown.pixels if isinstance(shown, Picture) else render(shown, View(35, 25), side).pixels
    front = Image.fromarray(pixels).resize((side, side))
    ground = Image.new("RGB", (side, side), "white")
    ground.paste(front, (0, 0), front if front.mode == "RGBA" else None)
    return ground


def rows_of(folder, name, count, make):
    """What ``make`` says of places 0 to ``count``, going on from FOLDER/NAME.json; meshes are kept as tiles."""
    path, tiles = folder / f"{name}.json", folder / name
    tiles.mkdir(parents=True, exist_ok=True)
    rows = json.loads(path.read_text()) if path.exists() else []
    for place in range(len(rows), count):
        row, *shown = make(place)
        for turn, item in enumerate(shown):
            tile(item).save(tiles / f"{place:03}-{turn}.png")
        rows.append(row)
        path.write_text(json.dumps(rows, indent=1) + "\n")
    pictures = [Image.open(each) for each in sorted(tiles.glob("*.png"))[:120]]
    if pictures:
        side, columns = pictures[0].width, 12
        whole = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side), "white")
        for turn, each in enumerate(pictures):
            whole.paste(each, (turn % columns * side, turn // columns * side))
        whole.save(folder / f"{name}.png")
    return rows[:count]


def part(name, chosen, pipeline):
    """The table of one part."""
    if name == "judge":
        return judge_itself(trained(chosen.data), 90)
    if name == "codec":
        return codec_summary(rows_of(chosen.out, name, chosen.codec, lambda place: (codec(pipeline.model, place),)))
    if name == "picture":
        count, folder = chosen.pictures, chosen.data / "mesh"

        def shown(turn):
            row, pictures = measured(pipeline, folder, turn, count)
            return row, *pictures

        return summary(rows_of(chosen.out, name, count, shown))
    if name == "text":
        judge, said = trained(chosen.data), list(asked(chosen.count))

        def made(place):
            row, mesh = text(pipeline, judge, place, *said[place], chosen.faces)
            save(mesh, chosen.out / name / f"{place:03}.glb", MeshSettings(prompt="measured"))
            return row, mesh

        rows = rows_of(chosen.out, name, chosen.count, made)
        return text_summary(rows, chosen.faces) | validated(sorted((chosen.out / name).glob("*.glb")))
    return trip(pipeline.model, 10) if name == "trip" else speed()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("mesh-bench"))
    parser.add_argument("--count", type=int, default=200, help="samples of words")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--codec", type=int, default=50)
    parser.add_argument("--faces", type=int, default=2000)
    parser.add_argument("--parts", default="judge,codec,text,picture,trip,speed")
    chosen = parser.parse_args()
    pipeline = MeshPipeline.load("starter")
    for name in chosen.parts.split(","):
        found = part(name, chosen, pipeline)
        shown = ((name, key, round(value, 4) if isinstance(value, float) else value) for key, value in found.items())
        table(("part", "what", "value"), shown)


if __name__ == "__main__":
    main()
