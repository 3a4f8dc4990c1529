"""How long the main voice holds each phone of many sentences more than are ever made to sound.

Only the first part of the teacher's network is run, which times its phones; that is a hundred times faster than speech.
Where it pauses it draws phones out into silence, so what is beside a pause is not learned from here.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipelines.codecs.mel import FRAME_RATE
from pipelines.reading.phones import is_pause
from pipelines.training.data.speech import is_held_out, sentences, tupled
from pipelines.training.data.teacher import Teacher, phones_of

FILE = "timings.json"


@dataclass(frozen=True)
class Timing:
    """A sentence's phones, with the frames of each; 0 where what it lasts is not known well."""

    symbols: str
    stresses: tuple[int, ...]
    begins: tuple[int, ...]
    frames: tuple[float, ...]


def timings(texts: list[str]) -> Iterator[Timing]:
    """The timing of each of ``texts`` that is one breath long."""
    teacher = Teacher(sound=False)
    for text in texts:
        kept = teacher.symbols(text)
        if kept is None:
            continue
        phones, begins = phones_of(kept, teacher.run(kept)[1])
        symbols = "".join(symbol for symbol, _, _ in phones)
        pause = np.array([is_pause(symbol) for symbol in symbols])
        near = pause | np.append(pause[1:], True) | np.append(True, pause[:-1])
        frames = tuple(
            0.0 if hidden else round(seconds * FRAME_RATE, 2)
            for hidden, (_, _, seconds) in zip(near, phones, strict=True)
        )
        yield Timing(symbols, tuple(stress for _, stress, _ in phones), begins, frames)


def prepare(folder: Path) -> int:
    """Time every sentence that is not held out; returns how many there are."""
    found = list(timings([text for text in sentences() if not is_held_out(text)]))
    (folder / FILE).write_text(json.dumps([asdict(each) for each in found], ensure_ascii=False))
    return len(found)


def load(folder: Path) -> list[Timing]:
    """What :func:`prepare` wrote; nothing where it wrote nothing."""
    if not (folder / FILE).exists():
        return []
    return [Timing(**tupled(each)) for each in json.loads((folder / FILE).read_text())]
