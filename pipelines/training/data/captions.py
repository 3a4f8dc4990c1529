"""Captions and made-up scenes: what turns a set of named pictures into prompt-picture pairs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipelines.models.bank import compose
from pipelines.models.colours import HUES, colour_name, repaint
from pipelines.training.data.stickers import Item, StickerSet

STYLE_TEMPLATES = (
    "{name}, {style}",
    "{name}, {style}",
    "{style} {name}",
    "{name}, {style} sticker",
    "{name} in {style} style",
)
EMPTY_SHARE = 0.1  # prompts left empty, for guidance
REPAINT_SHARE = 0.12
SCENE_SHARE = 0.06
STYLE_WEIGHT = {"3d": 2.0}  # what is drawn where nothing is asked for
COLOUR_WORD = re.compile(rf"\b({'|'.join((*HUES, 'white', 'black', 'brown', 'grey'))})\b ?")


class Example(NamedTuple):
    """One training example: picture uint8 [64, 64, 4], prompt, style, and the names that the picture shows."""

    picture: np.ndarray
    prompt: str
    style: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sampler:
    """Draws training batches from a sticker set; the same ``(seed, step)`` always gives the same batch."""

    stickers: StickerSet
    seed: int = 0

    @cached_property
    def _cumulative(self) -> np.ndarray:
        weights = np.array([item.weight * STYLE_WEIGHT.get(item.style, 1.0) for item in self.stickers.items])
        return np.cumsum(weights / weights.sum())

    def batch(self, step: int, size: int) -> list[Example]:
        """The ``size`` examples of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        examples = []
        for _ in range(size):
            draw = rng.random()
            if draw < SCENE_SHARE:
                example = self._scene(rng)
            else:
                row = self._row(rng)
                item, picture = self.stickers.items[row], self.stickers.pictures[row]
                if draw < SCENE_SHARE + REPAINT_SHARE and item.hue is not None:
                    picture, prompt = self._repainted(item, picture, rng)
                else:
                    prompt = caption(item, rng)
                example = Example(picture, prompt, item.style, (_shown(item),))
            examples.append(example if rng.random() >= EMPTY_SHARE else example._replace(prompt=""))
        return examples

    def _row(self, rng: np.random.Generator) -> int:
        row = int(np.searchsorted(self._cumulative, rng.random()))
        return min(row, len(self.stickers.items) - 1)

    def _repainted(self, item: Item, picture: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, str]:
        target = str(rng.choice(list(HUES)))
        assert item.hue is not None
        name = COLOUR_WORD.sub("", item.name).strip() or item.name
        return repaint(picture, HUES[target] - item.hue), styled(f"{target} {name}", item.style, rng)

    def _scene(self, rng: np.random.Generator) -> Example:
        """Two pictures of one style in one: "A and B" side by side, or "A on B"."""
        first = self._row(rng)
        second = self._row(rng)
        while self.stickers.items[second].style != self.stickers.items[first].style:
            second = self._row(rng)
        a, b = self.stickers.items[first], self.stickers.items[second]
        picture_a, picture_b = self.stickers.pictures[first], self.stickers.pictures[second]
        layout = "beside" if rng.random() < 0.5 else "above"
        joining = "on" if layout == "above" else rng.choice(["and", "next to", "beside"])
        words = f"{a.name} {joining} {b.name}"
        picture = compose(picture_a, picture_b, layout)
        return Example(picture, styled(words, a.style, rng), a.style, (_shown(a), _shown(b)))


def caption(item: Item, rng: np.random.Generator) -> str:
    """One of many prompts for ``item``: its name, tags, a colour, mostly with its style."""
    draw = rng.random()
    tags = [tag for tag in item.tags if len(tag) > 2]
    if draw < 0.14 and tags:
        words = ", ".join([item.name, *_some(tags, int(rng.integers(1, 3)), rng)])
    elif draw < 0.22 and len(tags) > 2:
        words = ", ".join(_some(tags, int(rng.integers(2, 5)), rng))
    elif draw < 0.32 and item.hue is not None and not COLOUR_WORD.search(item.name):
        words = f"{colour_name(item.hue)} {item.name}"
    else:
        words = item.name
    return styled(words, item.style, rng)


def styled(words: str, style: str, rng: np.random.Generator) -> str:
    """``words`` with the style's name in some wording; one time in eight without it."""
    if rng.random() < 0.125:
        return words
    return STYLE_TEMPLATES[rng.integers(len(STYLE_TEMPLATES))].format(name=words, style=style)


def _shown(item: Item) -> str:
    """Name of an item without its skin tone, as the bank lists it."""
    return item.base.replace(":", ",")


def _some(tags: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    return [str(tag) for tag in rng.choice(list(tags), size=min(count, len(tags)), replace=False)]
