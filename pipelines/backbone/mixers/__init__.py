"""Token mixers by name: ways for tokens to read one another.

A mixer takes queries, keys and values [B, H, N, D] and the rotary table [2, N, D/2], and returns [B, H, N, D].
"""

from collections.abc import Callable

from torch import Tensor

from pipelines.backbone.mixers.linear import linear_attention
from pipelines.backbone.mixers.softmax import softmax_attention
from pipelines.errors import ModelError

Mixer = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

MIXERS: dict[str, Mixer] = {"softmax": softmax_attention, "linear": linear_attention}


def mixer(name: str) -> Mixer:
    """Look a mixer up by name.

    Raises:
        ModelError: no mixer has that name.
    """
    if name not in MIXERS:
        raise ModelError(f"mixer: unknown name {name!r}; choose one of {', '.join(sorted(MIXERS))}")
    return MIXERS[name]


__all__ = ["MIXERS", "Mixer", "linear_attention", "mixer", "softmax_attention"]
