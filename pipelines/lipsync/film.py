"""Clips from files, a frame at a time: any length in constant memory, at an even pace."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.codecs.image import read_picture
from pipelines.errors import MediaError
from pipelines.media import Clip, Picture

SUFFIXES = (".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v")
MAX_SIDE = 4096  # 4K; larger ones are refused rather than scaled
SLOWEST, FASTEST = 20.0, 60.0  # a mouth needs about so many frames a second; what has fewer shows them twice


@dataclass(frozen=True)
class Film:
    """A clip in a file.

    Attributes:
        path: the file.
        rate: frames a second that come out; frames are shown as long as their times say, so an uneven pace is evened.
        size: (width, height) in pixels.
        count: how many frames come out.
        own_rate: the file's average frames a second.
    """

    path: Path
    rate: float
    size: tuple[int, int]
    count: int
    own_rate: float

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames uint8 [H, W, 4], each the one that is shown at its time."""
        import av

        made, last = 0, None
        try:
            with av.open(str(self.path)) as file:
                stream = file.streams.video[0]
                decoder = _see_through(stream)
                first: float | None = None
                for packet in file.demux(stream):
                    for frame in decoder.decode(packet) if decoder is not None else packet.decode():
                        pts = float((frame.pts or 0) * (frame.time_base or stream.time_base or 0))
                        first = pts if first is None else first
                        while last is not None and made < self.count and (made + 0.5) / self.rate <= pts - first:
                            made += 1
                            yield last
                        last = frame.to_ndarray(format="rgba")
        except av.FFmpegError as error:
            raise MediaError(f"{self.path.name}: damaged or cut short ({error.strerror or error})") from error
        while last is not None and made < self.count:
            made += 1
            yield last


def _see_through(stream: Any) -> Any:
    """A decoder that keeps transparency where the file has any: FFmpeg's own VP9 decoder leaves it out."""
    import av

    is_vp9 = stream.codec_context.name == "vp9" and stream.metadata.get("alpha_mode") == "1"
    return av.CodecContext.create("libvpx-vp9", "r") if is_vp9 else None


def open_film(path: Path) -> tuple[Film, tuple[str, ...]]:
    """Measure a clip without decoding it to the end.

    Returns:
        The clip, and notes on what is changed on the way in.

    Raises:
        MediaError: no moving pictures in it, damaged, or larger than ``MAX_SIDE``.
    """
    import av

    name = path.name
    try:
        with av.open(str(path)) as file:
            if not file.streams.video:
                raise MediaError(f"{name}: no picture in it, only sound; give a picture or clip of a face")
            stream = file.streams.video[0]
            context = stream.codec_context
            own = float(stream.average_rate or stream.guessed_rate or 25)
            seconds = _seconds(file, stream)
            counted = stream.frames or 0
            size = (context.width, context.height)
    except av.FFmpegError as error:
        raise MediaError(f"{name}: not a clip that can be read ({error.strerror or error}); use MP4 or WebM") from error
    if max(size) > MAX_SIDE:
        raise MediaError(f"{name}: {size[0]} x {size[1]} pixels, at most {MAX_SIDE} a side; scale it down first")
    if seconds <= 0:
        seconds = counted / own if counted else 1 / own
    notes = []
    rate = own
    if own < SLOWEST:
        rate = 25.0
        notes.append(f"{name} has {own:.3g} frames a second, too few for a mouth; each is shown longer, at 25 a second")
    elif own > FASTEST:
        rate = own / round(own / 30)
        notes.append(f"{name} has {own:.4g} frames a second; {rate:.3g} of them are kept")
    count = max(1, round(seconds * rate))
    if counted and rate == own and abs(counted - count) > max(2, 0.02 * count):
        notes.append(f"{name} has an uneven pace; it is evened to {rate:.4g} frames a second")
    elif counted and rate == own:
        count = counted
    return Film(path, rate, size, count, own), tuple(notes)


def _seconds(file: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(file.duration or 0) / 1e6


def open_face(path: str | Path) -> tuple[Picture | Film, tuple[str, ...]]:
    """A picture or clip of a face from a file, with notes on what was changed on the way in.

    Raises:
        MediaError: it is neither, damaged or too large.
    """
    found = Path(path)
    if found.suffix.lower() in SUFFIXES:
        return open_film(found)
    return read_picture(found)


class InMemory:
    """A clip that is in memory already."""

    def __init__(self, clip: Clip) -> None:
        self.clip, self.rate, self.size, self.count = clip, clip.rate, clip.size, len(clip.frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from self.clip.frames
