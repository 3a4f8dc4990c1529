"""The pipeline of talking faces. Thin: voice to track, track to mouths, mouths into frames, a window at a time."""

import itertools
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from pipelines.codecs.audio import resampled as sound_resampled
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done, Event, Note, Piece, Preview, Progress
from pipelines.lipsync.characters import character
from pipelines.lipsync.film import Film, InMemory
from pipelines.lipsync.finding import Finder, Found, Nets
from pipelines.lipsync.moving import moved
from pipelines.lipsync.painting import Painter, Patch, painted
from pipelines.lipsync.reel import Frames, Reel, Still
from pipelines.lipsync.swaying import Life
from pipelines.lipsync.tracks import RATE, Listener, blinked, heard, track_of_text
from pipelines.media import Clip, Picture, Sound, Visemes
from pipelines.models import registry
from pipelines.models.landmarks import FaceNets
from pipelines.models.listener import ListenerModel, load_listener
from pipelines.models.mouth import MouthModel
from pipelines.paths import assets
from pipelines.sampling import seeds_of
from pipelines.settings import LipSyncSettings, SpeechSettings
from pipelines.visemes import Floats, resampled, shape_of

Spoken = Sequence[tuple[Sound, Visemes] | None]  # each face's voice and what it does to a mouth; None: left alone
WINDOW = 16  # frames that are painted at once
TAIL = 0.2  # seconds that a still goes on after the voice
MAX_VOICES = 4


class LipSyncPipeline:
    """Makes faces speak; safe to share, it keeps no state of a run."""

    def __init__(
        self, mouth: MouthModel, listener: ListenerModel, speech: Any = None, nets: Nets | None = None
    ) -> None:
        """``speech`` reads texts, a :class:`pipelines.speech.SpeechPipeline`; ``nets`` find faces in photographs.

        None loads either when it is needed.
        """
        self.mouth, self.listener, self._speech = mouth, listener, speech
        self._nets = nets

    @classmethod
    def load(cls, model: str = "starter") -> "LipSyncPipeline":
        """Load a model by name.

        Raises:
            ModelError: there is no such model, or its files are missing or damaged.
        """
        return cls(registry.load("lipsync", model), load_listener(assets() / "weights" / "listener"))

    @property
    def speech(self) -> Any:
        """What reads texts, loaded at its first use."""
        if self._speech is None:
            from pipelines.speech import SpeechPipeline

            self._speech = SpeechPipeline.load("speech")
        return self._speech

    def _faces(self) -> Nets:
        """What finds faces in photographs, loaded at its first use."""
        if self._nets is None:
            self._nets = FaceNets()
        return self._nets

    def generate(
        self, settings: LipSyncSettings, face: Picture | Clip | Film | None = None, sound: Sound | None = None,
        others: Sequence[Sound | None] = (),
    ) -> Iterator[Event[Any]]:  # fmt: skip
        """Make a face say ``sound``, or ``settings.text``.

        Each window of frames comes as a :class:`Preview` of its last picture and as a :class:`Piece`, a clip with its
        part of the sound. ``Done`` holds the whole clip with its sound and its viseme track, a row a frame.

        Args:
            settings: what to say and how.
            face: whom to let say it; not needed where ``settings.character`` names one.
            sound: what is said; not needed where ``settings.text`` says it.
            others: what further faces say, from left to right, with ``settings.faces`` "all": then ``sound`` is the
                leftmost face's, and None leaves a face alone.

        Raises:
            SettingsError: there is no face or nothing to say.
            MediaError: no face is found in the picture or clip.
            ModelError: files of a model are missing or damaged.
        """
        started = time.monotonic()
        (seed,) = seeds_of(settings, 1)
        self._check(settings, face, sound)
        frames, finder = self._cast(settings, face)
        spoken: list[tuple[Sound, Visemes] | None] = []
        listener = Listener(self.listener)
        if settings.text.strip():
            made, track = yield from self._spoken(settings, seed)
            spoken.append((made, track))
        elif sound is not None:
            spoken.append((sound, (yield from self._heard(listener, sound, seed))))
        for number, other in enumerate(others[: MAX_VOICES - 1]):
            spoken.append(
                None if other is None else (other, (yield from self._heard(listener, other, seed + number + 1)))
            )
        yield from self._filmed(settings, frames, finder, spoken, seed, started, listener.calls)

    def _check(self, settings: LipSyncSettings, face: Any, sound: Sound | None) -> None:
        if face is None and not settings.character:
            raise SettingsError("face: there is none; give a picture or clip of a face, or choose a character")
        if sound is None and not settings.text.strip():
            raise SettingsError("text: nothing to say; type a text, or give a recording")

    def _cast(self, settings: LipSyncSettings, face: Picture | Clip | Film | None) -> tuple[Frames, Finder]:
        """The source's frames, and what finds the faces in them."""
        if settings.character:
            chosen = character(settings.character)
            return Still(chosen.picture().pixels, settings.rate), Finder.known(chosen.face)
        finder = Finder.of(settings, self._faces)
        if isinstance(face, Picture):
            return Still(face.pixels, settings.rate), finder
        assert face is not None
        return face if isinstance(face, Film) else InMemory(face), finder

    def _spoken(self, settings: LipSyncSettings, seed: int) -> Generator[Event[Any], None, tuple[Sound, Visemes]]:
        said = SpeechSettings(**{name: getattr(settings, name) for name in ("text", "voice", "speed")}, seed=seed)
        track = track_of_text(self.speech, said)
        sound: Sound | None = None
        for event in self.speech.generate(said):
            if isinstance(event, Note):
                yield event
            elif isinstance(event, Progress):
                yield Progress(event.done // 4, 100, None)
            elif isinstance(event, Done):
                (sound,) = event.items
        assert sound is not None
        return sound, track

    def _heard(self, listener: Listener, sound: Sound, seed: int) -> Generator[Event[Any], None, Visemes]:
        if float(np.abs(sound.samples).max()) < 1e-3:
            yield Note("The recording is silent; the mouth stays shut")
        rows = []
        for part, each in heard(listener, sound, seed):
            rows.append(each)
            yield Progress(round(15 * part), 100, None)
        return Visemes(np.concatenate(rows).clip(0, 1), RATE)

    def _filmed(
        self, settings: LipSyncSettings, frames: Frames, finder: Finder, spoken: Spoken, seed: int, started: float,
        calls: int,
    ) -> Iterator[Event[Any]]:  # fmt: skip
        longest = max((sound.seconds for sound, _ in filter(None, spoken)), default=0.0)
        count = max(1, round((longest + TAIL) * frames.rate))
        if frames.count is not None and (late := count - frames.count) > frames.rate / 2:
            yield Note(f"The clip is shorter than the voice; its last frame is held for {late / frames.rate:.1f} s")
        if frames.count is not None:
            count = max(frames.count, round(longest * frames.rate))
        tracks = [None if each is None else timed(each[1], settings, frames.rate, count, seed) for each in spoken]
        first = next((track for track in tracks if track is not None), None)
        whole = mixed([each[0] for each in spoken if each is not None], count / frames.rate)
        reel, model, work = Reel(frames, count), Painter(self.mouth), time.monotonic()
        for begin, window in windows(reel):
            found = finder.faces(window, begin, frames.rate, isinstance(frames, Still))
            if not begin:
                yield from (Note(text) for text in finder.said())
                if isinstance(frames, Still) and first is not None:
                    faces = list(found[0].values())
                    reel.finish = Life(window[0], faces, first, frames.rate, settings.head_motion, seed)
            for patches in self._patches(model, settings, window, found, tracks, begin, seed):
                reel.add(patches)
            done = begin + len(window)
            piece = np.stack([reel.put(begin + n, frame) for n, frame in enumerate(window)])
            yield Preview((Picture(piece[-1]),))
            yield Piece(Clip(piece, frames.rate, part_of(whole, begin / frames.rate, done / frames.rate)))
            yield Progress(25 + round(75 * done / count), 100, (time.monotonic() - work) / done * (count - done))
        yield from (Note(text) for text in finder.notes(count, frames.rate))
        visemes = exported(tracks, frames.rate)
        clip = Clip(cast(np.ndarray, reel), frames.rate, whole, visemes)
        yield Done((clip,), (seed,), calls + model.calls, time.monotonic() - started)

    def _patches(
        self, model: Painter, settings: LipSyncSettings, window: Sequence[np.ndarray], found: Sequence[Found],
        tracks: Sequence[Floats | None], begin: int, seed: int,
    ) -> list[list[Patch]]:  # fmt: skip
        """What changes in each frame of a window: every face whose voice is known, by the engine that it needs."""
        patches: list[list[Patch]] = [[] for _ in window]
        for slot in sorted({slot for faces in found for slot in faces}):
            track = tracks[0] if len(tracks) == 1 else tracks[slot] if slot < len(tracks) else None
            if track is None:
                continue
            shown = [(n, faces[slot]) for n, faces in enumerate(found) if slot in faces]
            shape = shape_of(track[[begin + n for n, _ in shown]], settings.strength, settings.expressiveness)
            drawn = [i for i, (_, face) in enumerate(shown) if face.engine == "drawn"]
            made: list[Patch | None] = [
                None if face.engine == "drawn" else moved(window[n], face, shape[i])
                for i, (n, face) in enumerate(shown)
            ]
            frames = [window[shown[i][0]] for i in drawn]
            faces = model.held(slot, frames, [shown[i][1] for i in drawn])
            for i, patch in zip(drawn, painted(model, frames, faces, shape[drawn], settings, seed), strict=True):
                made[i] = patch
            for (n, _), patch in zip(shown, made, strict=True):
                if patch is not None:
                    patches[n].append(patch)
        return patches


def windows(reel: Reel) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Windows of a reel's frames as they were, each with the number of its first."""
    source, begin = reel.source(), 0
    while window := list(itertools.islice(source, WINDOW)):
        yield begin, window
        begin += len(window)
    if not begin:
        raise MediaError("face: the clip has no frame; give another")


def timed(track: Visemes, settings: LipSyncSettings, rate: float, count: int, seed: int) -> Floats:
    """Rows of a track [count, 17] at the middle of each frame, the mouth as late as ``settings`` ask, with blinks."""
    times = (np.arange(count) + 0.5) / rate - settings.offset_ms / 1000
    rows = resampled(track.weights, track.rate, times).astype(np.float32)
    return blinked(rows, rate, settings.blinking, seed).clip(0, 1)


def exported(tracks: Sequence[Floats | None], rate: float) -> Visemes | None:
    """The tracks of all voices, a row a frame; None where there is no voice."""
    if not tracks or tracks[0] is None:
        return None
    others = tuple(None if track is None else Visemes(track, rate) for track in tracks[1:])
    return Visemes(tracks[0], rate, others)


def mixed(sounds: Sequence[Sound], seconds: float) -> Sound | None:
    """All voices at once, at the first one's rate, cut or filled to a length."""
    if not sounds:
        return None
    rate = sounds[0].sample_rate
    parts = [sound_resampled(sound, rate).samples for sound in sounds]
    total = np.zeros((max(len(part) for part in parts), max(1, round(seconds * rate))), np.float32)
    for part in parts:
        kept = min(total.shape[1], part.shape[1])
        total[:, :kept] += part[:, :kept]
    peak = float(np.abs(total).max())
    words = tuple(sorted((word for sound in sounds for word in sound.words), key=lambda word: word.start))
    return Sound(total / max(1.0, peak), rate, words)


def part_of(sound: Sound | None, start: float, end: float) -> Sound | None:
    """The sound from ``start`` to ``end`` seconds."""
    if sound is None:
        return None
    first, last = round(start * sound.sample_rate), round(end * sound.sample_rate)
    samples = sound.samples[:, first : max(last, first + 1)]
    words = tuple(
        replace(word, start=word.start - start, end=word.end - start)
        for word in sound.words
        if start <= word.start < end
    )
    return Sound(samples, sound.sample_rate, words) if samples.shape[1] else None
