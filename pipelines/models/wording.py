"""Prompts of the mesh starter: words to a recipe, with what was not understood."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from pipelines.models.network import vocabulary
from pipelines.models.shapes import (
    COLOUR_WORDS,
    COLOURS,
    FEATURES,
    KINDS,
    NUMBERS,
    PARTS,
    SHAPE_WORDS,
    SHAPES,
    SIZE_WORDS,
    WITHOUT,
    Kind,
    Reading,
    Recipe,
    Rgb,
    kind_named,
)

# Words that a sentence needs and a shape does not.
SILENT = frozenset(
    "the of and or with having has is are its it this that very some in on at to by for from made make please 3d model "
    "mesh object simple nice cute little beautiful painted coloured colored colour color lots many few other each "
    "which whose my your old new modern classic style".split()
)
LIKE = 0.72  # cosine from which on an unknown noun is taken for a kind
Near = Callable[[str, Sequence[str]], tuple[str, float] | None]


def nearest_word(word: str, among: Sequence[str]) -> tuple[str, float] | None:
    """The word of ``among`` whose shipped vector is nearest to that of ``word``, and the cosine; None without one."""
    words, table = vocabulary()
    rows = {each: row for row, each in enumerate(words, start=2)}
    if word not in rows:
        return None
    known = [each for each in among if each in rows]
    if not known:
        return None
    vectors = torch.nn.functional.normalize(table[[rows[each] for each in known]], dim=1)
    likeness = vectors @ torch.nn.functional.normalize(table[rows[word]], dim=0)
    best = int(likeness.argmax())
    return known[best], float(likeness[best])


@dataclass
class _Draft:
    """A recipe in the making, and the adjectives that wait for their noun."""

    kind: Kind
    place: int
    shape: int = 0
    height: int = 0
    width: int = 0
    count: int = 0
    features: list[int] = field(default_factory=lambda: [0] * FEATURES)
    colours: list[Rgb | None] = field(default_factory=lambda: [None] * PARTS)
    waiting: list[Rgb] = field(default_factory=list)
    number: int = 0
    without: bool = False
    last: int = 0  # the part that was named last, for colours that come after it
    unknown: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)

    def recipe(self) -> Recipe:
        return Recipe(
            1 + self.place, self.shape, self.height, self.width, self.count, tuple(self.features), tuple(self.colours)
        )


def read_prompt(prompt: str, fallback: int | None = None, near: Near = nearest_word) -> Reading:
    """Read ``prompt``; ``fallback`` is the kind (1 + its place) where it names none, for example a picture's.

    A prompt that names no kind, and has no fallback, gives a recipe of kind 0: anything.
    """
    words = re.findall(r"[a-z0-9]+", prompt.lower().replace("-", " "))
    taken: dict[str, str] = {}
    found = _kind(words)
    if found is None and fallback is None:
        found, taken = _guessed(words, near)
    if found is None and fallback is None:
        said = tuple(word for word in words if word not in SILENT and word not in NUMBERS)
        return Reading(Recipe(), unknown=said, taken={})
    place, start, end = found if found is not None else (int(fallback or 1) - 1, len(words), len(words))
    draft = _Draft(KINDS[place], place)
    position = 0
    while position < len(words):
        if position == start and found is not None:
            _noun(draft, 0)
            position = end
            continue
        _word(draft, words[position])
        position += 1
    _settle(draft)
    return Reading(draft.recipe(), tuple(dict.fromkeys(draft.unknown)), taken, tuple(dict.fromkeys(draft.idle)))


def _kind(words: list[str]) -> tuple[int, int, int] | None:
    """The kind that is meant: of nouns in a row the last one, as in "table lamp"."""
    found = kind_named(words)
    while found is not None:
        after = kind_named(words[found[2] : found[2] + 1])
        if after is None:
            return found
        found = after[0], found[2], found[2] + 1
    return None


def _guessed(words: list[str], near: Near) -> tuple[tuple[int, int, int] | None, dict[str, str]]:
    names = [name for kind in KINDS for name in (kind.name, *kind.also) if " " not in name]
    known = {*SILENT, *NUMBERS, *COLOUR_WORDS, *SHAPE_WORDS, *SIZE_WORDS, *WITHOUT}
    best: tuple[float, int, str] | None = None
    for place, word in enumerate(words):
        match = near(word, names) if word not in known else None
        if match is not None and match[1] >= LIKE and (best is None or match[1] > best[0]):
            best = match[1], place, match[0]
    if best is None:
        return None, {}
    named = kind_named([best[2]])
    assert named is not None
    return (named[0], best[1], best[1] + 1), {words[best[1]]: KINDS[named[0]].name}


def _word(draft: _Draft, word: str) -> None:
    kind = draft.kind
    part = _index(kind.parts, word)
    feature = _index(kind.features, word)
    counted = kind.counted is not None and word in kind.counted[0]
    if part is not None or feature is not None or counted:
        if counted and draft.number:
            _count(draft, word)
        if feature is not None:
            draft.features[feature] = 1 if draft.without else 2
        if part is not None:
            _noun(draft, part)
        draft.without, draft.number = False, 0
    elif word in WITHOUT:
        draft.without = True
    elif word in COLOUR_WORDS:
        draft.waiting.append(COLOURS[COLOUR_WORDS[word]])
    elif word in SHAPE_WORDS:
        _attribute(draft, word, SHAPE_WORDS[word] in kind.shapes, "shape", 1 + SHAPES.index(SHAPE_WORDS[word]))
    elif word in SIZE_WORDS:
        name, value = SIZE_WORDS[word]
        _attribute(draft, word, name in kind.sized, name, value)
    elif word in NUMBERS:
        draft.number = NUMBERS[word] if word not in ("a", "an") else draft.number
    elif word in ("legged", "tiered", "storied", "storeyed", "seater") and kind.counted is not None:
        _count(draft, word)
    elif kind_named([word]) is not None and kind_named([word])[0] == draft.place:  # type: ignore[index]
        _noun(draft, 0)
    elif word not in SILENT:
        draft.unknown.append(word)


def _index(names: tuple[tuple[str, ...], ...], word: str) -> int | None:
    return next((place for place, group in enumerate(names) if word in group), None)


def _noun(draft: _Draft, part: int) -> None:
    """Colours that were waiting belong to this part; a second one of the main part to the next."""
    for offset, colour in enumerate(draft.waiting[:2]):
        if part + offset < len(draft.kind.parts):
            draft.colours[part + offset] = colour
    draft.waiting.clear()
    draft.last = part


def _settle(draft: _Draft) -> None:
    """Colours after the last noun, as in "with a roof in red"."""
    if draft.waiting:
        draft.colours[draft.last] = draft.waiting[-1]


def _attribute(draft: _Draft, word: str, has: bool, name: str, value: int) -> None:
    if not has:
        draft.idle.append(word)
    else:
        setattr(draft, name, value)


def _count(draft: _Draft, word: str) -> None:
    assert draft.kind.counted is not None
    _, least, most = draft.kind.counted
    if not draft.number:
        return
    if not least <= draft.number <= most:
        draft.idle.append(f"{draft.number} {word}")
    draft.count = min(max(draft.number, least), most)
    draft.number = 0


def merged(recipe: Recipe, other: Recipe) -> Recipe:
    """``recipe`` with what it leaves open taken from ``other``, where both are of one kind."""
    if recipe.kind not in (0, other.kind):
        return recipe
    return replace(
        recipe, kind=other.kind, shape=recipe.shape or other.shape, height=recipe.height or other.height,
        width=recipe.width or other.width, count=recipe.count or other.count,
        features=tuple(a or b for a, b in zip(recipe.features, other.features, strict=True)),
        colours=tuple(a or b for a, b in zip(recipe.colours, other.colours, strict=True)),
        measures=tuple(b if a is None else a for a, b in zip(recipe.measures, other.measures, strict=True)),
    )  # fmt: skip
