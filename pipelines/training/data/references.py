"""What reference a training example is shown: what a user would find, a worse one, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.models.bank import STYLES, Bank, Entry, Found, save
from pipelines.training.data.captions import Example
from pipelines.training.data.stickers import SIZE, StickerSet

NONE_SHARE = 0.08  # beside the empty prompts, which never have one
HIDDEN_SHARE = 0.2  # its own name kept back: what an unknown name finds


def prepare_bank(stickers: StickerSet, folder: Path) -> int:
    """Write the bank of every training name without skin tones; returns the number of names."""
    found: dict[str, dict[str, int]] = {}
    for row, item in enumerate(stickers.items):
        if not item.held_out and "skin tone" not in item.name:
            found.setdefault(item.name, {})[item.style] = row
    entries: list[Entry] = []
    pictures: dict[str, list[np.ndarray]] = {style: [] for style in STYLES}
    blank = np.zeros((SIZE, SIZE, 4), np.uint8)
    for name, rows in found.items():
        tags = stickers.items[next(iter(rows.values()))].tags
        entries.append(Entry(name, tags, tuple(style for style in STYLES if style in rows)))
        for style in STYLES:
            pictures[style].append(stickers.pictures[rows[style]] if style in rows else blank)
    save(entries, pictures, folder)
    return len(entries)


@dataclass(frozen=True)
class References:
    """Draws the reference of training examples."""

    bank: Bank

    def draw(self, example: Example, rng: np.random.Generator) -> Found:
        """What one example is shown; never its own picture, for a reference is never in the style asked for."""
        draw = rng.random()
        if not example.prompt or draw < NONE_SHARE:
            return Found()
        hidden = frozenset(example.names) if draw < NONE_SHARE + HIDDEN_SHARE else frozenset[str]()
        return self.bank.look_up(example.prompt, example.style, hidden)

    def batch(self, examples: Sequence[Example], rng: np.random.Generator) -> np.ndarray:
        """References drawn for ``examples``, float32 [B, 5, 64, 64] as the network takes them."""
        return self.bank.signals([self.draw(example, rng) for example in examples])
