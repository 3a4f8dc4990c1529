"""Editors that start from a noised picture: SDEdit, the baseline, and MagicMix."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipelines.edit.mask import blend, composite
from pipelines.edit.types import EditPlan, EditStep, counted
from pipelines.flow.rules import EULER, Rule, State
from pipelines.flow.solver import solve


def sde_edit(plan: EditPlan, x: Tensor, sigmas: Tensor, e: Tensor, rule: Rule = EULER) -> Iterator[EditStep]:
    """SDEdit (arXiv 2108.01073): start from (1 - s) x + s e at the top level s of the falling grid, then sample.

    ``x`` and noise ``e`` [B, *S]. Outside the mask the state follows the noised source.
    """
    yield from _repaint(plan, x, sigmas, e, rule, keep=0.0, keep_above=2.0)


def magic_mix(
    plan: EditPlan,
    x: Tensor,
    sigmas: Tensor,
    e: Tensor,
    *,
    keep: float = 0.5,
    keep_above: float = 0.3,
    rule: Rule = EULER,
) -> Iterator[EditStep]:
    """MagicMix (arXiv 2210.16056): between the top level and ``keep_above`` each state is mixed with the noised layout.

    ``keep`` is the layout's share, with the same noise ``e`` [B, *S] throughout; below ``keep_above`` it is plain
    sampling. With ``keep`` 0 it is SDEdit from the same level.
    """
    yield from _repaint(plan, x, sigmas, e, rule, keep=keep, keep_above=keep_above)


def _repaint(
    plan: EditPlan, x: Tensor, sigmas: Tensor, e: Tensor, rule: Rule, *, keep: float, keep_above: float
) -> Iterator[EditStep]:
    plan, model = counted(plan)

    def noised(level: float) -> Tensor:
        return (1 - level) * x + level * e

    def correct(state: State, done: int) -> State:
        level = float(sigmas[done])
        last = done == sigmas.shape[0] - 1
        value = state.x
        if level >= keep_above and not last:
            value = value + keep * (noised(level) - value)
        if plan.mask is not None:
            value = blend(x if last else noised(level), value, plan.mask)
        return State(value, state.memory)

    start = noised(float(sigmas[0])).to(torch.promote_types(x.dtype, torch.float32))
    for step in solve(plan.target_velocity(), start, sigmas, rule, correct=correct):
        last = step.done == sigmas.shape[0] - 1
        # The last clean estimate, not the state, which still holds the noise of its level.
        clean = composite(x, step.clean, plan.mask) if last else step.clean
        yield EditStep(step.done, sigmas.shape[0] - 1, clean, model.calls)
