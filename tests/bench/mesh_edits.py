"""Edits of meshes with known answers: ``python tests/bench/mesh_edits.py --data DATA --out FOLDER [--count N]``.

An object and the same with one attribute changed are drawn from one seed, so the true result of every edit is known.
Asked in words: a colour of a part, a feature there or not, how many, the shape, the height or the width.

- **right**: a colour counts where the true part's surface has it, to within 45 of 255 on average; every other attribute
  where the judge (``mesh_judge.py``) reads the new one off the result, and on the true result its own share stands
  beside, for it cannot say more.
- **IoU**: with the true result, of the source left alone and of the result.
- **half**: the same edits held to the upper half: how many vertices of the lower one stay to the bit, and how far the
  others are from the result's surface there.

FOLDER keeps what each edit came to, and a sheet of sources, results, true results and held results; it goes on from
there.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import table
from mesh import BEYOND, rows_of, solid_of
from mesh_judge import HERE, iou, object_of, trained

from pipelines.codecs.mesh import finer, to_grid, to_mesh
from pipelines.mesh import MeshPipeline
from pipelines.models.filling import completed
from pipelines.models.shapes import COLOURS, FEATURES, KINDS, SHAPES, Recipe
from pipelines.settings import MeshEditSettings
from pipelines.shapes import simplified

SORTS = ("colour", "feature", "count", "shape", "height", "width")
NEAR = 45.0  # of 255: a colour is there
SAID = {"height": ("tall", "low"), "width": ("wide", "narrow")}


def pairs(count, seed=11):
    """(sort, source recipe, target recipe, source prompt, prompt, part, seed) of ``count`` edits, sorts in turn."""
    rng = np.random.default_rng(seed)
    made, tries = 0, 0
    while made < count:
        tries += 1
        kind, sort = int(rng.integers(len(KINDS))), SORTS[made % len(SORTS)]
        found = change(kind, sort, BEYOND + 50_000 + tries, rng)
        if found is not None:
            made += 1
            yield sort, *found, BEYOND + 50_000 + tries


def change(number, sort, seed, rng):
    """(source, target, source prompt, prompt, part) of one edit of a kind, or None where it has no such attribute."""
    kind = KINDS[number]
    whole = completed(Recipe(1 + number), seed)
    name = f"a {kind.name}"
    if sort == "colour":
        part = int(rng.integers(len(kind.parts)))
        # A part that may be missing has to be there to be painted.
        features = tuple(2 if n < len(kind.features) else 0 for n in range(FEATURES))
        before, after = rng.choice(list(COLOURS), 2, replace=False)
        one, two = (
            replace(whole, features=features, colours=(*whole.colours[:part], COLOURS[c], *whole.colours[part + 1 :]))
            for c in (before, after)
        )
        words = (
            [f"a {c} {kind.name}" for c in (before, after)]
            if part == 0
            else [f"{name} with {c} {kind.parts[part][0]}" for c in (before, after)]
        )
        return one, two, *words, part
    if sort == "feature" and kind.features:
        place = int(rng.integers(len(kind.features)))
        first = int(rng.integers(1, 3))
        one, two = (
            replace(whole, features=(*whole.features[:place], value, *whole.features[place + 1 :]))
            for value in (first, 3 - first)
        )
        words = [f"{name} {('without', 'with')[value - 1]} {kind.features[place][0]}" for value in (first, 3 - first)]
        return one, two, *words, 5 + place
    if sort == "count" and kind.counted:
        names, least, most = kind.counted
        before, after = rng.choice(np.arange(least, most + 1), 2, replace=False)
        words = [f"{name} with {n} {names[0]}" for n in (before, after)]
        return replace(whole, count=int(before)), replace(whole, count=int(after)), *words, 4
    if sort == "shape" and len(kind.shapes) > 1:
        before, after = rng.choice(kind.shapes, 2, replace=False)
        words = [f"a {shape} {kind.name}" for shape in (before, after)]
        return *(replace(whole, shape=1 + SHAPES.index(s)) for s in (before, after)), *words, 1
    if sort in kind.sized:
        order = list(rng.permutation(2))
        words = [f"a {SAID[sort][n]} {kind.name}" for n in order]
        return *(replace(whole, **{sort: 1 + int(n)}) for n in order), *words, 2 + (sort == "width")
    return None


def measured(pipeline, judge, edit):
    """What one edit came to, and its meshes."""
    sort, source, target, said, prompt, place, seed = edit
    (before, _), (truth, made) = object_of(source, seed), object_of(target, seed)
    mesh = simplified(to_mesh(finer(before), pieces=None), 4000)
    settings = MeshEditSettings(source_prompt=said, prompt=prompt, seed=3)
    *_, done = pipeline.edit(settings, mesh)
    result = to_grid(done.items[0], placed=HERE)
    wanted = target.numbers()
    row = {
        "sort": sort, "prompt": prompt, "source": said,
        "IoU of the source": iou(truth.distance, before.distance),
        "IoU": iou(truth.distance, result.distance), "faces": len(done.items[0].faces),
    }  # fmt: skip
    if sort == "colour":
        # Near the surface of the part, in the true result and in what came out.
        part = made.part.reshape(truth.distance.shape) == place
        near = part & (np.abs(truth.distance) < 1) & (np.abs(result.distance) < 2)
        gap = np.abs(result.colour[near].astype(float) - target.colours[place]).mean() if near.any() else 255.0
        row |= {"gap": float(gap), "right": bool(gap < NEAR), "sure": True}
    else:
        number = int(wanted[0])
        row["right"] = bool(judge.verdict(result.distance, number)[place] == wanted[place])
        row["sure"] = bool(judge.verdict(truth.distance, number)[place] == wanted[place])
    half = settings.with_(bottom=0.5)
    *_, held = pipeline.edit(half, mesh)
    return row | lower(mesh, held.items[0]), (mesh, done.items[0], to_mesh(finer(truth), pieces=None), held.items[0])


def lower(source, result):
    """Of the vertices in the lower half of ``source``: the share that ``result`` has to the bit, and how far it moved.

    A vertex whose triangles reach into the upper half may be dropped where they are cut; the surface stays.
    """
    middle = (source.vertices[:, 1].min() + source.vertices[:, 1].max()) / 2
    below = source.vertices[source.vertices[:, 1] < middle - 1 / 48]
    there = {row.tobytes() for row in result.vertices}
    kept = np.array([row.tobytes() in there for row in below])
    moved = 0.0
    if not kept.all():
        _, gaps, _ = solid_of(result).nearest.on_surface(below[~kept])
        moved = float(gaps.max() * 48)
    return {"kept": float(kept.mean()), "moved, voxels": moved}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("mesh-bench"))
    chosen = parser.parse_args()
    pipeline, judge, asked = MeshPipeline.load("starter"), trained(chosen.data), list(pairs(chosen.count))

    def made(place):
        row, meshes = measured(pipeline, judge, asked[place])
        return row, *meshes

    rows = rows_of(chosen.out, "edits", chosen.count, made)
    summary = []
    for sort in (*SORTS, None):
        some = [row for row in rows if sort in (None, row["sort"])]
        if some:
            means = [np.mean([row[key] for row in some]) for key in ("right", "sure", "IoU of the source", "IoU")]
            summary.append((sort or "all", len(some), *(f"{mean:.2f}" for mean in means)))
    table(("attribute", "edits", "right", "judge on the truth", "IoU, source alone", "IoU, result"), summary)
    kept, moved = (np.array([row[key] for row in rows]) for key in ("kept", "moved, voxels"))
    print(f"lower half: {kept.mean():.4f} of its vertices stay to the bit; largest move {moved.max():.4f} voxels")


if __name__ == "__main__":
    main()
