"""Procedural objects with exact recipes: one drawing per kind of :data:`pipelines.models.shapes.KINDS`.

An object is drawn from a recipe and a seed. Every number has a name and a stream of its own, so that two objects of
one seed whose recipes differ in one attribute differ in that alone: pairs for edits with known answers.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.models.filling import MEASURED, completed, stream
from pipelines.models.shapes import KINDS, PARTS, SHAPES, TALL, WIDE, Kind, Recipe

FLOOR = -0.45


class Draw:
    """One object in the making: choices from its recipe, numbers from its seed, and parts added up."""

    def __init__(self, recipe: Recipe, seed: int, points: np.ndarray) -> None:
        self.recipe, self.seed, self.p = recipe, seed, points
        self.kind: Kind = KINDS[recipe.kind - 1]
        self.distance = np.full(len(points), 1e3, np.float32)
        self.part = np.zeros(len(points), np.int8)

    def u(self, name: str, low: float, high: float) -> float:
        """The number ``name`` of this object, between ``low`` and ``high``."""
        return low + (high - low) * self.share(name)

    def share(self, name: str) -> float:
        """The measure ``name`` of the recipe, in [0, 1]."""
        found = self.recipe.measures[MEASURED[self.kind.name].index(name)]
        assert found is not None  # recipes are completed before they are drawn
        return found

    def size(self, name: str, low: tuple[float, float], tall: tuple[float, float]) -> float:
        """A height: between ``low`` where the object is low, between ``tall`` where it is tall."""
        share = self.share(name)
        a, b = tall if self.recipe.height == TALL else low
        return a + (b - a) * share

    def breadth(self, name: str, narrow: tuple[float, float], wide: tuple[float, float]) -> float:
        """A width, in the same way."""
        share = self.share(name)
        a, b = wide if self.recipe.width == WIDE else narrow
        return a + (b - a) * share

    def has(self, feature: int) -> bool:
        """Whether it has a feature of its kind."""
        return self.recipe.features[feature] == 2

    def shaped(self, name: str) -> bool:
        """Whether it is of this shape."""
        return self.recipe.shape == 1 + SHAPES.index(name)

    def add(self, part: int, distance: np.ndarray) -> None:
        """Join a solid that has the colour of ``part``."""
        nearer = distance < self.distance
        self.distance[nearer] = distance[nearer]
        self.part[nearer] = part


def random_recipe(kind: int, seed: int) -> Recipe:
    """Everything of a recipe for kind ``kind`` (1 + its place) that this kind has, drawn from ``seed``."""
    return completed(Recipe(kind), seed)


@dataclass(frozen=True)
class Drawn:
    """An object: distances [N] in units of the cube, the part [N] nearest, and its recipe with nothing left open."""

    distance: np.ndarray
    part: np.ndarray
    recipe: Recipe
    seed: int

    def colours(self) -> np.ndarray:
        """Colour uint8 [N, 3] of the nearest part; each shade varies a little from its name's."""
        wander = stream(self.seed, "wander").integers(-14, 15, (PARTS, 3))
        shades = np.array([c or (200, 200, 200) for c in self.recipe.colours]) + wander
        return np.clip(shades, 0, 255).astype(np.uint8)[self.part]


def draw(recipe: Recipe, seed: int, points: np.ndarray) -> Drawn:
    """The object of ``recipe`` and ``seed`` at ``points`` [N, 3]."""
    from pipelines.models.objects.indoor import INDOOR  # both are written in terms of this module
    from pipelines.models.objects.outdoor import OUTDOOR

    full = completed(recipe, seed)
    held = Draw(full, seed, points)
    (INDOOR | OUTDOOR)[held.kind.name](held)
    return Drawn(held.distance, held.part, full, seed)
