"""Put what an edit changed into the mesh that was edited: everything else keeps its own vertices.

The region that changed is a solid; the old mesh outside of it and the new one inside are joined by exact booleans
(Manifold). Where only colours changed no vertex moves at all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.codecs.mesh import Grid, finer, to_mesh
from pipelines.media import Mesh
from pipelines.shapes import measured, simplified

SHAPE_MOVED = 0.35  # voxels by which a distance near the surface has to differ, to count as changed
SURELY_MOVED = 0.8  # the same, to count by itself
WALLS = 600  # triangles of the region that is cut out; every edge of it that crosses a surface makes vertices there
COLOUR_MOVED = 26.0  # the same for a colour, root mean square over its channels
ROOM = 1.6  # voxels that the changed region reaches beyond what changed


@dataclass(frozen=True)
class Spliced:
    """The edited mesh, how many of the old vertices are in it where they were, and what a person should know."""

    mesh: Mesh
    kept: int
    notes: tuple[str, ...] = ()


def splice(
    source: Mesh, before: Grid, after: Grid, allowed: np.ndarray, faces: int, *, colours_alone: bool = False
) -> Spliced:
    """``source`` with what differs between two grids of it.

    Args:
        source: the mesh as it was given.
        before: its grid.
        after: the edited grid, in the same place.
        allowed: [S, S, S] bool: where anything may change.
        faces: triangles to make the new parts of, at most about so many.
        colours_alone: nothing but colours was asked to change, so the surface stays as it is.
    """
    shape, colour = _changed(before, after, allowed)
    if colours_alone:
        shape = np.zeros_like(shape)  # what moved all the same is the model's noise
    coloured = _recoloured(source, before, after, colour & ~shape)
    if not shape.any():
        return Spliced(coloured, len(source.vertices), () if colour.any() else ("The edit changed nothing.",))
    region = _region(shape, allowed, before)
    fresh = to_mesh(finer(after), pieces=None)
    fresh = simplified(fresh, max(400, faces))
    joined = _joined(coloured, fresh, region) if measured(source).watertight else None
    if joined is None:
        note = "The mesh is not closed, so it was made anew from its grid; what was kept follows it to within a voxel."
        return Spliced(fresh, 0, (note,))
    old = {row.tobytes() for row in source.vertices}
    kept = sum(row.tobytes() in old for row in joined.vertices)
    return Spliced(joined, kept)


def _changed(before: Grid, after: Grid, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where [S, S, S] the surface moved, and where its colour did."""
    from scipy import ndimage

    near = (np.abs(before.distance) < 1.5) | (np.abs(after.distance) < 1.5)
    moved = np.abs(np.clip(after.distance, -1.5, 1.5) - np.clip(before.distance, -1.5, 1.5))
    # Deep inside of what is taken away no surface is near, and yet it goes.
    shape = allowed & ((near & (moved > SHAPE_MOVED)) | ((before.distance < 0) != (after.distance < 0)))
    # What moved a little counts where it hangs together with what surely moved.
    shape = ndimage.binary_propagation(shape & (moved > SURELY_MOVED), np.ones((3, 3, 3)), shape)
    labels, count = ndimage.label(shape, np.ones((3, 3, 3)))
    if count:  # crumbs of fewer than a dozen voxels are the model's noise
        sizes = ndimage.sum_labels(shape, labels, range(1, count + 1))
        shape = np.isin(labels, 1 + np.flatnonzero(sizes >= 12))
    away = np.sqrt(((after.colour.astype(float) - before.colour) ** 2).mean(-1))
    return shape, near & allowed & (away > COLOUR_MOVED)


def _recoloured(source: Mesh, before: Grid, after: Grid, changed: np.ndarray) -> Mesh:
    """``source`` with its vertices in the new colours where ``changed``; its own colours elsewhere."""
    if not changed.any():
        return source
    cell = cells_of(source.vertices, before)
    hit = changed[cell[:, 0], cell[:, 1], cell[:, 2]]
    colours = vertex_colours(source)
    colours[hit, :3] = after.colour[cell[hit, 0], cell[hit, 1], cell[hit, 2]]
    return Mesh(source.vertices, source.faces, colours)


def cells_of(vertices: np.ndarray, grid: Grid) -> np.ndarray:
    """The value of ``grid`` nearest to each of ``vertices``, int64 [V, 3]."""
    cube = (vertices.astype(np.float64) - grid.centre) / grid.scale
    return np.clip(np.floor((cube + 0.5) * grid.size).astype(int), 0, grid.size - 1)


def vertex_colours(mesh: Mesh) -> np.ndarray:
    """Colours uint8 [V, 4] of a mesh that may have a texture, or none."""
    from pipelines.codecs.surface import colours_at

    if mesh.colours is not None:
        return mesh.colours.copy()
    colours = np.full((len(mesh.vertices), 4), (200, 200, 200, 255), np.uint8)
    if mesh.texture is not None:
        corner = mesh.faces.reshape(-1)
        of = np.repeat(np.arange(len(mesh.faces)), 3)
        colours[corner, :3] = colours_at(mesh, of, mesh.vertices[corner], mesh.vertices)
    return colours


def _region(shape: np.ndarray, allowed: np.ndarray, grid: Grid) -> Mesh:
    """A solid round everything that changed its shape, in the mesh's own place; within ``allowed``."""
    from scipy import ndimage

    reach = ndimage.distance_transform_edt(~shape) - ROOM
    box = _box(allowed)
    if box is None:
        reach = np.maximum(reach, ndimage.distance_transform_edt(~allowed) - 0.5)
    wide = np.pad(reach.astype(np.float32), 2, constant_values=3.0)
    # Where its walls show, because an edit ends at the box, they have the colour of what they cut.
    colour = np.pad(grid.colour, [(2, 2)] * 3 + [(0, 0)], mode="edge")
    size = wide.shape[0]
    scale = grid.scale * size / grid.size
    found = to_mesh(Grid(np.clip(wide, -3, 3), colour, scale, grid.centre), pieces=None)
    if box is None:
        return found
    return _cut(simplified(found, WALLS), box, grid)


def _box(allowed: np.ndarray) -> np.ndarray | None:
    """First and last of each axis [3, 2] where ``allowed`` is a box, else None."""
    spans = [np.flatnonzero(allowed.any(tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    if not all(len(span) for span in spans):
        return None
    whole = tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return np.array([(s.start, s.stop) for s in whole]) if allowed[whole].all() else None


def _cut(mesh: Mesh, box: np.ndarray, grid: Grid) -> Mesh:
    """What of ``mesh`` lies between the outer faces of the voxels ``box`` [3, 2]; a side at the grid's end is open."""
    import manifold3d

    solid = _solid(mesh)
    for axis, (first, last) in enumerate(box):
        normal = np.eye(3)[axis]
        for side, place, end in ((1.0, first, 0), (-1.0, last, grid.size)):
            if place != end:
                offset = (place / grid.size - 0.5) * grid.scale + grid.centre[axis]
                solid = solid.trim_by_plane(tuple(side * normal), side * offset)
    assert solid.status() == manifold3d.Error.NoError
    return _mesh(solid)


def _joined(old: Mesh, new: Mesh, region: Mesh) -> Mesh | None:
    """``old`` outside of ``region`` and ``new`` inside; None where a part is no closed solid."""
    import manifold3d

    parts = _solid(old), _solid(new), _solid(region)
    if any(part.status() != manifold3d.Error.NoError for part in parts):
        return None
    result = (parts[0] - parts[2]) + (parts[1] ^ parts[2])
    return None if result.is_empty() else _mesh(result)


def _solid(mesh: Mesh) -> Any:
    """``mesh`` with its colours as Manifold has it."""
    import manifold3d

    rows = np.concatenate([mesh.vertices.astype(np.float32), vertex_colours(mesh).astype(np.float32)], axis=1)
    held = manifold3d.Mesh(np.ascontiguousarray(rows), np.ascontiguousarray(mesh.faces.astype(np.uint32)))
    return manifold3d.Manifold(held)


def _mesh(solid: Any) -> Mesh:
    """The mesh of a Manifold with colours."""
    found = solid.to_mesh()
    rows = np.asarray(found.vert_properties, np.float32)
    faces = _welded(np.asarray(found.tri_verts, np.int64), found)
    used, faces = np.unique(faces, return_inverse=True)
    colours = np.clip(np.rint(rows[used, 3:7]), 0, 255).astype(np.uint8)
    return Mesh(np.ascontiguousarray(rows[used, :3]), faces.reshape(-1, 3), colours)


def _welded(faces: np.ndarray, found: object) -> np.ndarray:
    """Vertices that stand for one place under several properties, as one: the surface is closed again."""
    target = np.arange(int(faces.max()) + 1)
    target[np.asarray(found.merge_from_vert, np.int64)] = np.asarray(found.merge_to_vert, np.int64)  # type: ignore[attr-defined]
    return target[faces]
