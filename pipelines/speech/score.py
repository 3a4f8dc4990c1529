"""What is to be spoken, phone by phone, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.media import Word

UNIT = HOP / SAMPLE_RATE  # seconds of a frame


@dataclass(frozen=True)
class Score:
    """A sentence as it is to be spoken.

    Attributes:
        symbols: phones, pauses included.
        stresses: of each phone.
        lengths: frames of each phone [P].
        words: each word as written, with the first of its phones and the first after it.
    """

    symbols: str
    stresses: tuple[int, ...]
    lengths: Tensor
    words: tuple[tuple[str, int, int], ...]

    @property
    def frames(self) -> int:
        """Frames in all."""
        return int(self.lengths.sum())

    def timed(self) -> tuple[Word, ...]:
        """The words in seconds from the sentence's beginning; a pause after a word is none of it."""
        ends = [0, *self.lengths.cumsum(0).tolist()]
        return tuple(Word(text, ends[first] * UNIT, ends[last] * UNIT) for text, first, last in self.words)


def rounded(lengths: Tensor) -> Tensor:
    """Whole frames, at least one each, whose sums stay within half a frame of the unrounded sums where they can."""
    made, owed = [], 0.0
    for length in lengths.tolist():
        whole = max(1, round(length + owed))
        owed += length - whole
        made.append(whole)
    return torch.tensor(made)


def shifted(words: Sequence[Word], seconds: float) -> list[Word]:
    """The same words later, or earlier down to 0."""
    return [Word(word.text, max(word.start + seconds, 0), max(word.end + seconds, 0)) for word in words]
