"""Files of moving pictures as streams of frames: films through FFmpeg, animated pictures through Pillow.

Nothing is held but the frame that is being looked at. Frames come upright, with square pixels, as straight RGBA.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.headers import check_header

MAX_PIXELS = 9_000_000  # of a frame: 4K fits, 8K does not
MAX_RATE = 240.0  # frames a second that a file may claim and be believed
USUAL_DELAY = 0.1  # seconds a frame stands in browsers where an animated picture says nothing, or almost nothing
SHORT_DELAY = 0.011  # seconds: what is said to be shorter counts as nothing said
# Only the demuxer for what a file begins with: a guess could end at one that opens other files or addresses.
_FILMS = (
    *((4, b"ftyp", "mov"), (4, b"moov", "mov"), (4, b"mdat", "mov"), (4, b"wide", "mov"), (4, b"free", "mov")),
    *((0, b"\x1a\x45\xdf\xa3", "matroska"), (8, b"AVI ", "avi"), (0, b"OggS", "ogg"), (0, b"FLV\x01", "flv")),
    *((0, b"\x00\x00\x01\xba", "mpeg"), (0, b"\x30\x26\xb2\x75", "asf")),
)
_PICTURES = ((0, b"GIF8", "GIF"), (0, b"\x89PNG", "PNG"), (8, b"WEBP", "WEBP"))
_AVIF = (b"avif", b"avis")
_SOUNDS = (b"fLaC", b"ID3", b"FORM")
_OPTIONS = {"probesize": "4000000", "analyzeduration": "4000000", "max_streams": "32", "enable_drefs": "0",
            "use_absolute_path": "0", "max_pixels": str(4 * MAX_PIXELS)}  # fmt: skip
_HDR = (16, 18)  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG), ISO/IEC 23091-2
KINDS = {
    "mov": "MP4",
    "matroska": "WebM or MKV",
    "avi": "AVI",
    "ogg": "OGG",
    "GIF": "GIF",
    "PNG": "PNG",
    "WEBP": "WebP",
}
_ENDINGS = {
    "mov": ("mp4", "mov", "m4v", "3gp", "m4a", "f4v", "qt"), "matroska": ("webm", "mkv"), "avi": ("avi",),
    "ogg": ("ogg", "ogv", "oga"), "GIF": ("gif",), "PNG": ("png", "apng"), "WEBP": ("webp",), "AVIF": ("avif", "avifs"),
}  # fmt: skip


@dataclass(frozen=True)
class Film:
    """What a file of moving pictures says of itself; nothing of it is decoded yet.

    Attributes:
        size: (width, height) in pixels, upright and square.
        rate: frames a second; the mean where they differ.
        seconds: how long it plays; None where that is known only at its end.
        sound: whether something is to be heard.
        alpha: whether it may be transparent.
        kind: FFmpeg's demuxer or Pillow's format.
    """

    size: tuple[int, int]
    rate: float
    seconds: float | None
    sound: bool
    alpha: bool
    kind: str


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, never its path: FFmpeg would also take an address or a protocol."""
    if not path.is_file():
        raise MediaError(f"{path.name}: no such file")
    if not path.stat().st_size:
        raise MediaError(f"{path.name}: is empty; choose a file with moving pictures in it")
    with path.open("rb") as file:
        yield file


def kind_of(file: BinaryIO, name: str) -> str:
    """FFmpeg's demuxer or Pillow's format of what is in ``file``.

    Raises:
        MediaError: nothing that holds moving pictures.
    """
    head = file.read(64)
    file.seek(0)
    if head[4:8] == b"ftyp" and (head[8:12] in _AVIF or b"avis" in head[:64]):
        return "AVIF"
    for offset, magic, kind in (*_FILMS, *_PICTURES):
        if head[offset : offset + len(magic)] == magic:
            return kind
    if head.startswith(_SOUNDS) or head[8:12] == b"WAVE":
        raise MediaError(f"{name}: is sound alone, there is no picture in it; sounds belong on the Audio tab")
    if head[:3] == b"\xff\xd8\xff":
        raise MediaError(f"{name}: {_STILL}")
    raise MediaError(f"{name}: not a clip that can be read; use MP4, WebM, MOV, AVI, GIF, animated WebP or PNG")


_STILL = (
    "is a still picture; edit it on the Image tab, or let a new clip begin with it (First frame, --first-frame)"
)  # fmt: skip


def misnamed(path: Path, kind: str) -> str | None:
    """A note where the name promises something else than the content is."""
    ending = path.suffix.lower().lstrip(".")
    if not ending or kind not in _ENDINGS or ending in _ENDINGS[kind]:
        return None
    return f"{path.name} ends in .{ending} but holds {KINDS.get(kind, kind)}; it is read as that"


# Animated pictures ---------------------------------------------------------------------------------------------------


def picture_film(file: BinaryIO, name: str, kind: str) -> Film:
    """What an animated picture says of itself.

    Raises:
        MediaError: it stands still, is damaged, or too large.
    """
    image = _animated(file, name, kind)
    times = list(_delays(image))
    if len(times) < 2:
        raise MediaError(f"{name}: {_STILL}")
    return Film(image.size, pace(times), sum(times), False, True, kind)


def picture_frames(file: BinaryIO, name: str, kind: str) -> Iterator[tuple[float, float, np.ndarray]]:
    """(seconds from the beginning, seconds that it stands, RGBA uint8 [H, W, 4]) of every frame."""
    image, now = _animated(file, name, kind), 0.0
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        pixels = np.array(image.convert("RGBA"))
        stands = _delay(image)
        yield now, stands, pixels
        now += stands


def pace(delays: list[float]) -> float:
    """Frames a second at which every delay is a whole number of frames, as far as its shortest tells."""
    shortest = min(delays)
    times = np.maximum(1, np.round(np.array(delays) / shortest))
    return round(float(min(MAX_RATE, times.sum() / sum(delays))), 6)


def _animated(file: BinaryIO, name: str, kind: str) -> Any:
    try:
        check_header(file, MAX_PIXELS)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large or odd files; the checks below decide
            image = Image.open(file, formats=[kind])
    except MediaError as error:
        raise MediaError(f"{name}: {error}") from None
    except Exception as error:  # decoders raise whatever they like on damaged data
        raise MediaError(f"{name}: damaged or cut short ({error or type(error).__name__}); save it again") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise MediaError(f"{name}: {too_large(width, height)}")
    return image


def _delays(image: Any) -> Iterator[float]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        if image.format == "WEBP":
            image.load()  # only then does it know
        yield _delay(image)


def _delay(image: Any) -> float:
    told = float(image.info.get("duration") or 0) / 1000
    return told if math.isfinite(told) and told >= SHORT_DELAY else USUAL_DELAY


# Films ---------------------------------------------------------------------------------------------------------------


@contextmanager
def demuxed(file: BinaryIO, name: str, kind: str) -> Iterator[Any]:
    """The container, open; what FFmpeg finds wrong with it is said in a sentence."""
    import av

    try:
        with av.open(file, format=kind, options=_OPTIONS, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, ArithmeticError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{name}: damaged or cut short ({reason}); fetch or save it again") from error


def film_of(container: Any, name: str, kind: str) -> Film:
    """What the headers of a film say.

    Raises:
        MediaError: there is no picture in it, or a frame is too large.
    """
    stream = picture_stream(container, name)
    context, length = stream.codec_context, stream.duration
    width, height = context.width, context.height
    if width <= 0 or height <= 0:
        raise MediaError(f"{name}: damaged or cut short (its pictures have no size); fetch or save it again")
    if width * height > MAX_PIXELS:
        raise MediaError(f"{name}: {too_large(width, height)}")
    if (shape := stream.sample_aspect_ratio) and shape != 1:
        width = max(1, round(width * float(shape)))
    seconds = float(length * stream.time_base) if length else _tagged(stream.metadata.get("DURATION", ""))
    if seconds is None and container.duration:
        seconds = container.duration / 1_000_000
    told = float(stream.average_rate or stream.guessed_rate or 25)
    rate = told if math.isfinite(told) and 0.1 <= told else 25.0
    alpha = _see_through(stream) or "a" in (context.pix_fmt or "").replace("gray", "").partition("p")[0]
    return Film((width, height), rate, seconds, bool(container.streams.audio), alpha, kind)


def _tagged(text: str) -> float | None:
    """Seconds of a length as Matroska's tags write it, 00:00:01.500000000; its header knows the longest stream only."""
    hours, _, rest = text.partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds) or None
    except ValueError:
        return None


def picture_stream(container: Any, name: str) -> Any:
    """The stream of moving pictures; the cover of a song is none.

    Raises:
        MediaError: there is none.
    """
    for stream in container.streams.video:
        if stream.codec_context is not None and not int(stream.disposition) & 0x400:  # AV_DISPOSITION_ATTACHED_PIC
            return stream
    if container.streams.audio:
        raise MediaError(f"{name}: is sound alone, there is no picture in it; sounds belong on the Audio tab")
    raise MediaError(f"{name}: there is no picture in it that can be read; save it again as MP4 (H.264)")


class Frames:
    """Frames of a film from a time on, and what was seen on the way: :attr:`broken` pieces, :attr:`notes`."""

    def __init__(self, container: Any, name: str) -> None:
        self.container, self.name = container, name
        self.stream = picture_stream(container, name)
        self.broken, self.notes = 0, list[str]()
        self.size: tuple[int, int] | None = None

    def after(self, start: float) -> Iterator[tuple[float, np.ndarray]]:
        """(seconds from the film's beginning, RGBA uint8 [H, W, 4]); the first is at or before ``start``."""
        stream = self.stream
        origin = (stream.start_time or 0) * stream.time_base
        if start > 1:  # to the key frame before it: what lies before that is never decoded
            self.container.seek(int((Fraction(start) + origin) / stream.time_base), stream=stream)
        held: Any = None
        for frame in self._decoded():
            if frame.pts is None:
                continue
            now = float(frame.pts * frame.time_base - origin)
            if held is not None and now > start:
                yield held[0], self._upright(held[1])
                held = None
            if now > start:
                yield now, self._upright(frame)
            else:
                held = now, frame  # it may be the one that is seen at ``start``
        if held is not None:
            yield held[0], self._upright(held[1])

    def _decoded(self) -> Iterator[Any]:
        import av

        # FFmpeg's own decoders of VP8 and VP9 drop transparency, libvpx's do not.
        name = self.stream.codec_context.name
        decoder: Any = self.stream.codec_context
        if _see_through(self.stream):
            decoder = av.CodecContext.create(f"libvpx{'-vp9' if name.endswith('vp9') else ''}", "r")
        for packet in self.container.demux(self.stream):
            try:
                yield from decoder.decode(packet)
            except av.InvalidDataError:
                self.broken += 1

    def _upright(self, frame: Any) -> np.ndarray:
        if frame.color_trc in _HDR:
            self._note("has high dynamic range; its colours are read as if it had not, so they look pale")
        if frame.interlaced_frame:
            self._note("is interlaced; its two fields stay combed together")
        pixels = frame.reformat(format="rgba", **_colours(frame)).to_ndarray()
        shape = self.stream.sample_aspect_ratio
        if shape and shape != 1:
            size = max(1, round(frame.width * float(shape))), frame.height
            pixels = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        turns = round(frame.rotation / 90) % 4  # counter-clockwise, as the film's display matrix says
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

    def _note(self, text: str) -> None:
        if (said := f"{self.name} {text}") not in self.notes:
            self.notes.append(said)


def sound_between(container: Any, start: float, end: float) -> tuple[np.ndarray, int] | None:
    """Samples float32 [1 or 2, N] between two times in seconds, and how many a second; None where there are none."""
    import av

    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    rate = stream.rate
    if not rate or not stream.codec_context.channels:
        return None
    resampler = av.AudioResampler("fltp", "mono" if stream.codec_context.channels == 1 else "stereo", rate)
    origin = (container.start_time or 0) / 1_000_000
    container.seek(int(max(0.0, start - 0.5 + origin) * 1_000_000))
    first, last = round(start * rate), round(end * rate)
    parts: list[np.ndarray] = []
    got = first
    for packet in container.demux(stream):
        try:
            frames = [part for frame in packet.decode() for part in resampler.resample(frame)]
        except av.InvalidDataError:
            continue
        for frame in frames:
            samples = frame.to_ndarray()
            at = got
            if frame.pts is not None and frame.time_base is not None:
                at = round((float(frame.pts * frame.time_base) - origin) * rate)
            if parts or at + samples.shape[1] > first:
                if not parts and at > first:  # it begins later than the pictures
                    parts.append(np.zeros((samples.shape[0], min(at, last) - first), np.float32))
                piece = samples[:, max(0, first - at) if not _filled(parts) else 0 :]
                parts.append(piece)
                got = first + _filled(parts)
        if parts and _filled(parts) >= last - first:
            break
    if not _filled(parts):
        return None
    return np.concatenate(parts, axis=1, dtype=np.float32)[:, : last - first], int(rate)


def _filled(parts: list[np.ndarray]) -> int:
    return sum(part.shape[1] for part in parts)


def _see_through(stream: Any) -> bool:
    return stream.codec_context.name in ("vp9", "vp8", "libvpx-vp9") and stream.metadata.get("alpha_mode") == "1"


def _colours(frame: Any) -> dict[str, Any]:
    """How a frame's numbers are colours; where it does not say, as players guess: by its height."""
    from av.video.reformatter import ColorRange, Colorspace

    told = int(frame.colorspace)
    matrix = told if told in (1, 4, 5, 6, 7, 9) else 1 if frame.height >= 720 else 5
    whole = int(frame.color_range) == int(ColorRange.JPEG) or frame.format.name.startswith("yuvj")
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal8", "mono")):
        return {}
    spread = ColorRange.JPEG if whole else ColorRange.MPEG
    return {
        "src_colorspace": Colorspace.ITU601 if matrix in (5, 6) else Colorspace(matrix),
        "src_color_range": spread, "dst_color_range": ColorRange.JPEG,
    }  # fmt: skip


def too_large(width: int, height: int) -> str:
    """The sentence for frames that are too large."""
    return (
        f"its frames are {width} x {height}, {width * height / 1e6:.0f} megapixels, at most {MAX_PIXELS / 1e6:.0f}; "
        "make it smaller first, for example 1920 x 1080"
    )
