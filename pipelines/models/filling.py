"""What a prompt leaves open, drawn from a seed: so that a recipe is whole before anything is made of it."""

import zlib
from dataclasses import replace

import numpy as np

from pipelines.models.shapes import COLOURS, FEATURES, KINDS, PARTS, SHAPES, TALL, WIDE, Kind, Recipe

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

# What is thinner than a voxel is lost: the least of measures that say how thick a part is, and the most of a table's
# splay, whose legs stand on nothing where they slant.
LEAST = {"leg": 0.9, "thick": 0.9, "wall": 0.7, "pole": 0.7, "bow": 0.7}
STEADY = 0.4
STANDS = {"table": 3}  # the least count where the words are silent: on fewer legs it falls over
# What an object has where the words are silent, by kind: 1 without, 2 with; others are drawn.
EXPECTED = {
    "mug": (2, 1), "bowl": (1, 0), "teapot": (2,), "bucket": (2, 0), "boat": (2, 0), "bottle": (2, 0), "bed": (2, 0),
    "cake": (2,), "snowman": (2, 2, 0), "cactus": (2, 0), "hat": (2, 0),
}  # fmt: skip
BRIGHT = ("red", "blue", "green", "yellow", "orange", "teal", "purple", "pink")
WOOD = ("brown", "beige")
# And those of the kinds that training saw in any colour.
NATURAL: dict[str, tuple[tuple[str, ...], ...]] = {
    **USUAL,
    "tree": (("green", "green", "green", "orange"), ("brown",), ("red",)),
    "stool": (("brown", "red", "beige"), ("brown", "grey")),
    "sofa": (("blue", "grey", "green", "red"), ("blue", "beige", "yellow"), ("brown",)),
    "shelf": (WOOD, WOOD),
    "cabinet": (("brown", "white", "teal"), ("beige", "white", "brown"), ("gold", "grey")),
    "lamp": (("yellow", "beige", "orange"), ("gold", "brown"), ("gold", "grey")),
    "mug": (BRIGHT, BRIGHT, ("white", "beige")),
    "teapot": (("white", "teal", "blue"), ("blue", "gold"), ("blue", "gold")),
    "vase": (("blue", "teal", "orange"), ("white", "gold"), ("red", "pink", "yellow")),
    "bottle": (("green", "blue", "teal"), ("brown", "red"), ("white", "beige")),
    "bowl": (("white", "blue", "orange"), ("blue", "gold"), ("brown",)),
    "bucket": (("blue", "red", "grey"), ("grey",), ("grey", "white")),
    "car": (BRIGHT, ("black",), ("black", "grey")),
    "plane": (("white", "grey"), ("red", "blue"), ("red", "blue")),
    "boat": (("brown", "blue", "red"), ("white", "beige"), ("white", "beige")),
    "hat": (("brown", "purple", "red", "blue"), ("gold", "red"), ("brown", "purple", "blue")),
    "umbrella": (BRIGHT, ("brown", "grey")),
}


# Proportions of each kind, in the order in which a recipe holds them.
MEASURED: dict[str, tuple[str, ...]] = {
    "table": ("deep", "leg", "splay", "thick", "top", "wide"),
    "chair": ("back", "lean", "leg", "seat", "style", "wide"),
    "stool": ("leg", "seat", "thick", "wide"),
    "sofa": ("back", "deep", "seat"),
    "bed": ("blanket", "low", "wide"),
    "shelf": ("deep", "top", "wide"),
    "cabinet": ("deep", "doors", "top", "wide"),
    "lamp": ("drop", "foot", "pole", "shade", "top"),
    "mug": ("taper", "top", "wall", "wide"),
    "teapot": ("tall", "wide"),
    "vase": ("foot", "lip", "neck", "top", "turn", "wide"),
    "bottle": ("neck", "shoulder", "top", "wide"),
    "bowl": ("tall", "wide"),
    "bucket": ("taper", "top", "wide"),
    "tower": ("roof", "top", "wide"),
    "lighthouse": ("foot", "top", "wide"),
    "house": ("deep", "roof", "storey", "wide"),
    "tree": ("crown", "leaves", "trunk", "turn", "wide"),
    "cactus": ("arm 0", "arm 1", "arm 2", "top", "wide"),
    "mushroom": ("stem", "stem width", "turn", "wide"),
    "snowman": ("wide",),
    "cake": ("wide",),
    "car": ("body", "long", "roof", "wheel", "wide"),
    "plane": ("body", "span", "sweep", "y"),
    "boat": ("hull", "long", "mast", "wide"),
    "rocket": ("body", "fin", "fin height", "nose", "wide"),
    "sword": ("guard", "top", "wide"),
    "key": ("bow", "top"),
    "hat": ("brim", "crown", "top"),
    "umbrella": ("wide", "y"),
}  # fmt: skip


def completed(recipe: Recipe, seed: int, *, natural: bool = False) -> Recipe:
    """``recipe`` with all that it leaves open drawn from ``seed``; what a kind does not have stays 0.

    ``natural`` keeps colours to those that such things have, and legs to a length that can be seen: who asks for a tree
    wants no black one, but training is to see any.
    """
    kind = KINDS[recipe.kind - 1]

    def pick(name: str, held: int, options: int, first: int = 1) -> int:
        return held or (first + int(stream(seed, name).integers(options)) if options else 0)

    shape = recipe.shape
    if not shape and kind.shapes:
        shape = 1 + SHAPES.index(kind.shapes[int(stream(seed, "shape").integers(len(kind.shapes)))])
    least, most = kind.counted[1:] if kind.counted else (0, -1)
    if natural:
        least = STANDS.get(kind.name, least)
    expected = (*(EXPECTED.get(kind.name, ()) if natural else ()), *(0,) * FEATURES)
    features = tuple(
        pick(f"feature {f}", recipe.features[f] or expected[f], 2) if f < len(kind.features) else 0
        for f in range(FEATURES)
    )
    colours = tuple(
        recipe.colours[c] or _shade(kind, c, seed, natural) if c < len(kind.parts) else None for c in range(PARTS)
    )
    sizes, widths = (2 if each in kind.sized else 0 for each in ("height", "width"))
    drawn = [float(stream(seed, name).random()) for name in MEASURED[kind.name]]
    if natural:
        drawn = [_stout(name, one) for name, one in zip(MEASURED[kind.name], drawn, strict=True)]
    measures = tuple(
        (drawn[m] if held is None else held) if m < len(drawn) else None for m, held in enumerate(recipe.measures)
    )
    return replace(
        recipe, shape=shape, features=features, colours=colours, measures=measures,
        height=recipe.height or (TALL if natural and kind.name == "table" else pick("height", 0, sizes)),
        width=recipe.width or (WIDE if natural and kind.name == "table" else pick("width", 0, widths)),
        count=pick("count", recipe.count, most - least + 1, least),
    )  # fmt: skip


def _stout(name: str, measure: float) -> float:
    return measure * STEADY if name == "splay" else max(measure, LEAST.get(name, 0.0))


def _shade(kind: Kind, part: int, seed: int, natural: bool) -> tuple[int, int, int]:
    rng = stream(seed, f"colour {part}")
    usual = (NATURAL if natural else USUAL).get(kind.name, ())
    often = rng.random() < 0.4 or natural
    names = usual[part] if part < len(usual) and often else HUES
    return COLOURS[names[int(rng.integers(len(names)))]]
