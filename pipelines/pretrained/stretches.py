"""What F5-TTS is shown at once: parts of a text that fit beside a voice, and stretches of an edited recording."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.codecs.mel import FRAME_RATE
from pipelines.errors import SettingsError
from pipelines.pretrained.voice import Voice
from pipelines.reading import SpokenWord
from pipelines.reading.plan import EditPlan, Splice

TOGETHER = 22.0  # seconds of the voice's recording and of what is made with it, at most: so was the model trained
SLOW = 0.3  # pace of texts of fewer than ten bytes, as the model's own page gives it
SHORT = 10  # bytes
_PARTS = re.compile(r"(?<=[;:,.!?])\s+|(?<=[；：，。！？])")


def parts_of(text: str, voice: Voice, speed: float) -> list[str]:
    """``text`` in parts that end at signs where they can, each short enough to be spoken after ``voice``."""
    rate = len(voice.text.encode()) / voice.seconds
    most = max(24, int(rate * (TOGETHER - voice.seconds) * speed))
    parts: list[str] = []
    for piece in _pieces(text, most):
        joint = "" if not parts or len(parts[-1][-1].encode()) > 1 else " "
        if parts and len((parts[-1] + joint + piece).encode()) <= most:
            parts[-1] += joint + piece
        else:
            parts.append(piece)
    return parts


def _pieces(text: str, most: int) -> Iterator[str]:
    for piece in _PARTS.split(text):
        held = ""
        for word in piece.split():
            if held and len(f"{held} {word}".encode()) > most:
                yield held
                held = word
            else:
                held = f"{held} {word}".strip()
        if held:
            yield held


def frames_for(text: str, voice: Voice, speed: float) -> int:
    """Frames that ``text`` takes at the pace of ``voice``, by the lengths of both texts in bytes."""
    count = len(text.encode())
    pace = SLOW if count < SHORT else speed
    return max(1, int(voice.frames / len(voice.text.encode()) * count / pace))


@dataclass(frozen=True)
class Stretch:
    """Frames ``first`` to before ``last`` of the new recording, in which ``words`` are said."""

    first: int
    last: int
    words: tuple[SpokenWord, ...]

    @property
    def window(self) -> tuple[int, int]:
        """Its frames."""
        return self.first, self.last

    @property
    def text(self) -> str:
        """What is said in it."""
        return " ".join(word.text for word in self.words)


def stretches_of(plan: EditPlan, words: Sequence[SpokenWord]) -> tuple[Stretch, ...]:
    """As few stretches as hold every splice of ``plan`` between whole words, with as much around them as fits.

    Raises:
        SettingsError: more is to be spoken anew in one place than fits.
    """
    most, total = int(TOGETHER * FRAME_RATE), len(plan.origin)
    if total <= most:
        return (Stretch(0, total, tuple(words)),)
    edges = _edges(plan, total)
    found: list[Stretch] = []
    for splice in plan.splices:
        if found and splice.end <= found[-1].last:
            continue
        first, last = _around(splice, edges, most)
        found.append(Stretch(edges[first], edges[last], tuple(words[first:last])))
    return tuple(found)


def _edges(plan: EditPlan, total: int) -> list[int]:
    """Frames between which each word lies: the middles of what is between them, and both ends."""
    between = [(one[1] + two[0]) // 2 for one, two in zip(plan.words, plan.words[1:], strict=False)]
    return [0, *between, total]


def _around(splice: Splice, edges: Sequence[int], most: int) -> tuple[int, int]:
    """The words, from and to before, of a stretch around one splice."""
    places = np.array(edges)
    first = max(int((places <= splice.begin).sum()) - 1, 0)
    last = min(int((places < splice.end).sum()), len(edges) - 1)
    last = max(last, first + 1)
    if edges[last] - edges[first] > most:
        raise SettingsError(
            f"text: {(edges[last] - edges[first]) / FRAME_RATE:.0f} s would be spoken anew in one place, at most "
            f"{TOGETHER:.0f} s can be; change less at a time"
        )
    while True:  # to the side where less is shown, as long as it fits
        sides = sorted(
            (True, False), key=lambda left: splice.begin - edges[first] if left else edges[last] - splice.end
        )
        for left in sides:
            wider = (first - 1, last) if left else (first, last + 1)
            if wider[0] >= 0 and wider[1] < len(edges) and edges[wider[1]] - edges[wider[0]] <= most:
                first, last = wider
                break
        else:
            return first, last
