"""Clips: reading a part of any film or animated picture at a constant rate, and fitting frames onto a canvas.

What will be used is known, and held against a limit, before anything is decoded; frames that are not used are let go
at once, so an hour costs no more memory than the seconds that are taken from it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.codecs.films import (
    MAX_RATE,
    Film,
    Frames,
    demuxed,
    film_of,
    kind_of,
    misnamed,
    opened,
    picture_film,
    picture_frames,
    sound_between,
)
from pipelines.errors import MediaError
from pipelines.media import Clip, Sound

MAX_BYTES = 1_000_000_000  # of frames in memory
FASTEST = 60.0  # frames a second that are kept where nothing else is asked for
UNTOLD_SECONDS = 600.0  # how much of a film is read that does not say how long it is
Timed = tuple[float, float, np.ndarray]  # seconds from the beginning, seconds that it stands, RGBA uint8 [H, W, 4]


@dataclass(frozen=True)
class Cut:
    """What of a film is wanted.

    Attributes:
        start: seconds from its beginning.
        end: seconds; None for its end.
        rate: frames a second; None for its own, at most :data:`FASTEST`.
        frames: how many at most.
        side: pixels along the longer side at most; larger frames are scaled down, smaller ones stay.
        sound: whether its sound is wanted too.
    """

    start: float = 0.0
    end: float | None = None
    rate: float | None = None
    frames: int | None = None
    side: int | None = None
    sound: bool = True


@dataclass(frozen=True)
class Use:
    """What reading a cut will take.

    Attributes:
        film: what is read.
        start: seconds from its beginning.
        end: seconds; where the film does not say how long it is, the most that is read.
        rate: frames a second.
        frames: how many; at most, where the film does not say how long it is.
        size: (width, height) of a frame in pixels.
    """

    film: Film
    start: float
    end: float
    rate: float
    frames: int
    size: tuple[int, int]

    @property
    def bytes(self) -> int:
        """Bytes of memory that the frames take."""
        return self.frames * self.size[0] * self.size[1] * 4

    @property
    def sentence(self) -> str:
        """What is used, for a person."""
        whole = "" if self.film.seconds is None else f" of {self.film.seconds:.1f} s"
        return (
            f"{self.frames} frames from {self.start:.1f} s to {self.end:.1f} s{whole}, {self.rate:g} a second, "
            f"{self.size[0]} x {self.size[1]} pixels: {self.bytes / 1e6:.0f} MB"
        )


def plan(film: Film, cut: Cut, name: str = "clip") -> Use:
    """What reading ``cut`` of ``film`` will use.

    Raises:
        MediaError: the cut lies outside the film, or takes more than :data:`MAX_BYTES`.
    """
    whole = film.seconds if film.seconds is not None else UNTOLD_SECONDS + cut.start
    if cut.start < 0 or cut.start >= whole:
        raise MediaError(f"start: {cut.start:g} s, but {name} lasts {whole:.2f} s; start earlier")
    end = whole if cut.end is None else min(cut.end, whole)
    if end <= cut.start:
        raise MediaError(f"end: must be after start, got {cut.start:g} s and {end:g} s")
    rate = min(film.rate, FASTEST) if cut.rate is None else cut.rate
    if not 0.1 <= rate <= MAX_RATE:
        raise MediaError(f"rate: must be between 0.1 and {MAX_RATE:g} frames a second, got {rate:g}")
    frames = max(1, round((end - cut.start) * rate))
    if cut.frames is not None and frames > cut.frames:
        frames = cut.frames
        end = cut.start + frames / rate
    use = Use(film, cut.start, end, rate, frames, _within(film.size, cut.side))
    if film.seconds is not None and use.bytes > MAX_BYTES:
        seconds = MAX_BYTES / (use.bytes / (end - cut.start))
        raise MediaError(
            f"{name}: {use.sentence}, at most {MAX_BYTES / 1e6:.0f} MB; take {max(0.1, seconds):.1f} s of it or less "
            "(Start and End), or make it smaller first"
        )
    return use


def film_in(path: str | Path) -> Film:
    """What a file of moving pictures says of itself; one frame is decoded, to see which way up it is.

    Raises:
        MediaError: there are no moving pictures in it, it is damaged, or its frames are too large.
    """
    with _reading(Path(path)) as reader:
        return reader.film


def read_clip(path: str | Path, cut: Cut | None = None) -> tuple[Clip, tuple[str, ...]]:
    """Read a part of a film or an animated picture at a constant rate, upright, with its alpha and its sound.

    Where frames come at uneven times, each moment shows the frame that is seen then. Pixels that are not square are
    made so; full and limited range, BT.601, BT.709 and BT.2020 are read as the film says, or by its height where it
    does not.

    Returns:
        The clip, and notes: what is used of how much, what was changed on the way in, what is missing.

    Raises:
        MediaError: as :func:`film_in` and :func:`plan`, or not one frame could be read.
    """
    path, cut = Path(path), cut or Cut()
    with _reading(path) as reader:
        use = plan(reader.film, cut, path.name)
        notes = [*reader.notes, *_told(path.name, use, cut)]
        frames = _collected(reader, use, path.name)
        notes += reader.findings
        wanted, got = use.frames, len(frames)
        if got < wanted and reader.film.seconds is not None and (wanted - got) / use.rate > max(0.3, 1.5 / use.rate):
            told = f"should last {use.end - use.start:.1f} s from there, {got / use.rate:.1f} s could be read"
            notes.append(f"{path.name} is cut short: it {told}")
        sound = reader.sound(use.start, use.start + got / use.rate) if cut.sound else None
    return Clip(frames, use.rate, sound), tuple(dict.fromkeys(notes))


def fitted(clip: Clip, width: int, height: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Frames on a canvas of ``width`` x ``height``: scaled to touch it, centred, transparent around.

    Returns:
        uint8 [T, height, width, 4], and (left, top, width, height) of the clip on the canvas.
    """
    scale = min(width / clip.size[0], height / clip.size[1])
    inner = max(1, round(clip.size[0] * scale)), max(1, round(clip.size[1] * scale))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((len(clip.frames), height, width, 4), np.uint8)
    for number, frame in enumerate(clip.frames):
        canvas[number, top : top + inner[1], left : left + inner[0]] = scaled(frame, inner)
    return canvas, (left, top, *inner)


def scaled(frame: np.ndarray, size: tuple[int, int], resample: Image.Resampling | None = None) -> np.ndarray:
    """A frame uint8 [H, W, 4] at another (width, height): Lanczos, alpha weighed in."""
    if (frame.shape[1], frame.shape[0]) == size:
        return frame
    resample = Image.Resampling.LANCZOS if resample is None else resample
    return np.array(Image.fromarray(frame).resize(size, resample))  # Pillow premultiplies by itself


class _Reader:
    """An open file: what it is, and its frames and its sound."""

    def __init__(self, film: Film, notes: list[str]) -> None:
        self.film, self.notes = film, notes
        self.findings: list[str] = []

    def frames(self, start: float) -> Iterator[Timed]:
        raise NotImplementedError

    def sound(self, start: float, end: float) -> Sound | None:
        return None


class _Pictures(_Reader):
    def __init__(self, file: Any, name: str, kind: str, notes: list[str]) -> None:
        super().__init__(picture_film(file, name, kind), notes)
        self.file, self.name = file, name

    def frames(self, start: float) -> Iterator[Timed]:
        try:
            yield from picture_frames(self.file, self.name, self.film.kind)
        except (OSError, ValueError, EOFError, SyntaxError) as error:  # Pillow raises many things on damaged data
            self.findings.append(f"{self.name} is damaged: it could not be read to its end ({error})")


class _Film(_Reader):
    def __init__(self, container: Any, name: str, kind: str, notes: list[str]) -> None:
        super().__init__(film_of(container, name, kind), notes)
        self.container, self.name = container, name
        first = next(Frames(container, name).after(0), None)
        if first is None:
            raise MediaError(f"{name}: there is not one frame in it that can be read; fetch or save it again")
        self.film = replace(self.film, size=(first[1].shape[1], first[1].shape[0]))
        container.seek(0)

    def frames(self, start: float) -> Iterator[Timed]:
        frames = Frames(self.container, self.name)
        yield from _standing(frames.after(start), 1 / self.film.rate)
        self.findings += frames.notes
        if frames.broken:
            self.findings.append(f"{self.name} is damaged: {frames.broken} pieces could not be read and are missing")

    def sound(self, start: float, end: float) -> Sound | None:
        found = sound_between(self.container, start, end)
        if found is None or not found[0].shape[1] or not 1000 <= found[1] <= 384_000:
            return None
        return Sound(np.ascontiguousarray(np.clip(np.nan_to_num(found[0]), -1, 1)), found[1])


@contextmanager
def _reading(path: Path) -> Iterator[_Reader]:
    with ExitStack() as stack:
        file = stack.enter_context(opened(path))
        kind = kind_of(file, path.name)
        notes = [note for note in [misnamed(path, kind)] if note]
        if kind.isupper():
            yield _Pictures(file, path.name, kind, notes)
        else:
            yield _Film(stack.enter_context(demuxed(file, path.name, kind)), path.name, kind, notes)


def _standing(frames: Iterator[tuple[float, np.ndarray]], usual: float) -> Iterator[Timed]:
    """Frames with the time that each stands; the last as long as is usual."""
    held: tuple[float, np.ndarray] | None = None
    for now, pixels in frames:
        if held is not None:
            yield held[0], max(0.0, now - held[0]), held[1]
        held = now, pixels
    if held is not None:
        yield held[0], usual, held[1]


def _collected(reader: _Reader, use: Use, name: str) -> np.ndarray:
    """The frames that are seen at the moments of ``use``, uint8 [T, H, W, 4]."""
    kept: list[np.ndarray] = []
    size = use.size
    # Half a frame of leave: times in files are rounded.
    leave = 0.5 / max(use.rate, reader.film.rate)
    for now, stands, pixels in reader.frames(use.start):
        fresh: np.ndarray | None = None
        while len(kept) < use.frames and use.start + len(kept) / use.rate < now + stands - leave:
            if fresh is None:
                fresh = scaled(pixels, size)
                if fresh.shape[:2] != (size[1], size[0]):
                    fresh = scaled(fresh, size)
            kept.append(fresh)
            if len(kept) * fresh.nbytes > MAX_BYTES:
                raise MediaError(
                    f"{name}: more than {MAX_BYTES / 1e6:.0f} MB of frames, and it does not say how long it is; take a "
                    f"part of it (End at most {len(kept) / use.rate:.0f} s)"
                )
        if len(kept) >= use.frames:
            break
    if not kept:
        raise MediaError(f"{name}: there is not one frame in it at {use.start:.2f} s that can be read")
    return np.stack(kept)


def _told(name: str, use: Use, cut: Cut) -> list[str]:
    """What is done to a film on the way in, as far as nobody asked for it."""
    film, notes = use.film, []
    if film.seconds is not None and cut.end is None and use.end < film.seconds - 0.5 / use.rate:
        notes.append(f"{name}: uses {use.sentence}")
    if cut.rate is None and use.rate < film.rate - 0.01:
        notes.append(f"{name} has {film.rate:g} frames a second; {use.rate:g} of them are used")
    if use.size != film.size:
        notes.append(f"{name} is {film.size[0]} x {film.size[1]} pixels; it is scaled to {use.size[0]} x {use.size[1]}")
    return notes


def _within(size: tuple[int, int], side: int | None) -> tuple[int, int]:
    longest = max(size)
    if side is None or longest <= side:
        return size
    return max(1, round(size[0] * side / longest)), max(1, round(size[1] * side / longest))
