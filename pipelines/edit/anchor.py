"""Anchored velocities: RF-Inversion (arXiv 2410.10792) as a wrapper."""

from torch import Tensor

from pipelines.flow.types import Call, Velocity


def toward(
    velocity: Velocity, anchor: Tensor, strength: float, *, end: float, low: float = 0.0, high: float = 1.0
) -> Velocity:
    """Pull a velocity toward the straight line that reaches ``anchor`` [B, *S] when sigma reaches ``end``.

    v + strength (v_line - v) with v_line = (x - anchor) / (sigma - end). Strength 0 changes nothing; strength 1
    throughout lands on the anchor with Euler steps, whatever the velocity. ``end`` is 1 to invert toward a noise
    sample and 0 to edit toward a picture; outside sigma in [``low``, ``high``] the velocity is left alone.
    """

    def pulled(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        v = velocity(x, sigma, call)
        if strength == 0 or not low <= call.sigma <= high:
            return v
        level = sigma.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return v + strength * ((x - anchor) / (level - end) - v)

    return pulled
