"""What a sound measures, and its waveform as a small picture. Reads headers, or as little sound as a picture needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

GROUND, RIVER = (234, 241, 239, 255), (15, 118, 110, 255)
BAR, GAP, EDGE = 5, 3, 16  # of 256 parts of a side
FINER = 4  # times larger it is drawn than shown, for smooth edges
LOUD = 0.72  # part of the side that the loudest bar takes
BENT = 0.75  # power of the peaks: quiet passages stay to be seen
READ = 1 << 15  # samples read for one bar: of long sounds a part stands for the whole
LONGEST = 10_000_000  # seconds; what claims more does not know its length


def measure(path: Path) -> dict[str, Any]:
    """``seconds``, ``sample_rate`` and ``channels``; nothing for what holds no sound that can be read."""
    import soundfile

    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError:  # it knows neither MP4 nor AAC
        return _measure_mp4(path)
    if not info.frames or not info.samplerate:
        return {}
    return _measured(info.frames / info.samplerate, info.samplerate, info.channels)


def see(path: Path, side: int) -> Image.Image:
    """The waveform on a square of ``side`` pixels: of two channels one above and one below, of others all together.

    Raises:
        Exception: of the decoder, for a damaged file.
    """
    bars = (256 - 2 * EDGE + GAP) // (BAR + GAP)
    heights = _peaks(path, bars)
    loudest = heights.max()
    if loudest > 0:
        heights = (heights / loudest) ** BENT
    big = FINER * side
    image = Image.new("RGBA", (big, big), GROUND)
    pen = ImageDraw.Draw(image)
    unit = big / 256
    left = (256 - bars * (BAR + GAP) + GAP) / 2
    for number, (up, down) in enumerate(heights):
        x = (left + number * (BAR + GAP)) * unit
        # A bar of silence is a dot: where nothing is heard is seen too.
        tops = [max(BAR / 2, float(height) * LOUD * 128) * unit for height in (up, down)]
        box = (x, big / 2 - tops[0], x + BAR * unit, big / 2 + tops[1])
        pen.rounded_rectangle(box, BAR / 2 * unit, fill=RIVER)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _peaks(path: Path, count: int) -> np.ndarray:
    """Largest absolute samples [count, 2]: of the left and the right channel, or twice that of all."""
    import soundfile

    found = np.zeros((count, 2))
    try:
        with soundfile.SoundFile(path) as file:
            for place, samples in _parts(file, count):
                found[place] = _loudest(samples)
            return found
    except soundfile.LibsndfileError:
        pass
    loud = list(_decoded(path))
    end = max(time for time, _ in loud) + 1e-9
    for time, peak in loud:
        place = int(count * time / end)
        found[place] = np.maximum(found[place], peak)
    return found


def _parts(file: Any, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """For each bar, samples [N, channels] from where it begins."""
    edges = np.linspace(0, file.frames, count + 1).astype(int)
    for place in range(count):
        start = min(int(edges[place]), file.frames - 1)
        if file.tell() != start:
            file.seek(start)
        yield place, file.read(min(max(1, int(edges[place + 1]) - start), READ), dtype="float32", always_2d=True)


def _decoded(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds and peaks [2] of each frame, through FFmpeg."""
    import av

    with _mp4(path) as file:
        resampler = av.AudioResampler("fltp")
        at = 0
        for frame in file.decode(audio=0):
            for part in resampler.resample(frame):
                yield at / part.sample_rate, _loudest(part.to_ndarray().T)
                at += part.samples


def _loudest(samples: np.ndarray) -> np.ndarray:
    peaks = np.nan_to_num(np.abs(samples), posinf=0.0).max(axis=0)
    return peaks if len(peaks) == 2 else np.full(2, peaks.max())


@contextmanager
def _mp4(path: Path) -> Iterator[Any]:
    import av

    # Never the path to FFmpeg, nor a guess of what it holds: some demuxers open what a file names, addresses included.
    options = {"enable_drefs": "0", "use_absolute_path": "0", "probesize": "2000000"}
    with path.open("rb") as file, av.open(file, format="mov", options=options, metadata_errors="replace") as held:
        yield held


def _measure_mp4(path: Path) -> dict[str, Any]:
    import av

    try:
        with _mp4(path) as file:
            stream = file.streams.audio[0]
            if stream.duration is not None and stream.time_base is not None:
                seconds: float | None = float(stream.duration * stream.time_base)
            else:
                seconds = file.duration / 1_000_000 if file.duration else None
            return _measured(seconds, stream.sample_rate, stream.channels)
    except (av.FFmpegError, IndexError, OSError, ValueError):
        return {}


def _measured(seconds: float | None, sample_rate: int, channels: int) -> dict[str, Any]:
    known = seconds is not None and 0 < seconds < LONGEST
    return {"seconds": seconds if known else None, "sample_rate": sample_rate, "channels": channels}
