"""Meshes on a grid of signed distances with colour, and back.

A grid of ``size`` voxels a side spans the unit cube; value [i, j, k] lies at ((i, j, k) + 1/2) / size - 1/2 along
x, y and z (+Y up, +Z front, as in glTF). Distances are in voxels, positive outside, cut off at ``BAND``.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipelines.codecs.surface import colours_at, surface
from pipelines.errors import MediaError
from pipelines.media import Mesh

SIZE = 48  # voxels a side of the starter's grid
BAND = 3.0  # voxels beyond which distances are cut off
ROOM = 0.9  # of the cube that a mesh fills when it is brought to size
NEAR = 2.0  # voxels that a model tells apart: a narrow band is most of all the surface
REACH = BAND + 1.0  # voxels from the surface in which colours are told
TIGHT = 1.0  # half the width of a gap, in steps of the grid, that does not make a hollow part of the outside
GAP, REACHES = 1.2, 3  # voxels: how near a piece is that belongs to another, and how far a bridge reaches into each
CRUMB, SPECK = 6, 0.003  # voxels, and share of the largest piece, below which a piece is none
GREY = 200  # of what has no colour


@dataclass(frozen=True)
class Grid:
    """``distance`` float32 [S, S, S] in voxels, ``colour`` uint8 [S, S, S, 3] sRGB, and where the cube lies.

    ``scale`` and ``centre`` take the unit cube to the mesh's own place: place = scale * cube + centre.
    """

    distance: np.ndarray
    colour: np.ndarray
    scale: float = 1.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def size(self) -> int:
        """Voxels a side."""
        return self.distance.shape[0]


def to_fields(grid: Grid) -> np.ndarray:
    """What a model works on: float32 [4, S, S, S] in [-1, 1], distance over ``NEAR`` voxels and the colours."""
    distance = np.clip(grid.distance / NEAR, -1, 1)
    return np.concatenate([distance[None], np.moveaxis(grid.colour / 127.5 - 1, -1, 0)]).astype(np.float32)


def to_grids(fields: np.ndarray) -> list[Grid]:
    """The grids in the unit cube of fields [B, 4, S, S, S]."""
    colours = to_shades(np.moveaxis(fields[:, 1:], 1, -1))
    return [Grid(one * np.float32(NEAR), colour) for one, colour in zip(fields[:, 0], colours, strict=True)]


def to_shades(values: np.ndarray) -> np.ndarray:
    """Colours uint8 of ``values`` in [-1, 1]."""
    return np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8)


def places(size: int) -> np.ndarray:
    """Coordinates float32 [S, S, S, 3] of a grid's values in the unit cube."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def fitted(mesh: Mesh) -> tuple[float, tuple[float, float, float]]:
    """Scale and centre that bring the unit cube round ``mesh``.

    What lies in the unit cube and stands on its floor, or fills at least half of it along some axis, stays where it is:
    the starter's own meshes, whose place says what is tall and what is low. Everything else is centred, stood on the
    cube's floor, and scaled until its longest side fills nine tenths.
    """
    used = mesh.vertices[np.unique(mesh.faces)].astype(np.float64)
    low, high = used.min(0), used.max(0)
    longest = float((high - low).max())
    if longest <= 0:
        raise MediaError("mesh: all of its vertices lie in one place; export it again")
    stands = abs(low[1] + ROOM / 2) < 0.03 and longest > 0.2
    if low.min() >= -0.49 and high.max() <= 0.49 and (longest >= 0.5 or stands):
        return 1.0, (0.0, 0.0, 0.0)
    scale = longest / ROOM
    middle = (low + high) / 2
    middle[1] = low[1] + scale * ROOM / 2
    return scale, (float(middle[0]), float(middle[1]), float(middle[2]))


def to_grid(mesh: Mesh, size: int = SIZE, *, placed: tuple[float, tuple[float, float, float]] | None = None) -> Grid:
    """Put ``mesh`` on a grid of ``size`` voxels a side.

    The mesh may be open, turned inside out or run through itself: outside is what can be reached from far away. Open
    sheets, and parts thinner than about a voxel, are thickened to it.

    Args:
        mesh: any.
        size: voxels a side.
        placed: scale and centre of the cube, where not those of :func:`fitted`.

    Raises:
        MediaError: it is empty, degenerate, or too crumpled.
    """
    from scipy.spatial import cKDTree

    scale, centre = placed or fitted(mesh)
    vertices = ((mesh.vertices.astype(np.float64) - centre) / scale + 0.5) * size
    found = surface(mesh, vertices, size)
    grid = ((places(size) + 0.5) * size).reshape(-1, 3).astype(np.float64)
    few = _thinned(found.points, size)
    # Unbalanced: points of regular shapes share coordinates, which makes balanced trees hundreds of times slower.
    tree = cKDTree(found.points[few], balanced_tree=False, compact_nodes=False)
    near, nearest = tree.query(grid, distance_upper_bound=REACH + 1)
    held = np.flatnonzero(np.isfinite(near))
    distance = np.full(len(grid), BAND, np.float32)
    distance[_buried(near, size)] = -BAND
    colour = np.full((len(grid), 3), GREY, np.uint8)
    index = few[nearest[held]]
    triangles = vertices[mesh.faces[found.triangle[index]]]
    closest = _closest(triangles, grid[held])
    away = grid[held] - closest
    length = np.linalg.norm(away, axis=1)
    # By the flood, not by the normal: beyond an edge a point may lie behind the plane of the triangle nearest to it.
    side = found.sides(grid[held]).astype(np.float64)
    side = np.where(side == 0, np.where((away * found.normals[index]).sum(1) >= 0, 1.0, -1.0), side)
    side = np.where(found.sheet[index], 1.0, side)
    distance[held] = np.clip(side * length - found.swell[index], -BAND, BAND)
    colour[held] = colours_at(mesh, found.triangle[index], closest, vertices)
    shape = (size,) * 3
    return Grid(distance.reshape(shape), colour.reshape(*shape, 3), scale, centre)


def _thinned(points: np.ndarray, size: int, cells: int = 3) -> np.ndarray:
    """Rows of ``points`` [N, 3], one for each of ``cells`` ^ 3 cells of a voxel that holds any."""
    cell = (points * cells).astype(np.int64)
    span = cells * (size + 2)
    _, rows = np.unique((cell[:, 0] * span + cell[:, 1]) * span + cell[:, 2], return_index=True)
    return rows


def _buried(near: np.ndarray, size: int) -> np.ndarray:
    """Which values [S^3] beyond reach of the surface lie inside of it."""
    from scipy import ndimage

    far = ~np.isfinite(near).reshape((size,) * 3)
    labels, _ = ndimage.label(np.pad(far, 1, constant_values=True))
    return ((labels != labels[0, 0, 0]) & np.pad(far, 1))[1:-1, 1:-1, 1:-1].reshape(-1)


def _closest(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    from trimesh.triangles import closest_point

    return closest_point(triangles, points)


def finer(grid: Grid, times: int = 2) -> Grid:
    """The same with ``times`` as many values a side, by cubic splines: edges and thin parts lose less of themselves."""
    from scipy import ndimage

    distance = ndimage.zoom(grid.distance, times, order=3, mode="nearest", grid_mode=True) * times
    channels = [
        ndimage.zoom(grid.colour[..., k].astype(np.float32), times, order=1, mode="nearest", grid_mode=True)
        for k in range(3)
    ]
    colour = np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)
    return Grid(distance.astype(np.float32), colour, grid.scale, grid.centre)


def bridged(grid: Grid) -> Grid:
    """``grid`` with pieces that nearly touch the largest joined to it: legs so thin that they break are not lost.

    A piece counts as near where it becomes one with the largest once the surface is taken up to ``GAP`` voxels out.
    """
    from scipy import ndimage

    distance = grid.distance
    labels, count = ndimage.label(distance < 0)
    if count < 2:
        return grid
    sizes = np.bincount(labels.ravel())[1:]
    first = 1 + int(sizes.argmax())
    broken = [n for n in range(1, count + 1) if n != first and sizes[n - 1] >= max(CRUMB, SPECK * sizes.max())]
    main = ndimage.binary_dilation(labels == first, iterations=REACHES)
    for level in np.linspace(0, GAP, 6)[1:]:
        wide, _ = ndimage.label(distance < level)
        for piece in [n for n in broken if wide[labels == n][0] == wide[labels == first][0]]:
            broken.remove(piece)
            between = main & ndimage.binary_dilation(labels == piece, iterations=REACHES) & (distance < level)
            distance = np.where(between, np.minimum(distance, np.float32(-0.3)), distance)
    return replace(grid, distance=distance)


def to_mesh(grid: Grid, *, pieces: int | None = 1, smooth: float = 0.0) -> Mesh:
    """The surface where distances are zero, in the mesh's own place, with vertex colours.

    Marching cubes (Lewiner et al. 2003) place vertices between values, so that surfaces are not stepped. The result is
    closed, its triangles face outward, and nothing is left inside of it.

    Args:
        grid: distances and colours.
        pieces: how many pieces to keep, the largest first; None keeps all but crumbs.
        smooth: standard deviation in voxels of a blur before; 0 is none.

    Raises:
        MediaError: there is no surface in it.
    """
    from scipy import ndimage
    from skimage.measure import marching_cubes

    distance = grid.distance.astype(np.float32)
    if smooth:
        distance = ndimage.gaussian_filter(distance, smooth)
    distance = np.pad(_solid(distance, pieces), 1, constant_values=BAND)
    # A value of exactly zero would put several vertices in one place and pinch the surface there.
    distance = np.where(np.abs(distance) < 1e-4, np.float32(1e-4), distance)
    vertices, faces, _, _ = marching_cubes(distance, 0.0, allow_degenerate=False)
    colours = _colours(grid, distance[1:-1, 1:-1, 1:-1], vertices - 1)
    cube = (vertices - 1 + 0.5) / grid.size - 0.5
    placed = (cube * grid.scale + grid.centre).astype(np.float32)
    return Mesh(placed, faces.astype(np.int64), colours)


def _solid(distance: np.ndarray, pieces: int | None) -> np.ndarray:
    """``distance`` with only the pieces that are meant, and with its hollows filled."""
    from scipy import ndimage

    labels, count = ndimage.label(distance < 0)
    if not count:
        raise MediaError("mesh: nothing solid came out; try another seed, more steps or other words")
    sizes = ndimage.sum_labels(distance < 0, labels, range(1, count + 1))
    order = np.argsort(-sizes)
    kept = order[:pieces] if pieces else order[sizes[order] >= max(8, 0.01 * sizes.max())]
    wanted = np.isin(labels, kept + 1)
    distance = np.where((distance < 0) & ~wanted, np.float32(0.5), distance)
    for gap in (TIGHT, 0.0):
        air, _ = ndimage.label(np.pad(distance >= gap, 1, constant_values=True))
        hollow = ((air != 0) & (air != air[0, 0, 0]))[1:-1, 1:-1, 1:-1]
        if gap:  # what is left of the gap round a hollow goes with it
            hollow = ndimage.binary_dilation(hollow, iterations=2)
        distance = np.where(hollow & (distance >= 0), np.float32(-0.5), distance)
    return distance


def _colours(grid: Grid, distance: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Colours uint8 [V, 4] at places ``at`` [V, 3] in steps of the grid: that of the value nearest, not a mixture."""
    cell = np.clip(np.rint(at).astype(int), 0, grid.size - 1)
    colour = grid.colour[cell[:, 0], cell[:, 1], cell[:, 2]]
    return np.concatenate([colour, np.full((len(colour), 1), 255, np.uint8)], axis=1)
