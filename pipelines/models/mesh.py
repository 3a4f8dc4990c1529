"""The mesh starter: grids of signed distance and colour from recipes and pictures.

The grid is cut into cells of 12 x 12 x 12 voxels, and every cell, with a margin that neighbours share, is written in a
linear basis that ships with the weights: fewer, smoother numbers than raw patches, and no seams. One token is one
cell. What is wanted is told cell by cell, in the way that frames of speech are told their phones: the recipe through a
product with a learned code of every place, a picture through the pixels that a cell projects to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, silu

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.layers import Tap
from pipelines.errors import ModelError
from pipelines.flow.types import Site
from pipelines.models.basis import CELL, Basis
from pipelines.models.draft import Draft
from pipelines.models.framing import PIXELS
from pipelines.models.objects.known import Known
from pipelines.models.shapes import CHOICES, MEASURES, PARTS, Recipe
from pipelines.models.sight import Sight
from pipelines.models.starter import implied_velocity
from pipelines.models.weights import fill, load_config

CONTEXT = 4  # tokens beside the grid that hold the recipe
CROP, STRIDE = 12, 1.75  # samples along each side of what a cell sees of a picture, and pixels between them


@dataclass(frozen=True)
class MeshConfig:
    """Shape of a :class:`MeshNetwork`.

    Attributes:
        backbone: 3-D, over the numbers of the basis and the cells of the grid.
        shape: numbers of a cell for its distances.
        colour: numbers of a cell for each of its three colours.
        views: rotations world to camera, row by row, nine numbers each; view 1 is the first of them.
        extent: of the unit cube that a picture spans.
        width: of the recipe's code.
    """

    backbone: BackboneConfig
    shape: int
    colour: int
    views: tuple[tuple[float, ...], ...]
    extent: float
    width: int = 384


@dataclass(frozen=True)
class Told:
    """What is to be made, a row a sample.

    Attributes:
        numbers: choices int64 [B, 9] of :meth:`Recipe.numbers`; 0 leaves open.
        shades: colours [B, PARTS, 4] of :meth:`Recipe.shades`.
        measures: [B, MEASURES, 2] of :meth:`Recipe.proportions`.
        picture: [B, 4, 64, 64] premultiplied in [0, 1]; zeros for none.
        view: [B] int64: 0 for no picture, else which of the known poses it shows.
    """

    numbers: Tensor
    shades: Tensor
    measures: Tensor
    picture: Tensor
    view: Tensor

    @classmethod
    def of(cls, recipes: Sequence[Recipe], pictures: Sequence[tuple[np.ndarray, int] | None] | None = None) -> "Told":
        """``recipes``, and for each a picture, float32 [64, 64, 4] premultiplied in [0, 1], with its view, or None."""
        shown = pictures or [None] * len(recipes)
        blank = np.zeros((PIXELS, PIXELS, 4), np.float32)
        stacked = np.stack([blank if each is None else each[0] for each in shown])
        return cls(
            torch.from_numpy(np.stack([recipe.numbers() for recipe in recipes])),
            torch.from_numpy(np.stack([recipe.shades() for recipe in recipes])),
            torch.from_numpy(np.stack([recipe.proportions() for recipe in recipes])),
            torch.from_numpy(stacked).permute(0, 3, 1, 2),
            torch.tensor([0 if each is None else each[1] for each in shown]),
        )

    def row(self, place: int) -> "Told":
        """One sample alone."""
        return self.rows(torch.tensor([place]))

    def rows(self, places: Tensor) -> "Told":
        """The samples at ``places`` [N] int64, in that order."""
        return Told(*(getattr(self, part.name)[places] for part in fields(Told)))

    def joined(self, other: "Told") -> "Told":
        """The samples of both."""
        return Told(*(torch.cat([getattr(self, part.name), getattr(other, part.name)]) for part in fields(Told)))


class MeshNetwork(nn.Module):
    """Noised numbers of cells and :class:`Told` in, clean estimate out."""

    looks: Tensor

    def __init__(self, config: MeshConfig) -> None:
        super().__init__()
        self.config = config
        backbone, width = config.backbone, config.width
        cells = int(np.prod(backbone.grid))
        self.basis = Basis(config.shape, config.colour)
        self.choices = nn.ModuleList(nn.Embedding(options, 32) for options in CHOICES)
        self.told = nn.Linear(4 * PARTS + 2 * MEASURES, 96)
        self.kind = nn.Embedding(CHOICES[0], width)
        self.mix = nn.Sequential(nn.Linear(32 * len(CHOICES) + 96 + width, width), nn.SiLU(), nn.Linear(width, width))
        self.place = nn.Parameter(0.5 * torch.randn(cells, width))
        self.home = nn.Parameter(0.5 * torch.randn(cells, backbone.dim))
        self.aligned = nn.Linear(width, backbone.dim)
        self.seen = nn.Linear(4 * CROP * CROP, backbone.dim, bias=False)
        self.view = nn.Embedding(1 + len(config.views), backbone.dim)
        self.context = nn.Linear(width, CONTEXT * backbone.dim)
        self.pooled = nn.Linear(width, backbone.dim)
        self.draft = Draft(backbone.grid, config.shape, config.colour)
        # How far the truth lies from the draft, for what is told nothing, by words, and by a picture: measured once.
        self.doubt = nn.Parameter(torch.ones(3, backbone.channels), requires_grad=False)
        self.drafted = nn.Linear(backbone.channels, backbone.dim, bias=False)
        self.backbone = FlowTransformer(backbone)
        self.register_buffer("looks", _looks(config), persistent=False)

    def encode(self, told: Told) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What does not depend on the noise.

        Returns:
            aligned [B, cells, dim], context [B, CONTEXT, dim], pooled [B, dim], draft [B, K, *grid], and its standard
            error, doubt [B, K].
        """
        chosen = [table(told.numbers[:, column]) for column, table in enumerate(self.choices)]
        numbers = torch.cat([told.shades.flatten(1), told.measures.flatten(1)], dim=-1)
        named = self.told(numbers.to(self.place.dtype)), self.kind(told.numbers[:, 0])
        code = self.mix(torch.cat([*chosen, *named], dim=-1))
        # A product, not a sum: which place means what depends on the recipe, one learned template for every number.
        local = self.aligned(silu(code)[:, None] * self.place) + self.home
        local = local + self.seen(self._crops(told).to(local.dtype))
        draft = self.draft(told)
        local = local + self.drafted(draft.flatten(2).transpose(1, 2))
        pooled = self.pooled(code) + self.view(told.view)
        doubt = self.doubt[torch.where(told.view > 0, 2, (told.numbers[:, 0] > 0).long())]
        return local, self.context(code).unflatten(-1, (CONTEXT, -1)), pooled, draft, doubt

    def _crops(self, told: Told) -> Tensor:
        """What every cell sees of the picture [B, cells, 4 CROP^2]; zeros without one."""
        looks = self.looks[told.view.clamp(min=1) - 1]
        crops = grid_sample(told.picture.float(), looks, align_corners=False)  # [B, 4, cells, CROP^2]
        crops = crops * (told.view > 0).to(crops)[:, None, None, None]
        return crops.transpose(1, 2).flatten(2)

    def forward(self, x: Tensor, sigma: Tensor, told: Told) -> Tensor:
        """Clean estimate [B, K, *grid] of ``x`` at ``sigma`` [B]."""
        aligned, context, pooled, draft, doubt = self.encode(told)
        around = Around.of(x, sigma, draft, doubt)
        return around.clean(self.backbone(around.seen, sigma, context, pooled, aligned=aligned))


@dataclass(frozen=True)
class Around:
    """What is known before the network looks: the clean signal lies round the draft by a Gaussian of width doubt.

    Of x = (1 - s) x0 + s e and x0 ~ N(draft, doubt^2), the mean of x0 given x is linear in x. The network sees what is
    left of x at unit variance and says by how many standard deviations the mean is off: the preconditioning of EDM
    (Karras et al. 2022, eq. 7) round a draft instead of round zero. Untrained, it is the exact flow of that Gaussian.
    """

    seen: Tensor
    mean: Tensor
    width: Tensor

    @classmethod
    def of(cls, x: Tensor, sigma: Tensor, draft: Tensor, doubt: Tensor) -> "Around":
        """``x`` [B, K, *grid] at ``sigma`` [B], ``draft`` of its shape and ``doubt`` [B, K]."""
        ones = [1] * (x.ndim - 2)
        level = sigma.float().reshape(-1, 1, *ones)
        wide = doubt.float().reshape(*doubt.shape, *ones)
        draft = draft.float()
        total = ((1 - level).square() * wide.square() + level.square()).sqrt()
        seen = (x.float() - (1 - level) * draft) / total
        return cls(seen, draft + (1 - level) * wide.square() / total * seen, level * wide / total)

    def clean(self, said: Tensor) -> Tensor:
        """The clean estimate, where the network said ``said``."""
        return self.mean + self.width * said.float()


def _looks(config: MeshConfig) -> Tensor:
    """Where on a picture, in [-1, 1], every cell of every view looks: [views, cells, CROP^2, 2]."""
    axes = [(torch.arange(n) + 0.5) / n - 0.5 for n in config.backbone.grid]
    centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)
    step = (torch.arange(CROP) - (CROP - 1) / 2) * STRIDE * 2 / PIXELS
    down, right = torch.meshgrid(step, step, indexing="ij")
    offsets = torch.stack([right, down], dim=-1).reshape(1, -1, 2)
    looks = []
    for view in config.views:
        camera = centres @ torch.tensor(view).reshape(3, 3).T
        middle = torch.stack([camera[:, 0], -camera[:, 1]], dim=-1) * (2 / config.extent)
        looks.append(middle[:, None] + offsets)
    return torch.stack(looks)


@dataclass(frozen=True)
class MeshCondition:
    """Encoded :class:`Told`; see :meth:`MeshNetwork.encode` for shapes."""

    aligned: Tensor
    context: Tensor
    pooled: Tensor
    draft: Tensor
    doubt: Tensor


class MeshModel:
    """A trained :class:`MeshNetwork` as a :class:`pipelines.flow.FlowModel` over [B, K, *grid]."""

    def __init__(
        self, network: MeshNetwork, sight: Sight | None = None, name: str = "starter", known: Known | None = None
    ) -> None:
        """``sight`` tells what pictures show; ``known`` are objects that look like them."""
        self.name, self.network, self.known = name, network.eval().requires_grad_(False), known
        self.sight = sight.eval().requires_grad_(False) if sight is not None else None
        self.config = network.config
        depth = network.config.backbone.depth
        self.sites = tuple(Site(index, f"blocks.{index}", CONTEXT) for index in range(depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self.network.backbone.head.weight.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape [K, *grid] of one signal."""
        return self.config.backbone.channels, *self.config.backbone.grid

    @property
    def size(self) -> int:
        """Voxels along a side of the grid."""
        return CELL * self.config.backbone.grid[0]

    @torch.inference_mode()
    def encode(self, told: Told) -> MeshCondition:
        """Encode what is to be made."""
        return MeshCondition(*self.network.encode(told))

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: MeshCondition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, K, *grid] in ``x``'s dtype at ``sigma`` [B]."""
        around = Around.of(x, sigma, condition.draft, condition.doubt)
        said = self.network.backbone(
            around.seen.to(x), sigma.float(), condition.context, condition.pooled, tap, aligned=condition.aligned
        )
        return implied_velocity(x, around.clean(said), sigma)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        return x.shape[0], CONTEXT + int(np.prod(self.network.backbone.grid_of(x))), self.config.backbone.dim

    def join(self, conditions: Sequence[Any]) -> MeshCondition:
        """Conditions one after the other in one batch."""
        return MeshCondition(
            *(torch.cat([getattr(each, part.name) for each in conditions]) for part in fields(MeshCondition))
        )

    @torch.inference_mode()
    def signal(self, fields: np.ndarray) -> Tensor:
        """Numbers [1, K, *grid] of fields float32 [4, S, S, S]: distance over the band, and colours, in [-1, 1]."""
        return self.network.basis.numbers(torch.from_numpy(fields)[None])

    @torch.inference_mode()
    def fields(self, signal: Tensor) -> np.ndarray:
        """Fields float32 [B, 4, S, S, S] of numbers [B, K, *grid].

        Raises:
            ModelError: they are not finite.
        """
        if not torch.isfinite(signal).all():
            raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
        return self.network.basis.fields(signal.float()).numpy()

    @torch.inference_mode()
    def painted(self, told: Told, signal: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Where each part is, float32 [B, PARTS, S, S, S], 1 inside of it, and the shades [B, PARTS, 3] in [-1, 1].

        Places are the draft's; the shades are those that put there come nearest to the colours of ``signal``.
        """
        first, each = self.network.basis.counts
        places = self.network.draft.parts(told)[1].float()  # [B, cells, PARTS, colour]
        where = places.movedim(2, -1).flatten(1, 2)
        shown = signal[:, first:].float().flatten(2).unflatten(1, (3, each)).permute(0, 3, 2, 1).flatten(1, 2)
        near = 1e-3 * torch.eye(where.shape[-1])  # a part that is nowhere has no shade to find
        normal = where.mT @ where + near * where.square().sum((1, 2)).reshape(-1, 1, 1)
        shades = torch.linalg.solve(normal, where.mT @ shown).clamp(-1, 1)
        grid = self.config.backbone.grid
        return self.network.basis.places(places.permute(0, 2, 3, 1).unflatten(-1, grid)).numpy(), shades.numpy()


def load_mesh(folder: Path, *, dtype: torch.dtype = torch.float32) -> MeshModel:
    """Load the shipped mesh starter.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        backbone = BackboneConfig.from_dict(described["backbone"])
        views = tuple(tuple(float(v) for v in view) for view in described["views"])
        sizes = {key: int(described[key]) for key in ("shape", "colour", "width")}
        config = MeshConfig(backbone, views=views, extent=float(described["extent"]), **sizes)
        fits = tuple(described["choices"]) == CHOICES
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    if not fits:
        raise ModelError(f"model: {folder.name!r} knows other kinds of objects than this version; reinstall eddyline")
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = MeshNetwork(config)
        sight = Sight(len(views))
    fill(nn.ModuleDict({"network": network, "sight": sight}), folder)
    return MeshModel(network.to(dtype), sight, known=Known.load())
