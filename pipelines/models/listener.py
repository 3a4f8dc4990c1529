"""From sound to mouth shapes: a small flow model that hears mel frames and says what the mouth does, row by row.

What a mouth does is not settled by the sound alone; the flow model draws one way of doing it, another for every seed.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.transformer import patchify
from pipelines.errors import ModelError
from pipelines.models.aligned import AlignedModel
from pipelines.models.speech import Convolutions
from pipelines.models.weights import fill, load_config

BANDS = 100  # of a mel frame
HEARD = 2  # mel frames to one row of the track
SPEAKING = 1.2  # below the loudest frame, as a mean over the bands of a mel latent: quieter ones are pauses
FEW = 60  # frames of speech that tell as much of a voice's colour as is supposed of any voice


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
        x = self.blocks(self.enter(levelled(heard)).transpose(1, 2)).transpose(1, 2)
        aligned = self.leave(patchify(x, (HEARD * self.patch,)))
        context = self.context.expand(len(heard), -1, -1)
        return aligned, context, context[:, 0]

    def forward(self, x: Tensor, sigma: Tensor, heard: Tensor) -> Tensor:
        """Clean estimate [B, channels, T] of ``x`` at ``sigma`` [B]."""
        aligned, context, pooled = self.encode(heard)
        return self.backbone(x, sigma, context, pooled, aligned=aligned)


def levelled(heard: Tensor) -> Tensor:
    """``heard`` [B, BANDS, T] less what each band has on average while somebody speaks.

    How loud a recording is in all says nothing of the mouth, nor does the colour of a voice, a room or a microphone
    (mean normalisation of the cepstrum: Atal, 1974). What little speech says of its average counts less.
    """
    loudness = heard.mean(1, keepdim=True)
    speaking = (loudness > loudness.amax(2, keepdim=True) - SPEAKING).to(heard.dtype)
    level = (speaking * loudness).sum(2, keepdim=True) / speaking.sum(2, keepdim=True)
    return heard - ((speaking * heard).sum(2, keepdim=True) + FEW * level) / (speaking.sum(2, keepdim=True) + FEW)


@dataclass(frozen=True)
class HeardCondition:
    """Encoded mel frames: ``aligned`` [B, tokens, dim], ``context`` [B, 1, dim] and ``pooled`` [B, dim]."""

    aligned: Tensor
    context: Tensor
    pooled: Tensor


class ListenerModel(AlignedModel):
    """A trained :class:`ListenerNetwork` as a :class:`pipelines.flow.FlowModel` over [B, channels, T]."""

    def __init__(self, network: ListenerNetwork, name: str = "starter") -> None:
        super().__init__(network, name)

    @torch.inference_mode()
    def encode(self, heard: Tensor) -> HeardCondition:
        """Encode mel frames [B, BANDS, 2 T] as :mod:`pipelines.codecs.mel` makes them."""
        return HeardCondition(*self.network.encode(heard))


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
