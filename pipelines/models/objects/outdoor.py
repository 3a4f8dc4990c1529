"""How buildings, plants, vehicles and small things are drawn; see ``drawing`` for what a drawing is."""

from collections.abc import Callable

import numpy as np

from pipelines.models.objects.drawing import FLOOR, Draw
from pipelines.models.objects.indoor import T
from pipelines.models.objects.solids import ball, box, cut, drum, ring, rod, single, slab, turned


def windows(d: Draw, part: int, x: float, y: float, z: float, half: float = 0.04) -> None:
    """A window that stands a little out of the front wall at depth ``z``."""
    d.add(part, box(d.p, (x, y, z), (half, half * 1.2, 0.024), 0.006))


def _tower(d: Draw) -> None:
    r = d.u("wide", 0.17, 0.22)
    top = d.size("top", (-0.1, 0.0), (0.14, 0.22))
    square = d.shaped("square")
    d.add(0, turned(d.p, [(0, FLOOR), (r * 1.12, FLOOR), (r, FLOOR + 0.1), (r, top), (0, top)], square))
    tip = top
    if d.has(0):
        d.add(
            0, turned(d.p, [(0, top - 0.02), (r + 0.04, top - 0.02), (r + 0.04, top + 0.05), (0, top + 0.05)], square)
        )
        for i in range(8):
            a = 2 * np.pi * (i + 0.5) / 8
            far = r + 0.012 if not square else (r + 0.012) / max(abs(np.cos(a)), abs(np.sin(a)))
            d.add(0, box(d.p, (far * np.cos(a), top + 0.08, far * np.sin(a)), (0.034, 0.05, 0.034)))
        tip = top + 0.05
    else:
        tip = top + d.u("roof", 0.16, 0.2)
        d.add(1, turned(d.p, [(0, top), (r + 0.05, top), (0, tip)], square))
    d.add(2, box(d.p, (0, FLOOR + 0.08, r + 0.01), (0.06, 0.08, 0.035), 0.01))
    if d.has(2):
        for y in np.linspace(FLOOR + 0.26, top - 0.07, 2 if top < 0.1 else 3):
            windows(d, 2, 0, float(y), r, 0.032)
    if d.has(1):
        d.add(3, rod(d.p, (0, tip - 0.04, 0), (0, tip + 0.13, 0), 0.024))
        d.add(3, box(d.p, (0.07, tip + 0.1, 0), (0.075, 0.045, 0.024), 0.006))


def _lighthouse(d: Draw) -> None:
    top = d.size("top", (0.0, 0.08), (0.2, 0.27))
    foot, r = d.u("foot", 0.17, 0.2), d.u("wide", 0.11, 0.13)
    low = FLOOR + (0.07 if d.has(0) else 0)
    d.add(0, turned(d.p, [(0, low), (foot, low), (r, top), (0, top)]))
    n, tall = d.recipe.count, top - low
    for i in range(n):
        y = low + tall * (i + 0.75) / (n + 0.5)
        d.part[(np.abs(d.p[:, 1] - y) < tall / (n + 0.5) / 4) & (d.distance < 0.2)] = 1
    d.add(2, drum(d.p, (0, top + 0.015, 0), r + 0.04, 0.026))
    d.add(0, drum(d.p, (0, top + 0.07, 0), r * 0.65, 0.06))
    d.add(2, turned(d.p, [(0, top + 0.11), (r + 0.01, top + 0.11), (0, top + 0.2)]))
    if d.has(0):
        d.add(2, turned(d.p, [(0, FLOOR), (foot + 0.12, FLOOR), (foot + 0.04, low + 0.01), (0, low + 0.01)]))


def _house(d: Draw) -> None:
    n = d.recipe.count
    wide, deep = d.u("wide", 0.26, 0.34), d.u("deep", 0.2, 0.27)
    storey = {1: d.u("storey", 0.26, 0.3), 2: 0.2, 3: 0.17}[n] * (1.12 if d.recipe.height == 1 else 0.95)
    top = FLOOR + storey * n
    d.add(0, box(d.p, (0, (FLOOR + top) / 2, 0), (wide, storey * n / 2, deep)))
    rise = d.u("roof", 0.16, 0.24)
    gable = [(-wide - 0.05, top - 0.02), (wide + 0.05, top - 0.02), (0, top + rise)]
    d.add(1, slab(d.p, gable, 0, deep + 0.04))
    d.add(2, box(d.p, (0, FLOOR + 0.09, deep), (0.055, 0.09, 0.03), 0.006))
    for i in range(n):
        for side in (-1, 1):
            windows(d, 3, side * wide * 0.6, FLOOR + storey * (i + 0.58), deep, 0.045)
        if i:
            windows(d, 3, 0, FLOOR + storey * (i + 0.58), deep, 0.045)
    if d.has(0):
        d.add(0, box(d.p, (wide * 0.55, top + rise * 0.62, -deep * 0.3), (0.045, rise * 0.55, 0.045)))
    if d.has(1):
        d.add(1, box(d.p, (0, FLOOR + 0.22, deep + 0.07), (0.14, T, 0.1)))
        for side in (-1, 1):
            d.add(0, rod(d.p, (side * 0.11, FLOOR + T, deep + 0.13), (side * 0.11, FLOOR + 0.22, deep + 0.13), T))


def _tree(d: Draw) -> None:
    trunk = d.u("trunk", 0.05, 0.07)
    crown = FLOOR + d.size("crown", (0.14, 0.2), (0.26, 0.34))
    top = crown + d.size("leaves", (0.34, 0.4), (0.46, 0.54))
    wide = d.u("wide", 0.24, 0.32)
    d.add(1, rod(d.p, (0, FLOOR, 0), (0, crown + 0.12, 0), trunk * 1.2, trunk))
    d.distance = np.maximum(d.distance, FLOOR - d.p[:, 1])
    if d.shaped("pointed"):
        n = d.recipe.count
        step = (top - crown) / (n * 0.62 + 0.38)
        for i in range(n):
            low, r = crown + step * 0.62 * i, wide * (1 - 0.2 * i)
            d.add(0, turned(d.p, [(0, low + 0.02), (r, low), (0, low + step)]))
    else:
        middle, half = (crown + top) / 2, (top - crown) / 2
        d.add(0, ball(d.p, (0, middle, 0), (wide * 0.85, half, wide * 0.85)))
        for i in range(d.recipe.count + 1):
            a = 2 * np.pi * i / (d.recipe.count + 1) + d.u("turn", 0, 3)
            d.add(0, ball(d.p, (wide * 0.5 * np.cos(a), middle - half * 0.25, wide * 0.5 * np.sin(a)), wide * 0.55))
    if d.has(0):
        for i in range(7):
            a, y = i * 2.4, crown + 0.06 + (top - crown) * 0.6 * i / 7
            far = wide * (0.8 if not d.shaped("pointed") else 0.8 * (1 - 0.75 * (y - crown) / (top - crown)))
            d.add(2, ball(d.p, (far * np.cos(a), y, far * np.sin(a)), 0.048))


def _cactus(d: Draw) -> None:
    low = FLOOR
    if d.has(0):
        d.add(1, turned(d.p, [(0, FLOOR), (0.13, FLOOR), (0.18, FLOOR + 0.2), (0, FLOOR + 0.2)]))
        low = FLOOR + 0.18
    r = d.u("wide", 0.08, 0.11)
    top = low + d.size("top", (0.32, 0.4), (0.5, 0.58))
    d.add(0, rod(d.p, (0, low + 0.02, 0), (0, top - r, 0), r))
    for i in range(d.recipe.count):
        side = (1, -1, 1)[i]
        y = low + (top - low) * (0.34, 0.5, 0.66)[i]
        reach = r + 0.13 - (0.02 if i == 2 else 0)
        z = 0.0 if i < 2 else 0.03
        d.add(0, rod(d.p, (0, y, z), (side * reach, y, z), r * 0.55))
        d.add(0, rod(d.p, (side * reach, y, z), (side * reach, y + d.u(f"arm {i}", 0.1, 0.16), z), r * 0.55))
    if d.has(1):
        d.add(2, ball(d.p, (0, top + 0.02, 0), (0.075, 0.05, 0.075)))
    d.distance = np.maximum(d.distance, FLOOR - d.p[:, 1])


def _mushroom(d: Draw) -> None:
    cap = d.breadth("wide", (0.24, 0.29), (0.36, 0.43))
    y = FLOOR + d.size("stem", (0.2, 0.26), (0.4, 0.48))
    stem = cap * d.u("stem width", 0.24, 0.34)
    tall = cap * (1.0 if d.shaped("pointed") else 0.68)
    d.add(1, rod(d.p, (0, FLOOR, 0), (0, y + 0.04, 0), stem * 1.2, stem))
    d.distance = np.maximum(d.distance, FLOOR - d.p[:, 1])
    if d.shaped("pointed"):
        dome = turned(d.p, [(0, y), (cap, y), (cap * 0.6, y + tall * 0.45), (0, y + tall)])
    else:
        dome = np.maximum(ball(d.p, (0, y, 0), (cap, tall, cap)), y - d.p[:, 1])
    d.add(0, dome)
    if d.has(0):
        for i in range(9):
            up, a = (0.35, 0.75, 0.97)[i % 3], i * 2.4 + d.u("turn", 0, 3)
            if d.shaped("pointed"):
                place = (cap * (1 - up) * 0.9 * np.cos(a), y + tall * up * 0.9, cap * (1 - up) * 0.9 * np.sin(a))
            else:
                flat = np.sqrt(1 - up**2)
                place = (cap * flat * np.cos(a), y + tall * up, cap * flat * np.sin(a))
            near = np.linalg.norm(d.p - single(place), axis=1) < 0.065
            d.part[near & (d.part == 0)] = 2


def _snowman(d: Draw) -> None:
    n = d.recipe.count
    sizes = {2: (0.24, 0.16), 3: (0.21, 0.155, 0.115)}[n]
    scale = 1.08 if d.recipe.height == 1 else 0.92
    y, centres = FLOOR, []
    for r in (s * scale * d.u("wide", 0.95, 1.02) for s in sizes):
        centres.append((y + r, r))
        d.add(0, ball(d.p, (0, y + r, 0), r))
        y += 2 * r - 0.05
    head, r = centres[-1]
    d.add(3, rod(d.p, (0, head, r * 0.8), (0, head - 0.01, r + 0.11), 0.036, 0.02))
    if d.has(0):
        top = head + r * 0.72
        d.add(1, drum(d.p, (0, top, 0), r * 1.15, 0.026))
        d.add(1, drum(d.p, (0, top + 0.08, 0), r * 0.72, 0.085))
    if d.has(1):
        d.add(2, ring(d.p, (0, head - r * 0.78, 0), r * 0.78, 0.04))
        d.add(2, box(d.p, (r * 0.45, head - r * 0.78 - 0.09, r * 0.95), (0.035, 0.09, 0.03), 0.01))
    if d.has(2):
        middle, wide = centres[-2]
        for side in (-1, 1):
            d.add(1, rod(d.p, (side * wide * 0.85, middle, 0), (side * (wide + 0.16), middle + 0.12, 0.02), 0.026))


def _cake(d: Draw) -> None:
    n = d.recipe.count
    tall = {1: 0.26, 2: 0.19, 3: 0.15}[n] * (1.15 if d.recipe.height == 1 else 0.85)
    wide, y, square = d.u("wide", 0.34, 0.4), FLOOR, d.shaped("square")
    for i in range(n):
        r = wide * (1 - 0.27 * i)
        d.add(0, turned(d.p, [(0, y), (r, y), (r, y + tall), (0, y + tall)], square))
        y += tall
        d.add(1, turned(d.p, [(0, y - 0.02), (r + 0.016, y - 0.045), (r + 0.016, y + 0.024), (0, y + 0.024)], square))
    if d.has(0):
        r = wide * (1 - 0.27 * (n - 1)) * 0.6
        for i in range(4):
            a = np.pi * (i + 0.5) / 2
            d.add(2, rod(d.p, (r * np.cos(a), y, r * np.sin(a)), (r * np.cos(a), y + 0.14, r * np.sin(a)), 0.026))


def _car(d: Draw) -> None:
    low, long, wide = FLOOR + 0.06, d.u("long", 0.4, 0.44), d.u("wide", 0.17, 0.21)
    body = low + d.size("body", (0.13, 0.15), (0.18, 0.21))
    roof = body + d.size("roof", (0.11, 0.13), (0.16, 0.2))
    d.add(0, box(d.p, (0, (low + body) / 2, 0), (long, (body - low) / 2, wide), 0.03))
    front, back = (0.12, -0.2) if d.shaped("curved") else (0.1, -0.36)
    lean = 0.13 if d.shaped("curved") else 0.03
    cabin = [(back - lean / 2, body - 0.02), (front + lean, body - 0.02), (front, roof), (back, roof)]
    d.add(0, slab(d.p, cabin, 0, wide * 0.86, round=0.012))
    glass = (d.p[:, 1] > body + 0.02) & (d.p[:, 1] < roof - 0.04) & (d.distance < 0.2)
    pillar = np.abs(d.p[:, 0] - (front + back) / 2) < 0.028
    d.part[glass & ~(pillar & (np.abs(d.p[:, 2]) > wide * 0.6))] = 2
    r = d.u("wheel", 0.085, 0.105)
    for x in (-long * 0.58, long * 0.58):
        for side in (-1, 1):
            d.add(1, drum(d.p, (x, FLOOR + r, side * (wide - 0.01)), r, 0.045, axis=2))
    if d.has(0):
        d.add(0, box(d.p, (-long + 0.03, body + 0.09, 0), (0.05, T, wide)))
        for side in (-1, 1):
            d.add(0, box(d.p, (-long + 0.04, body + 0.04, side * wide * 0.7), (T, 0.06, T)))
    if d.has(1):
        d.add(1, box(d.p, ((front + back) / 2, roof + 0.035, 0), ((front - back) / 2 * 0.8, T, wide * 0.7)))


def _plane(d: Draw) -> None:
    y, r = d.u("y", -0.12, -0.02), d.size("body", (0.06, 0.075), (0.085, 0.1))
    d.add(0, rod(d.p, (0, y, 0.4 - r), (0, y + 0.02, -0.28), r, r * 0.9))
    d.add(0, rod(d.p, (0, y + 0.02, -0.28), (0, y + 0.05, -0.42), r * 0.9, r * 0.4))
    span, back = d.u("span", 0.38, 0.44), d.u("sweep", 0.0, 0.16)
    for side in (-1, 1):
        wing = [(0, 0.14), (side * span, -back), (side * span, -back - 0.1), (0, -0.1)]
        d.add(1, slab(d.p, wing, y - 0.01, T, axis=1))
        tail = [(0, -0.28), (side * 0.17, -0.36), (side * 0.17, -0.43), (0, -0.42)]
        d.add(2, slab(d.p, tail, y + 0.04, T * 0.9, axis=1))
    d.add(
        2, slab(d.p, [(y + 0.02, -0.26), (y + 0.24, -0.38), (y + 0.24, -0.44), (y + 0.02, -0.43)], 0, T * 0.9, axis=0)
    )
    for i in range(d.recipe.count):
        x = (-1, 1, -1, 1)[i] * span * (0.38 if i < 2 else 0.68)
        z = 0.1 - back * abs(x) / span
        d.add(2, rod(d.p, (x, y - 0.06, z), (x, y - 0.06, z - 0.1), 0.042))
    if d.has(0):
        d.add(2, box(d.p, (0, y, 0.42), (0.15, 0.034, 0.026)))


def _boat(d: Draw) -> None:
    long, wide = d.u("long", 0.38, 0.44), d.u("wide", 0.14, 0.19)
    deck = FLOOR + d.size("hull", (0.13, 0.17), (0.2, 0.25))
    x = d.p[:, 0] / long
    plan = (
        wide
        * np.sqrt(np.clip(1 - np.clip(np.abs(x), 0, 1) ** 2.4, 0, 1))
        * (0.65 + 0.35 * np.clip((d.p[:, 1] - FLOOR) / (deck - FLOOR), 0, 1))
    )
    side = [(-long * 0.75, FLOOR), (long * 0.68, FLOOR), (long, deck), (-long * 0.95, deck)]
    hull = np.maximum(slab(d.p, side, 0, wide + 0.02), (np.abs(d.p[:, 2]) - plan) * 0.9)
    d.add(0, hull.astype(np.float32))
    if d.has(0):
        top = deck + d.u("mast", 0.46, 0.54)
        d.add(2, rod(d.p, (0.03, deck - 0.02, 0), (0.03, top, 0), T))
        d.add(1, slab(d.p, [(0.0, deck + 0.08), (0.0, top - 0.03), (-long * 0.8, deck + 0.08)], 0, 0.024))
        d.add(1, slab(d.p, [(0.07, deck + 0.08), (0.07, top - 0.12), (long * 0.75, deck + 0.08)], 0, 0.024))
    if d.has(1):
        at = -long * 0.35
        d.add(2, box(d.p, (at, deck + 0.05, 0), (0.12, 0.075, wide * 0.6), 0.02))


def _rocket(d: Draw) -> None:
    r = d.breadth("wide", (0.09, 0.11), (0.14, 0.17))
    low = FLOOR + 0.1
    top = low + d.size("body", (0.26, 0.34), (0.42, 0.5))
    tip = min(top + d.u("nose", 0.18, 0.24), 0.45)
    d.add(0, turned(d.p, [(0, low), (r * 0.85, low), (r, low + 0.12), (r, top), (0, top)]))
    d.add(1, turned(d.p, [(0, top), (r, top), (r * 0.72, top + (tip - top) * 0.5), (0, tip)]))
    d.add(2, turned(d.p, [(0, FLOOR + 0.03), (r * 0.75, FLOOR + 0.03), (r * 0.5, low + 0.02), (0, low + 0.02)]))
    n = d.recipe.count
    reach, tall = r + d.u("fin", 0.12, 0.16), d.u("fin height", 0.2, 0.26)
    for i in range(n):
        a = 2 * np.pi * i / n + (np.pi / 2 if n == 3 else 0)
        c, s = np.float32(np.cos(a)), np.float32(np.sin(a))
        q = np.stack([d.p[:, 0] * c + d.p[:, 2] * s, d.p[:, 1], -d.p[:, 0] * s + d.p[:, 2] * c], axis=1)
        d.add(2, slab(q, [(r * 0.6, low), (reach, FLOOR), (reach, FLOOR + 0.12), (r * 0.6, low + tall)], 0, T))
    if d.has(0):
        for y in (top - 0.07, top - 0.2):
            d.add(1, ball(d.p, (0, y, r), (0.045, 0.045, 0.035)))


def _sword(d: Draw) -> None:
    top = d.size("top", (0.08, 0.18), (0.36, 0.44))
    wide, guard = d.u("wide", 0.05, 0.07), d.u("guard", 0.13, 0.2)
    low = FLOOR + 0.2
    if d.shaped("curved"):
        bend = 0.16 * (top - low)
        t = np.linspace(0, 1, 6)
        right = [(float(wide + bend * s * s * 2), float(low + (top - low) * s)) for s in t]
        left = [(float(-wide + bend * s * s * 2 + wide * 1.6 * s), float(low + (top - low) * s)) for s in t[-2::-1]]
        outline = right + left
    else:
        outline = [(-wide, low), (wide, low), (wide * 0.9, top - 0.14), (0, top), (-wide * 0.9, top - 0.14)]
    d.add(0, slab(d.p, outline, 0, T))
    d.add(1, rod(d.p, (0, FLOOR + 0.03, 0), (0, low, 0), 0.034))
    d.add(2, box(d.p, (0, low, 0), (guard, 0.03, 0.04), 0.014))
    d.add(2, ball(d.p, (0, FLOOR + 0.045, 0), 0.045))


def _key(d: Draw) -> None:
    top = d.size("top", (0.1, 0.18), (0.36, 0.42))
    r = d.u("bow", 0.12, 0.15)
    half = 0.036
    centre = top - r
    if d.shaped("square"):
        bow = cut(box(d.p, (0, centre, 0), (r, r, half)), box(d.p, (0, centre, 0), (r * 0.5, r * 0.5, 1)))
    else:
        bow = cut(drum(d.p, (0, centre, 0), r, half, axis=2), drum(d.p, (0, centre, 0), r * 0.52, 1, axis=2))
    d.add(1, bow)
    d.add(0, rod(d.p, (0, FLOOR + 0.04, 0), (0, centre - r * 0.8, 0), 0.038))
    for i in range(d.recipe.count):
        y = FLOOR + 0.05 + 0.095 * i
        d.add(0, box(d.p, (0.08, y, 0), (0.09 - 0.012 * i, 0.028, half * 0.9)))


def _hat(d: Draw) -> None:
    r = d.breadth("crown", (0.16, 0.19), (0.22, 0.26))
    brim = min(r + d.u("brim", 0.12, 0.17), 0.44)
    top = FLOOR + d.size("top", (0.2, 0.26), (0.38, 0.5))
    d.add(2, drum(d.p, (0, FLOOR + T, 0), brim, T, round=0.02))
    if d.shaped("pointed"):
        d.add(0, turned(d.p, [(0, FLOOR), (r, FLOOR), (0.02, top + 0.12), (0, top + 0.12)]))
    else:
        d.add(0, turned(d.p, [(0, FLOOR), (r, FLOOR), (r * 0.92, top - 0.04), (r * 0.8, top), (0, top)]))
    if d.has(0):
        at = r * (1 - 0.12 / (top - FLOOR) if d.shaped("pointed") else 1) + 0.016
        d.add(1, turned(d.p, [(0, FLOOR + 0.04), (at + 0.012, FLOOR + 0.04), (at, FLOOR + 0.12), (0, FLOOR + 0.12)]))
    if d.has(1):
        d.add(1, rod(d.p, (r * 0.95, FLOOR + 0.06, 0), (r * 1.25, FLOOR + 0.4, -0.06), 0.03, 0.05))


def _umbrella(d: Draw) -> None:
    r = d.u("wide", 0.36, 0.44)
    y = d.size("y", (-0.12, -0.04), (0.1, 0.18))
    tall = r * (0.75 if d.shaped("pointed") else 0.62)
    if d.shaped("pointed"):
        d.add(0, turned(d.p, [(0, y), (r, y - 0.03), (r, y + 0.02), (0, y + tall)]))
    else:
        shell = cut(ball(d.p, (0, y, 0), (r, tall, r)), ball(d.p, (0, y - 0.03, 0), (r - 0.04, tall - 0.05, r - 0.04)))
        d.add(0, np.maximum(shell, y - d.p[:, 1]))
    d.add(1, rod(d.p, (0, FLOOR + 0.1, 0), (0, y + tall - 0.03, 0), T))
    hook = ring(d.p, (0.07, FLOOR + 0.1, 0), 0.07, T, axis=2)
    d.add(1, np.maximum(hook, d.p[:, 1] - FLOOR - 0.1))
    d.add(0, ball(d.p, (0, min(y + tall + 0.01, 0.43), 0), 0.03))


OUTDOOR: dict[str, Callable[[Draw], None]] = {
    each.__name__[1:]: each
    for each in (
        *(_tower, _lighthouse, _house, _tree, _cactus, _mushroom, _snowman, _cake),
        *(_car, _plane, _boat, _rocket, _sword, _key, _hat, _umbrella),
    )
}
