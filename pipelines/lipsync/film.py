"""Clips from files, a frame at a time: any length in constant memory, at an even pace."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.codecs import films
from pipelines.codecs.image import read_picture
from pipelines.errors import MediaError
from pipelines.media import Clip, Picture

SLOWEST, FASTEST = 20.0, 60.5  # a mouth needs about so many frames a second; what has fewer shows them longer
USUAL = 25.0
_MOVING = ("GIF", "PNG", "WEBP")  # formats of pictures that may move


@dataclass(frozen=True)
class Film:
    """A clip in a file.

    Attributes:
        path: the file.
        rate: frames a second that come out; frames are shown as long as their times say, so an uneven pace is evened.
        size: (width, height) in pixels.
        count: how many frames come out.
        kind: what demuxes it, as :mod:`pipelines.codecs.films` says it.
    """

    path: Path
    rate: float
    size: tuple[int, int]
    count: int
    kind: str

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames uint8 [H, W, 4], each the one that is shown at the middle of its time."""
        made, last = 0, None
        for now, pixels in _timed(self.path, self.kind):
            while last is not None and made < self.count and (made + 0.5) / self.rate <= now:
                made += 1
                yield last
            if made >= self.count:
                return
            last = pixels
        while last is not None and made < self.count:
            made += 1
            yield last


def _timed(path: Path, kind: str) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds from the beginning, RGBA) of every frame in the file."""
    with films.opened(path) as file:
        if kind in _MOVING:
            for now, _, pixels in films.picture_frames(file, path.name, kind):
                yield now, pixels
            return
        with films.demuxed(file, path.name, kind) as container:
            yield from films.Frames(container, path.name).after(0.0)


def open_film(path: Path) -> tuple[Film, tuple[str, ...]]:
    """Measure a clip; only where its file does not say how long it is it is looked through to the end.

    Returns:
        The clip, and notes on what is changed on the way in.

    Raises:
        MediaError: no moving pictures in it, damaged, or too large.
    """
    name, notes = path.name, []
    with films.opened(path) as file:
        kind = films.kind_of(file, name)
        if kind in _MOVING:
            told, counted = films.picture_film(file, name, kind), None
        else:
            with films.demuxed(file, name, kind) as container:
                told = films.film_of(container, name, kind)
                counted = int(films.picture_stream(container, name).frames or 0) or None
    size = next((pixels.shape[1], pixels.shape[0]) for _, pixels in _timed(path, kind))
    seconds = told.seconds
    if seconds is None:
        seconds = max((now for now, _ in _timed(path, kind)), default=0.0) + 1 / told.rate
    rate = told.rate
    if rate < SLOWEST:
        notes.append(
            f"{name} has {rate:.3g} frames a second, too few for a mouth; each is shown longer, at 25 a second"
        )
        rate = USUAL
    elif rate > FASTEST:
        notes.append(f"{name} has {rate:.4g} frames a second; {rate / round(rate / 30):.3g} of them are kept")
        rate = rate / round(rate / 30)
    count = max(1, round(seconds * rate))
    if counted is not None and rate == told.rate:
        if abs(counted - count) > max(2, 0.02 * count):
            notes.append(f"{name} has an uneven pace; it is evened to {rate:.4g} frames a second")
        else:
            count = counted
    return Film(path, rate, size, count, kind), tuple(notes)


def open_face(path: str | Path) -> tuple[Picture | Film, tuple[str, ...]]:
    """A picture or clip of a face from a file, with notes on what was changed on the way in.

    Raises:
        MediaError: it is neither, damaged or too large.
    """
    found = Path(path)
    try:
        return open_film(found)
    except MediaError as error:
        if _looks_moving(found):
            raise
        try:
            return read_picture(found)
        except MediaError:
            raise error from None


def _looks_moving(path: Path) -> bool:
    """Whether a file's content is one of moving pictures, whatever its name is."""
    try:
        with films.opened(path) as file:
            return films.kind_of(file, path.name) not in _MOVING
    except MediaError:
        return False


class InMemory:
    """A clip that is in memory already."""

    def __init__(self, clip: Clip) -> None:
        self.clip, self.rate, self.size, self.count = clip, clip.rate, clip.size, len(clip.frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from self.clip.frames
