"""Colours of a surface: looked up at any place, carried to another surface, baked into a texture."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Mesh, Picture

SAMPLES = 200_000  # places of a surface that a nearest one is first looked for among
TEXTURE = 1024  # pixels along a side of a baked texture
MOST_CHARTED = 60_000  # faces that are laid out on a texture: xatlas takes minutes for more
NEAREST = 4  # samples whose faces are compared
PART = 200_000  # places that are looked up together


@dataclass(frozen=True)
class Paint:
    """The colours of a mesh, as a field around its surface."""

    mesh: Mesh

    @property
    def any(self) -> bool:
        """Whether the mesh has colours at all."""
        return self.mesh.colours is not None or self.mesh.texture is not None

    @cached_property
    def _near(self) -> tuple[object, np.ndarray]:
        """A tree of places on the surface, and the face that each is on."""
        from scipy.spatial import cKDTree

        places, of = spread(self.mesh, min(SAMPLES, max(20_000, 4 * len(self.mesh.faces))))
        return cKDTree(places), of

    def at(self, places: np.ndarray) -> np.ndarray:
        """Colour of the surface nearest to each of ``places`` [N, 3], uint8 [N, 4] sRGB."""
        found = np.empty((len(places), 4), np.uint8)
        for start in range(0, len(places), PART):
            part = slice(start, start + PART)
            faces, weights = self._nearest(np.asarray(places[part], float))
            found[part] = self.on(faces, weights)
        return found

    def on(self, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Colour at barycentric ``weights`` [N, 3] of ``faces`` [N], uint8 [N, 4]."""
        corners = self.mesh.faces[faces]
        if self.mesh.texture is not None and self.mesh.uv is not None:
            uv = (self.mesh.uv[corners] * weights[..., None]).sum(1)
            return looked_up(self.mesh.texture.pixels, uv)
        if self.mesh.colours is None:
            return np.full((len(faces), 4), 255, np.uint8)
        mixed = (self.mesh.colours[corners].astype(float) * weights[..., None]).sum(1)
        return np.round(np.clip(mixed, 0, 255)).astype(np.uint8)

    def _nearest(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The face nearest to each place [N], and where on it, as weights of its corners [N, 3]."""
        from trimesh.triangles import closest_point, points_to_barycentric

        tree, of = self._near
        near = tree.query(places, k=min(NEAREST, len(of)))[1].reshape(len(places), -1)  # type: ignore[attr-defined]
        best, chosen, foot = np.full(len(places), np.inf), np.zeros(len(places), int), np.zeros_like(places)
        for column in of[near].T:
            there = closest_point(self.mesh.vertices[self.mesh.faces[column]].astype(float), places)
            away = ((there - places) ** 2).sum(1)
            closer = away < best
            best, chosen = np.where(closer, away, best), np.where(closer, column, chosen)
            foot = np.where(closer[:, None], there, foot)
        triangles = self.mesh.vertices[self.mesh.faces[chosen]].astype(float)
        with np.errstate(all="ignore"):  # of a face without an area
            weights = np.nan_to_num(points_to_barycentric(triangles, foot), nan=1 / 3, posinf=1 / 3, neginf=1 / 3)
        weights = np.clip(weights, 0, 1)
        return chosen, weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)


def spread(mesh: Mesh, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places spread evenly over the surface, float64 [N, 3], and the face of each [N]; at least one a face.

    The same mesh gives the same places: they are laid out, not drawn.
    """
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(float) for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    each = 1 + np.floor(areas / max(areas.sum(), 1e-300) * max(count - len(areas), 0)).astype(int)
    of = np.repeat(np.arange(len(areas)), each)
    number = np.arange(len(of)) - np.repeat(np.cumsum(each) - each, each)
    # R2, a low-discrepancy sequence (Roberts 2018), folded into the triangle.
    u, v = (0.5 + number * 0.7548776662466927) % 1, (0.5 + number * 0.5698402909980532) % 1
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    alone = each[of] == 1
    u, v = np.where(alone, 1 / 3, u), np.where(alone, 1 / 3, v)
    return a[of] + u[:, None] * (b - a)[of] + v[:, None] * (c - a)[of], of


def looked_up(pixels: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours of a texture at ``uv`` [N, 2], mixed from the four nearest pixels, uint8 [N, 4].

    Beyond 0 and 1 the texture repeats.
    """
    height, width = pixels.shape[:2]
    uv = np.where((uv < 0) | (uv > 1), uv - np.floor(uv), uv)
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = (x - left)[:, None], (y - top)[:, None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        # Not round the corner: what lies across the sheet is another part of the surface.
        return pixels[row.clip(0, height - 1), column.clip(0, width - 1)].astype(float)

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return np.round(upper * (1 - down) + lower * down).astype(np.uint8)


def repainted(bare: Mesh, before: Mesh) -> Mesh:
    """``bare`` with the colours of ``before``, in the same way: none, of vertices, or a texture baked anew."""
    paint = Paint(before)
    if before.texture is not None and len(bare.faces) <= MOST_CHARTED:
        return textured(bare, paint, side=max(before.texture.size))
    return replace(bare, colours=paint.at(bare.vertices)) if paint.any else bare


def painted(mesh: Mesh) -> Mesh:
    """``mesh`` with its colours at its vertices instead of on a texture."""
    if mesh.texture is None:
        return replace(mesh, uv=None)
    assert mesh.uv is not None
    return Mesh(mesh.vertices, mesh.faces, looked_up(mesh.texture.pixels, mesh.uv))


def textured(mesh: Mesh, paint: Paint | None = None, side: int = TEXTURE) -> Mesh:
    """``mesh`` laid out flat by xatlas, with the colours of ``paint`` (its own by default) baked into a texture.

    Vertices on a seam come twice. ``side`` is in pixels, a power of two from 64 to 4096 is taken.

    Raises:
        MediaError: it has more faces than are laid out.
    """
    import xatlas

    if len(mesh.faces) > MOST_CHARTED:
        raise MediaError(
            f"texture: {len(mesh.faces):,} faces, at most {MOST_CHARTED:,} are laid out on one; simplify it first"
        )
    paint = paint or Paint(mesh)
    side = 2 ** int(np.clip(np.ceil(np.log2(max(side, 1))), 6, 12))
    atlas = xatlas.Atlas()
    atlas.add_mesh(np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(mesh.faces, np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = side, 4, True
    atlas.generate(pack_options=packing)
    of, faces, uv = atlas.get_mesh(0)
    faces, uv = faces.astype(np.int64).reshape(-1, 3), _inside(uv.astype(np.float32))
    shape = Mesh(mesh.vertices[of], faces, uv=uv)
    own = paint.mesh is mesh
    pixels = _baked(shape, paint, mesh if own else None, side)
    return replace(shape, texture=Picture(pixels))


def _inside(uv: np.ndarray) -> np.ndarray:
    # xatlas may make the sheet a little larger than asked for, or leave part of it empty; ours is square.
    return np.clip(uv, 0, 1)


def _baked(shape: Mesh, paint: Paint, same: Mesh | None, side: int) -> np.ndarray:
    """The texture of ``shape``, uint8 [side, side, 4]; what no face covers takes the nearest colour.

    ``same`` is the mesh whose faces those of ``shape`` are, in order, where the paint is of that mesh: then no nearest
    face has to be looked for.
    """
    from scipy.ndimage import distance_transform_edt

    assert shape.uv is not None
    faces, weights, texels = _covered(shape.uv[shape.faces], side)
    if same is not None:
        colours = paint.on(faces, weights)
    else:
        places = (shape.vertices[shape.faces[faces]].astype(float) * weights[..., None]).sum(1)
        colours = paint.at(places)
    pixels, known = np.zeros((side * side, 4), np.uint8), np.zeros(side * side, bool)
    pixels[texels], known[texels] = colours, True
    near = distance_transform_edt(~known.reshape(side, side), return_distances=False, return_indices=True)
    return pixels.reshape(side, side, 4)[tuple(near)]


def _covered(corners: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces [N], weights of their corners [N, 3] and texels [N] (row times side plus column) that faces cover.

    ``corners`` are places on the sheet, [F, 3, 2], origin at its lower left. A texel counts as covered by a face that
    comes within half of one of its middle, so that no seam shows through.
    """
    places = corners * [side, -side] + [0, side] - 0.5  # in texels from the upper left, middles at whole numbers
    low = np.floor(places.min(1) - 0.5).astype(int).clip(0, side - 1)
    high = np.ceil(places.max(1) + 0.5).astype(int).clip(0, side - 1)
    wide = high - low + 1
    each = wide.prod(1)
    face = np.repeat(np.arange(len(corners)), each)
    number = np.arange(len(face)) - np.repeat(np.cumsum(each) - each, each)
    x, y = low[face, 0] + number % wide[face, 0], low[face, 1] + number // wide[face, 0]
    a, b, c = (places[:, corner] for corner in range(3))
    twice = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    usable = np.abs(twice) > 1e-12
    place = np.stack([x, y], axis=1)
    weights = np.empty((len(face), 3))
    inverse = 1 / np.where(usable, twice, 1.0)[face]
    for slot, (one, two) in enumerate(((b, c), (c, a), (a, b))):
        edge, off = (two - one)[face], place - one[face]
        weights[:, slot] = (edge[:, 0] * off[:, 1] - edge[:, 1] * off[:, 0]) * inverse
    # How far outside an edge: its weight times the height over it.
    lengths = np.stack([np.linalg.norm(two - one, axis=1) for one, two in ((b, c), (c, a), (a, b))], axis=1)
    away = weights * (np.abs(twice)[:, None] / np.maximum(lengths, 1e-9))[face]
    inside = usable[face] & (away > -0.75).all(1)
    face, weights = face[inside], np.clip(weights[inside], 0, 1)
    texels = (y * side + x)[inside]
    # Those well inside win over those that only touch.
    order = np.argsort(away[inside].min(1), kind="stable")
    return face[order], (weights / weights.sum(1, keepdims=True))[order], texels[order]
