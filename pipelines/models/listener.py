"""From sound to mouth shapes: a small flow model that hears mel frames and says what the mouth does, row by row.

What a mouth does is not settled by the sound alone; the flow model draws one way of doing it, another for every seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.layers import Tap
from pipelines.backbone.transformer import patchify
from pipelines.errors import ModelError
from pipelines.flow.types import Site
from pipelines.models.speech import Convolutions
from pipelines.models.starter import implied_velocity
from pipelines.models.weights import fill, load_config

BANDS = 100  # of a mel frame
HEARD = 2  # mel frames to one row of the track


@dataclass(frozen=True)
class ListenerConfig:
    """Shape of a :class:`ListenerNetwork`: the backbone, 1-D over track rows, and the width of what hears."""

    backbone: BackboneConfig
    width: int = 160


class ListenerNetwork(nn.Module):
    """Noised track rows [B, channels, T] and mel frames [B, BANDS, 2 T] in, clean estimate out."""

    def __init__(self, config: ListenerConfig) -> None:
        super().__init__()
        self.config = config
        backbone, width = config.backbone, config.width
        self.enter = nn.Conv1d(BANDS, width, 5, padding=2)
        self.blocks = nn.Sequential(*(Convolutions(width) for _ in range(3)))
        (self.patch,) = backbone.patch
        self.leave = nn.Linear(HEARD * self.patch * width, backbone.dim)
        self.context = nn.Parameter(torch.zeros(1, 1, backbone.dim))
        self.backbone = FlowTransformer(backbone)

    def encode(self, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What does not depend on the noise: aligned [B, tokens, dim], context [B, 1, dim], pooled [B, dim]."""
        # How loud a recording is in all says nothing of the mouth.
        level = heard.amax((1, 2), keepdim=True)
        x = self.blocks(self.enter(heard - level).transpose(1, 2)).transpose(1, 2)
        aligned = self.leave(patchify(x, (HEARD * self.patch,)))
        context = self.context.expand(len(heard), -1, -1)
        return aligned, context, context[:, 0]

    def forward(self, x: Tensor, sigma: Tensor, heard: Tensor) -> Tensor:
        """Clean estimate [B, channels, T] of ``x`` at ``sigma`` [B]."""
        aligned, context, pooled = self.encode(heard)
        return self.backbone(x, sigma, context, pooled, aligned=aligned)


@dataclass(frozen=True)
class HeardCondition:
    """Encoded mel frames: ``aligned`` [B, tokens, dim], ``context`` [B, 1, dim] and ``pooled`` [B, dim]."""

    aligned: Tensor
    context: Tensor
    pooled: Tensor


class ListenerModel:
    """A trained :class:`ListenerNetwork` as a :class:`pipelines.flow.FlowModel` over [B, channels, T]."""

    def __init__(self, network: ListenerNetwork, name: str = "starter") -> None:
        self.name, self.network = name, network.eval().requires_grad_(False)
        self.config = network.config
        self.sites = tuple(Site(index, f"blocks.{index}", 1) for index in range(network.config.backbone.depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self.network.backbone.head.weight.dtype

    @torch.inference_mode()
    def encode(self, heard: Tensor) -> HeardCondition:
        """Encode mel frames [B, BANDS, 2 T] as :mod:`pipelines.codecs.mel` makes them."""
        return HeardCondition(*self.network.encode(heard))

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: HeardCondition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, channels, T] in ``x``'s dtype at ``sigma`` [B]."""
        clean = self.network.backbone(
            x.float(), sigma.float(), condition.context, condition.pooled, tap, aligned=condition.aligned
        )
        return implied_velocity(x, clean, sigma)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        (tokens,) = self.network.backbone.grid_of(x)
        return x.shape[0], 1 + tokens, self.config.backbone.dim

    def join(self, conditions: Sequence[Any]) -> HeardCondition:
        """Conditions one after the other in one batch."""
        return HeardCondition(
            *(torch.cat([getattr(c, part) for c in conditions]) for part in ("aligned", "context", "pooled"))
        )


def load_listener(folder: Path) -> ListenerModel:
    """Load the shipped listener.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        config = ListenerConfig(BackboneConfig.from_dict(described["backbone"]), int(described["width"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():
        network = ListenerNetwork(config)
    fill(network, folder)
    return ListenerModel(network)
