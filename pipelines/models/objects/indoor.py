"""How furniture and vessels are drawn; see ``drawing`` for what a drawing is."""

from collections.abc import Callable

import numpy as np

from pipelines.models.objects.drawing import FLOOR, Draw
from pipelines.models.objects.solids import ball, box, cut, drum, ring, rod, single, slab, turned

T = 0.028  # half of the least thickness: thinner parts fall through a grid of 48


def plate(d: Draw, part: int, y: float, half: float, wide: float, deep: float, thick: float = T) -> None:
    """A round or a square board at height ``y``: round with radius ``wide`` where the object is."""
    if d.shaped("round"):
        d.add(part, drum(d.p, (0, y, 0), wide, thick, round=0.012))
    else:
        d.add(part, box(d.p, (0, y, 0), (wide, thick, deep), 0.012))


def legs(d: Draw, part: int, count: int, top: float, x: float, z: float, radius: float, splay: float = 0.0) -> None:
    """``count`` legs from the floor to ``top``: one in the middle with a foot, three in a triangle, four at corners."""
    if count == 1:
        d.add(part, rod(d.p, (0, FLOOR + 0.03, 0), (0, top - radius, 0), radius * 1.4))
        d.add(part, drum(d.p, (0, FLOOR + T, 0), min(x, z) * 0.8, T))
        return
    turns = {2: (0.0, np.pi), 3: (np.pi / 2, np.pi * 7 / 6, np.pi * 11 / 6)}.get(count)
    places = (
        [(x * np.cos(t), -z * np.sin(t)) for t in turns]
        if turns
        else [(s * x, t * z) for s in (-1, 1) for t in (-1, 1)]
    )
    square = d.shaped("square")
    for a, b in places:
        if square and not splay:
            d.add(part, box(d.p, (a, (top + FLOOR) / 2, b), (radius, (top - FLOOR) / 2, radius)))
        else:
            d.add(part, rod(d.p, (a * (1 + splay), FLOOR + radius, b * (1 + splay)), (a, top - radius, b), radius))


def _table(d: Draw) -> None:
    top = d.size("top", (-0.22, -0.08), (0.08, 0.22))
    wide = d.breadth("wide", (0.26, 0.32), (0.38, 0.44))
    deep = wide * d.u("deep", 0.6, 1)
    if d.shaped("round"):
        deep = wide
    thick = d.u("thick", T, 0.04)
    plate(d, 0, top, thick, wide, deep, thick)
    inner = 0.66 if d.shaped("round") else 0.84
    legs(
        d,
        1,
        d.recipe.count,
        top,
        wide * inner,
        deep * inner,
        d.u("leg", T, 0.04),
        0.0 if d.u("splay", 0, 1) < 0.5 else 0.15,
    )
    if d.has(0):
        plate(d, 0, FLOOR + (top - FLOOR) * 0.38, T, wide * 0.62, deep * 0.62)


def _chair(d: Draw) -> None:
    seat = d.size("seat", (-0.2, -0.12), (-0.06, 0.02))
    w = d.u("wide", 0.2, 0.26)
    plate(d, 0, seat, T, w, w, 0.035)
    legs(
        d,
        1,
        4,
        seat,
        w * (0.62 if d.shaped("round") else 0.85),
        w * (0.62 if d.shaped("round") else 0.85),
        d.u("leg", T, 0.036),
    )
    back = seat + d.u("back", 0.34, 0.42)
    lean = d.u("lean", 0, 0.08)
    style = d.u("style", 0, 1)
    z = -w * 0.88
    if style < 0.5:
        outline = [(seat, z + T), (back, z - lean + T), (back, z - lean - T), (seat, z - T)]
        d.add(2, slab(d.p, outline, 0, w * (0.75 if d.shaped("round") else 0.95), axis=0))
    else:
        for side in (-1, 1):
            d.add(2, rod(d.p, (side * w * 0.8, seat, z), (side * w * 0.8, back, z - lean), T))
        for share in (0.5, 1.0):
            y = seat + (back - seat) * share
            d.add(2, rod(d.p, (-w * 0.8, y, z - lean * share), (w * 0.8, y, z - lean * share), T * 1.15))
    if d.has(0):
        for side in (-1, 1):
            arm = seat + 0.17
            d.add(2, box(d.p, (side * (w + 0.01), arm, -0.01), (T, T, w * 0.92)))
            d.add(2, box(d.p, (side * (w + 0.01), (arm + seat) / 2, w * 0.75), (T, (arm - seat) / 2 + 0.01, T)))


def _stool(d: Draw) -> None:
    seat = d.size("seat", (-0.24, -0.12), (0.08, 0.28))
    w = d.u("wide", 0.2, 0.28)
    plate(d, 0, seat, 0.04, w, w, d.u("thick", 0.03, 0.05))
    at = w * 0.68
    legs(d, 1, d.recipe.count, seat, at, at, d.u("leg", T, 0.036), 0.25)
    if d.has(0):
        y = FLOOR + (seat - FLOOR) * 0.4
        reach = at * (1 + 0.25 * 0.6) * (1.41 if d.recipe.count == 4 else 1)
        d.add(1, ring(d.p, (0, y, 0), reach, 0.024))


def _sofa(d: Draw) -> None:
    n = d.recipe.count
    half = {1: 0.26, 2: 0.36, 3: 0.44}[n]
    low = FLOOR + 0.07
    deep = d.u("deep", 0.2, 0.24)
    seat = low + d.size("seat", (0.1, 0.14), (0.17, 0.22))
    back = seat + d.u("back", 0.2, 0.28)
    d.add(0, box(d.p, (0, (low + seat) / 2, 0), (half, (seat - low) / 2, deep), 0.02))
    d.add(0, box(d.p, (0, (low + back) / 2, -deep), (half, (back - low) / 2, 0.06), 0.03))
    inner = half - (0.08 if d.has(0) else 0.01)
    if d.has(0):
        for side in (-1, 1):
            d.add(
                0,
                box(
                    d.p, (side * (half - 0.03), (low + seat + 0.12) / 2, 0), (0.05, (seat + 0.12 - low) / 2, deep), 0.03
                ),
            )
    w = inner / n
    for i in range(n):
        x = -inner + w * (2 * i + 1)
        d.add(1, box(d.p, (x, seat + 0.03, 0.05), (w - 0.012, 0.045, deep - 0.04), 0.03))
        d.add(1, box(d.p, (x, seat + 0.14, -deep + 0.1), (w - 0.012, 0.09, 0.045), 0.03))
    for x in (-half + 0.04, half - 0.04):
        for z in (-deep + 0.02, deep - 0.04):
            d.add(2, rod(d.p, (x, FLOOR + T, z), (x, low + 0.01, z), T))


def _bed(d: Draw) -> None:
    wide = d.breadth("wide", (0.2, 0.24), (0.32, 0.38))
    low = FLOOR + d.size("low", (0.06, 0.09), (0.13, 0.17))
    top = low + 0.08
    d.add(0, box(d.p, (0, low + 0.01, 0), (wide, 0.035, 0.44), 0.01))
    for x in (-wide + T, wide - T):
        for z in (-0.41, 0.41):
            d.add(0, box(d.p, (x, (FLOOR + low) / 2, z), (T, (low - FLOOR) / 2, T)))
    d.add(1, box(d.p, (0, top, d.u("blanket", 0.07, 0.1)), (wide - 0.012, 0.05, 0.32), 0.03))
    d.add(2, box(d.p, (0, top - 0.012, 0), (wide - 0.02, 0.036, 0.42), 0.02))
    n = d.recipe.count
    for i in range(n):
        x = 0 if n == 1 else (2 * i - 1) * wide * 0.48
        d.add(2, box(d.p, (x, top + 0.055, -0.33), (wide * (0.55 if n == 1 else 0.4), 0.035, 0.075), 0.033))
    if d.has(0):
        d.add(0, box(d.p, (0, (FLOOR + top + 0.22) / 2, -0.425), (wide, (top + 0.22 - FLOOR) / 2, T), 0.012))
    if d.has(1):
        d.add(0, box(d.p, (0, (FLOOR + top + 0.08) / 2, 0.425), (wide, (top + 0.08 - FLOOR) / 2, T), 0.012))


def _shelf(d: Draw) -> None:
    top = d.size("top", (-0.05, 0.08), (0.32, 0.44))
    wide = d.breadth("wide", (0.17, 0.22), (0.32, 0.42))
    deep = d.u("deep", 0.1, 0.16)
    for side in (-1, 1):
        d.add(0, box(d.p, (side * wide, (top + FLOOR) / 2, 0), (T, (top - FLOOR) / 2, deep)))
    n = d.recipe.count
    for i in range(n):
        y = FLOOR + T + (top - FLOOR - 2 * T) * (i / (n - 1) if n > 1 else 0.5)
        d.add(1, box(d.p, (0, y, 0), (wide, T, deep)))
    if d.has(0):
        d.add(0, box(d.p, (0, (top + FLOOR) / 2, -deep), (wide, (top - FLOOR) / 2, T)))


def _cabinet(d: Draw) -> None:
    top = d.size("top", (-0.1, 0.04), (0.32, 0.44))
    wide = d.breadth("wide", (0.18, 0.22), (0.3, 0.36))
    deep = d.u("deep", 0.14, 0.2)
    low = FLOOR + (0.09 if d.has(0) else 0.0)
    d.add(0, box(d.p, (0, (low + top) / 2, 0), (wide, (top - low) / 2, deep), 0.012))
    if d.has(0):
        for x in (-wide + 0.04, wide - 0.04):
            for z in (-deep + 0.04, deep - 0.04):
                d.add(0, rod(d.p, (x, FLOOR + T, z), (x, low + 0.02, z), T))
    n = d.recipe.count
    upright = d.u("doors", 0, 1) < 0.5
    for i in range(n):
        share = (2 * i + 1) / n - 1
        if upright:
            at, half = (share * (wide - 0.02), (low + top) / 2), ((wide - 0.02) / n - 0.012, (top - low) / 2 - 0.03)
            knob = (at[0] + half[0] * (0.6 if share <= 0 else -0.6), at[1])
        else:
            at, half = (
                (0, (low + top) / 2 + share * ((top - low) / 2 - 0.02)),
                (wide - 0.03, ((top - low) / 2 - 0.02) / n - 0.012),
            )
            knob = at
        d.add(1, box(d.p, (*at, deep), (*half, 0.024), 0.008))
        d.add(2, ball(d.p, (*knob, deep + 0.04), 0.03))


def _lamp(d: Draw) -> None:
    foot = d.u("foot", 0.13, 0.18)
    top = d.size("top", (0.06, 0.16), (0.36, 0.44))
    drop, wide = d.u("drop", 0.22, 0.28), d.u("shade", 0.2, 0.26)
    d.add(1, drum(d.p, (0, FLOOR + 0.03, 0), foot, 0.03, round=0.014))
    d.add(2, rod(d.p, (0, FLOOR + 0.03, 0), (0, top - 0.04, 0), d.u("pole", T, 0.034)))
    low = top - drop
    upper = wide if d.shaped("square") else 0.03 if d.shaped("pointed") else wide * 0.6
    profile = [(0, low), (wide, low), (upper, top), (0, top)]
    d.add(0, turned(d.p, profile, d.shaped("square")))


def _mug(d: Draw) -> None:
    r = d.breadth("wide", (0.17, 0.2), (0.25, 0.29))
    top = d.size("top", (-0.18, -0.08), (0.1, 0.22))
    wall = d.u("wall", 0.036, 0.045)
    foot = r * d.u("taper", 0.8, 1)
    profile = [(0, FLOOR), (foot, FLOOR), (r, top), (r - wall, top), (foot - wall, FLOOR + 0.06), (0, FLOOR + 0.06)]
    d.add(0, turned(d.p, profile, d.shaped("square")))
    if d.has(0):
        middle, size = (FLOOR + top) / 2 + 0.01, min((top - FLOOR) * 0.3, 0.14)
        q = d.p * single([0.85, 1, 1])
        handle = ring(q, ((r + foot) / 2 * 0.85, middle, 0), size, 0.03, axis=2)
        inside = turned(d.p, [(0, FLOOR), (foot - 0.02, FLOOR), (r - 0.02, top), (0, top)], d.shaped("square"))
        d.add(1, cut(handle, inside))
    if d.has(1):
        d.add(
            2, turned(d.p, [(0, top), (r + 0.012, top), (r + 0.012, top + 0.04), (0, top + 0.085)], d.shaped("square"))
        )
        d.add(2, ball(d.p, (0, top + 0.1, 0), 0.042))


def _teapot(d: Draw) -> None:
    r, tall = d.u("wide", 0.22, 0.27), d.size("tall", (0.15, 0.18), (0.22, 0.27))
    middle = FLOOR + tall
    d.add(0, ball(d.p, (0, middle, 0), (r, tall, r)))
    d.add(0, drum(d.p, (0, FLOOR + 0.02, 0), r * 0.6, 0.02))
    d.add(1, rod(d.p, (-r * 0.8, middle - tall * 0.2, 0), (-r - 0.17, middle + tall * 0.7, 0), 0.06, 0.036))
    d.add(1, cut(ring(d.p, (r, middle, 0), tall * 0.62, 0.032, axis=2), ball(d.p, (0, middle, 0), (r - 0.02, tall, r))))
    if d.has(0):
        d.add(2, ball(d.p, (0, middle + tall * 0.82, 0), (r * 0.62, tall * 0.3, r * 0.62)))
        d.add(2, ball(d.p, (0, middle + tall * 1.2, 0), 0.04))


def _vase(d: Draw) -> None:
    top = d.size("top", (-0.08, 0.02), (0.2, 0.3))
    r = d.breadth("wide", (0.14, 0.17), (0.23, 0.28))
    tall = top - FLOOR
    neck, foot, lip = r * d.u("neck", 0.45, 0.6), r * d.u("foot", 0.5, 0.7), r * d.u("lip", 0.7, 0.9)
    if d.shaped("square"):
        profile = [
            (0, FLOOR),
            (foot, FLOOR),
            (r * 0.9, top),
            (r * 0.9 - 0.045, top),
            (foot - 0.04, FLOOR + 0.07),
            (0, FLOOR + 0.07),
        ]
    else:
        t = np.linspace(0, 1, 9)
        curve = np.interp(t, [0, 0.38, 0.8, 1], [foot, r, neck, lip])
        curve[1:-1] = (curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4
        outer = [(float(c), float(FLOOR + tall * s)) for c, s in zip(curve, t, strict=True)]
        inner = [(max(c - 0.045, 0.03), y) for c, y in outer[:1:-1]]
        profile = [(0, FLOOR), *outer, *inner, (0, FLOOR + tall * 0.22)]
    d.add(0, turned(d.p, profile, d.shaped("square")))
    if d.has(0):
        y = FLOOR + tall * 0.4
        near = np.abs(d.p[:, 1] - y) < 0.035
        d.part[near & (d.distance < 0.2)] = 1
    if d.has(1):
        for i in range(3):
            a = 2 * np.pi * i / 3 + d.u("turn", 0, 2)
            tip = (np.cos(a) * 0.11, min(top + 0.12, 0.4), np.sin(a) * 0.11)
            d.add(2, rod(d.p, (0, top - 0.1, 0), tip, 0.024))
            d.add(2, ball(d.p, tip, 0.065))
    if d.has(2):
        for side in (-1, 1):
            handle = ring(d.p, (side * r * 0.75, FLOOR + tall * 0.68, 0), tall * 0.17, 0.026, axis=2)
            d.add(0, cut(handle, rod(d.p, (0, FLOOR, 0), (0, top, 0), r * 0.42)))


def _bottle(d: Draw) -> None:
    top = d.size("top", (-0.02, 0.08), (0.25, 0.36))
    r = d.u("wide", 0.13, 0.18)
    tall = top - FLOOR
    neck, shoulder = r * d.u("neck", 0.34, 0.42), FLOOR + tall * d.u("shoulder", 0.52, 0.62)
    profile = [
        (0, FLOOR),
        (r, FLOOR),
        (r, shoulder),
        (r * 0.85, shoulder + tall * 0.07),
        (neck, shoulder + tall * 0.18),
        (neck, top),
        (0, top),
    ]
    d.add(0, turned(d.p, profile, d.shaped("square")))
    if d.has(1):
        low, high = FLOOR + tall * 0.12, FLOOR + tall * 0.42
        d.part[(d.p[:, 1] > low) & (d.p[:, 1] < high) & (d.distance < 0.2)] = 2
    if d.has(0):
        d.add(1, drum(d.p, (0, top + 0.02, 0), neck + 0.02, 0.055, round=0.012))


def _bowl(d: Draw) -> None:
    r = d.u("wide", 0.34, 0.44)
    tall = d.size("tall", (0.17, 0.22), (0.3, 0.38))
    low = FLOOR + (0.06 if d.has(1) else 0.0)
    if d.has(1):
        d.add(0, drum(d.p, (0, FLOOR + 0.04, 0), r * 0.42, 0.04))
    t = np.linspace(0.25, 1, 7)
    outer = [(float(r * np.sqrt(1 - (1 - s) ** 2)), float(low + tall * s)) for s in t]
    inner = [(c - 0.045, y + (0.05 if i == 6 else 0.0)) for i, (c, y) in enumerate(outer[::-1])]
    profile = [(0, low), (r * 0.5, low), *outer, *inner[:-1], (r * 0.4, low + 0.055), (0, low + 0.055)]
    d.add(0, turned(d.p, profile, d.shaped("square")))
    d.part[(d.p[:, 1] > low + tall - 0.055) & (d.distance < 0.2)] = 1
    if d.has(0):
        d.add(
            2,
            turned(
                d.p,
                [(0, low + tall), (r, low + tall), (r * 0.9, low + tall + 0.06), (0, low + tall + 0.12)],
                d.shaped("square"),
            ),
        )
        d.add(2, ball(d.p, (0, low + tall + 0.14, 0), 0.045))


def _bucket(d: Draw) -> None:
    top = d.size("top", (-0.12, -0.02), (0.08, 0.18))
    r = d.u("wide", 0.25, 0.3)
    foot = r * d.u("taper", 0.68, 0.85)
    profile = [(0, FLOOR), (foot, FLOOR), (r, top), (r - 0.045, top), (foot - 0.04, FLOOR + 0.06), (0, FLOOR + 0.06)]
    d.add(0, turned(d.p, profile, d.shaped("square")))
    if d.has(1):
        d.part[(d.p[:, 1] > top - 0.06) & (d.distance < 0.2)] = 2
    if d.has(0):
        arc = ring(d.p, (0, top - 0.02, 0), r - 0.01, 0.026, axis=2)
        d.add(1, np.maximum(arc, top - 0.04 - d.p[:, 1]))


INDOOR: dict[str, Callable[[Draw], None]] = {
    each.__name__[1:]: each
    for each in (
        _table,
        _chair,
        _stool,
        _sofa,
        _bed,
        _shelf,
        _cabinet,
        _lamp,
        _mug,
        _teapot,
        _vase,
        _bottle,
        _bowl,
        _bucket,
    )
}
