"""What flow models over frames share that are told, frame by frame, what is there: speech, sounds, mouth movements."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from pipelines.backbone.layers import Tap
from pipelines.flow.types import Site
from pipelines.models.starter import implied_velocity


class AlignedModel:
    """A trained network with a 1-D backbone as a :class:`pipelines.flow.FlowModel` over [B, channels, T].

    A condition is a dataclass of tensors with a row for every sample; ``aligned`` [B, tokens, dim], ``context``
    [B, 1, dim] and ``pooled`` [B, dim] are among them.
    """

    def __init__(self, network: Any, name: str) -> None:
        self.name, self.network = name, network.eval().requires_grad_(False)
        self.config = network.config
        self.sites = tuple(Site(index, f"blocks.{index}", 1) for index in range(network.config.backbone.depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        dtype: torch.dtype = self.network.backbone.head.weight.dtype
        return dtype

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: Any, tap: Tap | None = None) -> Tensor:
        """Velocity [B, channels, T] in ``x``'s dtype at ``sigma`` [B]."""
        return implied_velocity(x, self._clean(x.float(), sigma.float(), condition, tap), sigma)

    def _clean(self, x: Tensor, sigma: Tensor, condition: Any, tap: Tap | None) -> Tensor:
        """Clean estimate of ``x``."""
        clean: Tensor = self.network.backbone(
            x, sigma, condition.context, condition.pooled, tap, aligned=condition.aligned
        )
        return clean

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        (tokens,) = self.network.backbone.grid_of(x)
        return x.shape[0], 1 + tokens, self.config.backbone.dim

    def join(self, conditions: Sequence[Any]) -> Any:
        """Conditions of one kind, one after the other in one batch."""
        kind = type(conditions[0])
        return kind(*(torch.cat([getattr(c, part.name) for c in conditions]) for part in fields(kind)))
