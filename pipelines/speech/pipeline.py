"""The pipeline of speech. Thin: reading, codec, model and engine, nothing else."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import normalised
from pipelines.codecs.mel import BANDS, SAMPLE_RATE
from pipelines.edit.types import CountedModel
from pipelines.errors import ModelError
from pipelines.events import Done, Event, Note, Piece
from pipelines.flow import CLAMP, conditioned, guided, noise, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Sound, Word
from pipelines.models import registry
from pipelines.models.aligner import Aligner, load_aligner
from pipelines.models.speech import Frames, SpeechModel, load_speech, places_of, words_at
from pipelines.models.vocoder import Vocoder, load_vocoder
from pipelines.paths import assets
from pipelines.reading import SILENCE as REST
from pipelines.reading import Sentence, notes_of, read
from pipelines.reading.plan import Durations
from pipelines.sampling import SEED_STEP, seeds_of, sigmas_of
from pipelines.settings import SpeechEditSettings, SpeechSettings
from pipelines.speech.clock import StretchClock
from pipelines.speech.editing import closed, frames_of, opened
from pipelines.speech.levels import gain_to, sound_of
from pipelines.speech.postfilter import sharpened
from pipelines.speech.ready import ReadyVoice
from pipelines.speech.score import Score, rounded, shifted

LEAD, TAIL = 5, 8  # frames of silence around a sentence
STRESSED = ("heart",)  # voices that learned where the stress is and words begin; of the others neither was known
TAKE_STEP = 15_485_863  # between the seeds of takes: no sentence of one text begins from the noise of another's take
CHUNK = 48  # frames of a piece: half a second


class SpeechPipeline:
    """Speaks and edits speech with one model; safe to share, it keeps no state of a run."""

    def __init__(self, model: SpeechModel, vocoder: Vocoder, aligner: Aligner) -> None:
        self.model, self.vocoder, self.aligner = model, vocoder, aligner

    @classmethod
    def load(cls, model: str = "speech") -> "SpeechPipeline | ReadyVoice":
        """Load a model by name: the flow model, or the ready-made voice that it learned from.

        Raises:
            ModelError: there is no such model, or its files are damaged.
        """
        if model == "hibari":
            return ReadyVoice()
        weights = assets() / "weights"
        read("Ready.")  # brings the lexicon in, which takes a second
        network = load_speech(registry.starter_folder("audio", model))
        return cls(network, load_vocoder(weights / "vocoder"), load_aligner(weights / "aligner"))

    def generate(self, settings: SpeechSettings) -> Iterator[Event[Sound]]:
        """Read ``settings.text``; every half second that is ready is a piece. Closing the iterator stops it."""
        started = time.monotonic()
        sentences = read(settings.text)
        yield from (Note(text) for text in notes_of(sentences))
        (seed,) = seeds_of(settings, 1)
        model = CountedModel(self.model)
        pause = round(settings.pause / settings.speed * SAMPLE_RATE)
        gain = gain_to(settings.loudness)
        scores = [self.score(sentence, settings.voice, settings.speed) for sentence in sentences]
        clock = StretchClock(sum(score.frames for score in scores), settings.steps, started)
        parts: list[np.ndarray] = []
        words: list[Word] = []
        begun = 0  # samples so far
        for number, score in enumerate(scores):
            latent = torch.empty(0)
            frames = self.frames(score, self.model.voice(settings.voice))
            for done, estimate in self.solved(model, frames, settings, seed + SEED_STEP * number):
                latent = estimate[..., : score.frames]
                yield clock.said(score.frames, done)
            whole = torch.ones(score.frames, dtype=torch.bool)
            latent = self.clearest(latent, score.symbols, score.lengths.tolist(), whole)
            timed = score.timed()
            for place, samples in self._chunks(latent, pause if number < len(scores) - 1 else 0):
                here = [word for word in timed if place <= round(word.start * SAMPLE_RATE) < place + len(samples)]
                yield Piece(sound_of(np.clip(samples * gain, -1, 1), shifted(here, -place / SAMPLE_RATE)))
                parts.append(samples)
            words += shifted(timed, begun / SAMPLE_RATE)
            begun = sum(len(part) for part in parts)
            clock.finished(score.frames)
        said = sound_of(np.clip(np.concatenate(parts), -1, 1), words)
        yield Done((normalised(said, settings.loudness),), (seed,), model.calls, time.monotonic() - started)

    def edit(self, settings: SpeechEditSettings, source: Sound) -> Iterator[Event[Sound]]:
        """Make the recording say ``settings.text``; what is not spoken anew stays as it is, bit for bit.

        Raises:
            MediaError: it holds no speech, is too long, or says something else than ``settings.source_text``.
            SettingsError: nothing changes, or nothing stays.
        """
        started = time.monotonic()
        stressed = settings.voice in STRESSED
        work = opened(self.aligner, settings, source, self.held_by(settings.voice))
        yield from (Note(text) for text in work.notes)
        (seed,) = seeds_of(settings, 1)
        model = CountedModel(self.model)
        windows = work.plan.windows
        clock = StretchClock(max(sum(last - first for first, last in windows), 1), settings.steps, started)
        made: list[tuple[tuple[int, int], np.ndarray]] = []
        for number, window in enumerate(windows):
            size = window[1] - window[0]
            frames = frames_of(self.model, work, window, self.model.voice(settings.voice), stressed)
            latent = torch.empty(0)
            for done, estimate in self.solved(model, frames, settings, seed + SEED_STEP * number):
                latent = estimate
                yield clock.said(size, done)
            takes = torch.where(frames.known[:, -1:] > 0, frames.known[:, :-1], latent)[..., :size]
            symbols, lengths = work.plan.within(window)
            whole = self.clearest(takes, symbols, lengths, frames.known[0, -1, :size] == 0)
            made.append((window, self.vocoder(whole)[0].numpy()))
            clock.finished(size)
        yield Done((closed(work, made),), (seed,), model.calls, time.monotonic() - started)

    def score(self, sentence: Sentence, voice: str, speed: float = 1.0) -> Score:
        """Phones of a sentence and how long ``voice`` holds each at ``speed``."""
        symbols, stresses, words = REST, [0], []
        for word in sentence.words:
            words.append((word.text, len(symbols), len(symbols) + len(word.phones)))
            symbols += "".join(phone.symbol for phone in word.phones) + word.stop
            stresses += [phone.stress for phone in word.phones] + [0] * len(word.stop)
        symbols, stresses = symbols + REST, [*stresses, 0]
        if voice not in STRESSED:
            stresses = [0] * len(stresses)
        lengths = self.durations(symbols, stresses, [first for _, first, _ in words], voice)
        lengths[0], lengths[-1] = LEAD, TAIL
        return Score(symbols, tuple(stresses), rounded(lengths / speed), tuple(words))

    @torch.no_grad()
    def durations(self, symbols: str, stresses: Sequence[int], begins: Sequence[int], voice: str) -> Tensor:
        """Frames [P] that ``voice`` holds each phone at its own pace, not rounded; words begin at phones ``begins``."""
        ids, marks = self.model.ids(symbols), torch.tensor(list(stresses))
        words = words_at(begins if voice in STRESSED else (), len(symbols))
        who = torch.tensor([self.model.voice(voice)])
        logs = self.model.durations(ids[None], marks[None], words[None], who)[0]
        return logs.exp() * self.model.paces.get(voice, 1.0)

    def held_by(self, voice: str) -> Durations:
        """:meth:`durations` of ``voice``, as a plan asks for them."""
        return lambda symbols, stresses, begins: self.durations(symbols, stresses, begins, voice).tolist()

    def clearest(self, takes: Tensor, symbols: str, lengths: Sequence[int], anew: Tensor) -> Tensor:
        """The one [1, BANDS, T] of ``takes`` that the aligner hears best; see :meth:`Aligner.clarity`."""
        if len(takes) == 1:
            return takes
        best = int(self.aligner.clarity(takes, symbols, lengths, anew).argmax())
        return takes[best : best + 1]

    def solved(
        self, model: CountedModel, frames: Frames, settings: SpeechSettings | SpeechEditSettings, seed: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Steps done, and the clean estimates [takes, BANDS, T] of what ``frames`` ask for."""
        count = settings.takes
        toward, away = (
            conditioned(model, self.model.join([each] * count))
            for each in (self.model.encode(frames), self.model.nothing(frames))
        )
        velocity = guided(toward, away, settings.guidance)
        size = frames.phones.shape[1]
        # The first take is the one that is made where only one is.
        seeds = [(seed + TAKE_STEP * take) % 2**63 for take in range(count)]
        grid = sigmas_of(settings, size // 2, end=CLAMP)
        for step in solve(velocity, noise((BANDS, size), seeds), grid, rule_named(settings.solver)):
            if not torch.isfinite(step.clean).all():
                raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
            yield step.done, sharpened(step.clean.float())

    def frames(self, score: Score, voice: int) -> Frames:
        """What the network is told of a sentence, rounded up to its patch; nothing of it is known."""
        ids = self.model.ids(score.symbols).repeat_interleave(score.lengths)
        stresses = torch.tensor(score.stresses).repeat_interleave(score.lengths)
        places = places_of(score.lengths)
        extra = score.frames % 2
        if extra:
            ids, stresses = torch.cat([ids, ids[-1:]]), torch.cat([stresses, stresses[-1:]])
            places = torch.cat([places, places[-1:]])
        known = torch.zeros(1, BANDS + 1, score.frames + extra)
        return Frames(ids[None], stresses[None], places[None], torch.tensor([voice]), known)

    def _chunks(self, latent: Tensor, pause: int) -> Iterator[tuple[int, np.ndarray]]:
        """Samples of a sentence half a second at a time, each with its place; ``pause`` samples of silence follow."""
        stream, place = self.vocoder.stream(), 0
        for start in range(0, latent.shape[-1], CHUNK):
            samples = stream.push(latent[..., start : start + CHUNK]).numpy()
            if len(samples):
                yield place, samples
                place += len(samples)
        rest = np.concatenate([stream.finish().numpy(), np.zeros(pause, np.float32)])
        if len(rest):
            yield place, rest
