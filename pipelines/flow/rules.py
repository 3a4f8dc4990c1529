"""Solver rules as data: order, calls and reversibility of each, and how it advances one step.

A rule sees ``evaluate(x, sigma, stage)`` and a state, and returns the next state. It never loops over time; that is
:func:`pipelines.flow.solver.solve`. Step h = b - a is negative when sampling and positive when inverting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.errors import SettingsError

Evaluate = Callable[[Tensor, Tensor, int], Tensor]  # (x, sigma, stage) -> velocity in the state's precision


class State(NamedTuple):
    """Where a solver stands.

    ``x`` [B, *S] is float, or int64 in units of 2**-36 for the fixed-point rule; ``memory`` is what the rule carries
    from step to step: velocities, in the same units.
    """

    x: Tensor
    memory: tuple[Tensor, ...] = ()

    @property
    def value(self) -> Tensor:
        """The state as floating point: as it is, or float64 from fixed point."""
        return from_fixed(self.x) if self.x.dtype == torch.int64 else self.x


Advance = Callable[[Evaluate, State, Tensor, Tensor], State]  # (evaluate, state, a, b) -> state
Start = Callable[[Evaluate, Tensor, Tensor, Tensor], State]  # (evaluate, x, a, b) -> state


def _plain(evaluate: Evaluate, x: Tensor, a: Tensor, b: Tensor) -> State:
    return State(x)


@dataclass(frozen=True)
class Rule:
    """A one-step or two-step rule.

    Attributes:
        name: how settings call it.
        title: what a person reads.
        order: global order of convergence.
        calls: model calls a step.
        start_calls: further calls before the first step.
        reversible: the way back with the carried memory undoes each step exactly (up to rounding; to the bit where
            the state is fixed point).
        fixed_point: the state is int64; see :class:`State`.
        carried: which entry of ``State.memory`` is the velocity that a reversible rule carries.
        symmetric: the way back asks the model about the same points at the same levels, in reverse order.
    """

    name: str
    title: str
    order: int
    calls: int
    advance: Advance
    start: Start = _plain
    start_calls: int = 0
    reversible: bool = False
    fixed_point: bool = False
    carried: int = 0
    symmetric: bool = False

    def steps_for(self, calls: int) -> int:
        """Most steps that fit into ``calls`` model calls, at least 1."""
        return max(1, (calls - self.start_calls) // self.calls)


def runge_kutta(name: str, title: str, order: int, stages: Sequence[Sequence[float]], weights: Sequence[float]) -> Rule:
    """Explicit Runge-Kutta rule from its Butcher tableau; row i of ``stages`` weighs the i + 1 derivatives so far."""

    def advance(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
        h = b - a
        slopes = [evaluate(state.x, a, 0)]
        for stage, row in enumerate(stages, start=1):
            shift = _combine(slopes, row)
            slopes.append(evaluate(state.x + h * shift, a + sum(row) * h, stage))
        return State(state.x + h * _combine(slopes, weights))

    return Rule(name, title, order, len(weights), advance)


def _combine(slopes: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    total = torch.zeros_like(slopes[0])
    for slope, weight in zip(slopes, weights, strict=True):
        if weight:
            total = total + weight * slope
    return total


def _middle(a: Tensor, b: Tensor) -> Tensor:
    # Symmetric in a and b to the bit, so that the way back asks the model for the very same level.
    return (a + b) / 2


def _first_velocity(evaluate: Evaluate, x: Tensor, a: Tensor, b: Tensor) -> State:
    return State(x, (evaluate(x, a, 0),))


def _first_velocity_midway(evaluate: Evaluate, x: Tensor, a: Tensor, b: Tensor) -> State:
    # Clean-signal networks have no usable velocity at their lowest level; the first midpoint is safely above it.
    return State(x, (evaluate(x, _middle(a, b), 0),))


def _adams_bashforth(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    v = evaluate(state.x, a, 0)
    if not state.memory:
        return State(state.x + (b - a) * v, (v, b - a))
    previous, step_before = state.memory
    ratio = (b - a) / (2 * step_before)
    return State(state.x + (b - a) * (v + ratio * (v - previous)), (v, b - a))


def _fire_flow(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    (u,) = state.memory
    m = evaluate(state.x + (b - a) / 2 * u, _middle(a, b), 0)
    return State(state.x + (b - a) * m, (m,))


def _pseudo_corrector(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    (v,) = state.memory
    after = evaluate(state.x + (b - a) * v, b, 0)
    return State(state.x + (b - a) / 2 * (v + after), (after,))


def _uni_inv(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    (p,) = state.memory
    p = evaluate(state.x + (b - a) * p, b, 0)
    return State(state.x + (b - a) * p, (p,))


def _reversible_heun_start(evaluate: Evaluate, x: Tensor, a: Tensor, b: Tensor) -> State:
    return State(x, (x, evaluate(x, a, 0)))


def _reversible_heun(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    shadow, v = state.memory
    h = b - a
    shadow = 2 * state.x - shadow + h * v
    after = evaluate(shadow, b, 0)
    return State(state.x + h / 2 * (v + after), (shadow, after))


def _leapfrog(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    (u,) = state.memory
    half = (b - a) / 2
    middle = state.x + half * u
    u = 2 * evaluate(middle, _middle(a, b), 0) - u
    return State(middle + half * u, (u,))


FIXED_POINT_BITS = 36


def to_fixed(x: Tensor) -> Tensor:
    """Round to int64 in units of 2**-36, half away from zero.

    Odd (-x gives the negative), which is what lets a step back cancel a step forth. Safe for |x| < 2**16.
    """
    scaled = x.double() * 2.0**FIXED_POINT_BITS
    return torch.trunc(scaled + torch.copysign(torch.full_like(scaled, 0.5), scaled)).to(torch.int64)


def from_fixed(x: Tensor) -> Tensor:
    """Float64 value of a fixed-point tensor; exact."""
    return x.double() * 2.0**-FIXED_POINT_BITS


def _exact_leapfrog_start(evaluate: Evaluate, x: Tensor, a: Tensor, b: Tensor) -> State:
    fixed = to_fixed(x)
    return State(fixed, (to_fixed(evaluate(from_fixed(fixed), _middle(a, b), 0)),))


def _exact_leapfrog(evaluate: Evaluate, state: State, a: Tensor, b: Tensor) -> State:
    (u,) = state.memory
    half = (b - a) / 2  # exactly the negative on the way back
    middle = state.x + to_fixed(half * from_fixed(u))
    u = 2 * to_fixed(evaluate(from_fixed(middle), _middle(a, b), 0)) - u
    return State(middle + to_fixed(half * from_fixed(u)), (u,))


EULER = runge_kutta("euler", "Euler", 1, (), (1.0,))
MIDPOINT = runge_kutta("midpoint", "Midpoint (RF-Solver)", 2, ((0.5,),), (0.0, 1.0))
HEUN = runge_kutta("heun", "Heun", 2, ((1.0,),), (0.5, 0.5))
RK4 = runge_kutta("rk4", "Runge-Kutta 4", 4, ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))
AB2 = Rule("ab2", "Adams-Bashforth 2", 2, 1, _adams_bashforth)
FIREFLOW = Rule("fireflow", "FireFlow", 2, 1, _fire_flow, _first_velocity, 1)
PSEUDO_CORRECTOR = Rule("pseudo-corrector", "FlowTurbo pseudo-corrector", 2, 1, _pseudo_corrector, _first_velocity, 1)
UNI_INV = Rule("uni-inv", "Uni-Inv", 1, 1, _uni_inv, _first_velocity, 1)
REVERSIBLE_HEUN = Rule(
    "reversible-heun",
    "Reversible Heun",
    2,
    1,
    _reversible_heun,
    _reversible_heun_start,
    1,
    reversible=True,
    carried=1,
)
ALF_FLOAT = Rule(
    "alf-float", "Leapfrog (float)", 2, 1, _leapfrog, _first_velocity_midway, 1, reversible=True, symmetric=True
)
ALF = Rule(
    "alf",
    "Leapfrog (bit-exact)",
    2,
    1,
    _exact_leapfrog,
    _exact_leapfrog_start,
    1,
    reversible=True,
    fixed_point=True,
    symmetric=True,
)

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        ALF,
        ALF_FLOAT,
        EULER,
        MIDPOINT,
        HEUN,
        RK4,
        AB2,
        FIREFLOW,
        PSEUDO_CORRECTOR,
        REVERSIBLE_HEUN,
        UNI_INV,
    )  # fmt: skip
}


def rule_named(name: str) -> Rule:
    """Look a rule up.

    Raises:
        SettingsError: no rule has that name.
    """
    if name not in RULES:
        raise SettingsError(f"solver: unknown rule {name!r}; choose one of {', '.join(RULES)}")
    return RULES[name]
