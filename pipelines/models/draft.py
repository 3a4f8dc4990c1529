"""What an object looks like as far as its recipe tells: where the flow begins from.

Plain regression, cheap to train: a recipe with all its measures leaves nothing open, so there is no average to blur.
Every cell has a code of its own, linear in the recipe's, from which layers that all cells share make its numbers.
Colours are the parts' shades put in their places, so that a colour word reaches its part and nothing else.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, rms_norm, silu

from pipelines.models.shapes import CHOICES, MEASURES, PARTS

if TYPE_CHECKING:
    from pipelines.models.mesh import Told

WAVES = (0.5, 1.0, 2.0)  # half-turns over a measure's range
CODE, LOCAL = 256, 224  # of the recipe, and of one cell


class Layer(nn.Module):
    """x + MLP(norm(x)), of twice the width inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] of the same."""
        return x + self.narrow(silu(self.widen(rms_norm(x, x.shape[-1:]))))


class Draft(nn.Module):
    """:class:`pipelines.models.mesh.Told` in, expected numbers out; pictures are not looked at.

    Args:
        grid: cells along each axis.
        shape: numbers of a cell for its distances.
        colour: numbers of a cell for each of its three colours.
    """

    def __init__(self, grid: tuple[int, ...], shape: int, colour: int) -> None:
        super().__init__()
        self.grid, self.counts = grid, (shape, colour)
        cells = grid[0] * grid[1] * grid[2]
        inputs = sum(CHOICES[1:]) + MEASURES * (2 + 2 * len(WAVES))
        # Every kind reads its attributes in its own way: "legs" of a table and "doors" of a cabinet share a column.
        self.read = nn.Parameter(torch.randn(CHOICES[0], inputs, CODE) / math.sqrt(len(CHOICES) + 2 * MEASURES))
        self.kind = nn.Embedding(CHOICES[0], CODE)
        self.mix = nn.Sequential(Layer(CODE), Layer(CODE))
        self.place = nn.Parameter(torch.randn(cells, CODE, LOCAL) / math.sqrt(CODE))
        self.home = nn.Parameter(0.1 * torch.randn(cells, LOCAL))
        self.shared = nn.Sequential(Layer(LOCAL), Layer(LOCAL))
        self.head = nn.Linear(LOCAL, shape + PARTS * colour)
        self.base = nn.Parameter(torch.zeros(cells, shape + PARTS * colour))

    def parts(self, told: "Told") -> tuple[Tensor, Tensor]:
        """Shape numbers [B, cells, shape], and where each part is [B, cells, PARTS, colour]."""
        rows = _features(told).to(self.base.dtype)
        kinds = told.numbers[:, 0]
        code = self.mix(torch.bmm(rows[:, None], self.read[kinds])[:, 0] + self.kind(kinds))
        local = torch.einsum("bf,cfo->bco", rms_norm(code, code.shape[-1:]), self.place) + self.home
        found = self.head(self.shared(local)) + self.base
        return found[..., : self.counts[0]], found[..., self.counts[0] :].unflatten(-1, (PARTS, -1))

    def forward(self, told: "Told") -> Tensor:
        """Numbers [B, K, *grid]; a part without a shade has none."""
        shape, places = self.parts(told)
        shades = (told.shades[..., :3] * told.shades[..., 3:]).to(shape.dtype)
        colours = torch.einsum("bpk,bcpn->bckn", shades, places).flatten(2)
        return torch.cat([shape, colours], dim=-1).transpose(1, 2).unflatten(-1, self.grid)


def _features(told: "Told") -> Tensor:
    """Choices as one of many, and measures with waves over their range, zeros where one is open: [B, inputs]."""
    chosen = [one_hot(told.numbers[:, 1 + column], size) for column, size in enumerate(CHOICES[1:])]
    value, known = told.measures.unbind(-1)
    turns = [value * math.pi * wave for wave in WAVES]
    rows = [value, *(torch.sin(turn) for turn in turns), *(torch.cos(turn) for turn in turns)]
    return torch.cat([*chosen, *(row * known for row in rows), known], dim=-1)
