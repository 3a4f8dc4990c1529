"""What the timeline of a talking clip shows: peaks of its sound, the movement of its mouth, its words, its frames.

Made from the file at the first look and kept beside the library's thumbnails, by the content's hash. Sound and pictures
are read as a stream: an hour takes no more memory than a second.
"""

import base64
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import CHANNELS
from studio import library
from studio.provenance import read_visemes, read_words, sniff

RATE = 100  # peaks a second
SHOTS, TALL = 48, 104  # pictures of a strip at most, and their height in pixels
FEWEST = 0.2  # seconds that a picture stands for at least
WIDEST = 16_000  # pixels of a strip: a WebP holds 16383
SHORT = 40.0  # seconds up to which every frame is decoded; in longer clips those that stand alone
_DEMUXERS = {"mp4": "mov", "webm": "matroska"}
_OPTIONS = {"enable_drefs": "0", "use_absolute_path": "0", "probesize": "2000000"}


def timeline(home: Path, path: Path, sha256: str) -> Path:
    """JSON of ``seconds``, ``rate``, ``names`` and ``weights`` of the track, ``peaks``, ``words`` and ``shots``.

    Weights (a row of 17 a frame) and peaks are bytes in base64, 255 for 1.

    Raises:
        MediaError: it is no MP4 or WebM, or damaged.
    """
    target = _place(home, sha256, "timeline.json")
    if not target.exists():
        text = json.dumps(_measured(path), ensure_ascii=False)
        library.files.save(target, lambda out: out.write(text.encode()))
    return target


def strip(home: Path, path: Path, sha256: str) -> Path:
    """A WebP of ``shots`` frames side by side, each taken from the middle of its part of the clip.

    Raises:
        MediaError: it is no MP4 or WebM, or damaged.
    """
    target = _place(home, sha256, "strip.webp")
    if not target.exists():
        image = _pictured(path)
        library.files.save(target, lambda out: image.save(out, "WEBP", quality=80, method=2))
    return target


def shots_of(seconds: float, width: int, height: int) -> int:
    """How many pictures the strip of such a clip has."""
    wide = max(1, round(width * TALL / height))
    return max(1, min(SHOTS, round(seconds / FEWEST), WIDEST // wide))


def _place(home: Path, sha256: str, ending: str) -> Path:
    return home / library.places.THUMBS / sha256[:2] / f"{sha256}-{ending}"


def _measured(path: Path) -> dict[str, Any]:
    with _opened(path) as film:
        video, sound = film.streams.video[0], bool(film.streams.audio)
        seconds = _seconds(film, video)
        size = (video.codec_context.width, video.codec_context.height)
    found: dict[str, Any] = {
        "seconds": seconds,
        "shots": shots_of(seconds, *size),
        "words": [{"text": word.text, "start": word.start, "end": word.end} for word in read_words(path)],
    }
    if sound:
        found["peaks"] = _text(_peaks(path, seconds))
    track = read_visemes(path)
    if track is not None:
        weights = np.round(255 * track.weights).astype(np.uint8)
        found |= {"rate": track.rate, "names": list(CHANNELS), "weights": _text(weights)}
    return found


def _peaks(path: Path, seconds: float) -> np.ndarray:
    """Largest absolute sample of each hundredth of a second, uint8."""
    import av

    found = np.zeros(max(1, round(seconds * RATE)))
    with _opened(path) as film:
        audio = film.streams.audio[0]
        resampler = av.AudioResampler("fltp", "mono", 8000)
        at = 0
        for frame in itertools.chain(film.decode(audio), [None]):
            if at == 0 and frame is not None and frame.pts is not None and audio.time_base is not None:
                at = max(0, round(float(frame.pts * audio.time_base) * 8000))
            for part in resampler.resample(frame):
                samples = np.nan_to_num(np.abs(part.to_ndarray()[0]))
                moments = ((at + np.arange(len(samples))) * RATE // 8000).clip(max=len(found) - 1)
                np.maximum.at(found, moments, samples)
                at += len(samples)
    return np.round(255 * found.clip(0, 1)).astype(np.uint8)


def _pictured(path: Path) -> Image.Image:
    with _opened(path) as film:
        video = film.streams.video[0]
        seconds, height = _seconds(film, video), video.codec_context.height
        count = shots_of(seconds, video.codec_context.width, height)
        wide = max(1, round(video.codec_context.width * TALL / height))
        whole = Image.new("RGBA", (wide * count, TALL))
        moments = (np.arange(count) + 0.5) * seconds / count
        for place, frame in _frames(film, video, moments, sparse=seconds > SHORT):
            small = Image.fromarray(frame).resize((wide, TALL), Image.Resampling.LANCZOS)
            whole.paste(small, (wide * place, 0))
    return whole


def _frames(film: Any, video: Any, moments: np.ndarray, *, sparse: bool) -> Iterator[tuple[int, np.ndarray]]:
    """The frame that is shown at each moment, uint8 [H, W, 4]; ``sparse`` takes the nearest that stands alone."""
    import av

    # FFmpeg's own decoder of VP9 drops transparency, libvpx's does not.
    see_through = video.codec_context.name == "vp9" and video.metadata.get("alpha_mode") == "1"
    if sparse:
        for place, moment in enumerate(moments):
            film.seek(round(moment / video.time_base), stream=video)
            decoder = av.CodecContext.create("libvpx-vp9", "r") if see_through else video.codec_context
            frame = _first(film, video, decoder)
            if frame is not None:
                yield place, frame.to_ndarray(format="rgba")
            if not see_through:
                decoder.flush_buffers()
        return
    decoder = av.CodecContext.create("libvpx-vp9", "r") if see_through else video.codec_context
    place, last = 0, None
    for packet in film.demux(video):
        for frame in decoder.decode(packet):
            at = float(frame.pts * video.time_base)
            while place < len(moments) and last is not None and at > moments[place]:
                yield place, last.to_ndarray(format="rgba")
                place += 1
            last = frame
    if last is not None:
        for left in range(place, len(moments)):
            yield left, last.to_ndarray(format="rgba")


def _first(film: Any, video: Any, decoder: Any) -> Any:
    for packet in film.demux(video):
        for frame in decoder.decode(packet):
            return frame
    return None


def _seconds(film: Any, video: Any) -> float:
    if video.duration and video.time_base:
        return float(video.duration * video.time_base)
    if film.duration:
        return float(film.duration / 1_000_000)
    raise MediaError("clip: its length is not written down; save it again")


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The film in a file, whose content decides how it is read.

    Raises:
        MediaError: it is no MP4 or WebM, or damaged.
    """
    import av

    kind = sniff(path)
    if kind not in _DEMUXERS:
        raise MediaError(f"clip: {path.name!r} is neither MP4 nor WebM")
    try:
        # Never the path to FFmpeg: some demuxers open what a file names, addresses included.
        with path.open("rb") as file, av.open(file, format=_DEMUXERS[kind], options=_OPTIONS) as film:
            if not film.streams.video:
                raise MediaError(f"clip: {path.name!r} holds no pictures")
            yield film
    except (av.FFmpegError, OSError, ValueError, ArithmeticError) as error:
        raise MediaError(f"clip: {path.name!r} cannot be read; it is damaged") from error
