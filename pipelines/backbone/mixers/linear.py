"""Linear attention, O(N D^2): ReLU features, rotary code in the numerator only.

Source: SANA and SANA-Video (arXiv 2410.10629, 2509.24695).
"""

import torch
from torch import Tensor

from pipelines.backbone.rope import rotate

EPSILON = 1e-6


def linear_attention(q: Tensor, k: Tensor, v: Tensor, table: Tensor) -> Tensor:
    """Kernel attention with phi = ReLU; all [B, H, N, D], table [2, N, D/2].

    The sums over tokens run in float32 or finer: in bf16 they lose the small terms of a long sequence.
    """
    wide = torch.promote_types(q.dtype, torch.float32)
    with torch.autocast(q.device.type, enabled=False):
        phi_q, phi_k, values = q.to(wide).relu(), k.to(wide).relu(), v.to(wide)
        state = rotate(phi_k, table).transpose(-1, -2) @ values  # [B, H, D, D]
        numerator = rotate(phi_q, table) @ state
        denominator = phi_q @ phi_k.sum(dim=-2).unsqueeze(-1)  # unrotated, so it stays positive
        return (numerator / (denominator + EPSILON)).to(v.dtype)
