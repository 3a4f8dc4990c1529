"""Video and sound at the gate: what the headers say, read through FFmpeg's demuxers with their memory held down."""

import math
from typing import Any, Literal

from pipelines.errors import MediaError
from studio.intake.boxes import check_boxes
from studio.intake.upload import Facts, Upload

# Only the demuxer for what the content is: a guess could end at one that opens other files or addresses.
_DEMUXERS = {"mp4": "mov", "mov": "mov", "webm": "matroska", "mkv": "matroska", "avi": "avi", "wav": "wav",
             "flac": "flac", "ogg": "ogg", "mp3": "mp3", "aiff": "aiff"}  # fmt: skip
_COUNTED = ("wav", "aiff")  # whose length always follows from the file; others may leave it to be found out
MAX_TAG = 16_000_000  # bytes of the tag before an MP3's sound
MAX_READ = 64_000_000  # bytes that looking at the headers may take
MAX_STREAMS = 32
# The last three: nothing outside the file is opened, and lists of cuts are not unrolled.
_OPTIONS = {"probesize": "2000000", "analyzeduration": "2000000", "threads": "1", "max_streams": str(MAX_STREAMS),
            "enable_drefs": "0", "use_absolute_path": "0", "advanced_editlist": "0"}  # fmt: skip


class _Budgeted:
    """A file to read from until a number of bytes has been read."""

    def __init__(self, upload: Upload, budget: int) -> None:
        self._upload, self._left = upload, budget
        upload.file.seek(0)

    def read(self, length: int = -1) -> bytes:
        data = self._upload.file.read(length if length >= 0 else self._left)
        self._left -= len(data)
        if self._left < 0:
            self._upload.refuse("its headers are spread over far too much of the file; save it again")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._upload.file.seek(offset, whence)

    def tell(self) -> int:
        return self._upload.file.tell()


def read_stream_facts(upload: Upload, found: str) -> tuple[Literal["video", "audio"], Facts]:
    """Whether it is ``video`` or ``audio``, and its size; texts that it carries are left in ``upload.texts``.

    Raises:
        MediaError: cut short, damaged, empty, or larger than the limits.
    """
    import av

    if found in ("mp4", "mov"):
        check_boxes(upload)
    elif found in ("wav", "avi"):
        _check_length(upload)
    elif found == "mp3":
        tag = upload.at(0, 10)
        tagged = sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(tag[6:10])) if tag[:3] == b"ID3" else 0
        upload.check("bytes of the tag", tagged, MAX_TAG, "remove the pictures from its tag")
    options = {**_OPTIONS, "max_pixels": str(upload.limits.frame_pixels)}
    file: Any = _Budgeted(upload, MAX_READ)
    try:
        with av.open(file, format=_DEMUXERS[found], options=options, metadata_errors="replace") as container:
            _texts(upload, container)
            medium, facts = _facts(upload, container)
    except MediaError:
        raise
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError):
        upload.cut_short()
    if medium == "audio" and found in _COUNTED and not facts.seconds:
        upload.refuse("there is not one sample in it; record or save it again")
    _check(upload, facts)
    return medium, facts


def _texts(upload: Upload, container: Any) -> None:
    found = {**container.metadata}
    for stream in container.streams:
        found.update({key: value for key, value in stream.metadata.items() if key not in found})
    for key, value in found.items():
        if len(value) <= upload.limits.metadata_bytes:
            upload.texts.setdefault(str(key).lower(), str(value))


def _facts(upload: Upload, container: Any) -> tuple[Literal["video", "audio"], Facts]:
    """What the streams say; a cover picture does not make a song a video."""
    known = [stream for stream in container.streams if stream.codec_context is not None]
    moving = [stream for stream in known if stream.type == "video" and not _is_cover(stream)]
    sound = [stream for stream in known if stream.type == "audio"]
    if not moving and not sound:
        upload.refuse("there is no picture or sound in it that can be read; save it again as MP4 (H.264) or WAV")
    seconds = container.duration / 1_000_000 if container.duration else None
    facts: dict[str, Any] = {}
    if sound:
        rate = sound[0].codec_context.sample_rate or None
        facts = {"sample_rate": rate, "channels": sound[0].codec_context.channels or None}
        seconds = seconds or _seconds(sound[0])
    if moving:
        video = moving[0]
        seconds = seconds or _seconds(video)
        fps = float(video.average_rate or video.guessed_rate or 0)
        frames = video.frames or (round(seconds * fps) if seconds and math.isfinite(fps) else 0)
        size = max(((each.codec_context.width, each.codec_context.height) for each in moving), key=math.prod)
        facts |= {"width": size[0], "height": size[1], "frames": frames or None}
    if seconds is None:
        upload.note("its length is not written down and will be known once it is read")
    return "video" if moving else "audio", Facts(seconds=seconds, **facts)


def _seconds(stream: Any) -> float | None:
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


def _check(upload: Upload, facts: Facts) -> None:
    limits = upload.limits
    if facts.width is not None and (facts.width <= 0 or not facts.height or facts.height <= 0):
        upload.cut_short()
    if facts.sample_rate is None and facts.width is None:
        upload.cut_short()
    if facts.seconds is not None and facts.seconds < 0:
        upload.cut_short()
    upload.check("seconds", facts.seconds or 0, limits.seconds, "cut it first")
    upload.check("frames", facts.frames or 0, limits.frames, "cut it, or lower its frame rate, first")
    upload.check("side in pixels", max(facts.width or 0, facts.height or 0), limits.side, "make it smaller first")
    pixels = (facts.width or 0) * (facts.height or 0)
    upload.check("pixels of a frame", pixels, limits.frame_pixels, "make it smaller first")
    upload.check("samples a second", facts.sample_rate or 0, limits.sample_rate, "resample it first")
    upload.check("channels", facts.channels or 0, limits.channels, "mix it down first")


def _check_length(upload: Upload) -> None:
    """A RIFF file says its length; programs that could not go back to write it left 0 or the largest number."""
    length = int.from_bytes(upload.at(4, 4), "little")
    if 8 + length > upload.size and length < 0xFFFFFF00:
        upload.cut_short()
