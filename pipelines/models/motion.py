"""Motion scores: where every point of a picture goes, frame by frame, and the picture moved by one.

A score is what the video network is told of motion. It comes from verbs (:mod:`pipelines.models.verbs`), from the bank
of learned motions (:mod:`pipelines.models.motions`), or is read off a clip (:mod:`pipelines.models.tracking`); the
network is shown the picture moved by it, and draws what a score cannot say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

LATTICE = 9  # control points along each side of the canvas, its edges included
CHANNELS = 6  # of a score along the tokens: place, move to the next frame, opacity, whether it is known


@dataclass(frozen=True)
class Score:
    """Motion of a picture over T frames.

    Attributes:
        field: [T, 2, LATTICE, LATTICE] float32; at each control point (x, y) from the point to the place in the
            picture that is seen there, in half canvas sizes. Zero holds still.
        opacity: [T] float32 in [0, 1], a factor on the picture's own.
    """

    field: Tensor
    opacity: Tensor

    @classmethod
    def still(cls, frames: int) -> "Score":
        """A score of so many frames in which nothing moves."""
        return cls(torch.zeros(frames, 2, LATTICE, LATTICE), torch.ones(frames))

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.field.shape[0]

    def __getitem__(self, frames: slice | Sequence[int] | Tensor) -> "Score":
        """The score of some of its frames."""
        return Score(self.field[frames], self.opacity[frames])

    def then(self, other: "Score") -> "Score":
        """This score and ``other`` after it."""
        return Score(torch.cat([self.field, other.field]), torch.cat([self.opacity, other.opacity]))

    def scaled(self, amount: float) -> "Score":
        """Everything is displaced ``amount`` times as far; a turn by more than a little is no turn any more."""
        return Score(self.field * amount, (1 - amount * (1 - self.opacity)).clamp(0, 1))

    def blended(self, other: "Score", share: Tensor) -> "Score":
        """A mixture: ``share`` [T] of ``other`` in each frame."""
        wide = share[:, None, None, None]
        return Score((1 - wide) * self.field + wide * other.field, (1 - share) * self.opacity + share * other.opacity)

    def resampled(self, times: Tensor, *, loop: bool) -> "Score":
        """The score at fractional frame numbers ``times`` [N]; beyond the end it starts again, or stays."""
        last = self.frames if loop else self.frames - 1
        times = times % last if loop else times.clamp(0, last)
        low = times.floor().long()
        high = (low + 1) % self.frames if loop else (low + 1).clamp(max=last)
        return self[low].blended(self[high], times - low)

    def channels(self, grid: Sequence[int]) -> Tensor:
        """What the network reads at each token, [T, rows, columns, CHANNELS]."""
        rows, columns = grid
        place = dense(self.field, (rows, columns)).permute(0, 2, 3, 1)
        move = torch.cat([place[1:], place[-1:]]) - place
        known = torch.ones(self.frames, rows, columns, 1)
        opacity = self.opacity[:, None, None, None].expand_as(known)
        return torch.cat([place, move, opacity, known], dim=-1)


def centres(sizes: Sequence[int]) -> Tensor:
    """(x, y) of the cells' centres of a canvas of ``sizes`` (rows, columns), in [-1, 1]: [rows, columns, 2]."""
    rows, columns = (torch.arange(size) * (2 / size) + (1 / size - 1) for size in sizes)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)


def dense(field: Tensor, sizes: Sequence[int]) -> Tensor:
    """``field`` [T, 2, L, L] at the centres of a canvas of ``sizes`` (rows, columns): [T, 2, rows, columns]."""
    places = centres(sizes).to(field).expand(field.shape[0], -1, -1, -1)
    return grid_sample(field, places, align_corners=True, padding_mode="border")


def moved(picture: Tensor, field: Tensor, opacity: Tensor | None = None) -> Tensor:
    """``picture`` [4, H, W] or one a frame [T, 4, H, W], in [0, 1], premultiplied, moved by ``field`` [T, 2, L, L].

    What comes from beyond the canvas is transparent. Returns [T, 4, H, W].
    """
    pictures = picture.expand(field.shape[0], -1, -1, -1) if picture.ndim == 3 else picture
    sizes = pictures.shape[-2:]
    places = (centres(sizes).to(field) + dense(field, sizes).permute(0, 2, 3, 1)).to(pictures)
    # Cubic: what holds still comes out as it is, and what turns stays sharp.
    seen = grid_sample(pictures, places, mode="bicubic", align_corners=False).clamp(0, 1)
    seen = torch.cat([torch.minimum(seen[:, :3], seen[:, 3:]), seen[:, 3:]], dim=1)
    return seen if opacity is None else seen * opacity.to(seen)[:, None, None, None]


def performed(picture: Tensor, score: Score) -> Tensor:
    """``picture`` [C, H, W] in [-1, 1], premultiplied, as ``score`` moves it: [C, T, H, W] in [-1, 1]."""
    return moved((picture + 1) / 2, score.field, score.opacity).transpose(0, 1) * 2 - 1


def shrunk(picture: Tensor, share: float) -> Tensor:
    """``picture`` [4, H, W] in [0, 1] at ``share`` of its size, in the middle of as large a canvas."""
    size = picture.shape[-1]
    inner = max(1, round(size * share))
    if inner == size:
        return picture
    canvas = torch.zeros_like(picture)
    edge = (size - inner) // 2
    small = interpolate(picture[None], (inner, inner), mode="bilinear", antialias=True, align_corners=False)[0]
    canvas[:, edge : edge + inner, edge : edge + inner] = small
    return canvas
