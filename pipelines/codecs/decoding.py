"""Any file's sound into memory, through FFmpeg, a frame at a time and never more than a limit."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Sound

MAX_SECONDS = 600
MAX_VALUES = 60_000_000  # samples of all channels together, 240 MB: ten minutes of 48 kHz stereo
MAX_CHANNELS = 64
# What a file begins with -> FFmpeg's demuxer for it. Only these: a guess could end at a demuxer that opens other files
# or addresses. MP3 and AAC have no more than eleven set bits to go by and come last.
_DEMUXERS = (
    *((0, b"RIFF", "wav"), (0, b"RF64", "wav"), (0, b"riff\x2e\x91\xcf\x11", "w64"), (0, b"FORM", "aiff")),
    *((0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b".snd", "au"), (0, b"caff", "caf"), (0, b"wvpk", "wv")),
    *((0, b"MAC ", "ape"), (0, b"TTA1", "tta"), (0, b"DSD ", "dsf"), (0, b"#!AMR", "amr"), (0, b"\x0b\x77", "ac3")),
    *((4, b"ftyp", "mov"), (4, b"moov", "mov"), (4, b"mdat", "mov"), (4, b"wide", "mov"), (4, b"free", "mov")),
    *((0, b"\x1a\x45\xdf\xa3", "matroska"), (0, b"\x30\x26\xb2\x75", "asf"), (0, b"FLV\x01", "flv")),
    *((0, b"\x00\x00\x01\xba", "mpeg"), (188, b"\x47", "mpegts")),
)
# Nothing outside the file is opened, and looking at the headers reads at most two megabytes.
_OPTIONS = {"probesize": "2000000", "analyzeduration": "2000000", "max_streams": "32", "enable_drefs": "0",
            "use_absolute_path": "0"}  # fmt: skip
_CUT = "cut it to the part that you need first, for example with: ffmpeg -i in.wav -ss 0 -t {:.0f} out.wav"
# ITU-R BS.775-4, table 2: the centre and the channels beside and behind, 3 dB down; the subwoofer is left out.
_HALF = 0.5**0.5
_TO_LEFT = {"FL": 1.0, "FLC": 1.0, "FC": _HALF, "SL": _HALF, "BL": _HALF, "BC": 0.5, "TFL": _HALF, "TBL": _HALF}
_TO_RIGHT = {"FR": 1.0, "FRC": 1.0, "FC": _HALF, "SR": _HALF, "BR": _HALF, "BC": 0.5, "TFR": _HALF, "TBR": _HALF}


def read_sound(source: str | Path | bytes) -> tuple[Sound, tuple[str, ...]]:
    """Read the sound of any sound or video file, at its own sample rate, mono or stereo.

    More channels than two are mixed down to stereo (ITU-R BS.775); what goes past full scale is scaled down whole.
    Nothing is clipped, filtered or resampled: 8, 16 and 24 bit, and float samples within full scale, are exact.

    Returns:
        The sound, and notes on what was found or changed on the way in.

    Raises:
        MediaError: no sound in it, damaged, not numbers, longer than ``MAX_SECONDS`` or more than ``MAX_VALUES``
            samples; the last two are found out before more than that is decoded.
    """
    name = "sound" if isinstance(source, bytes) else Path(source).name
    import av

    notes: list[str] = []
    with _opened(source, name) as file:
        demuxer = _demuxer_of(file, name)
        try:
            with av.open(file, format=demuxer, options=_OPTIONS, metadata_errors="replace") as container:
                samples, rate = _decode(container, name, notes)
        except (av.FFmpegError, ValueError, ArithmeticError, OSError) as error:
            raise MediaError(f"{name}: damaged or cut short ({error}); try saving it again as WAV") from error
    _check(samples, name)
    notes += _findings(samples, name)
    peak = max(float(samples.max()), -float(samples.min()))
    if peak > 1:
        notes.append(f"{name} goes {20 * np.log10(peak):.1f} dB past full scale; all of it is turned down by as much")
        samples /= np.float32(np.nextafter(peak, np.inf))
    if not 1000 <= rate <= 384_000:
        raise MediaError(f"{name}: {rate} samples a second, must be between 1000 and 384000; resample it first")
    return Sound(np.clip(samples, -1, 1, out=samples), rate), tuple(notes)


@contextmanager
def _opened(source: str | Path | bytes, name: str) -> Iterator[BinaryIO]:
    # Never the path itself to FFmpeg, which would also take an address or a protocol.
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    path = Path(source)
    if not path.is_file():
        raise MediaError(f"{name}: no such file")
    with path.open("rb") as file:
        yield file


def _demuxer_of(file: BinaryIO, name: str) -> str:
    head = file.read(256)
    if not head:
        raise MediaError(f"{name}: is empty; choose a file with sound in it")
    if head[:3] == b"ID3" and len(head) > 10:
        # A tag before the sound; its length has seven bits a byte.
        length = sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(head[6:10]))
        file.seek(10 + length)
        head = file.read(256) or head
    file.seek(0)
    for offset, magic, demuxer in _DEMUXERS:
        if head[offset : offset + len(magic)] == magic and (demuxer != "mpegts" or head[0] == 0x47):
            return "avi" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else demuxer
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    if head[:3] == b"ID3":
        return "mp3"
    raise MediaError(f"{name}: not a sound that can be read; use WAV, FLAC, MP3, OGG, M4A, MP4 or WebM")


def _decode(container: Any, name: str, notes: list[str]) -> tuple[np.ndarray, int]:
    """All samples [1 or 2, N] of the first sound stream, and how many a second."""
    streams = container.streams.audio
    if not streams:
        raise MediaError(f"{name}: there is no sound in it; choose a file with sound")
    stream = streams[0]
    if len(streams) > 1:
        notes.append(f"{name} holds {len(streams)} sound tracks; the first is used")
    told = _told(container, stream)
    if told and told > MAX_SECONDS:
        raise MediaError(f"{name}: {_length(told)} long, at most {_length(MAX_SECONDS)}; {_CUT.format(MAX_SECONDS)}")
    parts: list[np.ndarray] = []
    first: Any = None
    count, limit, broken = 0, 0, 0
    for frame in _frames(container, stream):
        if frame is None:
            broken += 1
            continue
        if first is None:
            first = frame
            limit, mix = _limit(frame, name), _mix(frame, name, notes)
        if (frame.sample_rate, frame.layout.name) != (first.sample_rate, first.layout.name):
            raise MediaError(f"{name}: changes its sample rate or channels midway; save it again as WAV")
        count += frame.samples
        if count > limit:
            most = limit / first.sample_rate
            raise MediaError(
                f"{name}: at {first.sample_rate} Hz and {frame.layout.nb_channels} channels it may last at most "
                f"{_length(most)}, and goes on; {_CUT.format(most)}"
            )
        found = _floats(frame)
        parts.append(found if mix is None else mix @ found)
    if not count:
        raise MediaError(f"{name}: there are no samples in it that can be read; save it again as WAV")
    seconds = count / first.sample_rate
    if broken:
        notes.append(f"{name} is damaged: {broken} pieces of it could not be read and are missing")
    elif told and seconds < told - max(0.5, 0.01 * told):
        notes.append(f"{name} is cut short: it should be {_length(told)} long, {_length(seconds)} could be read")
    samples = np.concatenate(parts, axis=1, dtype=np.float32)
    if container.format.name == "ogg" and told and 0 < count - round(told * first.sample_rate) < 8192:
        # The last page says where in its last block the sound ends; FFmpeg hands the block over whole.
        samples = samples[:, : round(told * first.sample_rate)]
    return samples, int(first.sample_rate)


def _told(container: Any, stream: Any) -> float | None:
    """Seconds that the headers speak of."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames, and None for each packet that could not be decoded."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            yield None


def _limit(frame: Any, name: str) -> int:
    """How many samples a channel may be read."""
    channels = frame.layout.nb_channels
    if not 1 <= channels <= MAX_CHANNELS:
        raise MediaError(f"{name}: {channels} channels, at most {MAX_CHANNELS}; mix it down first")
    return min(MAX_SECONDS * frame.sample_rate, MAX_VALUES // min(channels, 2))


def _mix(frame: Any, name: str, notes: list[str]) -> np.ndarray | None:
    """Weights [2 or 1, channels] that mix more than two channels down."""
    channels = frame.layout.nb_channels
    if channels <= 2:
        return None
    places = [channel.name for channel in frame.layout.channels]
    weights = np.array([[side.get(place, 0) for place in places] for side in (_TO_LEFT, _TO_RIGHT)], np.float32)
    if {"FL", "FR"} <= set(places):
        notes.append(f"{name} has {channels} channels ({frame.layout.name}); they are mixed down to stereo")
        return weights
    notes.append(f"{name} has {channels} channels that do not say where they belong; their mean is used")
    return np.full((1, channels), 1 / channels, np.float32)


def _floats(frame: Any) -> np.ndarray:
    """Samples [channels, n] of a decoded frame, full scale at 1."""
    found = frame.to_ndarray()
    if not frame.format.is_planar:
        found = found.reshape(-1, frame.layout.nb_channels).T
    if found.dtype == np.uint8:
        return (found.astype(np.float32) - 128) / 128
    if np.issubdtype(found.dtype, np.integer):
        return (found / -float(np.iinfo(found.dtype).min)).astype(np.float32)
    with np.errstate(over="ignore"):  # a double too large for a float becomes infinite and is refused
        return np.array(found, np.float32)


def _check(samples: np.ndarray, name: str) -> None:
    finite = np.isfinite(samples).all(axis=0)
    if not finite.all():
        raise MediaError(
            f"{name}: {np.count_nonzero(~finite)} samples, first number {int(finite.argmin())}, are not numbers (NaN "
            "or infinity); save it again from its source, for example as 16-bit WAV"
        )


def _findings(samples: np.ndarray, name: str) -> list[str]:
    """What is wrong with samples that can be used all the same."""
    peak = max(float(samples.max()), -float(samples.min()))
    if peak == 0:
        return [f"{name} is silent from beginning to end"]
    notes = []
    offset = float(np.abs(samples.mean(axis=1, dtype=np.float64)).max())
    # Short sounds have no mean of zero by themselves, and music that is cut anywhere comes near 0.01.
    if offset > 0.02 and samples.shape[1] > 2000:
        notes.append(f"{name} has a constant offset of {100 * offset:.0f}% of full scale (DC); it is kept")
    flat = np.abs(samples) >= 0.999 * peak
    # Three samples in a row at the very top are no wave's crest, but one that was cut off.
    runs = np.count_nonzero(flat[:, 2:] & flat[:, 1:-1] & flat[:, :-2])
    if peak >= 0.9 and runs > max(10, 1e-5 * samples.size):
        notes.append(f"{name} is clipped: {np.count_nonzero(flat)} samples are cut off at its peak")
    return notes


def _length(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.1f} s"
