"""Procedural objects with exact recipes: one drawing per kind of :data:`pipelines.models.shapes.KINDS`.

An object is drawn from a recipe and a seed. Every number has a name and a stream of its own, so that two objects of
one seed whose recipes differ in one attribute differ in that alone: pairs for edits with known answers.
"""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from pipelines.models.shapes import COLOURS, FEATURES, KINDS, LOW, NARROW, PARTS, SHAPES, TALL, WIDE, Kind, Recipe

FLOOR = -0.45
HUES = tuple(COLOURS)


class Draw:
    """One object in the making: choices from its recipe, numbers from its seed, and parts added up."""

    def __init__(self, recipe: Recipe, seed: int, points: np.ndarray) -> None:
        self.recipe, self.seed, self.p = recipe, seed, points
        self.kind: Kind = KINDS[recipe.kind - 1]
        self.distance = np.full(len(points), 1e3, np.float32)
        self.part = np.zeros(len(points), np.int8)

    def u(self, name: str, low: float, high: float) -> float:
        """The number ``name`` of this object, between ``low`` and ``high``."""
        return low + (high - low) * stream(self.seed, name).random()

    def size(self, name: str, low: tuple[float, float], tall: tuple[float, float]) -> float:
        """A height: between ``low`` where the object is low, between ``tall`` where it is tall."""
        share = stream(self.seed, name).random()
        a, b = tall if self.recipe.height == TALL else low
        return a + (b - a) * share

    def breadth(self, name: str, narrow: tuple[float, float], wide: tuple[float, float]) -> float:
        """A width, in the same way."""
        share = stream(self.seed, name).random()
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


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers of one name of one object."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(f"{seed}/{name}".encode()) + (seed << 32)))


# Colours that parts have more often than any other, by kind and part.
USUAL: dict[str, tuple[tuple[str, ...], ...]] = {
    "table": (("brown", "white", "beige"), ("brown", "black", "grey")),
    "chair": (("brown", "red", "blue"), ("brown", "black")),
    "tree": (("green", "orange", "yellow"), ("brown",), ("red",)),
    "cactus": (("green", "teal"), ("orange", "brown"), ("pink", "red")),
    "snowman": (("white",), ("black",), ("red", "blue", "green"), ("orange",)),
    "mushroom": (("red", "brown"), ("white", "beige"), ("white",)),
    "house": (("white", "beige", "yellow"), ("red", "brown", "grey"), ("brown", "blue"), ("blue", "teal")),
    "car": (HUES, ("black", "grey"), ("blue", "black")),
    "sword": (("grey", "white"), ("brown", "black"), ("gold",)),
    "key": (("gold", "grey"), ("gold", "grey")),
    "tower": (("grey", "beige"), ("red", "blue"), ("brown",), ("red", "yellow")),
    "lighthouse": (("white",), ("red", "blue"), ("red", "black")),
    "rocket": (("white", "grey"), ("red", "blue"), ("red", "orange")),
    "bed": (("brown", "white"), ("blue", "red", "green"), ("white",)),
    "cake": (("brown", "beige"), ("white", "pink"), ("red", "yellow")),
}  # fmt: skip


def random_recipe(kind: int, seed: int) -> Recipe:
    """Everything of a recipe for kind ``kind`` (1 + its place) that this kind has, drawn from ``seed``."""
    return completed(Recipe(kind), seed)


def completed(recipe: Recipe, seed: int) -> Recipe:
    """``recipe`` with all that it leaves open drawn from ``seed``; what a kind does not have stays 0."""
    kind = KINDS[recipe.kind - 1]

    def pick(name: str, held: int, options: int, first: int = 1) -> int:
        return held or (first + int(stream(seed, name).integers(options)) if options else 0)

    shape = recipe.shape
    if not shape and kind.shapes:
        shape = 1 + SHAPES.index(kind.shapes[int(stream(seed, "shape").integers(len(kind.shapes)))])
    least, most = kind.counted[1:] if kind.counted else (0, -1)
    features = tuple(
        pick(f"feature {f}", recipe.features[f], 2) if f < len(kind.features) else 0 for f in range(FEATURES)
    )
    colours = tuple(recipe.colours[c] or _shade(kind, c, seed) if c < len(kind.parts) else None for c in range(PARTS))
    return replace(
        recipe, shape=shape, features=features, colours=colours,
        height=pick("height", recipe.height, 2 if "height" in kind.sized else 0),
        width=pick("width", recipe.width, 2 if "width" in kind.sized else 0),
        count=pick("count", recipe.count, most - least + 1, least),
    )  # fmt: skip


def _shade(kind: Kind, part: int, seed: int) -> tuple[int, int, int]:
    rng = stream(seed, f"colour {part}")
    usual = USUAL.get(kind.name, ())
    names = usual[part] if part < len(usual) and rng.random() < 0.4 else HUES
    return COLOURS[names[int(rng.integers(len(names)))]]


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
    from pipelines.training.data.indoor import INDOOR  # both are written in terms of this module
    from pipelines.training.data.outdoor import OUTDOOR

    full = completed(recipe, seed)
    held = Draw(full, seed, points)
    (INDOOR | OUTDOOR)[held.kind.name](held)
    return Drawn(held.distance, held.part, full, seed)


__all__ = ["FLOOR", "LOW", "NARROW", "Draw", "Drawn", "completed", "draw", "random_recipe", "stream"]
