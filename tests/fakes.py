"""Flows with known answers: an exact Gaussian-mixture velocity and a tiny attention model."""

from dataclasses import dataclass

import torch
from torch import nn

from pipelines.flow.types import Site


@dataclass(frozen=True)
class Mixture:
    """A mixture of isotropic Gaussians: means [K, D], deviations [K], shares [K]; its flow has a closed form."""

    means: torch.Tensor
    deviations: torch.Tensor
    shares: torch.Tensor

    def velocity(self, x, sigma):
        """Exact velocity at x [B, D], sigma [B]."""
        s = sigma.to(x.dtype)[:, None, None]
        centre = (1 - s) * self.means.to(x)[None]
        variance = (1 - s) ** 2 * self.deviations.to(x)[None, :, None] ** 2 + s**2
        offset = x[:, None] - centre
        log = torch.log(self.shares.to(x))[None] - 0.5 * (
            offset.square().sum(-1) / variance[..., 0] + x.shape[1] * torch.log(variance[..., 0])
        )
        weight = torch.softmax(log, dim=1)[..., None]
        gain = (s - (1 - s) * self.deviations.to(x)[None, :, None] ** 2) / variance
        return (weight * (gain * offset - self.means.to(x)[None])).sum(1)


class GaussianFlow:
    """FlowModel whose condition is a :class:`Mixture`; counts calls."""

    sites: tuple[Site, ...] = ()
    value_dtype = torch.float64

    def __init__(self):
        self.calls = 0

    def velocity(self, x, sigma, condition, tap=None):
        self.calls += 1
        return condition.velocity(x, sigma)

    def value_shape(self, x):
        return x.shape[0], 0, 0

    def join(self, conditions):
        raise NotImplementedError


def one_gaussian(mean=(0.7, -0.4, 0.2, 0.5), deviation=0.3):
    return Mixture(
        torch.tensor([mean], dtype=torch.float64), torch.tensor([deviation]).double(), torch.ones(1).double()
    )


def three_gaussians():
    means = torch.tensor([[1.0, 0.0, 0.5, -0.5], [-0.8, 0.6, 0.0, 0.4], [0.0, -1.0, -0.6, 0.2]], dtype=torch.float64)
    return Mixture(means, torch.tensor([0.3, 0.4, 0.25]).double(), torch.tensor([0.5, 0.3, 0.2]).double())


def points(count=256, seed=0):
    """Standard normal [count, 4] in float64."""
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def samples_of(mixture, count=256, seed=1):
    """Draws from ``mixture`` [count, D]."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.multinomial(mixture.shares, count, replacement=True, generator=generator)
    e = torch.randn(count, mixture.means.shape[1], generator=generator, dtype=torch.float64)
    return mixture.means[rows] + mixture.deviations[rows, None] * e


class TinyAttention(nn.Module):
    """FlowModel with three attention sites over [B, 4, 4, 4] pictures; conditions are one vector per sample."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        width = 24
        self.sites = tuple(Site(i, f"layer{i}", 2) for i in range(3))
        self.value_dtype = dtype
        shapes = {
            "embed": (4, width),
            "out": (width, 4),
            **{f"{n}{i}": (width, width) for i in range(3) for n in "qkv"},
        }
        self.weights = {
            name: (torch.randn(shape, generator=generator) * shape[0] ** -0.5).to(dtype)
            for name, shape in shapes.items()
        }
        self.dtype, self.calls, self.width = dtype, 0, width

    def condition(self, *seeds):
        rows = [torch.randn(2, self.width, generator=torch.Generator().manual_seed(s)) for s in seeds]
        return torch.stack(rows).to(self.dtype)

    def velocity(self, x, sigma, condition, tap=None):
        self.calls += 1
        level = sigma.to(self.dtype).reshape(-1, 1, 1)
        h = x.to(self.dtype).flatten(2).transpose(1, 2) @ self.weights["embed"] * (1 + level)
        h = torch.cat([condition.expand(x.shape[0], -1, -1), h], dim=1)
        for i in range(3):
            q, k, v = (h @ self.weights[f"{n}{i}"] for n in "qkv")
            if tap is not None:
                v = tap(i, v)
            h = h + torch.softmax(q @ k.transpose(1, 2) * self.width**-0.5, -1) @ v
        out = (torch.tanh(h[:, 2:]) @ self.weights["out"]).transpose(1, 2).reshape(x.shape)
        return (x.to(self.dtype) * 0.5 - out).to(x.dtype)

    def value_shape(self, x):
        return x.shape[0], 18, self.width

    def join(self, conditions):
        return torch.cat(list(conditions))
