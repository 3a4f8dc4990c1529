"""One transformer for every medium: a grid of 1, 2 or 3 axes of raw patches in, the clean signal out.

The network predicts the clean signal from large patches (JiT, arXiv 2511.13720); the velocity is derived where the
model is wrapped. Text joins the grid as extra tokens in the same attention.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pipelines.backbone.layers import Block, RMSNorm, SigmaEmbedding, Tap, TemporalAttention
from pipelines.backbone.rope import rope_table
from pipelines.errors import ModelError

TEMPORAL_HEAD = 64  # width of a head of the attention along time


@dataclass(frozen=True)
class BackboneConfig:
    """Shape of a :class:`FlowTransformer`.

    Attributes:
        channels: channels of the signal.
        grid: tokens along each axis in training; its length (1 to 3) is the number of axes. The first axis of a
            video is time, and a noise level per frame runs along it.
        patch: samples of one token along each axis.
        overlap: let every token read and write half a patch beyond its own, so that no seam shows between patches.
        dim: width of the residual stream.
        depth: number of blocks, which is the number of sites that a tap sees.
        heads: attention heads; ``dim / heads`` must be even.
        bottleneck: width between the raw patch and ``dim`` (JiT's low-rank embedding).
        mixer: name in ``pipelines.backbone.mixers.MIXERS``.
        reference: build the input for a reference signal beside the noised one.
        lean: power of sigma by which the estimate leans on the reference.
        temporal: width of the attention along the first of three axes, which then is time in patches of one frame:
            each frame is read as a picture, and after each block every place looks at itself in the other frames. At
            0 all tokens read one another.
    """

    channels: int
    grid: tuple[int, ...]
    patch: tuple[int, ...]
    overlap: bool = True
    dim: int = 384
    depth: int = 6
    heads: int = 6
    bottleneck: int = 128
    mixer: str = "softmax"
    reference: bool = False
    lean: float = 8.0
    temporal: int = 0

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built.

        Raises:
            ModelError: the axes, heads or patches do not fit together.
        """
        if not 1 <= len(self.grid) <= 3 or len(self.grid) != len(self.patch):
            raise ModelError(
                f"backbone: 1 to 3 axes with one patch size each, got grid {self.grid}, patch {self.patch}"
            )
        if self.dim % self.heads or (self.dim // self.heads) % 2:
            raise ModelError(f"backbone: dim {self.dim} over {self.heads} heads must give an even head width")
        if self.temporal and (len(self.grid) != 3 or self.patch[0] != 1 or self.temporal % TEMPORAL_HEAD):
            raise ModelError(
                f"backbone: temporal attention needs three axes, patches of one frame and a width in steps of "
                f"{TEMPORAL_HEAD}, got grid {self.grid}, patch {self.patch}, temporal {self.temporal}"
            )
        if self.overlap and any(p % 2 for p in self.token_patch):
            raise ModelError(f"backbone: overlapping patches need even sizes, got {self.patch}")

    @property
    def token_patch(self) -> tuple[int, ...]:
        """Samples of one token along the axes that tokens are cut from: without time where that has its own layers."""
        return self.patch[1:] if self.temporal else self.patch

    @property
    def token_grid(self) -> tuple[int, ...]:
        """Trained grid along the same axes."""
        return self.grid[1:] if self.temporal else self.grid

    def to_dict(self) -> dict[str, object]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> "BackboneConfig":
        """What :meth:`to_dict` wrote, with the lists that JSON made of tuples.

        Raises:
            ModelError: the axes, heads or patches do not fit together.
            TypeError: a value is missing or unknown.
        """
        held: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in described.items()}
        return cls(**held)


def patchify(x: Tensor, patch: Sequence[int]) -> Tensor:
    """Cut ``x`` [B, C, *S] into patches [B, *grid, C * prod(patch)]."""
    axes = len(patch)
    split = [size for s, p in zip(x.shape[2:], patch, strict=True) for size in (s // p, p)]
    x = x.reshape(*x.shape[:2], *split)
    order = [0, *(2 + 2 * a for a in range(axes)), 1, *(3 + 2 * a for a in range(axes))]
    return x.permute(order).flatten(1 + axes)


def unpatchify(tokens: Tensor, patch: Sequence[int]) -> Tensor:
    """Inverse of :func:`patchify`: [B, *grid, C * prod(patch)] to [B, C, *S]."""
    axes = len(patch)
    grid = tokens.shape[1 : 1 + axes]
    tokens = tokens.reshape(tokens.shape[0], *grid, -1, *patch)
    order = [0, 1 + axes, *(i for a in range(axes) for i in (1 + a, 2 + axes + a))]
    return tokens.permute(order).reshape(tokens.shape[0], -1, *(g * p for g, p in zip(grid, patch, strict=True)))


def overlap_patchify(x: Tensor, patch: Sequence[int]) -> Tensor:
    """Patches of twice the size at the same stride, centred on their own patch: [B, *grid, 2^axes C prod(patch)]."""
    sizes = x.shape[2:]
    x = pad(x, [p // 2 for p in reversed(patch) for _ in range(2)])
    parts = []
    for corner in itertools.product((0, 1), repeat=len(patch)):
        window: Any = (..., *(slice(b * p, b * p + s) for b, p, s in zip(corner, patch, sizes, strict=True)))
        parts.append(patchify(x[window], patch))
    return torch.cat(parts, dim=-1)


def overlap_unpatchify(tokens: Tensor, patch: Sequence[int]) -> Tensor:
    """Transpose of :func:`overlap_patchify`: overlapping patches are added up."""
    axes = len(patch)
    parts = tokens.chunk(2**axes, dim=-1)
    total: Tensor | None = None
    for corner, part in zip(itertools.product((0, 1), repeat=axes), parts, strict=True):
        margins = [m for b, p in reversed(list(zip(corner, patch, strict=True))) for m in (b * p, (1 - b) * p)]
        shifted = pad(unpatchify(part, patch), margins)
        total = shifted if total is None else total + shifted
    assert total is not None
    inside: Any = (..., *(slice(p // 2, s - p + p // 2) for p, s in zip(patch, total.shape[2:], strict=True)))
    return total[inside]


class FlowTransformer(nn.Module):
    """Predict the clean signal of a noised grid.

    ``forward(x, sigma, context, pooled)`` takes ``x`` [B, C, *S] with unit-variance noise at level ``sigma`` [B] or
    [B, frames] (one level per token along the first axis), text tokens ``context`` [B, L, dim] and a summary
    ``pooled`` [B, dim], and returns the clean estimate [B, C, *S].

    ``reference`` [B, C + 1, *S] is a clean signal that shows roughly what is wanted, and in its last channel the trust
    in it, from 0 to 1; all zeros stand for none. It joins the tokens at the same place, and the estimate leans on it
    where the network says so: sigma^lean times the trust times a learned share of every sample. A high power guides
    what is made out of noise and has no say in the end.

    ``aligned`` [B, tokens, dim] is added to the tokens of the grid: what is known of each place, as the phones of a
    sentence are along its frames.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        patch = config.token_patch
        samples = config.channels * math.prod(patch) * (2 ** len(patch) if config.overlap else 1)
        self.embed = nn.Sequential(
            nn.Linear(samples, config.bottleneck, bias=False), nn.Linear(config.bottleneck, config.dim)
        )
        self.sigma_embedding = SigmaEmbedding(config.dim)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(config.dim, 4 * config.dim))
        self.blocks = nn.ModuleList(Block(config.dim, config.heads, config.mixer) for _ in range(config.depth))
        if config.temporal:
            heads = config.temporal // TEMPORAL_HEAD
            self.temporal = nn.ModuleList(
                TemporalAttention(config.dim, config.temporal, heads) for _ in range(config.depth)
            )
        self.final_norm = RMSNorm(config.dim)
        self.final_scale = nn.Sequential(nn.SiLU(), nn.Linear(config.dim, config.dim))
        self.head = nn.Linear(config.dim, samples)
        self.context_type = nn.Parameter(torch.zeros(config.dim))
        if config.reference:
            each = samples // config.channels
            self.reference_embed = nn.Linear(samples + each, config.dim, bias=False)
            self.reference_gate = nn.Linear(config.dim, each)
        self._tables: dict[tuple[object, ...], Tensor] = {}
        # Zero gates and a zero head: the untrained network predicts zero and every block is the identity.
        for layer in (self.modulation[1], self.final_scale[1], self.head):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        if config.reference:
            nn.init.zeros_(self.reference_gate.weight)
            nn.init.constant_(self.reference_gate.bias, 1.4 / 2 ** len(patch) if config.overlap else 1.4)

    def grid_of(self, x: Tensor) -> tuple[int, ...]:
        """Tokens along each axis of ``x`` [B, C, *S].

        Raises:
            ModelError: a size is not a multiple of the patch, or the channels or axes are not this model's.
        """
        patch, sizes = self.config.patch, tuple(x.shape[2:])
        if x.shape[1] != self.config.channels or len(sizes) != len(patch):
            raise ModelError(
                f"backbone: expected {self.config.channels} channels and {len(patch)} axes, got shape {tuple(x.shape)}"
            )
        if any(s % p or s < p for s, p in zip(sizes, patch, strict=True)):
            raise ModelError(f"backbone: sizes {sizes} must be multiples of the patch {patch}")
        return tuple(s // p for s, p in zip(sizes, patch, strict=True))

    def forward(
        self, x: Tensor, sigma: Tensor, context: Tensor, pooled: Tensor, tap: Tap | None = None,
        reference: Tensor | None = None, aligned: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Clean estimate; see the class for shapes."""
        if not self.config.temporal:
            return self._estimate(x, sigma, context, pooled, tap, reference, aligned)
        self.grid_of(x)
        batch, frames = x.shape[0], x.shape[2]
        if sigma.ndim == 2 and sigma.shape[1] != frames:
            raise ModelError(f"sigma: one level per frame means {frames} of them, got {sigma.shape[1]}")

        def each(signal: Tensor) -> Tensor:
            return signal.transpose(1, 2).flatten(0, 1)

        levels = sigma if sigma.ndim == 2 else sigma[:, None].expand(-1, frames)
        known = None if aligned is None else aligned.unflatten(1, (frames, -1)).flatten(0, 1)
        shown = None if reference is None else each(reference)
        clean = self._estimate(
            each(x), levels.flatten(), context.repeat_interleave(frames, 0), pooled.repeat_interleave(frames, 0),
            None if tap is None else _by_clip(tap, batch), shown, known, frames,
        )  # fmt: skip
        return clean.unflatten(0, (batch, frames)).transpose(1, 2)

    def _estimate(
        self, x: Tensor, sigma: Tensor, context: Tensor, pooled: Tensor, tap: Tap | None, reference: Tensor | None,
        aligned: Tensor | None, frames: int = 1,
    ) -> Tensor:  # fmt: skip
        """Clean estimate of ``x``, whose every ``frames`` samples are those of one clip where there are several."""
        cfg, patch = self.config, self.config.token_patch
        if not cfg.temporal:
            self.grid_of(x)  # refuses what does not fit
        grid = tuple(size // p for size, p in zip(x.shape[2:], patch, strict=True))
        cut, join = (overlap_patchify, overlap_unpatchify) if cfg.overlap else (patchify, unpatchify)
        tokens = self.embed(cut(x, patch).to(self.head.weight.dtype)).flatten(1, -2)
        if reference is not None:
            reference, level = self._fitted(reference, sigma, x.shape[2:])
            tokens = tokens + self.reference_embed(cut(reference * level, patch).to(tokens.dtype)).flatten(1, -2)
        if aligned is not None:
            tokens = tokens + aligned.to(tokens.dtype)
        tokens = torch.cat([context.to(tokens.dtype) + self.context_type.to(tokens.dtype), tokens], dim=1)
        table = self._table(grid, context.shape[1], tokens.device)
        summary = self._summary(sigma, pooled, context.shape[1], grid)
        modulation = self.modulation(summary).unflatten(-1, (4, cfg.dim))
        for site, block in enumerate(self.blocks):
            tokens = block(tokens, modulation, table, site, tap)
            if cfg.temporal:
                tokens = self.temporal[site](tokens, frames, cfg.grid[0])
        tokens = self.final_norm(tokens) * (1 + self.final_scale(summary))
        cells = tokens[:, context.shape[1] :]
        clean = join(self.head(cells).unflatten(1, grid), patch).to(x.dtype)
        if reference is None:
            return clean
        share = torch.sigmoid(join(self.reference_gate(cells).unflatten(1, grid), patch).to(x.dtype))
        share = share * (reference[:, -1:] * level**cfg.lean).to(x.dtype)
        return clean + share * (reference[:, :-1].to(x.dtype) - clean)

    def _fitted(self, reference: Tensor, sigma: Tensor, sizes: torch.Size) -> tuple[Tensor, Tensor]:
        """``reference`` at another size, and sigma shaped to be multiplied with it."""
        if reference.shape[2:] != sizes:
            mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(sizes)]
            reference = nn.functional.interpolate(reference.float(), size=tuple(sizes), mode=mode)
        level = sigma[:, None] if sigma.ndim == 1 else sigma.repeat_interleave(sizes[0] // sigma.shape[1], dim=1)
        return reference, level.reshape(level.shape[0], 1, -1, *[1] * (len(sizes) - 1))

    def _summary(self, sigma: Tensor, pooled: Tensor, context: int, grid: tuple[int, ...]) -> Tensor:
        """Condition of the modulation: [B, 1, dim], or [B, context + tokens, dim] with one sigma per frame."""
        if sigma.ndim == 1:
            return (self.sigma_embedding(sigma) + pooled)[:, None]
        if sigma.shape[1] != grid[0]:
            raise ModelError(f"sigma: one level per frame means {grid[0]} of them, got {sigma.shape[1]}")
        frames = self.sigma_embedding(sigma)  # [B, frames, dim]
        words = frames.mean(dim=1, keepdim=True).expand(-1, context, -1)
        cells = frames.repeat_interleave(math.prod(grid[1:]), dim=1)
        return torch.cat([words, cells], dim=1) + pooled[:, None]

    def _table(self, grid: tuple[int, ...], context: int, device: torch.device) -> Tensor:
        key = (grid, context, device)
        if key not in self._tables:
            head = self.config.dim // self.config.heads
            table = rope_table(grid, head, context=context, trained=self.config.token_grid)
            self._tables[key] = table.to(device)
        return self._tables[key]


def _by_clip(tap: Tap, batch: int) -> Tap:
    """``tap`` that sees all frames of a clip in one row, for values that come a frame a row."""
    return lambda site, values: tap(site, values.reshape(batch, -1, values.shape[-1])).reshape(values.shape)
