"""The world of the mesh starter: its kinds of objects, their parts and attributes, and how words name them.

A prompt becomes a :class:`Recipe`, a few numbers from a closed world, because numbers that say what stands where are
learned in minutes and free text is not in hours. What a prompt leaves open stays open and is drawn from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (205, 40, 40), "orange": (240, 130, 30), "yellow": (245, 205, 50), "green": (60, 150, 65),
    "teal": (35, 160, 160), "blue": (45, 95, 205), "purple": (130, 65, 175), "pink": (240, 130, 175),
    "brown": (135, 85, 50), "beige": (225, 205, 165), "white": (240, 240, 238), "grey": (140, 142, 148),
    "black": (40, 40, 45), "gold": (215, 170, 60),
}  # fmt: skip
COLOUR_WORDS: dict[str, str] = {
    **{name: name for name in COLOURS}, "gray": "grey", "wooden": "brown", "wood": "brown", "oak": "brown",
    "golden": "gold", "silver": "grey", "metal": "grey", "metallic": "grey", "steel": "grey", "iron": "grey",
    "stone": "grey", "scarlet": "red", "crimson": "red", "navy": "blue", "turquoise": "teal", "cyan": "teal",
    "violet": "purple", "lilac": "purple", "lime": "green", "olive": "green", "cream": "beige", "tan": "beige",
    "ivory": "white", "snowy": "white", "dark": "black", "chocolate": "brown", "rose": "pink", "magenta": "pink",
    "amber": "orange", "azure": "blue", "brass": "gold", "concrete": "grey", "leather": "brown", "brick": "red",
}  # fmt: skip

SHAPES = ("round", "square", "pointed", "curved")
SHAPE_WORDS = {
    "round": "round", "circular": "round", "cylindrical": "round", "square": "square", "rectangular": "square",
    "boxy": "square", "angular": "square", "pointed": "pointed", "conical": "pointed", "sharp": "pointed",
    "curved": "curved", "bent": "curved", "bulbous": "curved", "domed": "curved",
}  # fmt: skip
TALL, LOW, WIDE, NARROW = 1, 2, 1, 2
SIZE_WORDS: dict[str, tuple[str, int]] = {
    **{word: ("height", TALL) for word in ("tall", "high", "long", "big", "large", "deep")},
    **{word: ("height", LOW) for word in ("low", "short", "small", "little", "shallow", "tiny")},
    **{word: ("width", WIDE) for word in ("wide", "broad", "thick", "fat", "double")},
    **{word: ("width", NARROW) for word in ("narrow", "slim", "thin", "slender", "single")},
}
NUMBERS = {
    **{str(number): number for number in range(1, 7)},
    **{word: 1 + place for place, word in enumerate("one two three four five six".split())},
    "a": 1, "an": 1,
}  # fmt: skip
WITHOUT = ("without", "no", "lacking")
PARTS, FEATURES, MOST = 4, 4, 6  # colours and features that a kind may have, and the highest count
MEASURES = 6  # proportions that a kind may have beside what words name


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        name: what it is called.
        also: other names.
        parts: what has a colour of its own, the main part first; several names each.
        features: what it may have or lack; several names each, a part's own where it is one.
        shapes: of :data:`SHAPES`, which words apply.
        counted: names of what is counted, and the least and the most of them.
        sized: which of height and width apply.
    """

    name: str
    also: tuple[str, ...] = ()
    parts: tuple[tuple[str, ...], ...] = ()
    features: tuple[tuple[str, ...], ...] = ()
    shapes: tuple[str, ...] = ()
    counted: tuple[tuple[str, ...], int, int] | None = None
    sized: tuple[str, ...] = ("height",)


LEGS = ("legs", "leg", "feet")
HANDLE = ("handle", "grip")
LID = ("lid", "cover")
WALLS = ("walls", "wall", "body")
WINDOWS = ("windows", "window")
KINDS: tuple[Kind, ...] = (
    Kind("table", ("desk",), (("top", "tabletop"), LEGS), (("shelf", "board"),), ("round", "square"), (LEGS, 1, 4),
         ("height", "width")),
    Kind("chair", ("seat",), (("seat", "cushion"), LEGS, ("back", "backrest")), (("armrests", "arms", "arm"),),
         ("round", "square"), None),
    Kind("stool", ("barstool",), (("seat", "cushion"), LEGS), (("ring", "rung"),), ("round", "square"), (LEGS, 3, 4)),
    Kind("sofa", ("couch", "settee", "armchair"), (("frame", "body"), ("cushions", "cushion"), LEGS),
         (("armrests", "arms"),), (), (("seats", "cushions"), 1, 3)),
    Kind("bed", ("bunk", "cot"), (("frame",), ("blanket", "cover", "sheet"), ("pillows", "pillow")),
         (("headboard",), ("footboard",)), (), (("pillows", "pillow"), 1, 2), ("height", "width")),
    Kind("shelf", ("bookcase", "bookshelf", "rack"), (("frame", "sides"), ("shelves", "boards")), (("back",),), (),
         (("shelves", "boards", "shelf"), 2, 5), ("height", "width")),
    Kind("cabinet", ("wardrobe", "cupboard", "dresser", "drawers"), (("body", "frame"), ("doors", "fronts", "drawers"),
         ("knobs", "handles")), (LEGS,), (), (("doors", "drawers", "fronts"), 1, 4), ("height", "width")),
    Kind("lamp", ("light", "lantern"), (("shade", "lampshade"), ("base", "foot"), ("pole", "stand")), (),
         ("round", "square", "pointed")),
    Kind("mug", ("cup", "teacup", "tankard", "beaker"), (("body",), HANDLE, LID), (HANDLE, LID),
         ("round", "square"), None, ("height", "width")),
    Kind("teapot", ("kettle", "pot"), (("body",), ("handle", "spout"), LID), (LID,), (), None),
    Kind("vase", ("urn", "amphora"), (("body",), ("band", "stripe"), ("flowers", "flower")),
         (("band", "stripe"), ("flowers", "flower"), ("handles", "handle")), ("curved", "square"), None,
         ("height", "width")),
    Kind("bottle", ("flask",), (("body",), ("cap", "cork", "lid", "stopper"), ("label", "band")),
         (("cap", "cork", "lid", "stopper"), ("label", "band")), ("round", "square")),
    Kind("bowl", ("dish", "basin"), (("body",), ("rim", "edge"), LID), (LID, ("foot", "base")),
         ("round", "square")),
    Kind("bucket", ("pail", "basket"), (("body",), HANDLE, ("rim", "band")), (HANDLE, ("rim", "band")),
         ("round", "square"), None),
    Kind("tower", ("keep", "turret"), (WALLS, ("roof",), ("door", "gate"), ("flag",)),
         (("battlements",), ("flag",), WINDOWS), ("round", "square")),
    Kind("lighthouse", ("beacon",), (WALLS, ("stripes", "stripe", "bands"), ("roof", "top")), (("base", "rock"),), (),
         (("stripes", "bands", "stripe"), 1, 3)),
    Kind("house", ("cottage", "home", "hut", "cabin"), (WALLS, ("roof",), ("door",), WINDOWS),
         (("chimney",), ("porch", "veranda")), (), (("storeys", "storey", "floors", "stories"), 1, 3)),
    Kind("tree", ("oak tree", "fir", "pine", "fir tree", "pine tree"), (("leaves", "crown", "foliage"), ("trunk",),
         ("fruit", "apples", "fruits")), (("fruit", "apples", "fruits"),), ("round", "pointed"),
         (("tiers", "layers"), 2, 4)),
    Kind("cactus", ("succulent",), (("body", "arms"), ("pot",), ("flower", "blossom")),
         (("pot",), ("flower", "blossom")), (), (("arms", "arm"), 1, 3)),
    Kind("mushroom", ("toadstool",), (("cap",), ("stem", "stalk"), ("spots", "dots")), (("spots", "dots"),),
         ("round", "pointed"), None, ("height", "width")),
    Kind("snowman", (), (("body", "balls"), ("hat",), ("scarf",), ("nose", "carrot")),
         (("hat",), ("scarf",), ("arms",)), (), (("balls",), 2, 3)),
    Kind("cake", ("gateau",), (("body", "sponge"), ("icing", "frosting", "cream"), ("candles", "candle")),
         (("candles", "candle"),), ("round", "square"), (("tiers", "layers"), 1, 3)),
    Kind("car", ("automobile", "truck", "taxi", "van"), (("body",), ("wheels", "wheel", "tyres"), WINDOWS),
         (("spoiler",), ("rack",)), ("curved", "square")),
    Kind("plane", ("airplane", "aeroplane", "aircraft", "jet"), (("body", "fuselage"), ("wings", "wing"), ("tail",)),
         (("propeller",),), (), (("engines", "engine"), 2, 4)),
    Kind("boat", ("ship", "sailboat", "yacht"), (("hull", "body"), ("sail", "sails"), ("cabin", "deck")),
         (("sail", "sails"), ("cabin",)), (), None),
    Kind("rocket", ("spaceship", "missile", "spacecraft"), (("body",), ("nose", "tip", "cone"), ("fins", "fin")),
         (WINDOWS,), (), (("fins", "fin"), 3, 4), ("height", "width")),
    Kind("sword", ("dagger", "blade", "sabre"), (("blade",), HANDLE, ("guard", "hilt")), (), ("pointed", "curved")),
    Kind("key", (), (("body",), ("bow", "head", "ring")), (), ("round", "square"), (("teeth", "tooth"), 1, 3)),
    Kind("hat", ("top hat", "cap", "sunhat"), (("crown", "body", "top"), ("band", "ribbon"), ("brim",)),
         (("band", "ribbon"), ("feather", "plume")), ("round", "pointed"), None, ("height", "width")),
    Kind("umbrella", ("parasol",), (("canopy", "top"), HANDLE), (), ("pointed", "curved")),
)  # fmt: skip
NAMES = tuple(kind.name for kind in KINDS)


@dataclass(frozen=True)
class Recipe:
    """What an object is to be; 0 and None leave it open.

    Attributes:
        kind: 1 + its place in :data:`KINDS`.
        shape: 1 + its place in :data:`SHAPES`.
        height: TALL or LOW.
        width: WIDE or NARROW.
        count: of what the kind counts, 1 to 6.
        features: per feature of the kind, 1 without and 2 with.
        colours: per part of the kind, sRGB.
        measures: proportions in [0, 1] that no word names, such as how thick the legs are; see ``filling``.
    """

    kind: int = 0
    shape: int = 0
    height: int = 0
    width: int = 0
    count: int = 0
    features: tuple[int, ...] = (0,) * FEATURES
    colours: tuple[Rgb | None, ...] = (None,) * PARTS
    measures: tuple[float | None, ...] = (None,) * MEASURES

    def numbers(self) -> np.ndarray:
        """The choices as int64 [5 + FEATURES]: kind, shape, height, width, count, features."""
        return np.array([self.kind, self.shape, self.height, self.width, self.count, *self.features], np.int64)

    def shades(self) -> np.ndarray:
        """The colours as float32 [PARTS, 4]: in [-1, 1], and 1 where one is given."""
        rows = [(0, 0, 0, 0) if c is None else (*(v / 127.5 - 1 for v in c), 1) for c in self.colours]
        return np.array(rows, np.float32)

    def fitted(self, measured: int = MEASURES) -> "Recipe":
        """Without what its kind does not have, which are all measures beyond ``measured``; with a count it can have."""
        kind = KINDS[self.kind - 1]
        least, most = kind.counted[1:] if kind.counted else (0, 0)
        shape = self.shape if self.shape and SHAPES[self.shape - 1] in kind.shapes else 0
        return replace(
            self, shape=shape, height=self.height if "height" in kind.sized else 0,
            width=self.width if "width" in kind.sized else 0,
            count=min(max(self.count, least), most) if self.count else 0,
            features=tuple(f if n < len(kind.features) else 0 for n, f in enumerate(self.features)),
            colours=tuple(c if n < len(kind.parts) else None for n, c in enumerate(self.colours)),
            measures=tuple(m if n < measured else None for n, m in enumerate(self.measures)),
        )  # fmt: skip

    def proportions(self) -> np.ndarray:
        """The measures as float32 [MEASURES, 2]: in [-1, 1], and 1 where one is given."""
        return np.array([(0, 0) if m is None else (2 * m - 1, 1) for m in self.measures], np.float32)


CHOICES = (len(KINDS) + 1, len(SHAPES) + 1, 3, 3, MOST + 1, *(3,) * FEATURES)


@dataclass(frozen=True)
class Reading:
    """A prompt as it was understood.

    Attributes:
        recipe: what is asked for.
        unknown: words that say nothing to this model.
        taken: words that it does not know, and what each was taken for.
        idle: attributes that this kind does not have, as they were written.
    """

    recipe: Recipe
    unknown: tuple[str, ...] = ()
    taken: dict[str, str] = field(default_factory=dict)
    idle: tuple[str, ...] = ()


def kind_named(words: Sequence[str]) -> tuple[int, int, int] | None:
    """The first kind that ``words`` name: its place in :data:`KINDS`, and the words [start, end) that do; else None.

    A name of two words wins over one of them; a kind's own name over a part of that name elsewhere.
    """
    for start in range(len(words)):
        for length in (2, 1):
            said = " ".join(words[start : start + length])
            for place, kind in enumerate(KINDS):
                names = (kind.name, *kind.also)
                if said in names or any(said == plural for name in names for plural in _plurals(name)):
                    return place, start, start + length
    return None


def _plurals(name: str) -> tuple[str, ...]:
    return (f"{name}s", f"{name}es", f"{name[:-1]}ves")
