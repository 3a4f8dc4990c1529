"""The set of clips: animated emoji as 24 frames of 64 px premultiplied RGBA, their names, and the motion read off them.

A clip is one loop, taken at 24 even times of it (8 frames a second of the originals' three seconds).
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipelines.models.motion import Score
from pipelines.models.motions import MotionBank
from pipelines.models.tracking import track_many
from pipelines.training.data.packages import CLDR, EMOJIBASE, FLUENT_FLAT, FLUENT_MOVING
from pipelines.training.data.stickers import GROUP_WEIGHT, entries, icons, is_held_out, key_of, premultiplied

PACKAGES = (*FLUENT_MOVING, FLUENT_FLAT, EMOJIBASE, CLDR)
FRAMES = 24
KEYS = (0, 12)  # frames that motion is read from
LEAST_MOTION = 0.01  # mean absolute difference between frames half a loop apart, below which a clip stands still
BATCH = 6  # clips tracked at once


@dataclass(frozen=True)
class Moving:
    """One clip of the set; ``held_out`` is decided by base name, as for the stickers."""

    name: str
    base: str
    tags: tuple[str, ...]
    weight: float
    held_out: bool


@dataclass(frozen=True)
class ClipSet:
    """Frames uint8 [N, FRAMES, 64, 64, 4], alpha premultiplied; fields float16 [N, KEYS, FRAMES, 2, L, L]; names."""

    frames: np.ndarray
    fields: np.ndarray
    items: list[Moving]

    def save(self, folder: Path) -> None:
        """Write ``frames.npy``, ``fields.npy`` and ``clips.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "frames.npy", self.frames)
        np.save(folder / "fields.npy", self.fields)
        (folder / "clips.json").write_text(json.dumps([asdict(item) for item in self.items]))

    @classmethod
    def load(cls, folder: Path) -> "ClipSet":
        """Read what :meth:`save` wrote; frames stay on disk until they are looked at."""
        frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
        fields = np.load(folder / "fields.npy", allow_pickle=False)
        raw = json.loads((folder / "clips.json").read_text())
        return cls(frames, fields, [Moving(**{**entry, "tags": tuple(entry["tags"])}) for entry in raw])

    def rows(self, held_out: bool) -> list[int]:
        """Rows of the held-out names, or of the others."""
        return [row for row, item in enumerate(self.items) if item.held_out == held_out]

    def score(self, row: int, key: int = 0) -> Score:
        """The motion of a clip from its frame ``KEYS[key]``."""
        field = torch.from_numpy(self.fields[row, key].astype(np.float32))
        return Score(field, torch.ones(len(field)))


def prepare(cache: Path) -> ClipSet:
    """Fetch the packages into ``cache``, take every clip that moves, and read its motion."""
    with ThreadPoolExecutor(2) as pool:
        roots = [root / "package" for root in pool.map(lambda package: package.fetch(cache), PACKAGES)]
    moving, (flat, emojibase, cldr) = roots[: len(FLUENT_MOVING)], roots[len(FLUENT_MOVING) :]
    files = {key_of(path.stem): path for root in moving for path in (root / "assets").glob("*.webp")}
    allowed = icons(flat)  # the package draws some code points that the original set lacks
    clips, items = [], []
    for entry, base in entries(emojibase, cldr):
        key = key_of(entry["hexcode"])
        if "tone" in entry or key not in files or key not in allowed:
            continue
        if (frames := read_loop(files[key])) is None:
            continue
        name = entry["label"].lower().replace(":", ",")
        weight = GROUP_WEIGHT.get(entry["group"], 1.0)
        items.append(Moving(name, base, tuple(entry["tags"]), weight, is_held_out(base)))
        clips.append(frames)
    frames = np.stack(clips)
    fields = np.zeros((len(frames), len(KEYS), FRAMES, *Score.still(1).field.shape[1:]), np.float16)
    for place, start in enumerate(KEYS):
        for first, found in _tracked(frames, start):
            for offset, score in enumerate(found):
                fields[first + offset, place] = score.field.numpy()
    return ClipSet(frames, fields, items)


def _tracked(frames: np.ndarray, key: int) -> Iterator[tuple[int, list[Score]]]:
    for first in range(0, len(frames), BATCH):
        clips = torch.from_numpy(frames[first : first + BATCH]).permute(0, 1, 4, 2, 3).float() / 255
        yield first, track_many(clips, key)


def prepare_motions(clips: ClipSet, folder: Path) -> int:
    """Write the bank of motions of every training name; returns the number of names."""
    rows = clips.rows(held_out=False)
    MotionBank.save([(clips.items[row].name, clips.items[row].tags) for row in rows], clips.fields[rows, 0], folder)
    return len(rows)


def read_loop(path: Path) -> np.ndarray | None:
    """An animated picture at FRAMES even times, uint8 [FRAMES, 64, 64, 4] premultiplied; None where it stands still."""
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        if count < FRAMES:
            return None
        found = []
        for frame in range(FRAMES):
            image.seek(round(frame * count / FRAMES))
            found.append(premultiplied(image))
    frames = np.stack(found)
    half = np.abs(frames.astype(np.int16) - np.roll(frames, FRAMES // 2, 0)).mean() / 255
    quarter = np.abs(frames.astype(np.int16) - np.roll(frames, FRAMES // 4, 0)).mean() / 255
    return frames if max(half, quarter) > LEAST_MOTION else None
