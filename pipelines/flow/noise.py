"""Noise that belongs to a sample, not to its place in a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor


def noise(shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
    """Standard normal [len(seeds), *shape], float32; row i depends on ``seeds[i]`` alone.

    Drawn on the CPU in float32 whatever the model's device and dtype, so that a seed means the same everywhere.
    """
    rows = [torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows)
