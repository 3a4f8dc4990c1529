"""What the engine and the models agree on.

x_sigma = (1 - sigma) data + sigma noise; velocity v = noise - data; sigma 1 is noise and 0 is data. Sampling walks
sigma from 1 to 0, inversion from 0 to 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

# Training never looks below this noise level: there (x - x0_hat) / sigma amplifies the network's error without end.
# Models clamp sigma here, and an edit takes the clean signal as the state at this level.
CLAMP = 0.05


class Call(NamedTuple):
    """Which model call this is. Features are keyed by (step, stage), never by a rounded time."""

    step: int
    stage: int
    sigma: float


@dataclass(frozen=True)
class Site:
    """One attention whose values can be shared; its first ``context`` rows are text."""

    index: int
    name: str
    context: int


# Called at every attention with (site index, values [B, N, C]); what it returns takes the values' place.
Tap = Callable[[int, Tensor], Tensor]
# What a solver integrates: (x [B, *S], sigma [B] or [B, frames], call) -> velocity [B, *S].
Velocity = Callable[[Tensor, Tensor, Call], Tensor]


class FlowModel(Protocol):
    """All that the engine knows of a model."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """Attention layers whose values can be shared, in the order of their taps."""

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""

    def velocity(self, x: Tensor, sigma: Tensor, condition: Any, tap: Tap | None = None) -> Tensor:
        """Velocity at ``x`` [B, *S] and ``sigma`` [B] or [B, frames]; the same shape and dtype as ``x``."""

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site for this ``x``, context rows included."""

    def join(self, conditions: Sequence[Any]) -> Any:
        """Conditions of several batches as the condition of one batch, in order."""
