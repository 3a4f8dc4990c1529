"""What a prompt leaves open, drawn from a seed: so that a recipe is whole before anything is made of it."""

import zlib
from dataclasses import replace

import numpy as np

from pipelines.models.shapes import COLOURS, FEATURES, KINDS, PARTS, SHAPES, Kind, Recipe

HUES = tuple(COLOURS)


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
