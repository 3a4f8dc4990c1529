"""Softmax attention, O(N^2 D)."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipelines.backbone.rope import rotate

# Below this many tokens two plain matrix products are faster on a CPU than the fused kernel, forwards and backwards.
SHORT = 512


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, table: Tensor) -> Tensor:
    """Softmax attention with rotary queries and keys; all [B, H, N, D], table [2, N, D/2]."""
    q, k = rotate(q, table), rotate(k, table)
    if q.shape[-2] > SHORT:
        return scaled_dot_product_attention(q, k, v)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype) @ v
