"""Pictures of held-out objects to meshes, beside the training object that looks most like them.

A picture says nothing of how large its object is, so both look at it brought to one size, and every volume IoU is
taken after both meshes have been brought to one size: the mean and the spread of what they fill. The retrieval has
the outline and the light of the prepared views, 32 pixels a side, and gives the exact grid of the nearest.
"""

import functools
import time

import numpy as np
import trimesh
from mesh_judge import HERE, iou

from pipelines.codecs.mesh import finer, to_grid, to_mesh
from pipelines.media import Picture
from pipelines.mesh import render
from pipelines.models.framing import framed
from pipelines.models.shapes import KINDS
from pipelines.settings import MeshSettings
from pipelines.training.data.object_set import VIEWS, ObjectSet

FILLS = 4.5  # standard deviations of a mesh's volume: the cube in which two meshes are held against one another
FINE = 64  # voxels a side of it


def sized(mesh):
    """The distances [64, 64, 64] of ``mesh``, brought to one place and size by its volume."""
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    spread = float(np.sqrt(np.trace(body.moment_inertia) / (2 * body.volume)))
    middle = tuple(float(v) for v in body.center_mass)
    return to_grid(mesh, FINE, placed=(FILLS * spread, middle)).distance


def small(view):
    """Outline and light [2, 32, 32] of a prepared view [2, S, S], what it shows brought to one size."""
    solid = (view[0] > 0).astype(np.float32)
    light = view[1].astype(np.float32) / 127 * solid
    tight = framed(np.stack([light, light, light, solid], axis=-1))
    return tight[..., [3, 0]].reshape(32, 2, 32, 2, 2).mean((1, 3)).transpose(2, 0, 1)


@functools.cache
def bank(folder, place):
    """Rows of the training objects and their views [N, 2, 32, 32], kept beside them."""
    objects, kept = ObjectSet.load(folder), folder / f"bank-{place}.npy"
    rows = objects.rows(held_out=False)
    if not kept.exists():
        np.save(kept, np.stack([small(objects.views[row, place]) for row in rows]).astype(np.float16))
    return rows, np.load(kept).astype(np.float32)


def nearest(objects, folder, row, place):
    """The training object whose view looks most like that of ``row``."""
    known, views = bank(folder, place)
    gap = np.square(views - small(objects.views[row, place])).sum((1, 2, 3))
    return int(known[gap.argmin()])


def chosen(objects, count):
    """``count`` held-out rows, evenly spread."""
    rows = objects.rows(held_out=True)
    return [int(rows[i * len(rows) // count]) for i in range(count)]


def measured(pipeline, folder, turn, count):
    """What the picture ``turn`` of ``count`` came to, and the picture, the mesh and the truth to look at."""
    objects = ObjectSet.load(folder)
    row, place = chosen(objects, count)[turn], turn % len(VIEWS)
    exact = objects.grid(row)
    truth = to_mesh(finer(exact), pieces=None)
    shown = render(truth, VIEWS[place], 256)
    started = time.process_time()
    *events, done = pipeline.generate(MeshSettings(seed=1), Picture(shown.pixels))
    spent = time.process_time() - started
    mesh, other = done.items[0], to_mesh(finer(objects.grid(nearest(objects, folder, row, place))), pieces=None)
    wanted, name = sized(truth), KINDS[int(objects.numbers[row, 0]) - 1].name
    return {
        "kind": name, "view": place, "IoU": iou(wanted, sized(mesh)), "nearest": iou(wanted, sized(other)),
        "where it stands": iou(exact.distance, to_grid(mesh, placed=HERE).distance),
        "named": any(name in getattr(event, "text", "") for event in events), "seconds": spent,
    }, (shown, mesh, truth, other)  # fmt: skip


def summary(rows):
    """The table of what :func:`measured` found."""
    ours, theirs = (np.array([row[key] for row in rows]) for key in ("IoU", "nearest"))
    away = (ours - theirs).mean() / max(1e-9, (ours - theirs).std() / max(1, len(rows)) ** 0.5)
    return {
        "pictures": len(rows), "IoU": ours.mean(), "median IoU": np.median(ours),
        "IoU of the nearest training object": theirs.mean(), "median IoU of the nearest": np.median(theirs),
        "nearer than it": (ours > theirs).mean(), "difference over its standard error": away,
        "IoU where it stands, not brought to one size": np.mean([row["where it stands"] for row in rows]),
        "kind named": np.mean([row["named"] for row in rows]),
        "processor seconds": np.median([row["seconds"] for row in rows]),
    }  # fmt: skip
