"""Rotary position codes over a grid of 1, 2 or 3 axes.

Source: RoFormer (arXiv 2104.09864), one frequency band per axis as in Lumina-T2X (arXiv 2405.05945).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# A starter's grid has tens of positions an axis, not thousands: a small base spreads the frequencies over that range.
THETA = 100.0


def axis_pairs(head_dim: int, axes: int) -> tuple[int, ...]:
    """Share the ``head_dim / 2`` rotated pairs among ``axes``; earlier axes take the remainder."""
    pairs = head_dim // 2
    return tuple(pairs // axes + (1 if axis < pairs % axes else 0) for axis in range(axes))


def rope_table(grid: Sequence[int], head_dim: int, *, context: int = 0, trained: Sequence[int] | None = None) -> Tensor:
    """Cosine and sine of every token's angles, context rows (angle 0) first.

    Args:
        grid: tokens along each axis, 1 to 3 of them.
        head_dim: width of one attention head, even.
        context: rows before the grid that carry no position of their own.
        trained: the grid that the model was trained on; an axis longer than that is squeezed into the trained
            range (position interpolation, arXiv 2306.15595).

    Returns:
        ``[2, context + prod(grid), head_dim / 2]``, float32.
    """
    bands = []
    for axis, (size, pairs) in enumerate(zip(grid, axis_pairs(head_dim, len(grid)), strict=True)):
        squeeze = 1.0 if trained is None else min(1.0, trained[axis] / size)
        frequency = torch.exp(-math.log(THETA) * torch.arange(pairs) / max(pairs, 1))
        angle = (torch.arange(size) * squeeze)[:, None] * frequency[None]
        shape = [1] * len(grid) + [pairs]
        shape[axis] = size
        bands.append(angle.reshape(shape).expand(*grid, pairs))
    table = torch.cat(bands, dim=-1).reshape(-1, head_dim // 2)
    angles = torch.cat([torch.zeros(context, head_dim // 2), table])
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn the pairs of ``x`` [B, H, N, D] by ``table`` [2, N, D/2]; lengths of vectors do not change."""
    cos, sin = table.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
