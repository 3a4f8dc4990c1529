"""Mouths out of frames, repainted by the flow model, and laid back in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, max_pool2d

from pipelines.edit.types import CountedModel
from pipelines.errors import ModelError
from pipelines.flow import conditioned, guided, noise, sigma_grid, solve
from pipelines.flow.guidance import interval
from pipelines.flow.rules import rule_named
from pipelines.flow.schedule import SCHEDULES
from pipelines.flow.types import Velocity
from pipelines.lipsync.faces import Box, Face, Pen
from pipelines.lipsync.plates import Plate, bared, plate_of
from pipelines.models.mouth import SIDE, MouthModel, Mouths
from pipelines.models.mouth_draft import ROOM, Manner, draft, manner_of
from pipelines.settings import LipSyncSettings

GROUND = 0.0  # what shows through where a drawing is transparent: middle grey
FALL = 1.5  # guidance fades with sigma to this power (OmniSync, arXiv 2505.21448)
REACH = 0.3  # radius of the guidance field, in sides of the picture
GUIDED_ABOVE = 0.35  # below this noise level guidance is too faint to pay for a second call
FINEST = 256  # pixels of the picture that a mouth is drawn at, at most; the network paints at SIDE whatever it is
UNLIKE = 0.5  # twice the difference, of a range of 2, from which on two drafts show another thing
SEEN = 0.04  # of the matte: what is painted more faintly is left as it was, to the bit


@dataclass(frozen=True)
class Patch:
    """Pixels uint8 [H, W, 4] that take the place of a frame's at (top, left)."""

    top: int
    left: int
    pixels: np.ndarray


class Painter(CountedModel):
    """A painter of one run: its calls are counted.

    Every face keeps the pen that its mouth was drawn with first, and what its frames have shown of it without mouth.
    """

    def __init__(self, model: MouthModel) -> None:
        super().__init__(model)
        self.own = model
        self._pens: dict[int, Pen] = {}
        self._plates: dict[int, Plate | None] = {}

    def held(self, slot: int, frames: Sequence[np.ndarray], faces: Sequence[Face]) -> list[Face]:
        """The faces of a slot, one in each of ``frames``, with its pen and its plate."""
        if not len(frames):
            return []
        looks = _looked_at(frames, faces)
        if slot not in self._pens:
            self._pens[slot] = pen_of([manner_of(each[None]) for each in looks])
        plate = self._plates[slot] = plate_of(looks, self._plates.get(slot))
        return [replace(face, pen=self._pens[slot], plate=plate) for face in faces]


def cut(frame: np.ndarray, face: Face, side: int = SIDE) -> Tensor:
    """The picture around a mouth [3, side, side] in [-1, 1], upright, from a frame uint8 [H, W, 4]."""
    box = face.corners(ROOM)
    height, width = frame.shape[:2]
    rows = np.arange(box.top, box.bottom).clip(0, height - 1)
    columns = np.arange(box.left, box.right).clip(0, width - 1)
    part = torch.from_numpy(frame[rows[:, None], columns[None]]).permute(2, 0, 1)[None].float()
    colour = (part[:, :3] / 127.5 - 1 - GROUND) * (part[:, 3:] / 255) + GROUND
    shrunk = max(1, round(min(colour.shape[2:]) / side / 1.5))
    if shrunk > 1:  # by area first: sampling alone would skip most pixels
        colour = interpolate(colour, size=[max(side, n // shrunk) for n in colour.shape[2:]], mode="area")
    return grid_sample(colour, _grid(face, box, side), "bilinear", "border", align_corners=False)[0]


def _grid(face: Face, box: Box, side: int) -> Tensor:
    """For each pixel of the cut picture, where it is in the box, in grid_sample's units."""
    half, cos, sin = face.width * ROOM / 2, math.cos(face.roll), math.sin(face.roll)
    wide, high = (box.right - box.left) / 2, (box.bottom - box.top) / 2
    theta = torch.tensor([[
        [half * cos / wide, -half * sin / wide, (face.x - box.left) / wide - 1],
        [half * sin / high, half * cos / high, (face.y - box.top) / high - 1],
    ]], dtype=torch.float32)  # fmt: skip
    return affine_grid(theta, [1, 1, side, side], align_corners=False)


def laid(frame: np.ndarray, face: Face, painted: Tensor) -> Patch | None:
    """What was painted [4, S, S] at its place in ``frame``; None where it falls outside.

    Transparency stays as it is, and so does every pixel that the matte leaves out.
    """
    box = face.corners(ROOM)
    height, width = frame.shape[:2]
    top, left, bottom, right = max(box.top, 0), max(box.left, 0), min(box.bottom, height), min(box.right, width)
    if top >= bottom or left >= right:
        return None
    half, cos, sin = face.width * ROOM / 2, math.cos(face.roll), math.sin(face.roll)
    y, x = torch.meshgrid(
        torch.arange(top, bottom) + 0.5 - face.y, torch.arange(left, right) + 0.5 - face.x, indexing="ij"
    )
    grid = torch.stack([(cos * x + sin * y) / half, (cos * y - sin * x) / half], dim=-1)[None].float()
    there = grid_sample(painted[None].float(), grid, "bicubic", "border", align_corners=False)[0]
    matte = (there[3] / 2 + 0.5).clamp(0, 1) * (grid[0].abs().amax(-1) < 1) * _edge(grid[0])
    share = torch.where(matte < SEEN, torch.zeros(()), matte).numpy()[..., None]
    colour = (there[:3].permute(1, 2, 0).numpy() + 1) * 127.5
    old = frame[top:bottom, left:right]
    pixels = old.copy()
    pixels[..., :3] = np.clip(old[..., :3] + share * (colour - old[..., :3]) + 0.5, 0, 255).astype(np.uint8)
    return Patch(top, left, pixels)


def _edge(grid: Tensor) -> Tensor:
    """1 inside the picture, falling to 0 along its edge, so that no frame can show."""
    return ((1 - grid.abs().amax(-1)) / 0.12).clamp(0, 1)


def field() -> Tensor:
    """Where guidance works [1, 1, 64, 64]: a bell around the mouth that peaks at 1."""
    steps = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    away = steps[:, None].sub(0.04).square() + steps[None].square()  # an open mouth reaches further down than up
    return torch.exp(-away / (2 * REACH**2))[None, None]


def velocity_of(model: Painter, mouths: Mouths, settings: LipSyncSettings) -> Velocity:
    """The velocity that paints ``mouths`` under the guidance that ``settings`` ask for."""
    toward = conditioned(model, model.own.encode(mouths))
    if settings.guidance == 1:
        return toward
    away = conditioned(model, model.own.nothing(mouths))
    if settings.guide == "plain":
        return guided(toward, away, settings.guidance)
    bell = field()
    inside = guided(toward, away, settings.guidance, lambda sigma: bell * sigma**FALL)
    return interval(inside, toward, GUIDED_ABOVE, 1.0)


def paint(model: Painter, source: Tensor, shape: np.ndarray, settings: LipSyncSettings, seed: int) -> Tensor:
    """Colours and matte [B, 4, 64, 64] of the mouths in ``source`` [B, 3, 64, 64] doing ``shape`` [B, 5].

    Every frame begins from the same noise, so that what does not change does not flicker.
    """
    mouths = Mouths(source, torch.from_numpy(shape), torch.ones(len(source)))
    start = torch.cat([source, (2 * field() - 1).expand(len(source), -1, -1, -1)], dim=1)
    e = noise((4, SIDE, SIDE), [seed % 2**63]).expand_as(start)
    grid = sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, 64), start=1.0, end=0.0)
    grid = grid * settings.start
    x = (1 - settings.start) * start + settings.start * e
    clean = x
    for step in solve(velocity_of(model, mouths, settings), x, grid, rule_named(settings.solver)):
        clean = step.clean.float()
    if not torch.isfinite(clean).all():
        raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
    return clean.clamp(-1, 1)


def painted(
    model: Painter, frames: Sequence[np.ndarray], faces: Sequence[Face], shape: np.ndarray,
    settings: LipSyncSettings, seed: int,
) -> list[Patch | None]:  # fmt: skip
    """Patches for ``faces``, one in each of ``frames``, whose mouths do ``shape`` [N, 5].

    The network paints 64 pixels across. What it changed of the draft is laid over a draft of the frame's own pixels, so
    that lines are as sharp as the frame.
    """
    if not len(frames):
        return []
    shape = shape.copy()
    shape[:, 4] = [face.smile for face in faces]
    of = _distinct(frames, faces)
    rows = sorted(set(of))
    place = torch.tensor([rows.index(row) for row in of])
    source = torch.stack([cut(frames[row], faces[row]) for row in rows])[place]
    made = paint(model, source, shape, settings, seed)
    told, wanted = torch.ones(len(shape)), torch.from_numpy(shape)
    plain = torch.cat(draft(source, wanted, told), dim=1)
    patches: list[Patch | None] = [None] * len(frames)
    for row in rows:
        same = [index for index, each in enumerate(of) if each == row]
        fine = cut(frames[row], faces[row], _fineness(faces[row]))[None]
        first = torch.cat(_redrawn(fine, faces[row], wanted[same]), dim=1)
        changed = (made[same] - plain[same]) * _alike(plain[same], first)
        more = interpolate(changed, size=fine.shape[2:], mode="bicubic", align_corners=False)
        for index, each in zip(same, finished(first, more), strict=True):
            patches[index] = laid(frames[row], faces[row], each)
    return patches


def pen_of(manners: Sequence[Manner]) -> Pen:
    """What a mouth is drawn with that several frames show.

    A mouth that is open looks as if its line were thick, never as if it were thin.
    """
    red, green, blue = torch.cat([each.ink for each in manners]).median(0).values.tolist()
    return Pen((red, green, blue), float(torch.cat([each.stroke for each in manners]).quantile(0.3)))


def _looked_at(frames: Sequence[np.ndarray], faces: Sequence[Face]) -> list[Tensor]:
    """The pictures around a mouth [3, S, S] that are not the same, of one size."""
    rows, side = sorted(set(_distinct(frames, faces))), _fineness(faces[0])
    return [cut(frames[row], faces[row], side) for row in rows]


def _fineness(face: Face) -> int:
    return int(min(max(face.width * ROOM, SIDE), FINEST))


def _redrawn(fine: Tensor, face: Face, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Drafts of one picture [1, 3, S, S] with mouths of ``shape`` [B, 5]."""
    manner, count, pen = manner_of(fine), len(shape), face.pen
    if face.plate is not None and face.plate.ready:
        manner = bared(manner, fine, face.plate)
    ink, stroke = manner.ink, manner.stroke
    if pen is not None:
        ink, stroke = torch.tensor([pen.ink]), torch.tensor([pen.stroke])
    every = Manner(*(part.expand(count, *part.shape[1:]) for part in (ink, stroke, manner.old, manner.under)))
    return draft(fine.expand(count, -1, -1, -1), shape, torch.ones(count), every)


def _alike(plain: Tensor, first: Tensor) -> Tensor:
    """Where the draft [B, 4, 64, 64] that the network began from is that which was drawn [B, 4, S, S]: from 0 to 1.

    A face's plate may show another ground than what stands out in one frame: what the network made of that is void.
    """
    apart = (plain - interpolate(first, size=plain.shape[2:], mode="area"))[:, :3].abs().amax(1, keepdim=True)
    return 1 - max_pool2d((2 * apart - UNLIKE).clamp(0, 1), 3, 1, 1)


def finished(first: Tensor, more: Tensor) -> Tensor:
    """A draft [B, 4, S, S] with what the network changed of it [B, 4, S, S]; the old mouth stays covered."""
    colour = first[:, :3] + more[:, :3]
    matte = torch.maximum(first[:, 3:], first[:, 3:] + more[:, 3:])
    return torch.cat([colour, matte], dim=1).clamp(-1, 1)


def _distinct(frames: Sequence[np.ndarray], faces: Sequence[Face]) -> list[int]:
    """For each frame the first that is the very same with the face in the same place, as in a still all are."""
    seen: dict[tuple[float, ...], int] = {}
    keys = [(id(frame), face.x, face.y, face.width, face.roll) for frame, face in zip(frames, faces, strict=True)]
    return [seen.setdefault(key, row) for row, key in enumerate(keys)]
