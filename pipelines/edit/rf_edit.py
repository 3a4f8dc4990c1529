"""RF-Edit: walk the picture back into noise, then forward under another description, sharing attention values.

RF-Solver-Edit (arXiv 2411.04746) with any rule of this engine. With the fixed-point leapfrog the way there and back
is the identity to the bit when both descriptions agree, at any number of steps.
"""

from collections.abc import Iterator

from torch import Tensor

from pipelines.edit.features import Features, Sharing, open_features
from pipelines.edit.mask import blend
from pipelines.edit.types import EditPlan, EditStep, counted
from pipelines.flow.guidance import conditioned, guided
from pipelines.flow.rules import ALF, Rule, State, to_fixed
from pipelines.flow.solver import Correct, Step, solve
from pipelines.flow.types import Call, Velocity


def invert(velocity: Velocity, x: Tensor, sigmas: Tensor, rule: Rule = ALF) -> Iterator[Step]:
    """Walk ``x`` [B, *S] up the rising grid ``sigmas`` into noise; :func:`solve` by the name of its purpose."""
    return solve(velocity, x, sigmas, rule)


def rf_edit(
    plan: EditPlan, x: Tensor, sigmas: Tensor, rule: Rule = ALF, sharing: Sharing | None = None
) -> Iterator[EditStep]:
    """Edit ``x`` [B, *S] between two descriptions.

    Args:
        plan: model, descriptions, guidance and mask.
        x: the signal to edit, taken as the state at the lowest level of ``sigmas``.
        sigmas: rising grid [steps + 1] of the inversion; the way back walks it in reverse. Its top is the start
            level: below 1 it inverts to the middle only and keeps more.
        rule: solver of both ways.
        sharing: which attention values the way back takes from the way there.

    Raises:
        OutOfBudget: before the first model call, when sharing would not fit.
    """
    plan, model = counted(plan)
    features = open_features(plan.model, plan.source, x, sigmas, rule, sharing or Sharing())
    velocity = plan.source_velocity()
    total = 2 * (sigmas.shape[0] - 1)
    path: list[State] = []
    step: Step | None = None
    for step in invert(features.recording(velocity) if features else velocity, x, sigmas, rule):
        if plan.mask is not None:
            path.append(step.state)
        yield EditStep(step.done, total, x, model.calls)
    assert step is not None
    start = _turned(plan, step, rule)
    if features is not None:
        features.turned(step.state)
    correct = None if plan.mask is None else _keep_outside(plan.mask, x, path, rule)
    for step in solve(_target(plan, features), start, sigmas.flip(0), rule, correct=correct):
        last = step.done == sigmas.shape[0] - 1
        clean = step.state.value.to(x.dtype) if last else step.clean.to(x.dtype)
        yield EditStep(total // 2 + step.done, total, clean, model.calls, features.peak if features else 0)


def _target(plan: EditPlan, features: Features | None) -> Velocity:
    if features is None:
        return plan.target_velocity()
    return guided(features.injecting(plan.target), features.injecting(plan.source), plan.guidance)


def _turned(plan: EditPlan, step: Step, rule: Rule) -> State | Tensor:
    """Where the way back starts.

    A reversible rule goes on with the velocity that it carries, moved by how much the descriptions differ there: the
    difference is exactly zero when they agree, so that the way back stays exact.
    """
    if not rule.reversible:
        return step.state.value
    state = step.state
    position = state.memory[0] if rule.carried else state.value
    level = step.sigma.float().reshape(1).expand(position.shape[0])
    call = Call(0, 0, float(step.sigma))
    v_target = conditioned(plan.model, plan.target)(position, level, call)
    v_source = conditioned(plan.model, plan.source)(position, level, call)
    move = plan.guidance * (v_target - v_source)
    memory = list(state.memory)
    memory[rule.carried] = memory[rule.carried] + (to_fixed(move) if rule.fixed_point else move)
    return State(state.x, tuple(memory))


def _keep_outside(mask: Tensor, x: Tensor, path: list[State], rule: Rule) -> Correct:
    """Return everything outside the mask to the source's own path after each step."""

    def correct(state: State, done: int) -> State:
        source = path[len(path) - 1 - done] if done < len(path) else None
        if source is None:  # the end of the way back: the signal itself
            return State(blend(to_fixed(x) if rule.fixed_point else x, state.x, mask), state.memory)
        memory = state.memory
        if rule.reversible:
            memory = tuple(blend(s, m, mask) for s, m in zip(source.memory, state.memory, strict=True))
        return State(blend(source.x, state.x, mask), memory)

    return correct
