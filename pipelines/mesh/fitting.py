"""A recipe that shows what a picture shows: search, then descent, both through the draft (analysis by synthesis).

The eye's guesses of a picture are good for what kind of object it shows and poor for its proportions. So many
recipes of that kind are drafted, looked at from where the picture was taken, and held against it; new ones are drawn
round the best (the cross-entropy method); and the best of all follow the draft's slope, for it is smooth in the
measures. Nothing is fetched from the training set. What this finds is one of the thirty drawings, never a new one.

Held against the picture are the outline, and inside of it the colours: one shade for each part, whichever suits best,
in the light that falls on the draft. How large the object is and where the picture's middle lies follows from the
outline's sides at first, and is free in the descent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pipelines.mesh.rays import Rays, Sketch, framing
from pipelines.models.mesh import MeshModel, Told
from pipelines.models.shapes import Recipe, Rgb

PIXELS = 32  # a side of what is held against one another
SPARSE = 2  # one in so many voxels that the search looks at
DRAWN, AGAIN, ROUNDS = 96, 48, 1  # recipes at first and in each round after it
BEST, SPREAD = 12, 0.35  # how many of them the next round is drawn round, and how far (half of a measure's range is 1)
FITTED, STEPS, RATE = 2, 20, 0.06
COLOUR = 0.5  # of the colours' squared errors beside the outline's
DOUBT = 0.0015  # what a reading costs that the eye thinks e times less likely
REST = 0.0006  # what a measure costs that lies at the end of its range
WHOLE, ALONE = 0.9, 3  # share from which on a pixel shows one part and nothing else, and how many tell its shade
SHOWN = 0.01  # of the picture: a part that covers less has no shade to tell


@dataclass(frozen=True)
class Fit:
    """What was found: a whole ``recipe``, and the ``shades`` of the parts that can be seen."""

    recipe: Recipe
    shades: tuple[Rgb | None, ...]


@dataclass(frozen=True)
class Tried:
    """Recipes with what each costs [B], and the frames [B, 3] that they were seen in."""

    told: Told
    way: Tensor
    frame: Tensor
    cost: Tensor

    def best(self, count: int) -> "Tried":
        """The ``count`` cheapest."""
        rows = self.cost.argsort()[:count]
        return Tried(self.told.rows(rows), self.way[rows], self.frame[rows], self.cost[rows])


class Fitter:
    """Recipes of one picture, held against it."""

    def __init__(self, model: MeshModel, recipes: Mapping[Recipe, float], picture: np.ndarray, view: int) -> None:
        self.coarse, self.rays = Rays(model, view, PIXELS, SPARSE), Rays(model, view, PIXELS)
        self.chances = torch.tensor(list(recipes.values()))
        self.solid = picture[..., 3]
        small = interpolate(torch.from_numpy(picture).permute(2, 0, 1)[None], (PIXELS, PIXELS), mode="area")[0]
        self.outline, self.colours = small[3], small[:3].movedim(0, -1)
        self.ways = Told.of(list(recipes))

    def tell(self, way: Tensor, values: Tensor) -> Told:
        """Readings ``way`` [B] of the picture with measures ``values`` [B, MEASURES] in [-1, 1]."""
        told = self.ways.rows(way)
        known = told.measures[..., 1:]
        return replace(told, measures=torch.cat([values[..., None] * known, known], dim=-1))

    def tried(self, way: Tensor, values: Tensor) -> Tried:
        """Those recipes, each where its sides are those of the outline."""
        with torch.inference_mode():
            told = self.tell(way, values)
            shape = self.coarse.shape(told)
            frame = framing(self.coarse.box(shape), self.solid)
            return Tried(told, way, frame, self.cost(self.coarse.sketch(shape, frame), told, way))

    def cost(self, sketch: Sketch, told: Told, way: Tensor) -> Tensor:
        """How far from the picture, and how far-fetched, each of several recipes is: [B]."""
        outline = (sketch.outline - self.outline).square().mean((1, 2))
        _, away, inside = best_shades(sketch, self.outline, self.colours)
        away = (away.square().mean(-1) * inside).mean(1)
        rest = (told.measures[..., 0].square() * told.measures[..., 1]).sum(1)
        return outline + COLOUR * away + DOUBT * self.chances[way].neg() + REST * rest

    def search(self, rng: np.random.Generator) -> Tried:
        """The best of many recipes: readings in turn, measures anywhere, then round the best."""
        count, measures, _ = self.ways.measures.shape
        way = torch.arange(DRAWN) % count
        values = torch.from_numpy(rng.uniform(-1, 1, (DRAWN, measures)).astype(np.float32))
        values[:count] = self.ways.measures[..., 0]
        found = self.tried(way, values)
        for _ in range(ROUNDS):
            best = found.best(BEST)
            rows = torch.arange(AGAIN) % BEST
            moved = rng.normal(0, SPREAD, (AGAIN, measures)).astype(np.float32)
            values = (best.told.measures[rows, :, 0] + torch.from_numpy(moved)).clamp(-1, 1)
            found = joined(found, self.tried(best.way[rows], values))
        return found

    def descend(self, start: Tried) -> Tried:
        """``start`` with its measures and frames brought downhill."""
        values = start.told.measures[..., 0].clone().requires_grad_()
        frame = start.frame.clone().requires_grad_()
        optimizer = torch.optim.Adam([{"params": [values], "lr": RATE}, {"params": [frame], "lr": RATE / 8}])
        told, cost = start.told, start.cost
        for step in range(STEPS + 1):
            told = self.tell(start.way, values.clamp(-1, 1))
            cost = self.cost(self.rays.sketch(self.rays.shape(told), frame), told, start.way)
            if step < STEPS:
                optimizer.zero_grad()
                cost.sum().backward()
                optimizer.step()
        told = replace(told, measures=told.measures.detach())
        return Tried(told, start.way, frame.detach(), cost.detach())


def best_shades(sketch: Sketch, outline: Tensor, colours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One shade for each part of ``sketch``, whichever suit best the ``colours`` [P, P, 3] within the ``outline``.

    Returns:
        shades [B, PARTS, 3] in [0, 1], the differences that they leave [B, P^2, 3], and the share [B, P^2] of every
        pixel that lies inside of both.
    """
    inside = (sketch.outline.detach() * outline).flatten(1)
    lit = (sketch.parts * sketch.light[..., None]).flatten(1, 2)
    held = (lit * inside[..., None]).mT
    near = 1e-3 * torch.eye(lit.shape[-1])  # a part that is nowhere has no shade to find
    wanted = colours.flatten(0, 1)
    normal = held @ lit / len(wanted) + near
    shades = torch.linalg.solve(normal, held @ wanted / len(wanted)).clamp(0, 1)
    return shades, lit @ shades - wanted, inside


def told_shades(sketch: Sketch, outline: Tensor, colours: Tensor) -> tuple[Rgb | None, ...]:
    """The shades of the first sample; None for a part of which too little can be seen.

    Where some pixels show a part and nothing else, its shade is the median of theirs: a part of few pixels would have
    little of its own in what suits all of them together.
    """
    shades, _, inside = best_shades(sketch, outline, colours)
    whole = inside[0].reshape(outline.shape) > WHOLE
    bare = colours / sketch.light[0, ..., None]
    found: list[Rgb | None] = []
    for place, share in enumerate(sketch.parts[0].unbind(-1)):
        alone = whole & (share > WHOLE)
        shade = bare[alone].median(0).values if alone.sum() >= ALONE else shades[0, place]
        r, g, b = (round(value * 255) for value in shade.clamp(0, 1).tolist())
        seen = float((share * sketch.outline[0] * outline).mean())
        found.append((r, g, b) if seen > SHOWN or alone.sum() >= ALONE else None)
    return tuple(found)


def joined(one: Tried, two: Tried) -> Tried:
    """Both."""
    rows = [torch.cat([getattr(one, name), getattr(two, name)]) for name in ("way", "frame", "cost")]
    return Tried(one.told.joined(two.told), *rows)


def fit(model: MeshModel, recipes: Mapping[Recipe, float], picture: np.ndarray, view: int) -> Fit:
    """The recipe of the kind of ``recipes`` that shows ``picture`` best.

    Args:
        model: with the draft.
        recipes: ways to read the picture, all whole, each with the logarithm of its chance.
        picture: float32 [S, S, 4] in [0, 1], premultiplied, the object in its middle.
        view: from which of the known poses, 1 for the first.
    """
    fitter = Fitter(model, recipes, picture, view)
    found = fitter.descend(fitter.search(np.random.default_rng(0)).best(FITTED)).best(1)
    with torch.inference_mode():
        sketch = fitter.rays.sketch(fitter.rays.shape(found.told), found.frame)
        shades = told_shades(sketch, fitter.outline, fitter.colours)
    recipe = list(recipes)[int(found.way[0])]
    values = found.told.measures[0, :, 0].tolist()
    measures = tuple(None if m is None else (v + 1) / 2 for m, v in zip(recipe.measures, values, strict=True))
    return Fit(replace(recipe, measures=measures), shades)
