"""Filling in: part of a signal is known, the rest is made to fit, with one noise level along the first axis."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pipelines.flow.noise import noise
from pipelines.flow.rules import Rule
from pipelines.flow.solver import Step, over_signal, solve
from pipelines.flow.types import Call, Velocity


def filling(velocity: Velocity, data: Tensor, known: Tensor) -> Velocity:
    """``velocity`` for a state whose ``known`` parts [N] bool, along the first axis, are those of ``data`` [B, C, *S].

    They stand at sigma 0, where the model reads them as they are, and do not move.
    """
    inside = over_signal(known.float(), data) > 0

    def part(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        level = sigma if sigma.ndim == 2 else sigma[:, None]
        seen = torch.where(inside, data.to(x), x)
        return torch.where(inside, torch.zeros_like(x), velocity(seen, level * (~known).to(sigma), call))

    return part


def fill(
    velocity: Velocity,
    data: Tensor,
    known: Tensor,
    sigmas: Tensor,
    rule: Rule,
    seeds: Sequence[int],
    over: Tensor | None = None,
) -> Iterator[Step]:
    """Make the parts of ``data`` [B, C, *S] that are not ``known`` [N]; the others stay, bit for bit.

    Sample i begins from the noise of ``seeds[i]``, at the first of ``sigmas`` over the signal ``over`` where given.
    """
    inside = over_signal(known.float(), data) > 0
    begun = noise(data.shape[1:], seeds)
    if over is not None:
        begun = (1 - float(sigmas[0])) * over + float(sigmas[0]) * begun
    start = torch.where(inside, data, begun)
    for step in solve(filling(velocity, data, known), start, sigmas, rule):
        yield step._replace(clean=torch.where(inside, data, step.clean.to(data)))
