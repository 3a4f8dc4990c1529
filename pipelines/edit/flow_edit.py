"""FlowEdit (arXiv 2412.08629): move a signal along the difference of two velocities, with no inversion."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from pipelines.edit.mask import blend
from pipelines.edit.types import EditPlan, EditStep, counted
from pipelines.flow.noise import noise
from pipelines.flow.rules import EULER, Rule, State
from pipelines.flow.solver import solve
from pipelines.flow.types import Call, Velocity

Draw = Callable[[Sequence[int], Sequence[int]], Tensor]  # (shape of a sample, seeds) -> noise [B, *shape]


def difference(
    source: Velocity, target: Velocity, x: Tensor, seeds: Sequence[int], average: int = 1,
    *, fresh: bool = True, draw: Draw = noise,
) -> Velocity:  # fmt: skip
    """Velocity of z, from ``x`` [B, *S] toward its edit: mean over noise of target(z + (x_s - x)) - source(x_s).

    x_s = (1 - sigma) x + sigma e with noise e of its own per sample and average, and per step where ``fresh``; the
    same noise feeds both terms, so equal velocities cancel exactly. One noise for all steps makes it an ordinary
    differential equation, which rules of second order can use.
    """

    def velocity(z: Tensor, sigma: Tensor, call: Call) -> Tensor:
        level = sigma.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        total = torch.zeros_like(x)
        for turn in range(average):
            key = 1 + turn + (64 * (call.step * 4 + call.stage) if fresh else 0)
            e = draw(x.shape[1:], [(seed + 0x9E3779B97F4A7C15 * key) % 2**63 for seed in seeds]).to(x)
            noised = (1 - level) * x + level * e
            moved = noised + (z.to(x) - x)  # in this order: exactly ``noised`` while z is x
            total = total + (target(moved, sigma, call) - source(noised, sigma, call))
        return (total / average).to(z.dtype)

    return velocity


def flow_edit(
    plan: EditPlan, x: Tensor, sigmas: Tensor, seeds: Sequence[int],
    *, average: int = 1, rule: Rule = EULER, fresh: bool = True, draw: Draw = noise,
) -> Iterator[EditStep]:  # fmt: skip
    """Edit ``x`` [B, *S] along the falling grid ``sigmas`` [steps + 1], whose top is the start level.

    Costs (2, or 3 when guided) x ``average`` model calls per call of ``rule``; ``fresh`` as in :func:`difference`.
    """
    plan, model = counted(plan)
    velocity = difference(plan.source_velocity(), plan.target_velocity(), x, seeds, average, fresh=fresh, draw=draw)
    mask = plan.mask

    def keep_outside(state: State, done: int) -> State:
        assert mask is not None
        return State(blend(x, state.x, mask), state.memory)

    for step in solve(velocity, x, sigmas, rule, correct=None if mask is None else keep_outside):
        yield EditStep(step.done, sigmas.shape[0] - 1, step.state.value, model.calls)
