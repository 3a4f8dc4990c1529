"""Signed distances of simple solids at points [N, 3], negative inside; in the unit cube, +Y up.

Formulas after Inigo Quilez' list of distance functions. Those of scaled or bent shapes are bounds, close near the
surface, which is all that a truncated grid keeps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Points = np.ndarray
Place = Sequence[float]


def single(values: Sequence[Any] | np.ndarray | float) -> np.ndarray:
    """``values`` as float32."""
    return np.asarray(values, np.float32)


def lengths(q: Points) -> np.ndarray:
    """Of the rows of ``q`` [N, 3]; several times as fast as numpy's norm along so short an axis."""
    return np.sqrt(np.einsum("ij,ij->i", q, q))


def box(p: Points, centre: Place, half: Place, round: float = 0.01) -> np.ndarray:
    """A box of half sizes ``half`` with rounded edges."""
    q = np.abs(p - single(centre)) - (single(half) - round)
    inside = np.maximum(np.maximum(q[:, 0], q[:, 1]), q[:, 2])
    return lengths(np.maximum(q, 0)) + np.minimum(inside, 0) - round


def rod(p: Points, start: Place, end: Place, radius: float, tip: float | None = None) -> np.ndarray:
    """A rod with round ends from ``start`` to ``end``; its radius goes to ``tip`` where one is given."""
    a, line = single(start), single(end) - single(start)
    t = np.clip((p - a) @ line / max(float(line @ line), 1e-9), 0, 1)
    width = radius if tip is None else radius + (tip - radius) * t
    return lengths(p - a - t[:, None] * line) - width


def ball(p: Points, centre: Place, radii: Place | float) -> np.ndarray:
    """An ellipsoid, or a ball."""
    q, r = p - single(centre), single(radii) * np.ones(3, np.float32)
    k0, k1 = lengths(q / r), lengths(q / (r * r))
    return np.where(k0 < 1e-4, -r.min(), k0 * (k0 - 1) / np.maximum(k1, 1e-6)).astype(np.float32)


def ring(p: Points, centre: Place, radius: float, thick: float, axis: int = 1) -> np.ndarray:
    """A torus round ``axis`` (0, 1 or 2)."""
    q = p - single(centre)
    flat = np.linalg.norm(np.delete(q, axis, axis=1), axis=-1) - radius
    return np.hypot(flat, q[:, axis]) - thick


def drum(p: Points, centre: Place, radius: float, half: float, axis: int = 1, round: float = 0.008) -> np.ndarray:
    """A cylinder along ``axis`` with rounded edges."""
    q = p - single(centre)
    a = np.linalg.norm(np.delete(q, axis, axis=1), axis=-1) - radius + round
    b = np.abs(q[:, axis]) - half + round
    return np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - round


def polygon(u: np.ndarray, v: np.ndarray, corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Distance in a plane to a polygon, which may not cross itself."""
    points = single(corners)
    best = np.full(u.shape, 1e9, np.float32)
    inside = np.zeros(u.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        ex, ey, wu, wv = x1 - x0, y1 - y0, u - x0, v - y0
        t = np.clip((wu * ex + wv * ey) / max(float(ex * ex + ey * ey), 1e-12), 0, 1)
        best = np.minimum(best, (wu - ex * t) ** 2 + (wv - ey * t) ** 2)
        if y0 != y1:
            inside ^= ((y0 > v) != (y1 > v)) & (u < ex * (v - y0) / ey + x0)
    return np.where(inside, -1, 1) * np.sqrt(best)


def turned(
    p: Points, profile: Sequence[tuple[float, float]], square: bool = False, centre: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """A polygon of (radius, height) turned round the upright through ``centre`` (x, z); of square section if asked."""
    x, z = p[:, 0] - centre[0], p[:, 2] - centre[1]
    if square:
        x, z = np.abs(x), np.abs(z)
        radius = np.maximum(x, z) + np.maximum(np.minimum(x, z) - np.maximum(x, z) + 0.04, 0) ** 2 / 0.16
    else:
        radius = np.hypot(x, z)
    return polygon(radius.astype(np.float32), p[:, 1], profile)


def slab(
    p: Points, corners: Sequence[tuple[float, float]], middle: float, half: float, axis: int = 2, round: float = 0.0
) -> np.ndarray:
    """A polygon in the two axes other than ``axis`` (in their order), ``half`` thick to each side of ``middle``."""
    u, v = (p[:, a] for a in range(3) if a != axis)
    a = polygon(u, v, corners) + round
    b = np.abs(p[:, axis] - middle) - half + round
    return np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - round


def cut(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """``one`` without ``other``."""
    return np.maximum(one, -other)
