"""Colours that stay where they belong: flat parts out of soft grids, borders that survive simplification, textures."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipelines.media import Mesh
from pipelines.settings.mesh import Colours
from pipelines.shapes import Paint, simplified, textured

FLAT = 8  # a mesh of at most so many colours keeps the borders between them
STEP = 0.004  # of the mesh's size: how far a colour is raised above its neighbours while edges collapse
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
    raised = _raised(mesh)
    if not raised.any():
        return simplified(mesh, faces)
    found = simplified(Mesh(mesh.vertices + raised, mesh.faces), faces)
    nearest = cKDTree(mesh.vertices + raised).query(found.vertices)[1]
    lowered = Mesh(
        np.ascontiguousarray(found.vertices - raised[nearest], np.float32), found.faces, mesh.colours[nearest]
    )
    wanted = faces - faces % 2
    spoilt = abs(volume(lowered) - volume(mesh)) > BENT * abs(volume(mesh)) or abs(len(lowered.faces) - wanted) > 0
    return simplified(mesh, faces) if spoilt else lowered


def volume(mesh: Mesh) -> float:
    """What a closed mesh encloses, in its units cubed."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def _raised(mesh: Mesh) -> np.ndarray:
    """Moves float32 [V, 3] along the normals, one of three heights for each colour; zeros where that cannot help."""
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
    height = STEP * size * (group.reshape(-1) % 3)
    return (normals * height[:, None]).astype(np.float32)


def flattened(mesh: Mesh, colours: int = 6, apart: float = 42.0) -> Mesh:
    """``mesh`` with its vertices in at most so many colours, none nearer to another than ``apart`` in sRGB.

    What is painted part by part comes out of a grid with soft borders between the parts; this makes them sharp.
    """
    from scipy.cluster.vq import kmeans2

    if mesh.colours is None:
        return mesh
    held = mesh.colours[:, :3].astype(np.float64)
    start = np.array(list(_far_apart(held, colours, apart)))
    centres, _ = kmeans2(held, start, iter=8, minit="matrix", missing="warn") if len(start) > 1 else (start, None)
    centres = _merged(centres, held, apart)
    group = np.argmin(((held[:, None] - centres[None]) ** 2).sum(-1), axis=1)
    for _ in range(2):
        group = _voted(group, mesh.faces, len(centres))
    shades = np.array([np.median(held[group == k], axis=0) if (group == k).any() else c for k, c in enumerate(centres)])
    new = np.clip(np.rint(shades), 0, 255).astype(np.uint8)[group]
    return Mesh(mesh.vertices, mesh.faces, np.concatenate([new, mesh.colours[:, 3:]], axis=1))


def _far_apart(held: np.ndarray, most: int, apart: float) -> Iterator[np.ndarray]:
    """Colours to begin from: the median, then always the one furthest from those there are."""
    sample = held[:: max(1, len(held) // 4000)]
    chosen = np.median(sample, axis=0)
    away = np.full(len(sample), np.inf)
    for _ in range(most):
        yield chosen
        away = np.minimum(away, np.linalg.norm(sample - chosen, axis=1))
        # Not the one furthest off, which is a mixture or a stray: the furthest that has company.
        order = np.argsort(-away)
        chosen = sample[order[min(len(order) - 1, max(3, len(sample) // 100))]]
        if away[order[min(len(order) - 1, max(3, len(sample) // 100))]] < apart:
            return


def _merged(centres: np.ndarray, held: np.ndarray, apart: float) -> np.ndarray:
    """Centres of which no two are nearer than ``apart``: the one with fewer vertices gives way."""
    count = np.bincount(np.argmin(((held[:, None] - centres[None]) ** 2).sum(-1), axis=1), minlength=len(centres))
    kept: list[int] = []
    for place in np.argsort(-count):
        if count[place] and all(np.linalg.norm(centres[place] - centres[other]) >= apart for other in kept):
            kept.append(int(place))
    return centres[kept]


def _voted(group: np.ndarray, faces: np.ndarray, groups: int) -> np.ndarray:
    """Each vertex in the group of most of its neighbours, itself counted twice."""
    votes = np.zeros((len(group), groups), np.int32)
    votes[np.arange(len(group)), group] = 2
    for one in range(3):
        for other in range(3):
            if one != other:
                np.add.at(votes, (faces[:, one], group[faces[:, other]]), 1)
    return votes.argmax(1)
