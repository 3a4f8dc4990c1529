"""Colours that stay where they belong: flat parts out of soft grids, borders that survive simplification, textures."""

from dataclasses import replace

import numpy as np

from pipelines.codecs.mesh import Grid
from pipelines.media import Mesh
from pipelines.settings.mesh import Colours
from pipelines.shapes import Paint, measured, simplified, textured

FLAT = 8  # a mesh of at most so many colours keeps the borders between them
STEPS = (0.004, 0.002)  # of the mesh's size: how far a colour is raised above its neighbours while edges collapse
ALIKE = 0.5  # what a vertex's own colour weighs beside its place, over the range of colours
SAME = 12  # of 255: shades nearer than this are one
BENT = 0.04  # of the volume that may be lost
TEXTURE = 512  # pixels a side


def coloured(mesh: Mesh, how: Colours, fine: Mesh | None = None) -> Mesh:
    """``mesh`` with its colours on the vertices, in a texture (those of ``fine`` where given), or without any."""
    if how == "texture":
        return textured(mesh, Paint(fine) if fine is not None else None, TEXTURE)
    return replace(mesh, colours=None, uv=None, texture=None) if how == "none" else mesh


def thinned(mesh: Mesh, faces: int) -> Mesh:
    """``mesh`` with ``faces`` triangles, the borders between its colours kept sharp.

    Like :func:`pipelines.shapes.simplified`, which does the work.

    Quadrics know no colours: each colour is raised by a step of its own, whose edges they keep, and lowered after.
    """
    from scipy.spatial import cKDTree

    if len(mesh.faces) <= faces or mesh.colours is None:
        return simplified(mesh, faces)
    for step in STEPS:
        raised = step * _raised(mesh)
        if not raised.any():
            break
        found = simplified(Mesh(mesh.vertices + raised, mesh.faces), faces)
        nearest = cKDTree(mesh.vertices + raised).query(found.vertices)[1]
        lowered = Mesh(
            np.ascontiguousarray(found.vertices - raised[nearest], np.float32), found.faces, mesh.colours[nearest]
        )
        # Edges that collapse between two heights may leave a seam open: less between those of a smaller step.
        bent = abs(volume(lowered) - volume(mesh)) > BENT * abs(volume(mesh))
        if measured(lowered).watertight and not bent and len(lowered.faces) == faces - faces % 2:
            return lowered
    return simplified(mesh, faces)


def volume(mesh: Mesh) -> float:
    """What a closed mesh encloses, in its units cubed."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def _raised(mesh: Mesh) -> np.ndarray:
    """Moves float32 [V, 3] along the normals, of one of three heights for each colour in steps of the mesh's size.

    Zeros where that cannot help.
    """
    if mesh.colours is None:
        return np.zeros_like(mesh.vertices)
    shades, group = np.unique(mesh.colours[:, :3], axis=0, return_inverse=True)
    if not 2 <= len(shades) <= FLAT:
        return np.zeros_like(mesh.vertices)
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.stack(
        [np.bincount(mesh.faces.reshape(-1), np.repeat(flat[:, k], 3), len(mesh.vertices)) for k in range(3)], axis=1
    )
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    size = float((mesh.vertices.max(0) - mesh.vertices.min(0)).max())
    height = size * (group.reshape(-1) % 3)
    return (normals * height[:, None]).astype(np.float32)


def painted(mesh: Mesh, places: np.ndarray, shades: np.ndarray) -> Mesh:
    """``mesh``, which lies in the unit cube, with every vertex in the shade of the part that it belongs to.

    Args:
        mesh: with the soft colours of a grid, which decide where two parts are alike near.
        places: float32 [PARTS, S, S, S], 1 inside of a part.
        shades: uint8 [PARTS, 3].
    """
    from scipy import ndimage

    if mesh.colours is None:
        return mesh
    size = places.shape[-1]
    at = ((mesh.vertices.astype(np.float64) + 0.5) * size - 0.5).T
    inside = np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in places], axis=1)
    gap = np.linalg.norm(mesh.colours[:, None, :3].astype(np.float64) - shades[None], axis=-1) / 255
    group = np.argmax(inside - ALIKE * gap, axis=1)
    for _ in range(2):
        group = _voted(group, mesh.faces, len(shades))
    return Mesh(mesh.vertices, mesh.faces, np.concatenate([shades[group], mesh.colours[:, 3:]], axis=1))


def repainted(before: Grid, after: Grid, places: np.ndarray, shades: tuple[np.ndarray, np.ndarray]) -> Grid:
    """``after`` in the colours of ``before``, but for parts that got another shade, and where the surface moved.

    Args:
        before: the grid of what was edited.
        after: the grid it became.
        places: float32 [PARTS, S, S, S], 1 inside of a part of what it became.
        shades: uint8 [PARTS, 3] of the parts before and after.
    """
    part = places.argmax(0)
    was, now = shades
    other = (np.abs(now.astype(int) - was).max(1) > SAME)[part]
    moved = np.abs(np.clip(after.distance, -1, 1) - np.clip(before.distance, -1, 1)) > 0.3
    return replace(after, colour=np.where((other | moved)[..., None], now[part], before.colour))


def _voted(group: np.ndarray, faces: np.ndarray, groups: int) -> np.ndarray:
    """Each vertex in the group of most of its neighbours, itself counted twice."""
    votes = np.zeros((len(group), groups), np.int32)
    votes[np.arange(len(group)), group] = 2
    for one in range(3):
        for other in range(3):
            if one != other:
                np.add.at(votes, (faces[:, one], group[faces[:, other]]), 1)
    return votes.argmax(1)
