"""Guidance wraps velocities; nothing inside the solver knows of it."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from pipelines.flow.types import Call, FlowModel, Tap, Velocity


def conditioned(model: FlowModel, condition: Any, taps: Callable[[Call], Tap | None] | None = None) -> Velocity:
    """The velocity of ``model`` under one condition; ``taps`` may hand out a tap per call."""

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        return model.velocity(x, sigma, condition, taps(call) if taps else None)

    return velocity


Field = Tensor | Callable[[float], Tensor]  # share of the guidance at each place, fixed or by noise level


def guided(positive: Velocity, negative: Velocity, scale: float, field: Field | None = None) -> Velocity:
    """Classifier-free guidance (arXiv 2207.12598): negative + scale (positive - negative); scale 1 is off.

    Args:
        positive: what to move toward.
        negative: what to move away from; never called at scale 1.
        scale: strength.
        field: per-position share of ``scale - 1``, broadcast to x [B, *S]: over space or time (OmniSync); a function
            gives it for a noise level.
    """
    if scale == 1:
        return positive

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        toward, away = positive(x, sigma, call), negative(x, sigma, call)
        here = field(call.sigma) if callable(field) else field
        gain: float | Tensor = scale - 1 if here is None else (scale - 1) * here.to(toward)
        return toward + gain * (toward - away)

    return velocity


def interval(inside: Velocity, outside: Velocity, low: float, high: float) -> Velocity:
    """``inside`` for sigma in [low, high] and ``outside`` elsewhere (guidance interval, arXiv 2404.07724)."""

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        return (inside if low <= call.sigma <= high else outside)(x, sigma, call)

    return velocity


def weighted(branches: Mapping[str, tuple[Velocity, float]]) -> Velocity:
    """Weighted sum of named branches, one call each; branches of weight 0 are not called."""
    used = [(velocity, weight) for velocity, weight in branches.values() if weight != 0]

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        total = used[0][1] * used[0][0](x, sigma, call)
        for branch, weight in used[1:]:
            total = total + weight * branch(x, sigma, call)
        return total

    return velocity
