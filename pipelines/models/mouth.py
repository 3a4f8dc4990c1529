"""The painter of mouths: a small picture around a mouth, and what the mouth should do, in; the mouth so painted, out.

Editing without masks after OmniSync (arXiv 2505.21448): the network is shown the frame as it is, at the same place, and
told the new shape of the mouth; it learns from pairs of pictures that differ in the mouth alone which part of the
picture that concerns. It says so in a fourth channel, the matte, by which what it painted is laid over the source.

It does not begin from nothing: a plain drawing of the new mouth, in the colours that are found around the old one, is
what its estimate starts from, and what it learns is how the face's own style differs from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.layers import Tap
from pipelines.backbone.transformer import overlap_patchify
from pipelines.errors import ModelError
from pipelines.flow.types import Site
from pipelines.models.mouth_draft import draft
from pipelines.models.starter import implied_velocity
from pipelines.models.weights import fill, load_config

SIDE = 64  # pixels of the picture that is painted
SHAPES = 5  # numbers that say what a mouth does: pipelines.visemes.SHAPE
LEAN = 0.25  # share of the network's own colours over those of the draft


@dataclass(frozen=True)
class Mouths:
    """What is to be painted.

    Attributes:
        source: the frames as they are [B, 3, 64, 64] in [-1, 1], the mouth in the middle.
        shape: what the mouths should do [B, 5].
        told: [B], 1 where the shape is said, 0 where the network may do as it likes (what guidance moves away from).
    """

    source: Tensor
    shape: Tensor
    told: Tensor


class MouthNetwork(nn.Module):
    """Noised colours and matte [B, 4, 64, 64] and :class:`Mouths` in, clean estimate out."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        each = (config.channels - 1) * config.patch[0] * config.patch[1] * 4
        self.from_source = nn.Linear(each, config.dim)
        self.from_draft = nn.Linear(config.channels * config.patch[0] * config.patch[1] * 4, config.dim, bias=False)
        self.from_shape = nn.Sequential(
            nn.Linear(2 * SHAPES + 1, config.dim), nn.SiLU(), nn.Linear(config.dim, config.dim)
        )
        self.context = nn.Linear(config.dim, config.dim)
        self.backbone = FlowTransformer(config)

    def encode(self, mouths: Mouths) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What does not depend on the noise.

        Returns:
            aligned [B, tokens, dim], context [B, 1, dim], pooled [B, dim], and the draft [B, 4, 64, 64].
        """
        first = torch.cat(draft(mouths.source, mouths.shape, mouths.told), dim=1)
        aligned = self.from_source(overlap_patchify(mouths.source, self.config.patch)).flatten(1, -2)
        told = mouths.told[:, None].to(mouths.shape)
        # The square root tells nearly shut mouths apart, where it matters most.
        said = torch.cat([mouths.shape, mouths.shape.abs().sqrt()], dim=1) * told
        pooled = self.from_shape(torch.cat([said, told], dim=1))
        aligned = aligned + self.from_draft(overlap_patchify(first, self.config.patch)).flatten(1, -2)
        return aligned + pooled[:, None], self.context(pooled)[:, None], pooled, first

    def forward(self, x: Tensor, sigma: Tensor, mouths: Mouths) -> Tensor:
        """Clean estimate [B, 4, 64, 64] of ``x`` at ``sigma`` [B]."""
        aligned, context, pooled, first = self.encode(mouths)
        return first + self.backbone(x, sigma, context, pooled, aligned=aligned)


@dataclass(frozen=True)
class MouthCondition:
    """Encoded :class:`Mouths`: ``aligned`` [B, tokens, dim], ``context`` [B, 1, dim], ``pooled`` [B, dim], ``first``
    [B, 4, 64, 64], the draft.
    """

    aligned: Tensor
    context: Tensor
    pooled: Tensor
    first: Tensor


class MouthModel:
    """A trained :class:`MouthNetwork` as a :class:`pipelines.flow.FlowModel` over [B, 4, 64, 64]."""

    def __init__(self, network: MouthNetwork, name: str = "starter") -> None:
        self.name, self.network = name, network.eval().requires_grad_(False)
        self.sites = tuple(Site(index, f"blocks.{index}", 1) for index in range(network.config.depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self.network.backbone.head.weight.dtype

    @torch.inference_mode()
    def encode(self, mouths: Mouths) -> MouthCondition:
        """Encode what is to be painted."""
        return MouthCondition(*self.network.encode(mouths))

    @torch.inference_mode()
    def nothing(self, mouths: Mouths) -> MouthCondition:
        """The unconditional branch of guidance: the same pictures, no shape said."""
        return self.encode(replace(mouths, told=torch.zeros_like(mouths.told)))

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: MouthCondition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, 4, 64, 64] in ``x``'s dtype at ``sigma`` [B]."""
        with torch.autocast("cpu", torch.bfloat16, enabled=_fast(x)):
            clean = self.network.backbone(
                x.float(), sigma.float(), condition.context, condition.pooled, tap, aligned=condition.aligned
            )
        # What the network changes of the draft's colours counts in part: after a short training it is right in the
        # mean and smeared in the detail. Which pixels change, the matte, is all its own.
        clean = torch.cat([LEAN * clean[:, :3], clean[:, 3:]], dim=1).float()
        return implied_velocity(x, condition.first + clean, sigma)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        rows, columns = self.network.backbone.grid_of(x)
        return x.shape[0], 1 + rows * columns, self.network.config.dim

    def join(self, conditions: Sequence[Any]) -> MouthCondition:
        """Conditions one after the other in one batch."""
        return MouthCondition(
            *(torch.cat([getattr(c, part) for c in conditions]) for part in ("aligned", "context", "pooled", "first"))
        )


def _fast(x: Tensor) -> bool:
    """Whether this processor has bf16 matrices; without AVX-512 a CPU emulates them, hundreds of times slower."""
    return x.device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512"


def load_mouth(folder: Path) -> MouthModel:
    """Load the shipped painter.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        backbone = BackboneConfig.from_dict(described["backbone"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = MouthNetwork(backbone)
    fill(network, folder)
    return MouthModel(network)
