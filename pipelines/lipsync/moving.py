"""Photographs: lips and jaw moved by their landmarks, with what is inside a mouth drawn and lit like the face.

Two smooth fields move the picture, one with the upper lip and one with the lower lip and the jaw. A pixel of the result
takes its colour from above the lips' seam by the first, from below by the second, and lies inside the mouth where
neither reaches it. Lengths are in widths of the mouth, in the face's own upright axes, whose origin is the middle
between the corners of the mouth.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from pipelines.lipsync.faces import Face
from pipelines.lipsync.painting import Patch

Floats = NDArray[np.float32]
CORNERS = (61, 291)
UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)  # inner edge of the upper lip, left to right
LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
CHIN, NOSE = 152, 2
DROP = 0.42  # gap between the lips of a mouth that is fully open
LIFT = 0.22  # share of it by which the upper lip rises
REACH = (1.9, 0.75, 1.75)  # what may move: to either side, up, and down
SEEN = 0.06  # gap from which a mouth in the source shows its own teeth
STILL = 0.03  # pixels: what moves less is left as it is, to the bit


@dataclass(frozen=True)
class Lips:
    """A mouth in its own axes.

    Attributes:
        x, y: origin in the picture, pixels.
        width: pixels.
        cos, sin: of the face's turn.
        across: places [11] of the lips' inner edge, -1 to 1.
        upper, lower: heights [11] of both edges.
        chin, nose: heights.
    """

    x: float
    y: float
    width: float
    cos: float
    sin: float
    across: Floats
    upper: Floats
    lower: Floats
    chin: float
    nose: float

    @classmethod
    def of(cls, points: np.ndarray) -> "Lips":
        """From the landmarks [468, 2] of a face."""
        left, right = points[CORNERS[0]], points[CORNERS[1]]
        (x, y), (dx, dy) = (left + right) / 2, right - left
        width = math.hypot(dx, dy)
        cos, sin = dx / width, dy / width

        def local(rows: tuple[int, ...]) -> np.ndarray:
            away = points[list(rows)] - (x, y)
            return np.stack([cos * away[:, 0] + sin * away[:, 1], cos * away[:, 1] - sin * away[:, 0]], -1) / width

        upper, lower = local(UPPER), local(LOWER)
        across = np.maximum.accumulate(upper[:, 0] + lower[:, 0]) + 1e-4 * np.arange(11)  # a turned head folds them
        chin, nose = local((CHIN, NOSE))[:, 1]
        return cls(
            float(x), float(y), width, cos, sin, across.astype(np.float32), upper[:, 1].astype(np.float32),
            np.maximum(lower[:, 1], upper[:, 1]).astype(np.float32), float(max(chin, 0.4)), float(min(nose, -0.15)),
        )  # fmt: skip

    @property
    def gap(self) -> float:
        """How far apart the lips are in their middle."""
        return float((self.lower - self.upper)[4:7].mean())


def moved(frame: np.ndarray, face: Face, shape: np.ndarray) -> Patch | None:
    """The patch of ``frame`` uint8 [H, W, 4] in which the mouth of ``face`` does ``shape`` [5]; None without one."""
    assert face.landmarks is not None
    lips = Lips.of(face.landmarks)
    box = _box(lips, frame.shape[:2])
    if box is None:
        return None
    top, left, bottom, right = box
    old = frame[top:bottom, left:right]
    s, t = _local(lips, top, left, bottom, right)
    new = _Target(lips, shape)
    upper, lower, inside = new.sources(s, t)
    pixel = 1 / lips.width
    first, second = (_pixels(lips, place, top, left) for place in (upper, lower))
    below = new.below(s, t, pixel)
    place = [a * (1 - below) + b * below for a, b in zip(first, second, strict=True)]
    columns, rows = np.meshgrid(np.arange(right - left), np.arange(bottom - top))
    away = np.hypot(place[0] - columns, place[1] - rows)
    turn = np.clip((away - STILL) / 0.2, 0, 1)[..., None]
    made = sampled(old, place)
    made = old + turn * (made - old)
    if inside.any():
        made = made + inside[..., None] * (new.mouth(frame, face, old, s, t, top, left) - made)
    pixels = old.copy()
    changed = (turn[..., 0] > 0) | (inside > 0)
    pixels[changed, :3] = np.clip(made[changed] + 0.5, 0, 255).astype(np.uint8)[..., :3]
    return Patch(top, left, pixels)


def _box(lips: Lips, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    wide, up, down = (each * lips.width for each in REACH)
    corners = [(x, y) for x in (-wide, wide) for y in (-up, down)]
    xs = [lips.x + lips.cos * x - lips.sin * y for x, y in corners]
    ys = [lips.y + lips.sin * x + lips.cos * y for x, y in corners]
    top, bottom = max(0, math.floor(min(ys))), min(size[0], math.ceil(max(ys)) + 1)
    left, right = max(0, math.floor(min(xs))), min(size[1], math.ceil(max(xs)) + 1)
    return (top, left, bottom, right) if top + 1 < bottom and left + 1 < right else None


def _local(lips: Lips, top: int, left: int, bottom: int, right: int) -> tuple[Floats, Floats]:
    """Places [H, W] of pixels in the face's axes: across with the corners at -1 and 1, and down in mouth widths."""
    x, y = np.meshgrid(
        np.arange(left, right, dtype=np.float32) - lips.x, np.arange(top, bottom, dtype=np.float32) - lips.y
    )
    across, down = lips.cos * x + lips.sin * y, lips.cos * y - lips.sin * x
    return 2 * across / lips.width, down / lips.width


def _pixels(lips: Lips, place: tuple[Floats, Floats], top: int, left: int) -> tuple[Floats, Floats]:
    """Columns and rows, counted from the box's corner, of places in the face's axes."""
    across, down = place[0] * lips.width / 2, place[1] * lips.width
    return lips.x + lips.cos * across - lips.sin * down - left, lips.y + lips.sin * across + lips.cos * down - top


def sampled(part: np.ndarray, place: list[np.ndarray]) -> np.ndarray:
    """Colours float32 [H, W, 4] of ``part`` at columns and rows."""
    high, wide = part.shape[:2]
    grid = np.stack([2 * place[0] / max(wide - 1, 1) - 1, 2 * place[1] / max(high - 1, 1) - 1], -1).astype(np.float32)
    source = torch.from_numpy(part.astype(np.float32)).permute(2, 0, 1)[None]
    made = grid_sample(source, torch.from_numpy(grid)[None], "bicubic", "border", align_corners=True)
    return np.asarray(made[0].permute(1, 2, 0).numpy())


class _Target:
    """Where the lips go, and which pixel of the source comes where."""

    def __init__(self, lips: Lips, shape: np.ndarray) -> None:
        self.lips = lips
        self.opened, wide, self.teeth, self.tongue, _ = (float(value) for value in shape)
        self.stretch = 1 + (0.12 if wide > 0 else 0.22) * wide
        self.left, self.right = float(lips.across[0]), float(lips.across[-1])  # where the lips' inner edges meet
        along = 2 * (lips.across - self.left) / (self.right - self.left) - 1
        bow = np.sqrt(np.clip(1 - along**2, 0, 1)) ** 0.9
        seam = lips.upper + 0.25 * (lips.lower - lips.upper)
        height = DROP * self.opened * bow
        self.up = (seam - LIFT * height - lips.upper).astype(np.float32)
        self.down = (seam + (1 - LIFT) * height - lips.lower).astype(np.float32)
        self.jaw = 0.8 * float(self.down[4:7].mean())

    def _at(self, values: Floats, s: Floats) -> Floats:
        found = np.interp(s, self.lips.across, values, left=float(values[0]), right=float(values[-1]))
        return np.asarray(found, np.float32)

    def _across(self, s: Floats, t: Floats) -> Floats:
        fade = np.clip((2.3 - np.abs(s)) / 1.3, 0, 1) * np.clip(1 - (np.abs(t) - 0.25) / 0.55, 0, 1)
        fade = fade * fade * (3 - 2 * fade)
        return np.asarray(s / (1 + (self.stretch - 1) * fade), np.float32)

    def _raised(self, s: Floats, t: Floats) -> Floats:
        """How far what is at (s, t) of the source moves with the upper lip."""
        above = np.clip((self._at(self.lips.upper, s) - t) / (-0.85 * self.lips.nose), 0, 1)
        return self._at(self.up, s) * (1 - above) ** 2 * np.clip((1.5 - np.abs(s)) / 0.5, 0, 1)

    def _dropped(self, s: Floats, t: Floats) -> Floats:
        """How far what is at (s, t) of the source moves with the lower lip and the jaw."""
        edge = self._at(self.lips.lower, s)
        into = np.clip((t - edge) / 0.45, 0, 1)
        into = into * into * (3 - 2 * into)
        lip = self._at(self.down, s) * np.clip((1.3 - np.abs(s)) / 0.3, 0, 1)
        jaw = self.jaw * np.exp(-((s / 1.35) ** 2)) * np.clip((REACH[0] * 2 - np.abs(s)) / 0.8, 0, 1)
        end = np.clip((self.lips.chin + 0.38 - t) / 0.38, 0, 1)
        return (lip * (1 - into) + jaw * into) * end * end * (3 - 2 * end)

    def sources(self, s: Floats, t: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], Floats]:
        """Places in the source by the upper and by the lower field, and how far a pixel is inside the mouth."""
        from_s = self._across(s, t)
        above, under = t.copy(), t.copy()
        for _ in range(4):  # the fields are gentle: this converges
            above, under = t - self._raised(from_s, above), t - self._dropped(from_s, under)
        pixel = 1 / self.lips.width
        over = (above - self._at(self.lips.upper, from_s)) / pixel
        beyond = (self._at(self.lips.lower, from_s) - under) / pixel
        ends = np.minimum(from_s - self.left, self.right - from_s) * self.lips.width / 2
        inside = np.clip(np.minimum(np.minimum(over, beyond), ends) + 0.5, 0, 1)
        gap = DROP * self.opened * self.lips.width
        return (from_s, above), (from_s, under), (inside * np.clip(gap / 1.2, 0, 1)).astype(np.float32)

    def below(self, s: Floats, t: Floats, pixel: float) -> Floats:
        """1 where the lower field moves a pixel, 0 where the upper one does."""
        from_s = self._across(s, t)
        middle = self._at(self.lips.upper + self.up, from_s) + self._at(self.lips.lower + self.down, from_s)
        return np.clip((t - middle / 2) / pixel + 0.5, 0, 1).astype(np.float32)

    def mouth(
        self, frame: np.ndarray, face: Face, old: np.ndarray, s: Floats, t: Floats, top: int, left: int
    ) -> np.ndarray:
        """Colours [H, W, 4] of what is inside: teeth, tongue and dark, in the light that is on the face."""
        lips, from_s = self.lips, self._across(s, t)
        light = lit(frame, face)
        roof = self._at(lips.upper + self.up, from_s)
        floor = self._at(lips.lower + self.down, from_s)
        gap = np.maximum(floor - roof, 1e-3)
        depth, height = (t - roof), DROP * self.opened
        pixel = 1.2 / lips.width
        colour = np.empty((*s.shape, 4), np.float32)
        dark = np.array([52, 20, 20], np.float32) * (0.5 + 0.5 * light)
        shade = np.clip(0.55 + 0.9 * depth / np.maximum(gap, 0.1), 0.5, 1.25)
        colour[..., :3] = dark * shade[..., None]
        colour[..., 3] = 255
        bed = floor - gap * (0.18 + 0.34 * self.tongue) + 0.10 * from_s**2
        soft = np.clip((t - bed) / (2.5 * pixel) + 0.5, 0, 1) * np.clip((0.8 - np.abs(from_s)) / 0.2, 0, 1)
        flesh = np.array([168, 82, 82], np.float32) * light * (0.8 + 0.2 * np.cos(2.2 * from_s))[..., None]
        colour[..., :3] += (0.9 * soft * min(1.0, self.opened / 0.25))[..., None] * (flesh - colour[..., :3])
        strip = (0.05 + 0.10 * self.teeth) * min(1.0, height / 0.1) * np.clip(1.15 - from_s**2, 0.2, 1)
        white = np.clip((strip - depth) / pixel + 0.5, 0, 1) * min(1.0, 0.25 + self.teeth)
        fall = 1 - 0.45 * from_s**2 - 0.35 * np.clip(1 - depth / 0.035, 0, 1)  # darker at the sides and under the lip
        seams = 1 - 0.10 * np.exp(-((((from_s / 0.27) % 1) - 0.5) ** 2) / 0.004)
        tooth = np.array([232, 224, 210], np.float32) * light * (fall * seams)[..., None]
        colour[..., :3] += white[..., None] * (tooth - colour[..., :3])
        grey = colour[..., :3].mean(-1, keepdims=True)  # of a picture without colours
        colour[..., :3] = grey + hue(frame, face) * (colour[..., :3] - grey)
        return self._own(old, colour, from_s, depth, top, left)

    def _own(self, old: np.ndarray, colour: np.ndarray, s: Floats, depth: Floats, top: int, left: int) -> np.ndarray:
        """The source's own teeth where its mouth shows them, which do not move with the lips."""
        lips = self.lips
        if lips.gap < SEEN:
            return colour
        roof, floor = self._at(lips.upper, s), self._at(lips.lower, s)
        seen = np.clip((floor - roof - depth - 0.02) / 0.02, 0, 1) * np.clip((0.9 - np.abs(s)) / 0.1, 0, 1)
        place: list[np.ndarray] = list(_pixels(lips, (s, roof + np.maximum(depth, 0.012)), top, left))
        return np.asarray(colour + seen[..., None] * (sampled(old, place) - colour))


def _skin(frame: np.ndarray, face: Face) -> np.ndarray:
    """Mean colour [3] of the cheeks and the chin."""
    assert face.landmarks is not None
    points = face.landmarks[[50, 280, 205, 425, 199]].round().astype(int)
    height, width = frame.shape[:2]
    rows, columns = points[:, 1].clip(0, height - 1), points[:, 0].clip(0, width - 1)
    return np.asarray(frame[rows, columns, :3].astype(np.float32).mean(0))


def hue(frame: np.ndarray, face: Face) -> float:
    """How much colour a picture of a face has: 0 for black and white, 1 for what skin has in daylight."""
    skin = _skin(frame, face)
    return float(np.clip((skin.max() - skin.min()) / max(float(skin.max()), 1.0) / 0.15, 0, 1))


def lit(frame: np.ndarray, face: Face) -> np.ndarray:
    """Colour [3] of the light on a face, 1 for a fair skin in full light: from its cheeks, mostly without their hue."""
    skin = _skin(frame, face)
    grey = float(skin.mean())
    level = np.clip((grey / 170) ** 0.7, 0.2, 1.1)
    return np.asarray(level * (1 + 0.25 * (skin / max(grey, 1) - 1) * (1, 0.6, 0.6)), np.float32)
