"""The only loop over time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.errors import SettingsError
from pipelines.flow.rules import ALF, Rule, State
from pipelines.flow.types import Call, Velocity

Correct = Callable[[State, int], State]  # (state, steps done) -> state


class Step(NamedTuple):
    """What one step leaves behind.

    Attributes:
        done: steps finished, from 1.
        sigma: level reached, [] or [frames], float64.
        state: solver state; give it to :func:`solve` with the reversed grid to go back.
        clean: estimate of the clean signal from the last model call, in the state's float precision.
        calls: model calls so far.
    """

    done: int
    sigma: Tensor
    state: State
    clean: Tensor
    calls: int


def over_signal(level: Tensor, x: Tensor) -> Tensor:
    """A level [] or [frames] shaped to multiply ``x`` [B, C, S0, ...]; frames run along S0 in equal parts."""
    if level.ndim == 0:
        return level
    if x.ndim < 3 or x.shape[2] % level.shape[0]:
        raise SettingsError(f"sigma: {level.shape[0]} levels do not divide the first axis of {tuple(x.shape)}")
    spread = level.repeat_interleave(x.shape[2] // level.shape[0])
    return spread.reshape(1, 1, -1, *[1] * (x.ndim - 3))


def solve(
    velocity: Velocity, x: Tensor | State, sigmas: Tensor, rule: Rule = ALF, *, correct: Correct | None = None
) -> Iterator[Step]:
    """Integrate ``velocity`` along ``sigmas``, yielding after every step. Closing the generator stops the run.

    Args:
        velocity: called with (x float32 or float64 [B, *S], sigma [B] or [B, frames] float32, Call).
        x: start [B, *S], float32 or float64; or the ``state`` of an earlier step of the same rule, whose memory then
            goes on (that is what makes a reversible rule's way back exact).
        sigmas: levels [steps + 1], or [steps + 1, frames] with one level per frame; falling samples, rising inverts.
        rule: how to step.
        correct: applied to the state after every step: masks, anchors, residuals.

    Raises:
        SettingsError: the start is not floating point, or the grid has no step.
    """
    if sigmas.shape[0] < 2:
        raise SettingsError(f"sigmas: at least two levels, got {sigmas.shape[0]}")
    start = x.x if isinstance(x, State) else x
    if isinstance(x, Tensor) and x.dtype not in (torch.float32, torch.float64):
        raise SettingsError(f"solve: the state must be float32 or float64, got {x.dtype}")
    levels = [over_signal(level.double().to(start.device), start) for level in sigmas]
    counter = _Counter(velocity, start.shape[0], torch.float64 if rule.fixed_point else start.dtype, sigmas)
    state = x if isinstance(x, State) else rule.start(counter, x, levels[0], levels[1])
    for index, (a, b) in enumerate(zip(levels, levels[1:], strict=False)):
        counter.step = index
        if start.dtype == torch.float32 and not rule.fixed_point:
            a, b = a.float(), b.float()
        state = rule.advance(counter, state, a, b)
        if correct is not None:
            state = correct(state, index + 1)
        assert counter.clean is not None
        yield Step(index + 1, sigmas[index + 1], state, counter.clean, counter.calls)


class _Counter:
    """Evaluates for a rule: shapes sigma for the model, counts calls, keeps the latest clean estimate."""

    def __init__(self, velocity: Velocity, batch: int, dtype: torch.dtype, sigmas: Tensor) -> None:
        self.velocity, self.batch, self.dtype, self.sigmas = velocity, batch, dtype, sigmas
        self.step, self.calls = 0, 0
        self.clean: Tensor | None = None

    def __call__(self, x: Tensor, sigma: Tensor, stage: int) -> Tensor:
        self.calls += 1
        levels = sigma.reshape(1).expand(self.batch) if self.sigmas.ndim == 1 else self._frames(sigma)
        v = self.velocity(x.to(self.dtype), levels.float(), Call(self.step, stage, float(sigma.max()))).to(self.dtype)
        self.clean = x - sigma * v
        return v

    def _frames(self, sigma: Tensor) -> Tensor:
        frames = self.sigmas.shape[1]
        return sigma.reshape(frames, -1)[:, 0].expand(self.batch, frames)
