"""What an object looks like on average, given what is told of it: where the flow begins from.

Plain regression, cheap to train: one template of numbers per cell and feature. Shape and the places of the parts come
from the recipe and the picture; colours are the parts' shades put in their places, so that a colour word reaches its
part and nothing else. The flow adds what an average lacks: one definite object, with edges.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from pipelines.models.shapes import CHOICES, PARTS

if TYPE_CHECKING:
    from pipelines.models.mesh import Told

POOL = 2  # the picture is halved
SEEN, NARROW = 256, 64  # features of a picture, and numbers that it is first brought down to
CODE = 40  # features that templates are mixed by


class Draft(nn.Module):
    """:class:`pipelines.models.mesh.Told` in, expected numbers out.

    Args:
        grid: cells along each axis.
        shape: numbers of a cell for its distances, of which the first ``lead`` are drafted.
        colour: numbers of a cell for each of its three colours.
        pixels: of the picture's side.
        views: how many known poses there are.
    """

    def __init__(
        self, grid: tuple[int, ...], shape: int, colour: int, pixels: int, views: int, lead: int = 160
    ) -> None:
        super().__init__()
        self.grid, self.counts, self.lead = grid, (shape, colour), min(lead, shape)
        cells = grid[0] * grid[1] * grid[2]
        self.choices = nn.ModuleList(nn.Embedding(options, 32) for options in CHOICES)
        self.picture = nn.Sequential(nn.Linear(4 * (pixels // POOL) ** 2, NARROW, bias=False), nn.Linear(NARROW, SEEN))
        self.view = nn.Embedding(1 + views, SEEN)
        width = 32 * len(CHOICES) + SEEN
        self.mix = nn.Sequential(nn.Linear(width, 384), nn.SiLU(), nn.Linear(384, 256), nn.SiLU(), nn.Linear(256, CODE))
        out = self.lead + PARTS * colour
        self.templates = nn.Parameter(0.05 * torch.randn(cells, CODE, out))
        self.base = nn.Parameter(torch.zeros(cells, out))
        self.tones = nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, 3 * PARTS))

    def parts(self, told: "Told") -> tuple[Tensor, Tensor, Tensor]:
        """Shape numbers [B, cells, lead], where each part is [B, cells, PARTS, colour], and shades [B, PARTS, 3]."""
        kind = self.base.dtype
        chosen = [table(told.numbers[:, column]) for column, table in enumerate(self.choices)]
        small = avg_pool2d(told.picture.float(), POOL).flatten(1).to(kind)
        seen = torch.nn.functional.silu(self.picture(small) + self.view(told.view))
        both = torch.cat([*chosen, seen], dim=-1)
        found = torch.einsum("bf,cfo->bco", self.mix(both), self.templates) + self.base
        said = told.shades.to(kind)
        shades = torch.where(said[..., 3:] > 0, said[..., :3], self.tones(both).unflatten(-1, (PARTS, 3)))
        return found[..., : self.lead], found[..., self.lead :].unflatten(-1, (PARTS, -1)), shades

    def forward(self, told: "Told") -> Tensor:
        """Numbers [B, K, *grid]; those of the shape that are not drafted are zero."""
        return self.joined(*self.parts(told))

    def joined(self, shape: Tensor, places: Tensor, shades: Tensor) -> Tensor:
        """The numbers that :meth:`parts` add up to."""
        colours = torch.einsum("bpk,bcpn->bckn", shades, places).flatten(2)
        rest = shape.new_zeros(*shape.shape[:2], self.counts[0] - self.lead)
        return torch.cat([shape, rest, colours], dim=-1).transpose(1, 2).unflatten(-1, self.grid)
