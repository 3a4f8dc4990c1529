"""The surface of a mesh as points: evenly spread, coloured, each knowing which side of it is the outside.

Nothing is asked of the mesh: it may be open, turned inside out, or run through itself. What can be reached from far
away without crossing the surface is outside; surfaces that lie wholly inside are dropped.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Mesh

FINE = 4  # cells of the flood fill along one voxel
THIN = 1.2  # voxels: what is thinner is thickened to this, so that no point of the grid can miss it
SHEET = 0.55  # voxels by which an open sheet is thickened to each side
MANY = 4_000_000  # points that a surface may take


@dataclass(frozen=True)
class Surface:
    """Points [N, 3] in voxels, the triangle [N] of each, its normal [N, 3] (outward), and how it is thickened.

    Attributes:
        sheet: [N] whether both sides are outside: an open surface, or a solid too thin to tell.
        swell: [N] voxels by which the solid grows here.
        side: int8 [FINE size] ^ 3: 1 for cells outside, -1 inside, 0 for those that the surface runs through.
    """

    points: np.ndarray
    triangle: np.ndarray
    normals: np.ndarray
    sheet: np.ndarray
    swell: np.ndarray
    side: np.ndarray

    def sides(self, points: np.ndarray) -> np.ndarray:
        """Side [P] of ``points`` [P, 3], 0 where it is for the nearest triangle to say."""
        cell = np.clip((points * FINE).astype(int), 0, len(self.side) - 1)
        return self.side[cell[:, 0], cell[:, 1], cell[:, 2]]


def spread(triangles: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] on ``triangles`` [F, 3, 3], at most ``spacing`` apart, and the triangle of each [N].

    Raises:
        MediaError: that would be more than four million points.
    """
    longest = np.linalg.norm(triangles - np.roll(triangles, -1, axis=1), axis=2).argmax(axis=1)
    turned = triangles[np.arange(len(triangles))[:, None], (longest[:, None] + np.arange(3)) % 3]
    a, b, c = turned[:, 0], turned[:, 1], turned[:, 2]
    base = np.linalg.norm(b - a, axis=1)
    height = np.linalg.norm(np.cross(b - a, c - a), axis=1) / np.maximum(base, 1e-12)
    rows = np.ceil(height / spacing).astype(int) + 1
    if rows.sum() > MANY or (base / spacing * rows).sum() / 2 > MANY:
        raise MediaError("mesh: its surface is too crumpled to be put on a grid; simplify or remesh it first")
    of = np.repeat(np.arange(len(triangles)), rows)
    place = (np.arange(len(of)) - np.repeat(rows.cumsum() - rows, rows)) / np.maximum(rows[of] - 1, 1)
    left, right = a[of] + (c - a)[of] * place[:, None], b[of] + (c - b)[of] * place[:, None]
    columns = np.ceil(base[of] * (1 - place) / spacing).astype(int) + 1
    row = np.repeat(np.arange(len(of)), columns)
    along = (np.arange(len(row)) - np.repeat(columns.cumsum() - columns, columns)) / np.maximum(columns[row] - 1, 1)
    return left[row] + (right - left)[row] * along[:, None], of[row]


def surface(mesh: Mesh, vertices: np.ndarray, size: int) -> Surface:
    """The surface of ``mesh``, whose ``vertices`` [V, 3] are given in voxels of a grid of ``size`` a side.

    Raises:
        MediaError: nothing of it can be seen from outside.
    """
    triangles = vertices[mesh.faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.linalg.norm(normals, axis=1)
    flat = length > 1e-9  # triangles without an area have no side
    points, triangle = spread(triangles[flat], 0.5 / FINE)
    triangle = np.flatnonzero(flat)[triangle]
    if not len(points):
        raise MediaError("mesh: all of its triangles are degenerate (no area); export it again")
    unit = (normals / np.maximum(length, 1e-12)[:, None])[triangle]
    outside, wall = _outside(points, size, closing=0 if _closed(mesh.faces) else 2)

    def out(where: np.ndarray) -> np.ndarray:
        cell = np.clip((where * FINE).astype(int), 0, size * FINE - 1)
        return outside[cell[:, 0], cell[:, 1], cell[:, 2]]

    step = unit * (1.75 / FINE)
    front, back = out(points + step), out(points - step)
    seen = front | back
    if not seen.any():
        raise MediaError("mesh: nothing of it can be seen from outside; export it again")
    points, triangle, unit, front, back = (held[seen] for held in (points, triangle, unit, front, back))
    unit = np.where((back & ~front)[:, None], -unit, unit)
    sheet = front & back
    swell = np.where(sheet, SHEET, 0.0)
    for depth in np.arange(2, THIN * FINE + 1e-6, 0.5) / FINE:  # how thick it is below each point
        thin = (swell == 0) & out(points - unit * depth)
        swell[thin] = (THIN - depth) / 2
    side = np.where(wall, 0, np.where(outside, 1, -1)).astype(np.int8)
    return Surface(points, triangle, unit, sheet, swell.astype(np.float32), side)


def _closed(faces: np.ndarray) -> bool:
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges[:, 0].astype(np.int64) * (int(edges.max()) + 1) + edges[:, 1], return_counts=True)
    return bool((counts % 2 == 0).all())


def _outside(points: np.ndarray, size: int, closing: int) -> tuple[np.ndarray, np.ndarray]:
    """Fine cells [FINE size] ^ 3 that can be reached from the border, and those of the surface.

    Gaps of up to twice ``closing`` cells count as shut.
    """
    from scipy import ndimage

    cells = size * FINE
    wall = np.zeros((cells,) * 3, bool)
    place = np.clip((points * FINE).astype(int), 0, cells - 1)
    wall[place[:, 0], place[:, 1], place[:, 2]] = True
    shut = ndimage.binary_dilation(wall, iterations=closing) if closing else wall
    labels, _ = ndimage.label(~shut)
    outside = labels == labels[0, 0, 0]
    if closing:  # back to the wall itself, on the outer side alone
        outside = ndimage.binary_dilation(outside, iterations=closing + 1, mask=~wall)
    return outside, wall


def colours_at(mesh: Mesh, triangle: np.ndarray, points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Colours uint8 [N, 3] of ``mesh`` at ``points`` [N, 3] on its ``triangle`` [N]; light grey where it has none."""
    corners = mesh.faces[triangle]
    weights = barycentric(vertices[corners], points)
    if mesh.texture is not None and mesh.uv is not None:
        uv = (mesh.uv[corners] * weights[..., None]).sum(1) % 1.0
        height, width = mesh.texture.pixels.shape[:2]
        columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        return mesh.texture.pixels[rows, columns, :3]
    if mesh.colours is None:
        return np.full((len(points), 3), 200, np.uint8)
    mixed = (mesh.colours[corners][..., :3] * weights[..., None]).sum(1)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def barycentric(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Weights [N, 3], not negative and adding up to 1, of ``points`` [N, 3] in triangles ``corners`` [N, 3, 3]."""
    one, two, to = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    aa, ab, bb = (one * one).sum(1), (one * two).sum(1), (two * two).sum(1)
    pa, pb = (to * one).sum(1), (to * two).sum(1)
    under = np.maximum(aa * bb - ab * ab, 1e-20)
    v, w = (bb * pa - ab * pb) / under, (aa * pb - ab * pa) / under
    weights = np.clip(np.stack([1 - v - w, v, w], axis=1), 0, 1)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)
