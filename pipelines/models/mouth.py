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
from pipelines.models.starter import implied_velocity
from pipelines.models.weights import fill, load_config

SIDE = 64  # pixels of the picture that is painted
SHAPES = 5  # numbers that say what a mouth does: pipelines.visemes.SHAPE
ROOM = 2.4  # side of the picture, in widths of the mouth at rest
DROP = 0.5  # height of a mouth that is fully open, in widths at rest
LEAN = 0.25  # share of the network's own colours over those of the draft
SHARE = 0.27  # of it, by which the upper lip rises


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


def sketch(shape: Tensor) -> Tensor:
    """A plain drawing of mouths of ``shape`` [B, 5]: inside, teeth, tongue and line [B, 4, 64, 64], each 0 to 1.

    It stands where the mouth does in the picture, so that the network need not learn geometry from five numbers.
    """
    u, v = _places(shape.device)
    opened, wide, teeth, tongue, smile = (part[:, None, None] for part in shape.float().unbind(1))
    pixel = ROOM / SIDE
    width = (1 + torch.where(wide > 0, 0.25, 0.5) * wide) / 2
    s = u / width
    bow = (1 - s**2).clamp(min=1e-6) ** 0.7
    rest, height = 0.2 * smile * (0.4 - s**2), DROP * opened
    upper, lower = rest - SHARE * height * bow, rest + (1 - SHARE) * height * bow
    ends = _cover(width * (1 - s.abs()), pixel)
    inside = _cover(torch.minimum(v - upper, lower - v), pixel) * ends * (height / pixel / 0.7).clamp(0, 1)
    white = inside * teeth * _cover(upper + 0.16 * teeth - v, pixel)
    bed = rest + (1 - SHARE) * height * (1.05 - 0.7 * tongue)
    flesh = (
        inside * (tongue > 0.05) * _cover(v - bed - 0.5 * s**2 * height, pixel) * _cover(0.62 * width - u.abs(), pixel)
    )
    seam = torch.minimum((v - upper).abs(), (v - lower).abs())
    stroke = _cover(0.04 - seam, pixel) * _cover(width * (1 - s.abs()) + 0.04, pixel)
    return torch.stack([inside, white, flesh, stroke], 1)


def draft(source: Tensor, shape: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """A first guess: colours [B, 3, 64, 64] and matte [B, 1, 64, 64], both in [-1, 1].

    The old mouth is covered with the colour around it, and the new one drawn over it in the colour that the old one
    stood out by. Where nothing is ``told`` [B] no new one is drawn. The network adds to this what it knows better.
    """
    u, v = _places(source.device)
    near = (u.abs() < 0.78) & (v > -0.32) & (v < 0.75)
    # Above the mouth and beside it: below it a chin may end.
    around = (u.abs() < 0.6) & (v > -0.38) & (v < -0.17) | (u.abs() > 0.54) & (u.abs() < 0.7) & (v.abs() < 0.14)
    skin = source[:, :, around].median(-1).values
    away = source - skin[:, :, None, None]
    stands_out = away.abs().amax(1, keepdim=True)
    differs = ((stands_out > 0.2) & near).float()
    old = differs * ((u.abs() < 0.55) & (v > -0.16) & (v < 0.3))
    for _ in range(11):  # what hangs together with it, and not the end of a chin
        old = nn.functional.max_pool2d(old, 5, 1, 2) * differs
    weight = old
    old = nn.functional.max_pool2d(old, 5, 1, 2)
    old = nn.functional.avg_pool2d(old, 3, 1, 1, count_include_pad=False)
    # Darker counts for more: teeth stand out as well, but are not what a mouth is drawn in.
    weight = ((stands_out - 0.5 * away.mean(1, keepdim=True)) * (weight + 0.05 * near)).flatten(1)
    chosen = weight.topk(24, dim=1).indices[:, None].expand(-1, 3, -1)
    ink = source.flatten(2).gather(2, chosen).mean(-1)
    bright = (ink.mean(1, keepdim=True) > -0.35).to(ink)
    cavity = ink - bright * (0.35 * (ink + 1))
    parts = sketch(shape) * told[:, None, None, None].to(source)
    colour = source * (1 - old) + skin[:, :, None, None] * old
    white, flesh = source.new_tensor((0.95, 0.93, 0.9)), source.new_tensor((0.75, -0.3, -0.2))
    for part, paint in zip(
        parts.split(1, dim=1), (cavity, white.expand_as(ink), flesh.expand_as(ink), ink), strict=True
    ):
        colour = colour + part * (paint[:, :, None, None] - colour)
    fresh = nn.functional.max_pool2d(parts.amax(1, keepdim=True), 3, 1, 1)
    return colour, 2 * torch.maximum(old, fresh) - 1


def _places(device: torch.device) -> tuple[Tensor, Tensor]:
    """Across and down [64, 64] of each pixel from the middle, in widths of the mouth at rest."""
    line = ((torch.arange(SIDE, device=device) + 0.5) / SIDE - 0.5) * ROOM
    return line[None, :].expand(SIDE, SIDE), line[:, None].expand(SIDE, SIDE)


def _cover(depth: Tensor, pixel: float) -> Tensor:
    """Coverage of pixels whose middles lie ``depth`` inside an edge."""
    return (depth / pixel + 0.5).clamp(0, 1)


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
