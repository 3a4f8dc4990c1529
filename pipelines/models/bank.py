"""The bank of reference pictures: shipped stickers that a prompt's words are looked up in.

The starter is semi-parametric: beside the words it sees the sticker whose name fits them best. That is never in the
style that is asked for, so the network always has to redraw what it is shown. Names that were held out of training are
not in the bank.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from pipelines.backbone.text import split_words
from pipelines.errors import ModelError
from pipelines.models.colours import HUES, dominant_hue, repaint
from pipelines.models.network import vocabulary
from pipelines.paths import assets

STYLES = ("3d", "flat", "cartoon")
# In which styles a reference for each style is shown, best first: 3D and flat are drawn by one hand.
OTHER_STYLES = {"3d": ("flat", "cartoon"), "flat": ("3d", "cartoon"), "cartoon": ("flat", "3d")}
SIZE = 64
ACROSS = 16  # pictures along each side of a sheet
FILLERS = frozenset({"sticker", "style", "in", "on", "and", "of", "with", "next", "to", "beside", "wearing"})
JOINING: dict[str, Literal["beside", "above"]] = {"and": "beside", "next": "beside", "beside": "beside", "on": "above"}
COLOURS = frozenset("red orange yellow green teal blue purple pink white black brown grey".split())
COLOUR_WEIGHT = 0.4  # a colour is easily repainted, a shape is not
TAG_SHARE = 0.7  # a match with a tag counts less than one with the name
TOLD = 0.6  # how much a name counts as asked for where all that is asked for are its tags
ALIKE = 0.7  # a word of the same sense counts less than the word itself; so does, to GloVe, the opposite
LEAST = 0.2  # below, nothing fits
TRUST = 3  # power of the fit: a near name shows something else more often than not
GOOD = 0.9  # a name that fits so well is the whole prompt


class Reference(NamedTuple):
    """One picture of the bank: row of its name, style, and the colour to repaint it in, if any."""

    row: int
    style: str
    colour: str | None = None


class Found(NamedTuple):
    """What a prompt found: no, one or two references, how two are laid out, and how well their names fit in [0, 1]."""

    references: tuple[Reference, ...] = ()
    layout: Literal["one", "beside", "above"] = "one"
    fit: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One name of the bank, its tags and the styles that it exists in."""

    name: str
    tags: tuple[str, ...]
    styles: tuple[str, ...]


class _Words:
    """Words of many texts as numbers, so that the best match of each text with a word is one reduction."""

    def __init__(self, texts: Sequence[Sequence[str]], rows: dict[str, int]) -> None:
        self.ids = np.array([rows[word] for words in texts for word in (words or [""])])
        counts = np.array([max(len(words), 1) for words in texts])
        self.starts = np.cumsum(counts) - counts

    def best(self, likeness: np.ndarray) -> np.ndarray:
        """Largest ``likeness`` [..., V] among the words of each text: [..., texts]."""
        return np.maximum.reduceat(likeness[..., self.ids], self.starts, axis=-1)

    def mean(self, likeness: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Mean ``likeness`` [V] of the words of each text under ``weights`` [V]: [texts]."""
        total = np.add.reduceat(weights[self.ids], self.starts)
        return np.add.reduceat((likeness * weights)[self.ids], self.starts) / np.maximum(total, 1e-9)


class Bank:
    """Names with pictures in several styles, found by words."""

    def __init__(self, entries: Sequence[Entry], folder: Path) -> None:
        self.entries, self.folder = list(entries), folder

    @classmethod
    def load(cls, folder: Path | None = None) -> "Bank":
        """Read what :func:`save` wrote; pictures are read when they are first shown.

        Raises:
            ModelError: the files are missing or damaged.
        """
        folder = folder or assets() / "stickers"
        try:
            raw = json.loads((folder / "bank.json").read_text(encoding="utf-8"))
            entries = [Entry(name, tuple(tags), tuple(styles)) for name, tags, styles in raw]
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"model: the bank of references cannot be read ({error}); reinstall eddyline") from error
        return cls(entries, folder)

    def look_up(self, prompt: str, style: str | None = None, hidden: frozenset[str] = frozenset()) -> Found:
        """What fits ``prompt``: one picture, or two for "A and B" and "A on B", or none where nothing fits.

        The score of a name is the harmonic mean of how much of the prompt it covers and how much of it the prompt
        covers. Words match when they are equal, or in part by the cosine of their GloVe vectors, but a colour never
        matches another; rare words count more and colours less. A name whose tags are asked for is asked for in part. A
        joining word parts the prompt in two only where no name fits the whole of it.

        Args:
            prompt: words, which may name a style.
            style: style that is asked for; None reads it off the prompt, and takes 3D where that names none.
            hidden: names that must not be offered.
        """
        words = split_words(prompt)
        named = [word for word in words if word in STYLES]
        asked = style or (named[-1] if named else STYLES[0])
        words = [word for word in words if word != asked]
        if (whole := self._best(words, hidden)) is None or whole[1] < LEAST:
            return Found()
        row, score = whole
        for place, word in enumerate(words):
            if score < GOOD and word in JOINING:
                parts = [self._best(part, hidden) for part in (words[:place], words[place + 1 :])]
                if parts[0] and parts[1] and (fit := (parts[0][1] + parts[1][1]) / 2) > score:
                    sides = (words[:place], words[place + 1 :])
                    pair = tuple(self._other(p[0], asked, side) for p, side in zip(parts, sides, strict=True) if p)
                    return Found(pair, JOINING[word], fit)
        return Found((self._other(row, asked, words),), "one", score)

    def view(self, found: Found) -> np.ndarray:
        """One premultiplied picture uint8 [64, 64, 4] of what was found; fully transparent where nothing was."""
        pictures = [self.picture(reference) for reference in found.references]
        if len(pictures) == 2:
            return compose(pictures[0], pictures[1], found.layout)
        return pictures[0] if pictures else np.zeros((SIZE, SIZE, 4), np.uint8)

    def signals(self, found: Sequence[Found]) -> np.ndarray:
        """What the network is shown, float32 [B, 5, 64, 64]: pictures in [-1, 1], then the trust; zeros for none."""
        pictures = np.stack([self.view(each) for each in found]).astype(np.float32) / 127.5 - 1
        pictures *= np.array([bool(each.references) for each in found])[:, None, None, None]
        trust = np.array([each.fit**TRUST for each in found], np.float32)[:, None, None, None]
        return np.moveaxis(np.concatenate([pictures, np.broadcast_to(trust, pictures[..., :1].shape)], axis=-1), -1, 1)

    def names(self, found: Found) -> tuple[str, ...]:
        """Names of what was found."""
        return tuple(dict.fromkeys(self.entries[reference.row].name for reference in found.references))

    def picture(self, reference: Reference) -> np.ndarray:
        """Premultiplied uint8 [64, 64, 4] of one reference; one of several colours stays as it is.

        Raises:
            ModelError: its sheet is missing or damaged.
        """
        sheet, place = divmod(reference.row, ACROSS**2)
        top, left = SIZE * (place // ACROSS), SIZE * (place % ACROSS)
        picture = _sheet(self.folder / f"{reference.style}-{sheet:02}.webp")[top : top + SIZE, left : left + SIZE]
        if reference.colour is None or (hue := dominant_hue(picture)) is None:
            return picture
        return repaint(picture, HUES[reference.colour] - hue)

    def _best(self, words: Sequence[str], hidden: frozenset[str]) -> tuple[int, float] | None:
        """Row of the name that fits ``words`` best, and its score; None without words."""
        words = [word for word in words if word not in FILLERS]
        if not words:
            return None
        matches = [self._match(word) for word in words]
        likeness = np.stack([match[0] for match in matches]).max(0)  # [V], of each bank word with the prompt
        weights = np.array([self._weight(word) for word in words])
        cover = weights @ np.stack([match[1] for match in matches]) / max(weights.sum(), 1e-9)  # [entries]
        fit = self._names.mean(likeness, self._weights)
        fit += TOLD * (1 - fit) * (weights @ np.stack([match[2] for match in matches]) / max(weights.sum(), 1e-9))
        score = 2 * cover * fit / np.maximum(cover + fit, 1e-9)
        score[[self._places[name] for name in hidden if name in self._places]] = -1.0
        row = int(score.argmax())
        return row, float(score[row])

    def _other(self, row: int, asked: str, words: Sequence[str]) -> Reference:
        """The picture of a name in the best style but the asked one, in a colour of ``words`` that its name lacks."""
        named = split_words(self.entries[row].name)
        colour = next((word for word in words if word in HUES and word not in named), None)
        return Reference(row, next(s for s in OTHER_STYLES[asked] if s in self.entries[row].styles), colour)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry.name: row for row, entry in enumerate(self.entries)}

    @cached_property
    def _texts(self) -> tuple[list[list[str]], list[list[str]]]:
        names = [split_words(entry.name) for entry in self.entries]
        return names, [[word for tag in entry.tags for word in split_words(tag)] for entry in self.entries]

    @cached_property
    def _rows(self) -> dict[str, int]:
        names, tags = self._texts
        return {word: row for row, word in enumerate(dict.fromkeys(["", *(w for t in (*names, *tags) for w in t)]))}

    @cached_property
    def _names(self) -> _Words:
        return _Words(self._texts[0], self._rows)

    @cached_property
    def _tags(self) -> _Words:
        return _Words(self._texts[1], self._rows)

    @cached_property
    def _vectors(self) -> np.ndarray:
        return np.stack([_vector(word) for word in self._rows])

    @cached_property
    def _weights(self) -> np.ndarray:
        """Weight of each bank word: its inverse frequency among names; colours count less."""
        count = dict.fromkeys(self._rows, 0)
        for words in self._texts[0]:
            for word in set(words):
                count[word] += 1
        rare = np.log(len(self.entries) / (1 + np.array(list(count.values())))).clip(1.0) / np.log(len(self.entries))
        scale = [0.0 if w in FILLERS or not w else COLOUR_WEIGHT if w in COLOURS else 1.0 for w in self._rows]
        return rare * scale

    def _weight(self, word: str) -> float:
        if word in self._rows:
            return float(self._weights[self._rows[word]])
        return COLOUR_WEIGHT if word in COLOURS else 1.0

    @cached_property
    def _seen(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def _colours(self) -> np.ndarray:
        return np.array([word in COLOURS for word in self._rows])

    def _match(self, word: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How much ``word`` is like each word of the bank [V], and each entry [entries]; whose tag it is [entries]."""
        if word not in self._seen:
            likeness = ALIKE * ((self._vectors @ _vector(word) - 0.5) / 0.5).clip(0, 1)
            if word in COLOURS:
                likeness[self._colours] = 0.0
            equal = np.zeros_like(likeness)
            for form in (word, f"{word}s", word.removesuffix("s")):
                if form in self._rows:
                    equal[self._rows[form]] = 1.0
            likeness = np.maximum(likeness, equal)
            likeness[0] = equal[0] = 0.0
            entry = np.maximum(self._names.best(likeness), TAG_SHARE * self._tags.best(likeness))
            self._seen[word] = likeness, entry, self._tags.best(equal)
        return self._seen[word]


def compose(first: np.ndarray, second: np.ndarray, layout: str) -> np.ndarray:
    """Two pictures of half the size in one: ``beside`` one another, or the first ``above`` the second."""
    canvas = np.zeros_like(first)
    if layout == "beside":
        _paste(canvas, first, 16, 0)
        _paste(canvas, second, 16, 32)
    else:
        _paste(canvas, second, 32, 16)
        _paste(canvas, first, 2, 16)
    return canvas


def _paste(canvas: np.ndarray, picture: np.ndarray, top: int, left: int) -> None:
    """Lay half-size premultiplied ``picture`` over ``canvas`` at (top, left), in place."""
    half = picture.astype(np.float32).reshape(SIZE // 2, 2, SIZE // 2, 2, 4).mean((1, 3))
    under = canvas[top : top + SIZE // 2, left : left + SIZE // 2]
    under[:] = (half + under * (1 - half[..., 3:] / 255) + 0.5).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _vocabulary_rows() -> dict[str, int]:
    return {word: row for row, word in enumerate(vocabulary()[0], start=2)}


@lru_cache(maxsize=65536)
def _vector(word: str) -> np.ndarray:
    """Unit GloVe vector of a word, zeros for an unknown one."""
    vector = vocabulary()[1][_vocabulary_rows().get(word, 0)].numpy()
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


@lru_cache(maxsize=32)
def _sheet(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA"))
    except OSError as error:
        raise ModelError(f"model: reference sheet {path.name} cannot be read ({error}); reinstall eddyline") from error


def save(entries: Sequence[Entry], pictures: dict[str, list[np.ndarray]], folder: Path) -> None:
    """Write a bank: ``bank.json`` and lossless WebP sheets of 256 pictures each.

    Args:
        entries: names; row i of each style's pictures belongs to entry i.
        pictures: by style, premultiplied uint8 [64, 64, 4]; anything where an entry lacks the style.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for style, cells in pictures.items():
        for first in range(0, len(cells), ACROSS**2):
            sheet = np.zeros((ACROSS * SIZE, ACROSS * SIZE, 4), np.uint8)
            for place, cell in enumerate(cells[first : first + ACROSS**2]):
                top, left = SIZE * (place // ACROSS), SIZE * (place % ACROSS)
                sheet[top : top + SIZE, left : left + SIZE] = cell
            # exact: keep colour under transparency as it is; the pictures are premultiplied already
            path = folder / f"{style}-{first // ACROSS**2:02}.webp"
            Image.fromarray(sheet).save(path, lossless=True, exact=True, method=6)
    lines = ",\n".join(json.dumps([entry.name, entry.tags, entry.styles]) for entry in entries)
    (folder / "bank.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
