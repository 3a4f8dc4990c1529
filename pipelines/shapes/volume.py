"""A mesh as a volume of signed distances, and back: what closes holes, joins what overlaps, and hollows.

Distances are exact to the nearest face around the surface. Which side is inside is asked with rays along the six
directions of the axes: each counts the faces that it leaves through less those that it enters through, and what most
rays call inside is inside. That is the generalised winding number (Jacobson et al. 2013) by a few rays: it bears small
holes, faces turned round here and there, and parts that overlap.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError, SettingsError
from pipelines.media import Mesh
from pipelines.shapes.measuring import bounds, enclosed
from pipelines.shapes.painting import Paint, repainted, spread
from pipelines.shapes.thinning import simplified
from pipelines.shapes.topology import Topology

DETAIL = 128  # cells along the longest side
FINEST = 256
NEAR = 2.0  # cells from the surface, or from a level below it, within which distances are exact
MARGIN = 3  # cells around the mesh
FILL = 0.5  # of a sheet's cells: below that a mesh has no inside to speak of
SHEET = 1.1  # cells on either side that an open sheet becomes


@dataclass(frozen=True)
class Volume:
    """Signed distances in metres, negative inside, float32 [X, Y, Z].

    The value at index (i, j, k) belongs to ``origin`` + ``pitch`` (i, j, k).
    """

    values: np.ndarray
    origin: np.ndarray
    pitch: float

    def surface(self, level: float = 0.0) -> Mesh:
        """Where the distance is ``level``, by marching cubes (Lewiner et al. 2003); faces show their outside.

        Raises:
            MediaError: it is nowhere.
        """
        from skimage.measure import marching_cubes

        values = self.values - np.float32(level)
        # A surface through a grid point gives faces without an area there.
        values = np.where(np.abs(values) < 1e-3 * self.pitch, np.float32(1e-3 * self.pitch), values)
        if not (values.min() < 0 < values.max()):
            raise MediaError("mesh: no volume is left of it; it is too thin for this much detail")
        places, faces, _, _ = marching_cubes(values, 0.0)
        mesh = Mesh((places * self.pitch + self.origin).astype(np.float32), faces.astype(np.int64))
        return Mesh(mesh.vertices, mesh.faces[:, ::-1]) if enclosed(mesh) < 0 else mesh


def volume_of(mesh: Mesh, detail: int = DETAIL, level: float = 0.0) -> tuple[Volume, bool]:
    """The volume of ``mesh``, and whether it was a mere sheet, which is given a thickness.

    Args:
        mesh: any, open and overlapping ones too.
        detail: cells along its longest side.
        level: metres below the surface where distances must be exact too; elsewhere they are right to a cell.

    Raises:
        MediaError: all its vertices lie at one place.
    """
    low, high = bounds(mesh)
    longest = float((high - low).max())
    if longest <= 0:
        raise MediaError("mesh: all of it lies at one place; there is no surface to work on")
    pitch = longest / detail
    size = np.ceil((high - low) / pitch).astype(int) + 2 * MARGIN + 1
    origin = (low + high) / 2 - (size - 1) / 2 * pitch
    away, near = _distances(mesh, origin, pitch, size, level)
    inside = _inside(mesh, origin, pitch, size)
    inside = _settled(inside, near)
    area = np.linalg.norm(_across(mesh), axis=1).sum() / 2
    sheet = bool(inside.sum() * pitch**3 < FILL * area * pitch / 2)
    if sheet:
        return Volume((away - SHEET * pitch).astype(np.float32), origin, pitch), True
    return Volume(np.where(inside, -away, away).astype(np.float32), origin, pitch), False


def remeshed(mesh: Mesh, detail: int = DETAIL) -> tuple[Mesh, list[str]]:
    """The surface of ``mesh`` made anew of even triangles, closed, without insides, and what should be known of it.

    Raises:
        SettingsError: detail is out of range.
        MediaError: nothing is left at this detail.
    """
    if not 16 <= detail <= FINEST:
        raise SettingsError(f"detail: must be between 16 and {FINEST} cells, got {detail}")
    volume, sheet = volume_of(mesh, detail)
    made = _without_specks(volume.surface(), volume.pitch)
    said = [f"Edges are rounded to {size(volume.pitch)}, a cell of {detail} along the longest side."]
    if sheet:
        said.append(f"It was an open sheet without an inside; it is {size(2 * SHEET * volume.pitch)} thick now.")
    return repainted(made, mesh), said


def hollowed(mesh: Mesh, wall: float, detail: int = 64, inside: int | None = None) -> tuple[Mesh, list[str]]:
    """``mesh`` with an empty inside, ``wall`` metres below its surface, which stays as it is to the bit.

    ``detail`` is in cells along the longest side; a thin wall gets more. The inside has at most ``inside`` faces.

    Raises:
        MediaError: it is not watertight, or no room is left inside the wall.
        SettingsError: the wall is thinner than this detail can show.
    """
    if not Topology.of_mesh(mesh).watertight:
        raise MediaError("hollow: the mesh is not watertight; make it watertight first")
    low, high = bounds(mesh)
    longest = float((high - low).max())
    detail = int(min(max(detail, np.ceil(4 * longest / max(wall, 1e-9))), FINEST))
    thinnest = 2 * longest / FINEST
    if wall < thinnest:
        raise SettingsError(f"wall: {size(wall)} is too thin for a mesh of {size(longest)}; at least {size(thinnest)}")
    volume, _ = volume_of(mesh, detail, wall)
    if volume.values.min() > -wall - volume.pitch / 2:
        most = size(float(-volume.values.min()))
        raise MediaError(f"hollow: nothing is left inside a wall of {size(wall)}; it must be below {most}")
    inner = _without_specks(volume.surface(-wall), volume.pitch)
    inner = simplified(inner, inside) if inside else inner
    said = [f"Hollow, with a wall of {size(wall)}; {saved(mesh, inner)} of material saved."]
    return _together(mesh, Mesh(inner.vertices, inner.faces[:, ::-1])), said


def size(metres: float) -> str:
    """A length as a person says it."""
    if metres >= 1:
        return f"{metres:.2f} m"
    return f"{1000 * metres:.3g} mm"


def saved(outer: Mesh, inner: Mesh) -> str:
    """Part of a volume that another takes of it."""
    return f"{100 * enclosed(inner) / max(abs(enclosed(outer)), 1e-30):.0f}%"


def _together(mesh: Mesh, inside: Mesh) -> Mesh:
    """Both surfaces as one mesh; the inside takes the colour of what lies above it."""
    vertices = np.concatenate([mesh.vertices, inside.vertices])
    faces = np.concatenate([mesh.faces, inside.faces + len(mesh.vertices)])
    paint, colours, uv = Paint(mesh), mesh.colours, mesh.uv
    if colours is not None:
        colours = np.concatenate([colours, paint.at(inside.vertices)])
    if uv is not None:
        # It is never seen: one place on the sheet does for all of it.
        uv = np.concatenate([uv, np.repeat(uv[:1], len(inside.vertices), axis=0)]).astype(np.float32)
    return Mesh(vertices, faces, colours, uv, mesh.texture)


def _without_specks(mesh: Mesh, pitch: float) -> Mesh:
    """Without pieces that are smaller than a few cells: dust of the grid, not parts."""
    topology = Topology.of_mesh(mesh)
    count, piece = topology.pieces
    if count < 2:
        return mesh
    volumes = np.array(
        [abs(enclosed(Mesh(mesh.vertices, mesh.faces[topology.kept[piece == n]]))) for n in range(count)]
    )
    good = volumes > min(8 * pitch**3, volumes.max() / 2)
    faces = mesh.faces[topology.kept[good[piece]]]
    used, faces = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], faces.reshape(-1, 3))


def _across(mesh: Mesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(float) for corner in range(3))
    return np.cross(b - a, c - a)


def _distances(
    mesh: Mesh, origin: np.ndarray, pitch: float, shape: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each grid point to the surface, metres, float32 [X, Y, Z]; exact near 0 and near ``level``.

    Also which points are near the surface. What lies between is right to a cell, which is enough to tell sides.
    """
    from scipy.ndimage import distance_transform_edt
    from scipy.spatial import cKDTree
    from trimesh.triangles import closest_point

    # Close enough together that the nearest sample's face is the nearest face, or one as good as it.
    count = int(min(2e6, 4 * np.linalg.norm(_across(mesh), axis=1).sum() / 2 / pitch**2))
    places, of = spread(mesh, max(count, 1000))
    cells = np.clip(np.round((places - origin) / pitch).astype(int), 0, shape - 1)
    far = np.ones(tuple(shape), bool)
    far[tuple(cells.T)] = False
    rough = (distance_transform_edt(far) * pitch).astype(np.float32)
    tree, near = cKDTree(places), rough < NEAR * pitch
    band = np.argwhere(near)
    points = band * pitch + origin
    exact = np.full(len(points), np.inf)
    for column in of[tree.query(points, k=2)[1]].T:
        for start in range(0, len(points), 200_000):
            part = slice(start, start + 200_000)
            foot = closest_point(mesh.vertices[mesh.faces[column[part]]].astype(float), points[part])
            exact[part] = np.minimum(exact[part], np.linalg.norm(foot - points[part], axis=1))
    rough[tuple(band.T)] = exact
    if level:
        band = np.argwhere((np.abs(rough - level) < NEAR * pitch) & ~near)
        rough[tuple(band.T)] = tree.query(band * pitch + origin)[0]
    return rough, near


def _inside(mesh: Mesh, origin: np.ndarray, pitch: float, shape: np.ndarray) -> np.ndarray:
    """How often the surface winds round each grid point, about, by six rays; float32 [X, Y, Z]."""
    total = np.zeros(tuple(shape), np.float32)
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        counts = _crossings(mesh.vertices[mesh.faces][..., order].astype(float), origin[order], pitch, shape[order])
        # From below: what lies under a point; from above: the rest. Both ways agree where the surface is closed.
        below = np.cumsum(counts, axis=2)
        ahead = below[..., -1:] - below
        total += np.moveaxis((below - ahead).astype(np.float32) / 2, [0, 1, 2], order)
    total /= 3
    return -total if _showing_inside(total) else total


def _showing_inside(winding: np.ndarray) -> bool:
    return bool((winding < -0.5).sum() > (winding > 0.5).sum())


def _crossings(corners: np.ndarray, origin: np.ndarray, pitch: float, shape: np.ndarray) -> np.ndarray:
    """For each cell along z, faces of [F, 3, 3] crossed on the way into it: entered less left; int32 [X, Y, Z]."""
    # A hair off the grid: a ray through an edge or a corner would meet two faces, or none.
    flat = (corners[..., :2] - origin[:2]) / pitch - [1.7e-5, 2.9e-5]
    low = np.ceil(flat.min(1)).astype(int).clip(0)
    high = np.floor(flat.max(1)).astype(int)
    wide = np.maximum(np.minimum(high, shape[:2] - 1) - low + 1, 0)
    each = wide.prod(1)
    counts = np.zeros(tuple(shape), np.int32)
    edges = np.searchsorted(np.cumsum(each), np.arange(0, each.sum(), 2_000_000)[1:])
    for part in np.split(np.arange(len(corners)), edges):
        if each[part].sum():
            _cross(flat[part], corners[part, :, 2], low[part], wide[part], each[part], float(origin[2]), pitch, counts)
    return counts


def _cross(
    flat: np.ndarray, heights: np.ndarray, low: np.ndarray, wide: np.ndarray, each: np.ndarray,
    bottom: float, pitch: float, counts: np.ndarray,
) -> None:  # fmt: skip
    face = np.repeat(np.arange(len(flat)), each)
    number = np.arange(len(face)) - np.repeat(np.cumsum(each) - each, each)
    x, y = low[face, 0] + number % wide[face, 0], low[face, 1] + number // wide[face, 0]
    a, b, c = (flat[:, corner] for corner in range(3))
    twice = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    point = np.stack([x, y], axis=1)
    weights = np.empty((len(face), 3))
    for slot, (one, two) in enumerate(((b, c), (c, a), (a, b))):
        edge, off = (two - one)[face], point - one[face]
        weights[:, slot] = edge[:, 0] * off[:, 1] - edge[:, 1] * off[:, 0]
    sign = np.sign(twice)[face]
    hit = ((weights * sign[:, None]) > 0).all(1) & (sign != 0)
    face, weights = face[hit], weights[hit] / twice[face[hit]][:, None]
    height = (heights[face] * weights).sum(1)
    level = np.ceil((height - bottom) / pitch).astype(int).clip(0, counts.shape[2] - 1)
    # A face that looks down (clockwise from above) is where a ray going up comes in.
    np.add.at(counts, (x[hit], y[hit], level), -sign[hit].astype(np.int32))


def _settled(winding: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Which grid points are inside: near the surface each for itself, elsewhere all that hang together as one.

    Where those do not agree, because a hole joins inside and outside, each is taken for itself there, too.
    """
    from scipy.ndimage import label, mean

    inside = winding > 0.5
    rooms, count = label(~near)
    if not count:
        return inside
    votes = np.asarray(mean(inside, rooms, np.arange(1, count + 1)))
    certain = np.concatenate([[False], np.abs(votes - 0.5) > 0.48])
    return np.where(certain[rooms], np.concatenate([[False], votes > 0.5])[rooms], inside)
