"""Training examples of moving pictures: real clips with the motion read off them, and stickers that verbs move."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pipelines.models.colours import repaint
from pipelines.models.motion import CHANNELS, LATTICE, Score, moved, shrunk
from pipelines.models.verbs import VERBS, Move, forms, perform, room
from pipelines.training.data.clips import FRAMES, KEYS, ClipSet
from pipelines.training.data.stickers import StickerSet

REAL_SHARE = 0.65  # the rest are stickers that verbs move
BORROWED_SHARE = 0.2  # of the stickers: moved as some clip moves
UNKNOWN_SHARE = 0.25  # real clips whose motion the network is not told
BLIND_SHARE = 0.07  # examples without the moved picture
EMPTY_SHARE = 0.15  # examples without words
REPAINT_SHARE = 0.15
PACES = (1, 1, 2, 3)  # frames of the set to a frame of an example
RATE = 10.0
JITTER = 0.012  # deviation of the score that is told from the one that moved a sticker


class Example(NamedTuple):
    """One example: clip [4, T, H, W] and moved picture [5, T, H, W] in [-1, 1], score channels, words."""

    clip: Tensor
    reference: Tensor
    score: Tensor
    prompt: str


@dataclass(frozen=True)
class Moves:
    """Draws training examples; the same ``(seed, step)`` always gives the same ones."""

    clips: ClipSet
    stickers: StickerSet
    grid: tuple[int, int]
    seed: int = 0

    def batch(self, step: int, size: int, frames: int) -> list[Example]:
        """The ``size`` examples of training step ``step``, each of so many frames."""
        rng = np.random.default_rng((self.seed, step, 2))
        return [self._one(rng, frames) for _ in range(size)]

    def _one(self, rng: np.random.Generator, frames: int) -> Example:
        clip, shown, score, prompt = self._real(rng, frames) if rng.random() < REAL_SHARE else self._made(rng, frames)
        channels = torch.zeros(frames, *self.grid, CHANNELS) if score is None else score.channels(self.grid)
        reference = torch.cat([shown * 2 - 1, torch.ones_like(shown[:, :1])], dim=1).transpose(0, 1)
        if rng.random() < BLIND_SHARE:
            reference = torch.zeros_like(reference)
        if rng.random() < EMPTY_SHARE:
            prompt = ""
        return Example(clip.transpose(0, 1) * 2 - 1, reference, channels, prompt)

    def _real(self, rng: np.random.Generator, frames: int) -> tuple[Tensor, Tensor, Score | None, str]:
        row = _drawn(self._clip_weights, rng, self._clip_rows)
        item = self.clips.items[row]
        key = int(rng.integers(len(KEYS)))
        pace = int(rng.choice(PACES))
        start = KEYS[key] if rng.random() < 0.5 else int(rng.integers(FRAMES))
        times = (start + pace * np.arange(frames)) % FRAMES
        pixels = np.asarray(self.clips.frames[row, [KEYS[key], *times]])
        if rng.random() < REPAINT_SHARE:
            pixels = repaint(pixels, float(rng.uniform(0, 360)))
        everything = _unit(pixels)
        score = self.clips.score(row, key)[torch.from_numpy(times)]
        if rng.random() < 0.5:
            everything, score = everything.flip(-1), mirrored(score)
        picture, clip = everything[0], everything[1:]
        prompt = _named(item.name, item.tags, rng)
        if rng.random() < UNKNOWN_SHARE:
            return clip, clip[:1].expand_as(clip), None, prompt
        return clip, moved(picture, score.field), score, prompt

    def _made(self, rng: np.random.Generator, frames: int) -> tuple[Tensor, Tensor, Score | None, str]:
        row = _drawn(self._sticker_weights, rng, self._sticker_rows)
        item = self.stickers.items[row]
        picture = _unit(self.stickers.pictures[row][None])[0]
        name = _named(item.name, item.tags, rng)
        if rng.random() < BORROWED_SHARE:
            other = _drawn(self._clip_weights, rng, self._clip_rows)
            times = (int(rng.integers(FRAMES)) + int(rng.choice(PACES)) * np.arange(frames)) % FRAMES
            score = self.clips.score(other, int(rng.integers(len(KEYS))))[torch.from_numpy(times)]
        else:
            asked = [_move(rng) for _ in range(2 if rng.random() < 0.15 else 1)]
            share = min(room(asked), 1.0) if rng.random() < 0.7 else float(rng.uniform(0.6, 1))
            picture = shrunk(picture, share)
            start = 0.0 if rng.random() < 0.6 else float(rng.uniform(0, 2))
            score = perform(asked, frames, RATE, loop=bool(rng.random() < 0.5), start=start)
            name = ", ".join([name, *(str(rng.choice(forms(VERBS[move.verb].words[0]))) for move in asked)])
        clip = moved(picture, score.field, score.opacity)
        told = Score(score.field + JITTER * _smooth(rng, frames), score.opacity)
        return clip, moved(picture, told.field, told.opacity), told, name

    @cached_property
    def _clip_rows(self) -> list[int]:
        return self.clips.rows(held_out=False)

    @cached_property
    def _clip_weights(self) -> np.ndarray:
        return np.cumsum([self.clips.items[row].weight for row in self._clip_rows])

    @cached_property
    def _sticker_rows(self) -> list[int]:
        return [row for row, item in enumerate(self.stickers.items) if not item.held_out]

    @cached_property
    def _sticker_weights(self) -> np.ndarray:
        items = self.stickers.items
        return np.cumsum([items[row].weight * (2 if items[row].style == "3d" else 1) for row in self._sticker_rows])


def mirrored(score: Score) -> Score:
    """The score of the mirror image."""
    turned = score.field.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    return Score(turned, score.opacity)


def _move(rng: np.random.Generator) -> Move:
    return Move(
        str(rng.choice(list(VERBS))), float(rng.choice((0.5, 1.0, 1.0, 2.0))), float(rng.uniform(0.4, 1.4)),
        float(rng.choice((-1.0, 1.0))),
    )  # fmt: skip


def _drawn(cumulative: np.ndarray, rng: np.random.Generator, rows: Sequence[int]) -> int:
    place = int(np.searchsorted(cumulative, rng.random() * cumulative[-1]))
    return rows[min(place, len(rows) - 1)]


def _unit(pixels: np.ndarray) -> Tensor:
    """Premultiplied uint8 [N, H, W, 4] as [N, 4, H, W] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def _named(name: str, tags: Sequence[str], rng: np.random.Generator) -> str:
    if tags and rng.random() < 0.3:
        return f"{name}, {rng.choice(list(tags))}"
    return name


def _smooth(rng: np.random.Generator, frames: int) -> Tensor:
    """Random bends that change slowly over the lattice and are the same in all frames but the first, which has none."""
    coarse = torch.from_numpy(rng.standard_normal((1, 2, 3, 3)).astype(np.float32))
    bend = interpolate(coarse, (LATTICE, LATTICE), mode="bilinear", align_corners=True)
    return bend * torch.linspace(0, 1, frames)[:, None, None, None]
