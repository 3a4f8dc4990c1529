"""The parts of a transformer block: norms, feed-forward, attention with a tap, and the sigma embedding."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipelines.backbone.mixers import mixer
from pipelines.backbone.rope import rope_table, rotate

# Called at every attention with (site index, values [B, N, C]); what it returns takes the values' place.
Tap = Callable[[int, Tensor], Tensor]


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last axis, computed in float32 (arXiv 1910.07467)."""

    def __init__(self, dim: int, *, affine: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` [..., dim]; the dtype is kept."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        if self.weight is not None:
            wide = wide * self.weight.float()
        return wide.to(x.dtype)


class SwiGLU(nn.Module):
    """Gated feed-forward (arXiv 2002.05202); hidden width 8/3 of ``dim``, rounded up to a multiple of 64."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = math.ceil(dim * 8 / 3 / 64) * 64
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` [..., dim] to the same shape."""
        return self.down(nn.functional.silu(self.gate(x)) * self.up(x))


class Attention(nn.Module):
    """Multi-head attention with per-head RMS norm on queries and keys, a named token mixer and one tap on V."""

    def __init__(self, dim: int, heads: int, mixer_name: str = "softmax") -> None:
        super().__init__()
        self.heads = heads
        self.mix = mixer(mixer_name)
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(dim, dim, bias=False)
        self.to_v = nn.Linear(dim, dim, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.norm_q = RMSNorm(dim // heads)
        self.norm_k = RMSNorm(dim // heads)

    def forward(self, x: Tensor, table: Tensor, site: int = 0, tap: Tap | None = None) -> Tensor:
        """Mix tokens ``x`` [B, N, C] whose rotary cosines and sines are ``table`` [2, N, D/2]."""
        values = self.to_v(x)
        if tap is not None:
            values = tap(site, values)
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, N, D]
            for t in (self.to_q(x), self.to_k(x), values)
        )
        mixed = self.mix(self.norm_q(q), self.norm_k(k), v, table)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class SigmaEmbedding(nn.Module):
    """Noise level [...] in [0, 1] to a vector [..., dim]: sinusoids and two linear layers."""

    def __init__(self, dim: int, frequencies: int = 128) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.layers = nn.Sequential(nn.Linear(2 * frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, sigma: Tensor) -> Tensor:
        """Embed ``sigma`` of any shape."""
        # Made here rather than kept as a buffer, which a network moved to bf16 would round.
        bands = torch.exp(torch.linspace(0, math.log(1000.0), self.frequencies, device=sigma.device))
        angle = sigma.float()[..., None] * bands
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        return self.layers(waves.to(next(self.layers.parameters()).dtype))


class Block(nn.Module):
    """Sandwich-norm transformer block: x += tanh(gate) RMS(f(RMS(x) (1 + scale))) for attention and feed-forward.

    Source: Lumina-Next (arXiv 2406.18583). The four modulations come from one network shared by all blocks, plus a
    learned offset of this block's own (PixArt-alpha, arXiv 2310.00426).
    """

    def __init__(self, dim: int, heads: int, mixer_name: str) -> None:
        super().__init__()
        self.attention = Attention(dim, heads, mixer_name)
        self.feed_forward = SwiGLU(dim)
        self.norms = nn.ModuleList(RMSNorm(dim) for _ in range(4))
        self.offset = nn.Parameter(torch.zeros(4, dim))

    def forward(self, x: Tensor, modulation: Tensor, table: Tensor, site: int, tap: Tap | None) -> Tensor:
        """Advance tokens ``x`` [B, N, C]; ``modulation`` [B, N or 1, 4, C]."""
        scale_a, gate_a, scale_f, gate_f = (modulation + self.offset.to(modulation.dtype)).unbind(-2)
        mixed = self.attention(self.norms[0](x) * (1 + scale_a), table, site, tap)
        x = x + gate_a.tanh() * self.norms[1](mixed)
        return x + gate_f.tanh() * self.norms[3](self.feed_forward(self.norms[2](x) * (1 + scale_f)))


class TemporalAttention(nn.Module):
    """Every place of a picture looks at itself in the other frames; it adds nothing until it is trained.

    Factorised space-time attention (TimeSformer, arXiv 2102.05095), rotary along time. Frames look no further than
    training showed them: a clip longer than ``reach`` is read through a sliding window.
    """

    def __init__(self, dim: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RMSNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * width, bias=False)
        self.norm_q = RMSNorm(width // heads)
        self.norm_k = RMSNorm(width // heads)
        self.to_out = nn.Linear(width, dim, bias=False)
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor, frames: int, reach: int) -> Tensor:
        """Advance tokens ``x`` [B * frames, N, C], the frames of each clip one after the other."""
        rows = self.to_qkv(self.norm(x)).unflatten(0, (-1, frames)).transpose(1, 2)  # [B, N, T, 3 W]
        q, k, v = (part.transpose(2, 3) for part in rows.unflatten(-1, (3, self.heads, -1)).unbind(3))
        head = q.shape[-1]
        table = rope_table((frames,), head).to(x.device)
        q, k = (rotate(norm(t).flatten(0, 1), table) for norm, t in ((self.norm_q, q), (self.norm_k, k)))
        scores = q @ k.transpose(-1, -2) * head**-0.5  # [B * N, H, T, T]
        if frames > reach:
            time = torch.arange(frames, device=x.device)
            scores = scores.masked_fill((time[:, None] - time).abs() >= reach, -torch.inf)
        mixed = torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype) @ v.flatten(0, 1)
        mixed = mixed.transpose(1, 2).flatten(2).unflatten(0, (-1, x.shape[1])).transpose(1, 2).flatten(0, 1)
        return x + self.to_out(mixed)
