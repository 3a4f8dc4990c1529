"""What training minimises, and where along the noise levels it looks. Separate from the grids of inference."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.flow.types import CLAMP

Density = Callable[[int, torch.Generator], Tensor]


def uniform() -> Density:
    """Noise levels uniform in [0, 1]."""
    return lambda count, generator: torch.rand(count, generator=generator)


def logit_normal(mean: float, std: float, uniform_share: float = 0.1) -> Density:
    """sigma = sigmoid(N(mean, std)) (Stable Diffusion 3, arXiv 2403.03206); a share stays uniform to cover the ends."""

    def draw(count: int, generator: torch.Generator) -> Tensor:
        bell = torch.sigmoid(mean + std * torch.randn(count, generator=generator))
        flat = torch.rand(count, generator=generator)
        return torch.where(torch.rand(count, generator=generator) < uniform_share, flat, bell)

    return draw


def add_noise(data: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """x_sigma = (1 - sigma) data + sigma noise, with ``sigma`` [B] over ``data`` [B, ...]."""
    level = sigma.reshape(-1, *[1] * (data.ndim - 1))
    return (1 - level) * data + level * noise


def velocity_loss(
    estimate: Tensor, data: Tensor, sigma: Tensor, *, free: Tensor | None = None, floor: float = CLAMP
) -> Tensor:
    """Mean squared error of the velocity that a clean estimate implies (JiT, arXiv 2511.13720), per sample [B].

    v - v_hat = (x0_hat - x0) / max(sigma, floor), so noise cancels and need not be passed. Where some of the signal is
    known, ``free`` [B, 1, *S] is 1 on what is to be filled in and 0 elsewhere, which then does not count.
    """
    error = (estimate.float() - data).square()
    if free is None:
        mean = error.flatten(1).mean(1)
    else:
        mean = (error * free).flatten(1).sum(1) / (data.shape[1] * free.flatten(1).sum(1).clamp(min=1))
    return mean / sigma.clamp(min=floor).square()


def half_where_fast(wanted: bool = True) -> torch.autocast:
    """bf16 matrices inside, where the processor has them and they are ``wanted``.

    Without AVX-512 a CPU emulates bf16, hundreds of times slower than float32.
    """
    fast = wanted and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
