"""Long clips that do not lie in memory: frames as they were and what was painted over each, joined on demand."""

import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from pipelines.lipsync.painting import Patch


class Frames(Protocol):
    """Moving pictures that can be looked through from the beginning, any number of times.

    Attributes:
        rate: frames a second.
        size: (width, height) in pixels.
        count: how many frames there are; None for a still, which lasts as long as is asked.
    """

    @property
    def rate(self) -> float: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def count(self) -> int | None: ...  # noqa: D102

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames uint8 [H, W, 4], in order."""
        ...


Finish = Callable[[int, np.ndarray], np.ndarray]


class Reel:
    """Frames behind :class:`pipelines.media.Clip`'s ``frames``: measured, indexed and iterated like an array.

    Patches lie in a temporary file that goes away with the reel; frames are decoded again when they are looked at.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, base: Frames, longest: int) -> None:
        """A reel of at most ``longest`` frames; where ``base`` has fewer its last one is held.

        ``finish`` has the last word on a frame, by its number: head motion and blinks of a still.
        """
        self.base, self.longest = base, longest
        self.finish: Finish | None = None
        self._file = tempfile.TemporaryFile(prefix="eddyline-reel-")
        weakref.finalize(self, self._file.close)
        self._held: list[tuple[tuple[int, int, int, int, int, int], ...]] = []
        self._end = 0
        self._at: tuple[int, Iterator[np.ndarray]] | None = None

    def add(self, patches: Sequence[Patch]) -> None:
        """Append the next frame, with what was painted in it."""
        rows = []
        for patch in patches:
            packed = zlib.compress(np.ascontiguousarray(patch.pixels).tobytes(), 1)
            self._file.seek(self._end)
            self._file.write(packed)
            rows.append((patch.top, patch.left, *patch.pixels.shape[:2], self._end, len(packed)))
            self._end += len(packed)
        self._held.append(tuple(rows))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 4)."""
        width, height = self.base.size
        return len(self._held), height, width, 4

    @property
    def size(self) -> int:
        """Values in all."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self._held)

    def source(self) -> Iterator[np.ndarray]:
        """The frames as they were."""
        made, frame = 0, None
        for frame in self.base:
            if made == self.longest:
                return
            made += 1
            yield frame
        while frame is not None and made < self.longest:
            made += 1
            yield frame

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, frame in zip(range(len(self)), self.source(), strict=False):
            yield self.put(number, frame)

    def __getitem__(self, wanted: int | slice) -> np.ndarray:
        """A frame uint8 [H, W, 4], or several [N, H, W, 4]."""
        if isinstance(wanted, slice):
            numbers = range(len(self))[wanted]
            return (
                np.stack([self[number] for number in numbers]) if numbers else np.empty((0, *self.shape[1:]), np.uint8)
            )
        number = range(len(self))[wanted]
        if self._at is None or self._at[0] > number:
            self._at = 0, self.source()
        place, frames = self._at
        for frame in frames:
            place += 1
            if place > number:
                self._at = place, frames
                return self.put(number, frame)
        raise IndexError(f"frame {number}: the clip's file has fewer frames than before")

    def put(self, number: int, frame: np.ndarray) -> np.ndarray:
        """Frame ``number`` with what was painted in it."""
        made = frame.copy()
        for top, left, height, width, begin, length in self._held[number]:
            self._file.seek(begin)
            pixels = np.frombuffer(zlib.decompress(self._file.read(length)), np.uint8)
            made[top : top + height, left : left + width] = pixels.reshape(height, width, 4)
        return made if self.finish is None else self.finish(number, made)


class Still:
    """One picture, for as long as is asked."""

    count = None

    def __init__(self, pixels: np.ndarray, rate: float) -> None:
        self.pixels, self.rate = pixels, rate

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            yield self.pixels
