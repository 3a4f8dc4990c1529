"""Moving pictures with sound: MP4, WebM, and PNG sequences; through PyAV, which is FFmpeg."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Clip, Picture, Sound
from studio.export import pictures, sounds
from studio.provenance import boxes, packs
from studio.provenance.records import Stamp

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import OutputContainer

MP4_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
BT709, LIMITED = 1, 1  # ISO/IEC 23091-2 numbers, said in the file so that no player has to guess its colours
VIDEO = {
    # Quality a little above what the eye tells apart; WebM is what the studio keeps, so finer still.
    "mp4": ("libx264", "yuv420p", {"crf": "16", "preset": "medium"}),
    "webm": ("libvpx-vp9", "yuva420p", {"crf": "12", "b": "0", "auto-alt-ref": "0", "row-mt": "1", "cpu-used": "2"}),
}


def write_mp4(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write H.264 and AAC that plays everywhere and starts before it is all there.

    It has no transparency, so frames are laid on white; and sizes must be even, so an odd last column or row is
    doubled: a player shows a picture up to one pixel wider or higher.
    """
    width, height = clip.size
    margins = ((0, height % 2), (0, width % 2), (0, 0))
    _write(clip, path, "mp4", stamp, lambda frame: np.pad(laid_on_white(frame), margins, mode="edge"))
    boxes.append_xmp(path, stamp.xmp)


def write_webm(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write VP9 with transparency, and Opus."""
    _write(clip, path, "webm", stamp, np.ascontiguousarray)


def write_sequence(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write a ZIP of numbered PNGs, each marked; ``sequence.json`` with the rate; and ``sound.wav`` if there is any."""
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr(_entry(packs.INDEX), packs.index(stamp, clip.rate, len(clip.frames)))
        part, of_one = path.with_name("part"), stamp.of_one_frame
        for number, frame in enumerate(clip.frames):
            pictures.write(Picture(frame), part, "png", of_one)
            pack.writestr(_entry(f"{number:05}.png"), part.read_bytes())
        if clip.sound is not None:
            sounds.write(clip.sound, part, "wav", stamp)
            pack.writestr(_entry("sound.wav"), part.read_bytes())
        part.unlink()


def laid_on_white(frames: np.ndarray) -> np.ndarray:
    """Frames uint8 [..., 4] without their transparency, uint8 [..., 4]."""
    alpha = frames[..., 3:].astype(np.uint16)
    rgb = (frames[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.concatenate([rgb.astype(np.uint8), np.full_like(frames[..., 3:], 255)], axis=-1)


def as_fraction(rate: float) -> Fraction:
    """A frame rate as containers state it: 23.976 and its kind are so many thousand over 1001."""
    television = Fraction(round(rate * 1.001) * 1000, 1001)
    return television if abs(television - rate) < 1e-5 * rate else Fraction(rate).limit_denominator(1000)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name)  # of 1980: equal clips make equal files


def _write(clip: Clip, path: Path, container: str, stamp: Stamp, prepared: Callable[[np.ndarray], np.ndarray]) -> None:
    """Encode ``prepared`` frames and the clip's sound side by side, as players read them."""
    from av import VideoFrame, VideoStream
    from av.video.reformatter import ColorRange, Colorspace

    codec, pixel_format, settings = VIDEO[container]
    rate = as_fraction(clip.rate)
    with _opened(path, container, stamp) as out:
        video = out.add_stream(codec, rate=rate, options=settings)
        assert isinstance(video, VideoStream)
        video.height, video.width = prepared(clip.frames[0]).shape[:2]
        video.pix_fmt = pixel_format
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED
        audio = None if clip.sound is None else _Track(out, container, clip.sound)
        for number, pixels in enumerate(clip.frames):
            frame = VideoFrame.from_ndarray(prepared(pixels), format="rgba").reformat(
                format=pixel_format, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(video.encode(frame))
            if audio is not None:
                audio.until((number + 1) / clip.rate)
        out.mux(video.encode(None))
        if audio is not None:
            audio.until(None)


@contextmanager
def _opened(path: Path, container: str, stamp: Stamp) -> Iterator["OutputContainer"]:
    import av

    settings = {"movflags": "+faststart"} if container == "mp4" else {}
    try:
        with av.open(str(path), "w", format=container, options=settings) as out:
            out.metadata.update(boxes.tags(stamp, container))
            yield out
    except av.FFmpegError as error:
        raise MediaError(f"out: the clip cannot be encoded ({error.strerror or error})") from error


class _Track:
    """Sound on its way into a film: resampled where the codec does not know its rate."""

    def __init__(self, out: "OutputContainer", container: str, sound: Sound) -> None:
        from av import AudioResampler, AudioStream

        codec, known = {"mp4": ("aac", MP4_RATES), "webm": ("libopus", (48_000,))}[container]
        rate = sound.sample_rate if sound.sample_rate in known else 48_000
        self.out, self.sound, self.sent = out, sound, 0
        self.layout = "mono" if len(sound.samples) == 1 else "stereo"
        stream = out.add_stream(codec, rate=rate, layout=self.layout)
        assert isinstance(stream, AudioStream)
        self.stream, context = stream, stream.codec_context
        context.bit_rate = 96_000 * len(sound.samples)
        context.open()
        self.resampler = AudioResampler(context.format.name, self.layout, rate, frame_size=context.frame_size)

    def until(self, seconds: float | None) -> None:
        """Encode up to a time; to the end for None."""
        from av import AudioFrame

        rate, samples = self.sound.sample_rate, self.sound.samples
        end = samples.shape[1] if seconds is None else min(samples.shape[1], round(seconds * rate))
        if end > self.sent:
            part = np.ascontiguousarray(samples[:, self.sent : end])
            frame = AudioFrame.from_ndarray(part, format="fltp", layout=self.layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, self.sent, Fraction(1, rate)
            self._encode(self.resampler.resample(frame))
            self.sent = end
        if seconds is None:
            self._encode([*self.resampler.resample(None), None])

    def _encode(self, frames: "Sequence[AudioFrame | None]") -> None:
        for frame in frames:
            self.out.mux(self.stream.encode(frame))
