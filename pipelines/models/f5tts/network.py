"""The network: characters beside mel frames, then transformer blocks that the time modulates (DiT, arXiv 2212.09748).

Modules bear the names of the published weights, so that these load as they are.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pipelines.codecs.mel import BANDS
from pipelines.flow.types import Tap

HEAD = 64  # channels of one attention head, in every published size
THETA = 10_000.0  # base of the frequencies of both position codes
GROUPS = 16  # of the convolutions that tell positions


@dataclass(frozen=True)
class F5Config:
    """Shape of a :class:`F5Network`.

    Attributes:
        characters: entries of the vocabulary.
        dim: channels of a frame.
        depth: blocks.
        heads: attention heads of 64 channels.
        inner: channels inside a block's two linear layers.
        text: channels of a character.
        convolutions: blocks of the text encoder.
        normed: whether queries and keys are normalised.
        padded: whether what follows the text stays zero in its encoder ('v1'), or is encoded as a filler (before).
        rotated: heads that carry rotary position codes; None is all ('v1'), one before.
    """

    characters: int
    dim: int = 1024
    depth: int = 22
    heads: int = 16
    inner: int = 2048
    text: int = 512
    convolutions: int = 4
    normed: bool = False
    padded: bool = True
    rotated: int | None = None


class _Response(nn.Module):
    """Global response normalisation over time (ConvNeXt V2, arXiv 2301.00808, equation 4)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.zeros(1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        power = x.norm(dim=1, keepdim=True)
        return x + self.gamma * (x * (power / (power.mean(-1, keepdim=True) + 1e-6))) + self.beta


class _TextBlock(nn.Module):
    """One ConvNeXt V2 block over characters."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.grn = _Response(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.pwconv2(self.grn(nn.functional.gelu(self.pwconv1(y))))


class TextEncoder(nn.Module):
    """Characters to one vector a frame: they stand at the beginning, one a frame, and fillers after them."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.padded = config.padded
        self.text_embed = nn.Embedding(config.characters + 1, config.text)  # 0 is the filler
        self.text_blocks = nn.ModuleList(_TextBlock(config.text) for _ in range(config.convolutions))

    def forward(self, ids: Tensor, frames: int, told: bool) -> Tensor:
        """[B, frames, text] of characters ``ids`` [B, N]; where they are not ``told``, of fillers in their place."""
        ids = nn.functional.pad(ids[:, :frames] + 1, (0, max(0, frames - ids.shape[1])))
        here = (ids != 0)[..., None]
        x = self.text_embed(ids if told else torch.zeros_like(ids))
        x = x + _places(frames, x.shape[-1], x)
        if not self.padded:
            for block in self.text_blocks:
                x = block(x)
            return x
        x = x * here
        for block in self.text_blocks:
            x = block(x) * here
        return x


def _places(frames: int, dim: int, like: Tensor) -> Tensor:
    """Cosines, then sines [frames, dim], of each place."""
    angles = _angles(frames, dim, like.device)
    return torch.cat([angles.cos(), angles.sin()], dim=-1).to(like.dtype)


def _angles(frames: int, dim: int, device: torch.device) -> Tensor:
    frequencies = THETA ** (-torch.arange(0, dim, 2, device=device).float() / dim)
    return torch.arange(frames, device=device).float()[:, None] * frequencies


class _Positions(nn.Module):
    """Two grouped convolutions that tell frames where they are."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1d = nn.Sequential(
            nn.Conv1d(dim, dim, 31, padding=15, groups=GROUPS), nn.Mish(),
            nn.Conv1d(dim, dim, 31, padding=15, groups=GROUPS), nn.Mish(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv1d(x.transpose(1, 2)).transpose(1, 2)
        return found


class _Entry(nn.Module):
    """Noised frames, known frames and text, side by side, to channels of the blocks."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * BANDS + config.text, config.dim)
        self.conv_pos_embed = _Positions(config.dim)

    def forward(self, x: Tensor, known: Tensor, text: Tensor) -> Tensor:
        entered = self.proj(torch.cat([x, known, text], dim=-1))
        return entered + self.conv_pos_embed(entered)


class _Time(nn.Module):
    """A time in [0, 1] as a vector."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.time_mlp = nn.ModuleList([nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim)])

    def forward(self, time: Tensor) -> Tensor:
        frequencies = torch.exp(torch.arange(128, device=time.device).float() * (-math.log(THETA) / 127))
        angles = 1000 * time.float()[:, None] * frequencies
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        enter, curve, leave = self.time_mlp
        found: Tensor = leave(curve(enter(waves.to(next(self.parameters()).dtype))))
        return found


class _Modulation(nn.Module):
    """Shifts, scales and gates [B, 1, dim], ``parts`` of them, from the time."""

    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.parts, self.linear = parts, nn.Linear(dim, parts * dim)

    def forward(self, time: Tensor) -> tuple[Tensor, ...]:
        return self.linear(nn.functional.silu(time))[:, None].chunk(self.parts, dim=-1)


class _Attention(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        inner = config.heads * HEAD
        self.heads, self.rotated = config.heads, config.rotated
        self.to_q, self.to_k, self.to_v = (nn.Linear(config.dim, inner) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(inner, config.dim)])
        self.q_norm, self.k_norm = (nn.RMSNorm(HEAD, eps=1e-6) if config.normed else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor, table: Tensor, tap: Tap | None, site: int) -> Tensor:
        values = self.to_v(x)
        if tap is not None:
            values = tap(site, values)
        q, k, v = (
            each.unflatten(-1, (self.heads, HEAD)).transpose(1, 2) for each in (self.to_q(x), self.to_k(x), values)
        )
        q, k = (_rotated(norm(each), table, self.rotated) for norm, each in ((self.q_norm, q), (self.k_norm, k)))
        mixed = scaled_dot_product_attention(q, k, v)
        found: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return found


def _rotated(x: Tensor, table: Tensor, heads: int | None) -> Tensor:
    """``x`` [B, H, N, 64] with neighbouring channels turned by ``table`` [2, N, 32] in the first ``heads``."""
    turned, rest = (x, None) if heads is None else (x[:, :heads], x[:, heads:])
    cos, sin = table
    first, second = turned.float().unflatten(-1, (-1, 2)).unbind(-1)
    pairs = torch.stack([first * cos - second * sin, first * sin + second * cos], dim=-1)
    turned = pairs.flatten(-2).to(x.dtype)
    return turned if rest is None else torch.cat([turned, rest], dim=1)


class _Layers(nn.Module):
    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        enter = nn.Sequential(nn.Linear(dim, inner), nn.GELU(approximate="tanh"))
        self.ff = nn.ModuleList([enter, nn.Identity(), nn.Linear(inner, dim)])

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.ff[2](self.ff[0](x))
        return found


class _Block(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.attn_norm = _Modulation(config.dim, 6)
        self.attn = _Attention(config)
        self.ff = _Layers(config.dim, config.inner)

    def forward(self, x: Tensor, time: Tensor, table: Tensor, tap: Tap | None, site: int) -> Tensor:
        shift, scale, gate, shift_2, scale_2, gate_2 = self.attn_norm(time)
        x = x + gate * self.attn(_normal(x) * (1 + scale) + shift, table, tap, site)
        return x + gate_2 * self.ff(_normal(x) * (1 + scale_2) + shift_2)


def _normal(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[-1:], eps=1e-6)


class F5Network(nn.Module):
    """Noised frames, known frames, text and time in; data - noise out."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.config = config
        self.time_embed = _Time(config.dim)
        self.text_embed = TextEncoder(config)
        self.input_embed = _Entry(config)
        self.transformer_blocks = nn.ModuleList(_Block(config) for _ in range(config.depth))
        self.norm_out = _Modulation(config.dim, 2)
        self.proj_out = nn.Linear(config.dim, BANDS)

    def forward(self, x: Tensor, known: Tensor, text: Tensor, time: Tensor, tap: Tap | None = None) -> Tensor:
        """Flow [B, T, BANDS] of frames ``x`` at ``time`` [B], 0 noise and 1 data.

        ``known`` [B, T, BANDS] is zero where nothing is, ``text`` [B, T, text] from the encoder.
        """
        when = self.time_embed(time)
        x = self.input_embed(x, known, text)
        angles = _angles(x.shape[1], HEAD, x.device)
        table = torch.stack([angles.cos(), angles.sin()])
        for site, block in enumerate(self.transformer_blocks):
            x = block(x, when, table, tap, site)
        scale, shift = self.norm_out(when)
        found: Tensor = self.proj_out(_normal(x) * (1 + scale) + shift)
        return found
