"""Noise levels of a run: a warp of [0, 1] that keeps both ends, sampled at equal steps.

Training densities are another matter and live with training.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.errors import SettingsError

Warp = Callable[[Tensor], Tensor]


def uniform() -> Warp:
    """Equal steps of sigma."""
    return lambda u: u


def shift(k: float) -> Warp:
    """sigma = k u / (1 + (k - 1) u) (Stable Diffusion 3, arXiv 2403.03206): k > 1 spends more steps near noise."""
    if k <= 0:
        raise SettingsError(f"shift: must be above 0, got {k}")
    return lambda u: k * u / (1 + (k - 1) * u)


def auto_sd3(tokens: int, base: int = 64) -> Warp:
    """Shift by the square root of the token count over ``base``, the count that the model was trained on (SD 3)."""
    return shift(math.sqrt(tokens / base))


def auto_flux(tokens: int) -> Warp:
    """Shift exp(mu) with mu linear from .5 at 256 tokens to 1.15 at 4096 (FLUX.1)."""
    return shift(math.exp(0.5 + (tokens - 256) / (4096 - 256) * 0.65))


def sway(c: float = -1.0) -> Warp:
    """Sway sampling of F5-TTS (arXiv 2410.06885): t + c (cos(pi t / 2) - 1 + t) in data time t = 1 - sigma."""
    if not -1 <= c <= 2 / (math.pi - 2):
        raise SettingsError(f"sway: must be between -1 and {2 / (math.pi - 2):.3f} to stay monotone, got {c}")

    def warp(u: Tensor) -> Tensor:
        t = 1 - u
        return 1 - (t + c * (torch.cos(math.pi / 2 * t) - 1 + t))

    return warp


def rational() -> Warp:
    """sigma = u^2 / (u^2 + (1 - u)^2): short steps at both ends, long ones between.

    Lumina-Next (arXiv 2406.18583) proposes rational grids; this particular function is our choice.
    """
    return lambda u: u.square() / (u.square() + (1 - u).square())


SCHEDULES: dict[str, Callable[[float, int], Warp]] = {
    "uniform": lambda amount, tokens: uniform(),
    "shift": lambda amount, tokens: shift(amount),
    "auto-sd3": lambda amount, tokens: auto_sd3(tokens),
    "auto-flux": lambda amount, tokens: auto_flux(tokens),
    "sway": lambda amount, tokens: sway(),
    "rational": lambda amount, tokens: rational(),
    "model": lambda amount, tokens: shift(amount),  # a checkpoint brings its own; a starter's is the shift
}


def sigma_grid(steps: int, warp: Warp | None = None, *, start: float = 1.0, end: float = 0.0) -> Tensor:
    """Noise levels [steps + 1], float64, strictly monotone from exactly ``start`` to exactly ``end``.

    ``start > end`` samples and ``start < end`` inverts; the reverse of one grid is the other, to the bit.

    Raises:
        SettingsError: no steps, equal ends, or an end outside [0, 1].
    """
    if steps < 1:
        raise SettingsError(f"steps: at least 1, got {steps}")
    if start == end or not (0 <= start <= 1 and 0 <= end <= 1):
        raise SettingsError(f"sigma grid: needs two different ends in [0, 1], got {start} and {end}")
    low, high = min(start, end), max(start, end)
    u = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    levels = low + (high - low) * (warp or uniform())(u)
    levels[0], levels[-1] = low, high  # rounding must not move the ends
    return levels if start < end else levels.flip(0)
