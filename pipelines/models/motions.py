"""The bank of learned motions: how the animated emoji move, found by the words of their names.

Where a prompt names a thing and no verb, it moves as its name does: the motion that was read off the clip of the name
that fits best. Names that were held out of training are not in the bank.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from pipelines.errors import ModelError
from pipelines.models.bank import Bank, Entry
from pipelines.models.motion import Score
from pipelines.paths import assets

FILE = "motions.npz"
NAMES = "motions.json"
UNIT = 0.01  # of the stored whole numbers, in half canvas sizes
LEAST = 0.45  # below, no name fits


class Learned(NamedTuple):
    """A motion of the bank: whose it is, how well the name fits in [0, 1], and one loop of it."""

    name: str
    fit: float
    score: Score


@dataclass(frozen=True)
class MotionBank:
    """Names, and the motion of each as int8 [N, T, 2, L, L] in :data:`UNIT`; a loop lasts ``seconds``."""

    bank: Bank
    fields: np.ndarray
    seconds: float = 3.0

    @classmethod
    def load(cls, folder: Path | None = None) -> "MotionBank":
        """Read what :meth:`save` wrote, by default what ships.

        Raises:
            ModelError: the files are missing or damaged.
        """
        folder = folder or assets() / "motions"
        try:
            raw = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            entries = [Entry(name, tuple(tags), ("3d",)) for name, tags in raw]
            with np.load(folder / FILE, allow_pickle=False) as held:
                fields = np.cumsum(held["changes"], axis=1, dtype=np.int8)
            if len(fields) != len(entries):
                raise ValueError(f"{len(entries)} names, {len(fields)} motions")
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"model: the bank of motions cannot be read ({error}); reinstall eddyline") from error
        return cls(Bank(entries, folder), fields)

    @staticmethod
    def save(entries: Sequence[tuple[str, Sequence[str]]], fields: np.ndarray, folder: Path) -> None:
        """Write names with their tags, and fields [N, T, 2, L, L] in half canvas sizes."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = np.clip(np.round(fields.astype(np.float32) / UNIT), -127, 127).astype(np.int8)
        # The change from frame to frame packs better than the place; it wraps round, and so does its sum.
        np.savez_compressed(folder / FILE, changes=np.diff(whole, axis=1, prepend=np.int8(0)))
        lines = ",\n".join(json.dumps([name, list(tags)]) for name, tags in entries)
        (folder / NAMES).write_text(f"[\n{lines}\n]\n", encoding="utf-8")

    def look_up(self, prompt: str) -> Learned | None:
        """The motion whose name fits ``prompt`` best; None where none fits."""
        found = self.bank.look_up(prompt, "flat")  # another style than the bank's, or it would offer nothing
        if not found.references or found.fit < LEAST:
            return None
        row = found.references[0].row
        field = torch.from_numpy(self.fields[row].astype(np.float32)) * UNIT
        return Learned(self.bank.entries[row].name, found.fit, Score(field, torch.ones(len(field))))
