"""Eyes that shut: of a photograph by what is above them, of a drawing by a lid in the colour of its skin."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.lipsync.faces import Face
from pipelines.lipsync.moving import Floats, sampled
from pipelines.models.mouth_draft import FAINT, STANDS_OUT, commonest

SHUT_AT = 0.78  # how far down an eye its lids meet
LASH = 0.09  # thickness of the line where they meet, in widths of the eye
SLIGHT = 0.02  # a lid that is down by less leaves the eye as it is


@dataclass(frozen=True)
class Eye:
    """An eye in the picture: middle and half width in pixels, and its turn.

    Both lids' edges [N] are heights, downward in half widths, at ``across`` [N] in -1 to 1.
    """

    x: float
    y: float
    half: float
    roll: float
    across: Floats
    upper: Floats
    lower: Floats


_LEFT_EYE = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
_RIGHT_EYE = ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263))


def eyes_of(frame: np.ndarray, face: Face) -> "list[Eye] | list[DrawnEye]":
    """The eyes of a face in ``frame`` uint8 [H, W, 4]: by its landmarks, or of a drawing by what is at their places."""
    if face.landmarks is None:
        return [eye for place in face.eyes if (eye := drawn_eye(frame, *place)) is not None]
    found = []
    for above, under in (_LEFT_EYE, _RIGHT_EYE):
        high, low = face.landmarks[list(above)], face.landmarks[list(under)]
        (x, y), (dx, dy) = (high[0] + high[-1]) / 2, high[-1] - high[0]
        half = math.hypot(dx, dy) / 2
        cos, sin = dx / half / 2, dy / half / 2
        turned = [
            np.stack([cos * (e[:, 0] - x) + sin * (e[:, 1] - y), cos * (e[:, 1] - y) - sin * (e[:, 0] - x)]) / half
            for e in (high, low)
        ]
        across = np.maximum.accumulate((turned[0][0] + turned[1][0]) / 2) + 1e-4 * np.arange(9)
        found.append(Eye(
            float(x), float(y), half, math.atan2(sin, cos), across.astype(np.float32),
            turned[0][1].astype(np.float32), np.maximum(turned[1][1], turned[0][1]).astype(np.float32),
        ))  # fmt: skip
    return found


@dataclass(frozen=True)
class DrawnEye:
    """An eye of a drawing.

    Attributes:
        top, left: corner of its box, pixels.
        mask: bool [h, w], what of the box is the eye, its outline and its shadow.
        columns: the first and the last that lids meet in.
        first, last: height of its upper and lower edge in each column [w], pixels; beside it those nearest.
        skin, ink: colours [3] of the lid and of the line where lids meet.
    """

    top: int
    left: int
    mask: NDArray[np.bool_]
    columns: tuple[int, int]
    first: Floats
    last: Floats
    skin: Floats
    ink: Floats


def drawn_eye(frame: np.ndarray, x: float, y: float, width: float) -> DrawnEye | None:
    """The eye ``width`` pixels wide around (x, y): what stands out from the skin there and does not reach further."""
    import scipy.ndimage as shapes

    half = 0.85 * width
    top, left = max(0, math.floor(y - half)), max(0, math.floor(x - half))
    part = frame[top : math.ceil(y + half) + 1, left : math.ceil(x + half) + 1].astype(np.float32)
    if min(part.shape[:2]) < 4:
        return None
    rows, columns = np.mgrid[: part.shape[0], : part.shape[1]]
    away = np.hypot(rows + top + 0.5 - y, columns + left + 0.5 - x) / width
    picture = (part[..., :3] / 127.5 - 1).transpose(2, 0, 1)
    skin = commonest(picture, (part[..., 3] > 128) * np.exp(-((away / 0.7) ** 2)) * (away > 0.45))
    stands_out = np.abs(picture - skin[:, None, None]).max(0)
    dark = (picture - skin[:, None, None]).mean(0) < 0
    mask = np.zeros(part.shape[:2], bool)
    for tone in ((stands_out > STANDS_OUT) & dark, (stands_out > STANDS_OUT) & ~dark):
        labels, count = shapes.label(tone, np.ones((3, 3)))
        size, inside = (np.bincount(each.ravel(), minlength=count + 1) for each in (labels, labels * (away < 0.56)))
        mask |= ((inside >= 0.9 * size) & (np.arange(count + 1) > 0))[labels]
    if mask.sum() < 6:
        return None
    mask = shapes.binary_fill_holes(mask)
    there = np.flatnonzero(mask.any(0))
    first = np.interp(np.arange(mask.shape[1]), there, mask.argmax(0)[there])
    last = np.interp(np.arange(mask.shape[1]), there, mask.shape[0] - mask[::-1].argmax(0)[there])
    ink = part[mask][:, :3]
    darkest = ink[ink.mean(1) <= np.quantile(ink.mean(1), 0.1)].mean(0)
    faint = mask | (stands_out > FAINT) & (stands_out <= STANDS_OUT) & (away < 0.64)
    mask = shapes.binary_dilation(shapes.binary_propagation(mask, mask=faint), np.ones((3, 3)), 2)
    return DrawnEye(
        top, left, mask, (int(there[0]), int(there[-1])), first.astype(np.float32), last.astype(np.float32),
        np.asarray((skin + 1) * 127.5, np.float32), darkest.astype(np.float32),
    )  # fmt: skip


def covered(frame: np.ndarray, eye: DrawnEye, amount: float) -> np.ndarray:
    """``frame`` with a drawn eye closed by ``amount``: lids come from above and below and meet in a line."""
    if amount < SLIGHT:
        return frame
    high, wide = eye.mask.shape
    begin, end = eye.columns
    meet = _smooth(eye.first + SHUT_AT * (eye.last - eye.first), eye.columns)
    upper = _smooth(eye.first + amount * (meet - eye.first), eye.columns)
    lower = np.maximum(eye.last + amount * (meet - eye.last), upper)
    y = np.arange(high)[:, None] + 0.5
    lid = np.clip(np.clip(upper - y + 0.5, 0, 1) + np.clip(y - lower + 0.5, 0, 1), 0, 1) * eye.mask
    thick = max(1.5, LASH * (end - begin + 1))
    line = np.clip(thick / 2 - np.abs(y - upper) / np.hypot(1, np.gradient(upper)) + 0.5, 0, 1)
    line *= min(1.0, amount / 0.15)
    line[:, :begin] = line[:, end + 1 :] = 0
    part = frame[eye.top : eye.top + high, eye.left : eye.left + wide]
    colour = part[..., :3].astype(np.float32)
    for cover, paint in ((lid, eye.skin), (line, eye.ink)):
        colour += cover[..., None] * (paint - colour)
    result = frame.copy()
    result[eye.top : eye.top + high, eye.left : eye.left + wide, :3] = np.clip(colour + 0.5, 0, 255).astype(np.uint8)
    return result


def _smooth(heights: Floats, columns: tuple[int, int]) -> Floats:
    """The parabola [w] that is nearest to ``heights`` [w] in ``columns``."""
    x = np.arange(len(heights)) - sum(columns) / 2
    there = slice(columns[0], columns[1] + 1)
    return np.asarray(np.polyval(np.polyfit(x[there], heights[there], min(2, there.stop - there.start - 1)), x))


def shut(frame: np.ndarray, eye: Eye, amount: float) -> np.ndarray:
    """``frame`` with the eye closed by ``amount``: what is above it is drawn down over it."""
    if amount < SLIGHT:
        return frame
    reach = 1.35 * eye.half
    top, bottom = max(0, math.floor(eye.y - 1.5 * reach)), min(frame.shape[0], math.ceil(eye.y + 1.2 * reach))
    left, right = max(0, math.floor(eye.x - reach)), min(frame.shape[1], math.ceil(eye.x + reach))
    if top + 1 >= bottom or left + 1 >= right:
        return frame
    x, y = np.meshgrid(np.arange(left, right) - eye.x, np.arange(top, bottom) - eye.y)
    cos, sin = math.cos(eye.roll), math.sin(eye.roll)
    s, t = (cos * x + sin * y) / eye.half, (cos * y - sin * x) / eye.half
    upper, lower = (np.interp(s, eye.across, edge) for edge in (eye.upper, eye.lower))
    lid = upper + amount * (lower - upper)
    begin = upper - 0.55
    part = (t - begin) / np.maximum(lid - begin, 1e-3)
    from_t = np.where((t > begin) & (t < lid), begin + part * (upper - begin), t)
    away, down = s * eye.half, from_t * eye.half
    place = [eye.x + cos * away - sin * down - left, eye.y + sin * away + cos * down - top]
    old = frame[top:bottom, left:right]
    moves = np.clip(np.abs(from_t - t) * eye.half / 0.3, 0, 1) * (np.abs(s) < 1)
    made = old + moves[..., None] * (sampled(old, place) - old)
    result = frame.copy()
    result[top:bottom, left:right, :3] = np.clip(made + 0.5, 0, 255).astype(np.uint8)[..., :3]
    return result
