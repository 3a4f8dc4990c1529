"""Filling in: part of a sound is known, the rest is made to fit, with one noise level per token."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pipelines.flow import Call, Step, Velocity, noise, solve
from pipelines.flow.rules import Rule

PATCH = 4  # frames of one token


def filling(velocity: Velocity, data: Tensor, known: Tensor) -> Velocity:
    """``velocity`` for a state whose ``known`` tokens [tokens] bool are those of ``data`` [B, BANDS, frames].

    They stand at sigma 0, where the model reads them as they are, and do not move.
    """
    frames = known.repeat_interleave(data.shape[2] // known.shape[0])

    def inside(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        levels = sigma[:, None] * (~known).to(sigma)
        seen = torch.where(frames, data.to(x), x)
        return torch.where(frames, torch.zeros_like(x), velocity(seen, levels, call))

    return inside


def fill(
    velocity: Velocity, data: Tensor, known: Tensor, sigmas: Tensor, rule: Rule, seeds: Sequence[int]
) -> Iterator[Step]:
    """Make the tokens of ``data`` [B, BANDS, frames] that are not ``known`` [tokens]; the others stay, bit for bit.

    Sample i begins from the noise of ``seeds[i]``.
    """
    frames = known.repeat_interleave(data.shape[2] // known.shape[0])
    start = torch.where(frames, data, noise(data.shape[1:], seeds))
    for step in solve(filling(velocity, data, known), start, sigmas, rule):
        yield step._replace(clean=torch.where(frames, data, step.clean.to(data)))


def turned(latent: Tensor, tokens: int) -> Tensor:
    """``latent`` [B, BANDS, frames] with its first ``tokens`` moved behind its end, as a loop may be."""
    return latent.roll(-tokens * PATCH, dims=-1)


def seam(tokens: int) -> Tensor:
    """The known tokens [tokens] of a loop of so many, turned by half: all but its former ends, now in the middle.

    Half a second to each side is made anew, or a quarter of the loop where it is short.
    """
    side = max(1, min(round(0.5 * 93.75 / PATCH), tokens // 8))
    known = torch.ones(tokens, dtype=torch.bool)
    middle = tokens - tokens // 2
    known[middle - side : middle + side] = False
    return known
