"""A light renderer on the CPU: pictures and turntables of meshes, with no display and no graphics card.

Triangles are cut into pixels all at once with numpy; the nearest wins. Views are orthographic. For thumbnails, for
views to train on and for tests; the page has a real viewer.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Clip, Mesh, Picture

EXTENT = 1.2  # of the unit cube's edge that a picture of it spans
CREASE = np.cos(np.deg2rad(40))  # corners whose face turns further from the vertex are shaded flat
LIGHT = np.array([-0.45, 0.7, 0.55]) / np.linalg.norm([-0.45, 0.7, 0.55])  # in the camera's own frame
AMBIENT, DIRECT, SKY = 0.42, 0.5, 0.12  # of a colour: everywhere, where the light falls, and on what faces up
MANY = 60_000_000  # pairs of triangle and pixel that one picture may take


@dataclass(frozen=True)
class View:
    """Where from: degrees to the right of the front, and degrees above the ground."""

    azimuth: float = 35.0
    elevation: float = 20.0

    def rotation(self) -> np.ndarray:
        """World to camera, float64 [3, 3]: x to the right, y up, z toward the eye."""
        a, e = np.deg2rad([self.azimuth, self.elevation])
        turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
        tilt = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
        return tilt @ turn


def render(
    mesh: Mesh, view: View | None = None, size: int = 256, *, fit: bool = True, samples: int = 2, wire: bool = False
) -> Picture:
    """A picture of ``mesh``, ``size`` pixels a side, with a transparent ground.

    Args:
        mesh: any.
        view: where from.
        size: pixels a side.
        fit: bring the mesh to the picture's size; else the picture spans ``EXTENT`` of the unit cube.
        samples: per pixel along each side.
        wire: draw the edges of its triangles.

    Raises:
        MediaError: it would take too long: too many large triangles.
    """
    camera, screen, wide = _projected(mesh, view or View(), size * samples, fit)
    face, pixel, weights = _covered(screen, camera[:, 2], mesh.faces, wide)
    colour = np.clip(_base(mesh, mesh.faces[face], weights) * _light(mesh, camera, face, weights)[:, None], 0, 255)
    if wire:
        edge = weights.min(1) * np.sqrt(_areas(screen[mesh.faces[face]])) < 0.45 * samples
        colour = np.where(edge[:, None], colour * 0.35, colour)
    picture = np.zeros((wide * wide, 4))
    picture[pixel, :3], picture[pixel, 3] = colour, 255.0
    shrunk = picture.reshape(size, samples, size, samples, 4).mean((1, 3))
    straight = shrunk[..., :3] * 255 / np.maximum(shrunk[..., 3:], 1e-6)
    return Picture(np.rint(np.concatenate([straight, shrunk[..., 3:]], axis=-1)).clip(0, 255).astype(np.uint8))


def seen(mesh: Mesh, view: View, size: int) -> tuple[np.ndarray, np.ndarray]:
    """What each pixel of a picture that spans ``EXTENT`` shows.

    The face, int64 [size, size], is -1 where there is none. The light, float32 [size, size], is the factor on the
    colour there.
    """
    camera, screen, wide = _projected(mesh, view, size, fit=False)
    face, pixel, weights = _covered(screen, camera[:, 2], mesh.faces, wide)
    shown, light = np.full(size * size, -1, np.int64), np.zeros(size * size, np.float32)
    shown[pixel], light[pixel] = face, _light(mesh, camera, face, weights)
    return shown.reshape(size, size), light.reshape(size, size)


def _projected(mesh: Mesh, view: View, wide: int, fit: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Vertices in the camera's frame [V, 3] and on the screen [V, 2] in pixels, and its width."""
    rotation = view.rotation()
    points = mesh.vertices.astype(np.float64)
    extent = EXTENT
    if fit:
        used = points[np.unique(mesh.faces)]
        middle = (used.min(0) + used.max(0)) / 2
        points = points - middle
        extent = 2.12 * max(float(np.linalg.norm(used - middle, axis=1).max()), 1e-9)
    camera = points @ rotation.T
    screen = np.stack([camera[:, 0] / extent + 0.5, 0.5 - camera[:, 1] / extent], axis=1) * wide
    return camera, screen, wide


def turntable(mesh: Mesh, frames: int = 48, size: int = 256, *, rate: float = 24.0, elevation: float = 20.0) -> Clip:
    """``mesh`` turning once round the upright, seen from ``elevation`` degrees; the last frame leads into the first."""
    turns = [View(360 * k / frames + 35, elevation) for k in range(frames)]
    return Clip(np.stack([render(mesh, view, size).pixels for view in turns]), rate)


def _areas(corners: np.ndarray) -> np.ndarray:
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])


def _covered(
    screen: np.ndarray, depth: np.ndarray, faces: np.ndarray, wide: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest face [P] of each covered pixel [P], and the weights [P, 3] of its corners there."""
    corners = screen[faces]
    low = np.clip(np.floor(corners.min(1) - 0.5), 0, wide - 1).astype(np.int64)
    high = np.clip(np.ceil(corners.max(1) - 0.5), -1, wide - 1).astype(np.int64)
    span = np.maximum(high - low + 1, 0)
    count = span[:, 0] * span[:, 1]
    if count.sum() > MANY:
        raise MediaError("mesh: too many large triangles for a picture; simplify it first")
    face = np.repeat(np.arange(len(faces)), count)
    place = np.arange(len(face)) - np.repeat(count.cumsum() - count, count)
    x = low[face, 0] + place % np.maximum(span[face, 0], 1)
    y = low[face, 1] + place // np.maximum(span[face, 0], 1)
    a, b, c = (corners[face, k] for k in range(3))
    px, py = x + 0.5, y + 0.5
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    u = (c[:, 0] - b[:, 0]) * (py - b[:, 1]) - (c[:, 1] - b[:, 1]) * (px - b[:, 0])
    v = (a[:, 0] - c[:, 0]) * (py - c[:, 1]) - (a[:, 1] - c[:, 1]) * (px - c[:, 0])
    safe = np.where(np.abs(area) < 1e-12, 1.0, area)
    weights = np.stack([u / safe, v / safe, 1 - (u + v) / safe], axis=1)
    inside = (weights >= -1e-9).all(1) & (np.abs(area) >= 1e-12)
    face, pixel, weights = face[inside], (y * wide + x)[inside], weights[inside]
    far = (depth[faces[face]] * weights).sum(1)
    order = np.argsort(far, kind="stable")
    nearest = np.full(wide * wide, -1, np.int64)
    nearest[pixel[order]] = order  # of several for one pixel the last one stays: the nearest
    shown = nearest[nearest >= 0]
    return face[shown], pixel[shown], weights[shown]


def _light(mesh: Mesh, camera: np.ndarray, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Factor [P] on the colour under one light above the eye's left shoulder."""
    corners = mesh.faces[face]
    flat, vertex = _normals(camera, mesh.faces)
    own = flat[face][:, None, :]
    normals = vertex[corners]
    bent = (normals * own).sum(-1, keepdims=True) < CREASE
    normal = (np.where(bent, own, normals) * weights[..., None]).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    normal *= np.where(normal[:, 2:] < 0, -1, 1)  # an open sheet is lit from both sides
    return AMBIENT + DIRECT * np.clip(normal @ LIGHT, 0, 1) + SKY * np.clip(normal[:, 1], 0, 1)


def _base(mesh: Mesh, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if mesh.texture is not None and mesh.uv is not None:
        uv = (mesh.uv[corners] * weights[..., None]).sum(1) % 1.0
        height, width = mesh.texture.pixels.shape[:2]
        columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        return mesh.texture.pixels[rows, columns, :3].astype(float)
    if mesh.colours is None:
        return np.full((len(corners), 3), 200.0)
    return (mesh.colours[corners][..., :3] * weights[..., None]).sum(1)


def _normals(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals of faces [F, 3] and, weighted by area, of vertices [V, 3]."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    vertex = np.zeros_like(points)
    for axis in range(3):
        vertex[:, axis] = np.bincount(faces.reshape(-1), np.repeat(flat[:, axis], 3), len(points))
    return tuple(n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12) for n in (flat, vertex))
