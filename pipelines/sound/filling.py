"""What of a sound is known, in tokens, where the rest is to be filled in."""

import torch
from torch import Tensor

PATCH = 4  # frames of one token


def turned(latent: Tensor, tokens: int) -> Tensor:
    """``latent`` [B, BANDS, frames] with its first ``tokens`` moved behind its end, as a loop may be."""
    return latent.roll(-tokens * PATCH, dims=-1)


def seam(tokens: int) -> Tensor:
    """The known tokens [tokens] of a loop of so many, turned by half: all but its former ends, now in the middle.

    Half a second to each side is made anew, or a quarter of the loop where it is short.
    """
    side = max(1, min(round(0.5 * 93.75 / PATCH), tokens // 8))
    known = torch.ones(tokens, dtype=torch.bool)
    middle = tokens - tokens // 2
    known[middle - side : middle + side] = False
    return known
