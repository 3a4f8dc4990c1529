"""A judge of meshes that looks at a grid of 24^3 distances: which kind of object, and which of its attributes.

It is trained on objects of its own, of seeds that no starter saw, a little moved and blurred so that it does not lean
on what only a clean drawing has. Its own accuracy, on further objects that were meshes in between, stands beside every
figure that it gives. It is kept in DATA/judge, since training takes a few minutes.
"""

from pathlib import Path

import numpy as np
import torch
from teaching import taught
from torch import nn

from pipelines.codecs.mesh import Grid, finer, places, to_grid, to_mesh
from pipelines.models.objects.drawing import draw
from pipelines.models.shapes import CHOICES, KINDS, Recipe

SIZE = 24
FIRST = 5_000_000  # seeds of the judge's own objects; those of its examination and of the benches lie beyond
EXAM = 6_000_000
HERE = (1.0, (0.0, 0.0, 0.0))  # the unit cube, as the starter places its own meshes


class Judge(nn.Module):
    """Distances [B, 1, 24, 24, 24] in voxels, cut off at 2, to scores of kinds, and of each choice of a kind."""

    def __init__(self, width=24):
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv3d(1, width, 4, 2, 1), nn.GroupNorm(4, width), nn.GELU(),
            nn.Conv3d(width, 2 * width, 4, 2, 1), nn.GroupNorm(4, 2 * width), nn.GELU(),
            nn.Conv3d(2 * width, 2 * width, 3, 1, 1), nn.GroupNorm(4, 2 * width), nn.GELU(),
            nn.AvgPool3d(2), nn.Flatten(), nn.Linear(2 * width * 27, 192), nn.GELU(),
        )  # fmt: skip
        self.kinds = nn.Linear(192, len(KINDS))
        self.details = nn.Parameter(0.05 * torch.randn(len(KINDS), 193, sum(CHOICES[1:])))

    def forward(self, grids, kinds=None):
        """Scores [B, kinds] and, for ``kinds`` [B] (from 0) or the likeliest, a tuple of scores of each choice."""
        code = self.look(grids)
        scores = self.kinds(code)
        chosen = scores.argmax(1) if kinds is None else kinds
        one = torch.cat([code, code.new_ones(len(code), 1)], dim=1)
        return scores, torch.bmm(one[:, None], self.details[chosen])[:, 0].split(CHOICES[1:], dim=1)

    @torch.inference_mode()
    def verdict(self, distance, kind=None):
        """Numbers [1 + choices] of distances [48, 48, 48] in voxels, as a recipe has them; ``kind`` where known."""
        scores, choices = self(small(distance)[None], None if kind is None else torch.tensor([kind - 1]))
        return np.array([1 + int(scores[0].argmax()), *(1 + int(each[0, 1:].argmax()) for each in choices)])


def iou(a, b):
    """Of the insides of two grids of distances."""
    return float(((a < 0) & (b < 0)).sum() / max(1, ((a < 0) | (b < 0)).sum()))


def small(distance):
    """Distances [1, 24, 24, 24] of 24^3 from those [48, 48, 48] of 48^3."""
    whole = torch.from_numpy(np.ascontiguousarray(distance, np.float32))[None, None]
    return nn.functional.avg_pool3d(whole / 2, 2)[0].clamp(-2, 2)


def drawn(count, first):
    """Distances [N, 1, 24, 24, 24] and numbers [N, 1 + choices] of objects, all kinds in turn."""
    points = places(SIZE).reshape(-1, 3)
    grids, numbers = [], []
    for place in range(count):
        made = draw(Recipe(1 + place % len(KINDS)), first + place, points)
        grids.append(np.clip(made.distance * SIZE, -2, 2).reshape(1, SIZE, SIZE, SIZE))
        numbers.append(made.recipe.numbers())
    return torch.from_numpy(np.stack(grids).astype(np.float32)), torch.from_numpy(np.stack(numbers))


def object_of(recipe, seed, size=48):
    """An exact grid of ``recipe`` and ``seed``, and what the recipe was completed to."""
    made = draw(recipe, seed, places(size).reshape(-1, 3))
    distance = np.clip(made.distance * size, -3 * size / 48, 3 * size / 48).reshape((size,) * 3).astype(np.float32)
    return Grid(distance, made.colours().reshape(size, size, size, 3)), made


def judge_itself(judge, count):
    """Share of kinds and of attributes that the judge gets right, on objects that were meshes in between."""
    kinds, choices = [], []
    for place in range(count):
        grid, made = object_of(Recipe(1 + place % len(KINDS)), EXAM + place)
        seen = to_grid(to_mesh(finer(grid), pieces=None), placed=HERE)
        wanted = made.recipe.numbers()
        kinds.append(judge.verdict(seen.distance)[0] == wanted[0])
        found = judge.verdict(seen.distance, int(wanted[0]))
        choices += list((found == wanted)[1:][wanted[1:] > 0])
    return {"objects": count, "kind": float(np.mean(kinds)), "attributes": float(np.mean(choices))}


def trained(data: Path, steps: int = 700, count: int = 3600) -> Judge:
    """The judge of DATA/judge, trained the first time."""
    path = data / "judge" / "mesh-judge.safetensors"
    return taught(Judge, path, lambda: drawn(count, FIRST), _loss, steps=steps, batch=48, decay=0.02)


def _loss(judge, grids, wanted, generator):
    scores, choices = judge(_worn(grids, generator), wanted[:, 0] - 1)
    loss = nn.functional.cross_entropy(scores, wanted[:, 0] - 1)
    for column, each in enumerate(choices, start=1):
        told = wanted[:, column] > 0  # the kind has it
        if told.any():
            loss = loss + 0.3 * nn.functional.cross_entropy(each[told], wanted[told, column])
    return loss


def _worn(grids, generator):
    """Moved by up to a voxel, swollen or shrunk a little, and some of them blurred."""
    shift = [int(torch.randint(-1, 2, (1,), generator=generator)) for _ in range(3)]
    moved = grids.roll(shift, (2, 3, 4)) + 0.15 * torch.randn(len(grids), 1, 1, 1, 1, generator=generator)
    soft = nn.functional.avg_pool3d(moved, 3, 1, 1)
    share = 0.6 * torch.rand(len(grids), 1, 1, 1, 1, generator=generator)
    return (1 - share) * moved + share * soft
