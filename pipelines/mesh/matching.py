"""A drawing that shows what a picture shows: known objects that look like it, brought to it by Gauss and Newton.

The bank's objects of the picture's kind whose outlines are nearest say which attributes to try. Each is drawn, seen by
rays from where the picture was taken and held against it; measures and frame of the best follow the slope of all pixels
at once (Levenberg 1944, Marquardt 1963), by finite differences, for a drawing has no gradient but is quick where only
its surface is drawn anew. What comes of it is a recipe whose drawing is exact: nothing is smoothed by a network.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pipelines.codecs.mesh import NEAR
from pipelines.mesh.fitting import COLOUR, PIXELS, Fit, best_shades, told_shades
from pipelines.mesh.rays import COARSE, Rays, Shape, framing
from pipelines.models.mesh import MeshModel
from pipelines.models.objects.fields import Field
from pipelines.models.shapes import KINDS, PARTS, Recipe
from pipelines.models.wording import merged

ROUNDS = ((8, 1), (4, 2), (2, 4))  # how many of the best go on, and for how many steps each
CHANGES, LIKELY, STEPS = 2, 2, 2  # of one choice after another, how many of those are followed, and how far
GAIN = 0.12  # of the cost that another choice is to save: less is as likely the pixels' own error
DOUBT = 0.0002  # what a kind costs that the eye thinks e times less likely: drawings are exact, so pixels decide
MOVED, TURNED = 0.04, 0.01  # by which a measure and a frame are changed to find their slopes
FURTHEST, ASIDE = 0.3, 0.2  # that one step may change a measure and a frame
DAMPING, TRIES = 1e-2, 3
LITTLE = 0.01  # of the cost: a step that gains less is the last


@dataclass(frozen=True)
class Match:
    """A recipe as it is drawn, the frame [1, 3] that it is seen in, and what it costs."""

    recipe: Recipe
    field: Field
    frame: Tensor
    cost: float


class Matcher:
    """Drawings held against one picture."""

    def __init__(self, model: MeshModel, picture: np.ndarray, view: int) -> None:
        self.rays, self.size = Rays(model, view, PIXELS), model.size
        self.solid = picture[..., 3]
        small = interpolate(torch.from_numpy(picture).permute(2, 0, 1)[None], (PIXELS, PIXELS), mode="area")[0]
        self.outline, self.colours = small[3], small[:3].movedim(0, -1)

    def shape(self, fields: Sequence[Field]) -> Shape:
        """``fields`` as rays take them."""
        distance = np.stack([np.clip(field.distance / NEAR, -2, 2) for field in fields])
        parts = np.stack([field.part[::COARSE, ::COARSE, ::COARSE] for field in fields])
        where = (parts[:, None] == np.arange(PARTS)[:, None, None, None]).astype(np.float32)
        return Shape(torch.from_numpy(distance), torch.from_numpy(where))

    def residuals(self, shape: Shape, frame: Tensor) -> Tensor:
        """What is left of outline and colours [B, N]; the sum of its squares is the cost."""
        sketch = self.rays.sketch(shape, frame)
        _, colour, inside = best_shades(sketch, self.outline, self.colours)
        colour = colour * inside[..., None]
        left = torch.cat([(sketch.outline - self.outline).flatten(1), (COLOUR / 3) ** 0.5 * colour.flatten(1)], dim=1)
        return left / PIXELS

    def begin(self, recipe: Recipe) -> Match:
        """``recipe`` where its sides are those of the outline."""
        field = Field.of(recipe, self.size)
        shape = self.shape([field])
        frame = framing(self.rays.box(shape), self.solid)
        return Match(recipe, field, frame, float(self.residuals(shape, frame).square().sum()))

    def nearer(self, match: Match, steps: int) -> Match:
        """``match`` after some steps of its measures and its frame."""
        damping = DAMPING
        for _ in range(steps):
            left, slopes = self._slopes(match)
            count, before = len(slopes) - 3, match.cost
            square = slopes @ slopes.T
            for _ in range(TRIES):
                damped = square + damping * torch.diag(square.diagonal() + 1e-3)
                step = -torch.linalg.solve(damped, slopes @ left)
                values = [v + float(s.clamp(-FURTHEST, FURTHEST)) for v, s in zip(_values(match), step, strict=False)]
                tried = self._at(match, values, match.frame + step[count:].clamp(-ASIDE, ASIDE))
                if tried.cost < match.cost:
                    match, damping = tried, max(damping / 5, 1e-4)
                    break
                damping *= 10
            if match.cost > (1 - LITTLE) * before:
                break
        return match

    def _at(self, match: Match, values: Sequence[float], frame: Tensor) -> Match:
        recipe = _measured(match.recipe, values)
        field = Field.of(recipe, self.size)
        return Match(recipe, field, frame, float(self.residuals(self.shape([field]), frame).square().sum()))

    def _slopes(self, match: Match) -> tuple[Tensor, Tensor]:
        """What is left [N], and its slopes [measures + 3, N] by the measures and the frame."""
        values = _values(match)
        steps = [MOVED if value + MOVED <= 1 else -MOVED for value in values]
        moved = []
        for place, step in enumerate(steps):
            there = [value + (step if n == place else 0.0) for n, value in enumerate(values)]
            moved.append(Field.of(_measured(match.recipe, there), self.size, match.field))
        shape = self.shape([match.field, *moved])
        still = torch.zeros(3, dtype=torch.int64)
        frames = torch.cat([match.frame.expand(1 + len(moved), -1), match.frame + TURNED * torch.eye(3)])
        left = self.residuals(shape[torch.cat([torch.arange(1 + len(moved)), still])], frames)
        changes = torch.tensor([*steps, *[TURNED] * 3])
        return left[0], (left[1:] - left[0]) / changes[:, None]


def _values(match: Match) -> list[float]:
    return [measure for measure in match.recipe.measures if measure is not None]


def _measured(recipe: Recipe, values: Sequence[float]) -> Recipe:
    """``recipe`` with its first measures ``values``, held to their range."""
    inside = [min(max(value, 0.0), 1.0) for value in values]
    return replace(recipe, measures=(*inside, *recipe.measures[len(inside) :]))


@dataclass(frozen=True)
class Matched:
    """The fit that was found, and the ``cost`` that is left of it."""

    fit: Fit
    cost: float


def otherwise(recipe: Recipe) -> Iterator[Recipe]:
    """Recipes that differ from ``recipe`` in its count or in one feature: what an outline says little of."""
    kind = KINDS[recipe.kind - 1]
    for count in (recipe.count - 1, recipe.count + 1):
        if kind.counted and kind.counted[1] <= count <= kind.counted[2]:
            yield replace(recipe, count=count)
    for place in range(len(kind.features)):
        yield replace(recipe, features=tuple(3 - f if n == place else f for n, f in enumerate(recipe.features)))


def match(
    model: MeshModel, recipes: Mapping[Recipe, float], named: Mapping[int, Recipe], picture: np.ndarray, view: int
) -> Matched:
    """The drawing near one of ``recipes`` that shows ``picture`` best.

    Args:
        model: knows the poses.
        recipes: to begin from, all whole, each with the logarithm of its chance.
        named: by kind, what is sure, as words say it.
        picture: float32 [S, S, 4] in [0, 1], premultiplied, the object in its middle.
        view: from which of the known poses, 1 for the first.
    """
    matcher = Matcher(model, picture, view)
    with torch.inference_mode():
        found = [(matcher.begin(recipe), -DOUBT * chance) for recipe, chance in recipes.items()]
        for few, steps in ROUNDS:
            found.sort(key=lambda each: each[0].cost + each[1])
            found = [(matcher.nearer(one, steps), doubt) for one, doubt in found[:few]]
        best = min(found, key=lambda each: each[0].cost + each[1])[0]
        for _ in range(CHANGES):
            others = dict.fromkeys(merged(named[best.recipe.kind], each) for each in otherwise(best.recipe))
            tried = sorted((matcher.begin(each) for each in others if each != best.recipe), key=_cost)[:LIKELY]
            changed = min((matcher.nearer(each, STEPS) for each in tried), key=_cost, default=best)
            if changed.cost > (1 - GAIN) * best.cost:
                break
            best = changed
        sketch = matcher.rays.sketch(matcher.shape([best.field]), best.frame)
        shades = told_shades(sketch, matcher.outline, matcher.colours)
    return Matched(Fit(best.recipe, shades), best.cost)


def _cost(match: Match) -> float:
    return match.cost
