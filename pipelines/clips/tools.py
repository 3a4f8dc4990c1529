"""What can be done to a clip without a model: frames are taken, turned and blended, sound goes along."""

import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from pipelines.clips.between import stretched
from pipelines.codecs.audio import resampled
from pipelines.codecs.decoding import read_sound
from pipelines.codecs.video import MAX_BYTES, Cut, read_clip
from pipelines.enlarging import Way, enlarged
from pipelines.errors import MediaError
from pipelines.events import Done, Event, Note, Progress
from pipelines.media import Clip, Sound
from pipelines.settings import ClipEditSettings

LOUDEST = 0.999  # full scale of two sounds together


class ClipTools:
    """Runs :class:`~pipelines.settings.ClipEditSettings`; there is no model to load."""

    def edit(self, settings: ClipEditSettings, source: Path, sound: Path | None = None) -> Iterator[Event[Clip]]:
        """Do to the clip in ``source`` what ``settings`` say, in their order; ``sound`` is the file for its sound.

        Raises:
            MediaError: a file cannot be read, the part is not there, or the result would be too large for memory.
        """
        started = time.monotonic()
        clip, notes = read_clip(source, Cut(settings.start or 0.0, settings.end))
        yield from (Note(note) for note in notes)
        steps = [
            (settings.reverse, lambda clip: reversed_(clip)),
            (settings.speed != 1, lambda clip: paced(clip, settings.speed, smooth=settings.smooth)),
            (settings.loop == "swing", swung),
            (settings.loop == "fade", lambda clip: closed(clip, settings.fade)),
            (settings.repeat > 1, lambda clip: repeated(clip, settings.repeat)),
        ]
        wanted = [act for on, act in steps if on]
        for done, act in enumerate(wanted):
            yield Progress(done, len(wanted) + 1, None)
            clip = act(clip)
        if settings.enlarge > 1:
            clip = yield from larger(clip, settings.enlarge, settings.filter)
        if settings.sound == "none":
            clip = Clip(clip.frames, clip.rate)
        elif settings.sound in ("new", "mix"):
            if sound is None:
                raise MediaError(f"sound: {settings.sound!r} needs a sound file; drop one, or choose 'keep'")
            found, notes = read_sound(sound)
            yield from (Note(note) for note in notes)
            clip = voiced(clip, found, settings)
        yield Progress(len(wanted) + 1, len(wanted) + 1, 0.0)
        yield Done((clip,), (0,), 0, time.monotonic() - started)


def reversed_(clip: Clip) -> Clip:
    """The clip from its end to its beginning, its sound too."""
    sound = clip.sound
    if sound is not None:
        sound = Sound(np.ascontiguousarray(_as_long(sound, clip.seconds).samples[:, ::-1]), sound.sample_rate)
    return Clip(np.ascontiguousarray(clip.frames[::-1]), clip.rate, sound)


def paced(clip: Clip, speed: float, *, smooth: bool = False) -> Clip:
    """The clip ``speed`` times as fast at the same frame rate; its sound keeps its pitch.

    Each moment shows the frame that is seen then; ``smooth`` makes frames in between where it is slower.
    """
    count = len(clip.frames)
    wanted = max(1, round(count / speed))
    _room(wanted * clip.frames[0].nbytes, "speed", f"{speed:g} times the speed makes {wanted} frames")
    places = np.arange(wanted) * speed
    if smooth and speed < 1:
        frames = stretched(clip.frames, speed)
    else:
        frames = clip.frames[np.minimum(np.floor(places + 1e-6).astype(int), count - 1)]
    return Clip(frames, clip.rate, None if clip.sound is None else _tempo(clip.sound, speed))


def swung(clip: Clip) -> Clip:
    """The clip forth and back: the first and the last frame are not doubled, so that it loops without a stop."""
    back = clip.frames[-2:0:-1]
    sound = clip.sound
    if sound is not None:
        forth = _as_long(sound, clip.seconds).samples
        length = round((len(clip.frames) + len(back)) / clip.rate * sound.sample_rate)
        sound = Sound(np.concatenate([forth, forth[:, ::-1]], axis=1)[:, :length], sound.sample_rate)
    return Clip(np.concatenate([clip.frames, back]), clip.rate, sound)


def closed(clip: Clip, seconds: float) -> Clip:
    """A loop: the last ``seconds`` fade into the first, which are no longer played by themselves.

    Raises:
        MediaError: the clip is not at least twice as long.
    """
    over = max(1, round(seconds * clip.rate))
    count = len(clip.frames)
    if count < 2 * over:
        raise MediaError(f"fade: {seconds:g} s, but the clip lasts {clip.seconds:.2f} s; at most half of that")
    weights = (np.arange(over) + 1) / (over + 1)
    joint = np.stack(
        [_blend(clip.frames[count - over + n], clip.frames[n], float(weight)) for n, weight in enumerate(weights)]
    )
    sound = clip.sound
    if sound is not None:
        samples = _as_long(sound, clip.seconds).samples
        length = round(over / clip.rate * sound.sample_rate)
        angle = np.linspace(0, np.pi / 2, length, dtype=np.float32)
        end = np.cos(angle) * samples[:, samples.shape[1] - length :] + np.sin(angle) * samples[:, :length]
        whole = np.concatenate([samples[:, length : samples.shape[1] - length], np.clip(end, -1, 1)], axis=1)
        sound = Sound(whole.astype(np.float32), sound.sample_rate)
    return Clip(np.concatenate([clip.frames[over : count - over], joint]), clip.rate, sound)


def repeated(clip: Clip, times: int) -> Clip:
    """The clip ``times`` times, one after the other."""
    _room(times * clip.frames.nbytes, "repeat", f"{times} times this clip")
    sound = clip.sound
    if sound is not None:
        sound = Sound(np.tile(_as_long(sound, clip.seconds).samples, (1, times)), sound.sample_rate)
    return Clip(np.tile(clip.frames, (times, 1, 1, 1)), clip.rate, sound)


def larger(clip: Clip, times: int, way: Way) -> Generator[Progress, None, Clip]:
    """The clip ``times`` as wide and high, told frame by frame: redrawing a large one takes seconds each."""
    width, height = clip.size
    _room(times**2 * clip.frames.nbytes, "enlarge", f"{width * times} x {height * times} pixels")
    frames: list[np.ndarray] = []
    started = time.monotonic()
    for frame in clip.frames:
        left = (time.monotonic() - started) / max(len(frames), 1) * (len(clip.frames) - len(frames))
        yield Progress(len(frames), len(clip.frames), left if frames else None)
        frames.append(enlarged(frame, times, way))
    return Clip(np.stack(frames), clip.rate, clip.sound)


def voiced(clip: Clip, sound: Sound, settings: ClipEditSettings) -> Clip:
    """The clip with ``sound``: in place of its own or beside it, cut to its length.

    Raises:
        MediaError: nothing of the sound is left behind its start.
    """
    own = clip.sound if settings.sound == "mix" else None
    rate = sound.sample_rate if own is None else own.sample_rate
    heard = resampled(sound, rate).samples[:, round(settings.sound_start * rate) :]
    if not heard.shape[1]:
        raise MediaError(f"sound_start: {settings.sound_start:g} s, but the sound lasts {sound.seconds:.2f} s")
    length = round(clip.seconds * rate)
    if settings.sound_fit == "loop" and heard.shape[1] < length:
        heard = np.tile(heard, (1, -(-length // heard.shape[1])))
    made = _as_long(Sound(np.ascontiguousarray(heard[:, :length]), rate), clip.seconds)
    if own is None:
        return Clip(clip.frames, clip.rate, made)
    both = np.array(np.broadcast_arrays(_as_long(own, clip.seconds).samples, made.samples)).sum(axis=0)
    peak = float(np.abs(both).max())
    # Turned down together where they would go past full scale: clipping would be heard.
    both *= min(1.0, LOUDEST / peak) if peak else 1.0
    return Clip(clip.frames, clip.rate, Sound(both.astype(np.float32), rate))


def _as_long(sound: Sound, seconds: float) -> Sound:
    """The sound cut, or filled with silence, to a length."""
    length = max(1, round(seconds * sound.sample_rate))
    samples = sound.samples[:, :length]
    return Sound(np.pad(samples, ((0, 0), (0, length - samples.shape[1]))), sound.sample_rate)


def _tempo(sound: Sound, speed: float) -> Sound:
    """The sound ``speed`` times as fast at the same pitch: FFmpeg's atempo, in steps that it does well."""
    import av

    rate, layout = sound.sample_rate, "mono" if len(sound.samples) == 1 else "stereo"
    graph = av.filter.Graph()
    nodes = [graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout)]
    left = speed
    while left > 2 or left < 0.5:
        step = 2.0 if left > 2 else 0.5
        nodes.append(graph.add("atempo", f"{step:.6f}"))
        left /= step
    nodes += [graph.add("atempo", f"{left:.6f}"), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray())
        except (av.BlockingIOError, av.EOFError):
            break
    made = np.clip(np.concatenate(parts, axis=1), -1, 1) if parts else sound.samples
    return _as_long(Sound(np.ascontiguousarray(made, np.float32), rate), sound.seconds / speed)


def _blend(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    """Part ``weight`` of ``b`` over the rest of ``a``, both uint8 [H, W, 4]: colours count as much as they are seen."""
    if weight <= 0:
        return a
    one, two = (np.concatenate([x[..., :3] * (x[..., 3:] / 255.0), x[..., 3:]], -1) for x in (a, b))
    mixed = one * (1 - weight) + two * weight
    alpha = mixed[..., 3:]
    rgb = np.where(alpha > 0, mixed[..., :3] * 255 / np.maximum(alpha, 1e-6), 0)
    return (np.concatenate([rgb, alpha], -1) + 0.5).clip(0, 255).astype(np.uint8)


def _room(wanted: int, field: str, what: str) -> None:
    if wanted > MAX_BYTES:
        raise MediaError(
            f"{field}: {what}, {wanted / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f}; take a shorter part or less of it"
        )
