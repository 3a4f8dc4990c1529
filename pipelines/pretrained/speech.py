"""Speech in the voice of a recording, and words of a recording changed in its own voice, by F5-TTS.

Its frames are those of the starter's vocoder, which makes sound of them; the starter's aligner says when each word is
spoken. Its own vocoder is published only as a file that can run code when it is read, and none such is.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.checkpoints import Checkpoint, Plan
from pipelines.checkpoints.found import check
from pipelines.checkpoints.planning import require
from pipelines.codecs.audio import loudness, normalised
from pipelines.codecs.mel import BANDS, CENTRE, HOP, SAMPLE_RATE, SPREAD
from pipelines.edit.types import CountedModel
from pipelines.errors import ModelError, StudioError
from pipelines.events import Done, Event, Note, Piece, Preview
from pipelines.flow import SCHEDULES, conditioned, guided, noise, sigma_grid, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Sound, Word
from pipelines.models.f5tts import F5Model, load_f5
from pipelines.models.f5tts.model import levels
from pipelines.pretrained.running import Glance
from pipelines.pretrained.stretches import Stretch, frames_for, parts_of, stretches_of
from pipelines.pretrained.voice import Hear, voice_of
from pipelines.reading import read
from pipelines.reading.change import words_of
from pipelines.reading.figures import without_figures
from pipelines.reading.plan import line_of
from pipelines.reading.written import is_foreign
from pipelines.sampling import SEED_STEP, seeds_of
from pipelines.settings import SpeechEditSettings, SpeechSettings
from pipelines.speech import SpeechPipeline
from pipelines.speech.clock import StretchClock
from pipelines.speech.editing import Opened, closed, opened
from pipelines.speech.hearing import heard
from pipelines.speech.levels import sound_of
from pipelines.speech.pipeline import TAKE_STEP
from pipelines.speech.score import UNIT, shifted

BEFORE = 16  # frames of the voice's recording that the vocoder sees before what was made
CLAUSE = 0.3  # part of the pause between sentences that stands where a text is parted inside one
CHINESE = "zhong1"  # a vocabulary with this entry reads figures as Chinese


class PretrainedSpeech:
    """Speaks and edits speech with one checkpoint; safe to share, it keeps no state of a run."""

    def __init__(self, model: F5Model, starter: SpeechPipeline, hear: Hear = heard) -> None:
        self.model, self.starter, self.hear = model, starter, hear

    @classmethod
    def load(cls, found: Checkpoint, made: Plan) -> "PretrainedSpeech":
        """The checkpoint, loaded from its folder.

        Raises:
            ModelError: the folder is not whole, or holds another network.
            OutOfBudget: it does not fit this machine.
        """
        assert found.folder is not None
        check(found.folder)
        require(made)
        if made.offload != "none" or made.quantised != "none":
            raise ModelError("offload: F5-TTS is small and loaded whole, in 16 or 32 bits; use 'none' for both")
        starter = SpeechPipeline.load()
        assert isinstance(starter, SpeechPipeline)
        return cls(load_f5(found.folder, made.device, getattr(torch, made.dtype)), starter)

    def generate(self, settings: SpeechSettings, recording: Sound | None = None) -> Iterator[Event[Sound]]:
        """Read ``settings.text`` in the voice of ``recording``, a piece a part. Closing the iterator stops it.

        Raises:
            SettingsError: there is no recording, or the text holds letters that the model does not know.
            MediaError: the recording is silent, too short, or not to be understood.
        """
        started = time.monotonic()
        voice = voice_of(recording, settings.voice_words, self.starter.aligner, self.hear)
        yield from (Note(text) for text in voice.notes)
        parts = parts_of(settings.text, voice, settings.speed)
        read_out = [self._plain(part) for part in parts]
        said = [self._ids(voice.text + part, "text") for part in read_out]
        if left := dict.fromkeys(sign for _, odd in said for sign in odd):
            yield Note(f"Left out, the model knows no such signs: {' '.join(left)}")
        (seed,) = seeds_of(settings, 1)
        model = CountedModel(self.model)
        sizes = [frames_for(part, voice, settings.speed) for part in read_out]
        clock = StretchClock(sum(sizes), settings.steps, started)
        done: list[np.ndarray] = []
        words: list[Word] = []
        gain = 1.0
        for number, (part, (ids, _), size) in enumerate(zip(parts, said, sizes, strict=True)):
            known = torch.cat([voice.latent, torch.zeros(1, BANDS, size)], dim=2)
            takes = torch.empty(0)
            for steps, clean in self.solved(model, ids, known, voice.frames, settings, seed + SEED_STEP * number):
                takes = clean
                yield clock.said(size, steps)
            latent, timed = self._clearest(takes, voice.frames, part)
            made = self.starter.vocoder(latent[..., max(voice.frames - BEFORE, 0) :])[0].numpy()[-size * HOP :]
            made = _edged(made)
            if not done:
                gain = 10 ** ((settings.loudness - max(loudness(sound_of(np.clip(made, -1, 1), ())), -60.0)) / 20)
            pause = settings.pause / settings.speed * (1.0 if part[-1] in ".!?。！？" else CLAUSE)
            rest = np.zeros(round(pause * SAMPLE_RATE) if number < len(parts) - 1 else 0, np.float32)
            words += shifted(timed, sum(map(len, done)) / SAMPLE_RATE)
            done.append(np.concatenate([made, rest]))
            yield Piece(sound_of(np.clip(done[-1] * gain, -1, 1), timed))
            clock.finished(size)
        whole = sound_of(np.clip(np.concatenate(done), -1, 1), words)
        yield Done((normalised(whole, settings.loudness),), (seed,), model.calls, time.monotonic() - started)

    def edit(self, settings: SpeechEditSettings, source: Sound) -> Iterator[Event[Sound]]:
        """Make the recording say ``settings.text``; what is not spoken anew stays as it is, bit for bit.

        Raises:
            MediaError: it holds no speech, is too long, or says something else than ``settings.source_text``.
            SettingsError: nothing changes, nothing stays, or too much changes in one place.
        """
        started = time.monotonic()
        starter = self.starter
        work = opened(starter.aligner, settings, source, starter.held_by(settings.voice))
        yield from (Note(text) for text in work.notes)
        (seed,) = seeds_of(settings, 1)
        model = CountedModel(self.model)
        stretches = stretches_of(work.plan, work.words) if work.plan.splices else ()
        clock, glance = StretchClock(sum(s.last - s.first for s in stretches) or 1, settings.steps, started), Glance()
        made: list[tuple[tuple[int, int], np.ndarray]] = []
        for number, stretch in enumerate(stretches):
            size = stretch.last - stretch.first
            known, given = _known(work, stretch)
            ids, _ = self._ids(self._plain(stretch.text), "text")
            takes = torch.empty(0)
            for step, takes in self.solved(model, ids, known, given, settings, seed + SEED_STEP * number):
                yield clock.said(size, step)
                if len(stretches) == 1 and step < settings.steps and glance.due():
                    yield Preview((closed(work, [(stretch.window, self._wave(takes[:1]))]),))
                    glance.seen()
            symbols, lengths = work.plan.within(stretch.window)
            made.append((stretch.window, self._wave(starter.clearest(takes, symbols, lengths, ~given))))
            clock.finished(size)
        yield Done((closed(work, made),), (seed,), model.calls, time.monotonic() - started)

    def solved(
        self, model: CountedModel, ids: Sequence[int], known: Tensor, given: int | Tensor,
        settings: SpeechSettings | SpeechEditSettings, seed: int,
    ) -> Iterator[tuple[int, Tensor]]:  # fmt: skip
        """Steps done, and clean estimates [takes, BANDS, T] with what is known in its place.

        ``known`` is normalised frames [1, BANDS, T], zero where they are to be made; ``given`` says where they are: a
        number of frames at the beginning, or [T] bool.
        """
        count, size = settings.takes, known.shape[2]
        where = torch.arange(size) < given if isinstance(given, int) else given
        bands = torch.where(where, known * SPREAD + CENTRE, torch.zeros(()))
        toward, away = (
            conditioned(model, model.join([self.model.encode(ids, bands, told)] * count)) for told in (True, False)
        )
        seeds = [(seed + TAKE_STEP * take) % 2**63 for take in range(count)]
        velocity = guided(toward, away, settings.guidance)
        for step in solve(velocity, noise((BANDS, size), seeds), _grid(settings, size), rule_named(settings.solver)):
            if not torch.isfinite(step.clean).all():
                raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
            yield step.done, torch.where(where, known, (step.clean.float().cpu() - CENTRE) / SPREAD)

    def _wave(self, latent: Tensor) -> np.ndarray:
        wave: np.ndarray = self.starter.vocoder(latent)[0].numpy()
        return wave

    def _ids(self, text: str, field: str) -> tuple[list[int], tuple[str, ...]]:
        return self.model.characters.ids(text, field)

    def _plain(self, text: str) -> str:
        """``text`` in one line, without figures where the model would read them as Chinese."""
        figures = CHINESE in self.model.characters.numbers and not any(map(is_foreign, text.split()))
        return without_figures(text) if figures else " ".join(text.split())

    def _clearest(self, takes: Tensor, begin: int, text: str) -> tuple[Tensor, tuple[Word, ...]]:
        """The take [1, BANDS, T] in which ``text`` is heard best from frame ``begin`` on, and its words in seconds.

        Only English is understood; of another text the first take is kept, and when its words come is not known.
        """
        try:
            if any(map(is_foreign, text.split())):
                return takes[:1], ()
            said = words_of(read(text))
            line = line_of(said)
            found = [self.starter.aligner.align(take[None, :, begin:], line.symbols) for take in takes]
        except StudioError:
            return takes[:1], ()
        best = max(range(len(takes)), key=lambda take: found[take].score)
        ends = [0, *np.cumsum(found[best].lengths).tolist()]
        words = tuple(
            Word(word.text, ends[first] * UNIT, ends[last] * UNIT)
            for word, (first, last) in zip(said, line.words, strict=True)
        )
        return takes[best : best + 1], words


def _known(work: Opened, stretch: Stretch) -> tuple[Tensor, Tensor]:
    """Frames [1, BANDS, T] of a stretch that stay, zero where they are made, and which these are [T]."""
    origin = torch.from_numpy(work.plan.origin[stretch.first : stretch.last])
    given = origin >= 0
    known = torch.zeros(1, BANDS, len(origin))
    known[0][:, given] = work.latent[0][:, origin[given]]
    return known, given


def _grid(settings: SpeechSettings | SpeechEditSettings, frames: int) -> Tensor:
    if settings.schedule == "model":
        return levels(settings.steps)
    return sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, frames))


def _edged(samples: np.ndarray) -> np.ndarray:
    """Samples [N] that begin and end without a click."""
    width = min(round(0.008 * SAMPLE_RATE), len(samples) // 2)
    rise = np.linspace(0, 1, width, endpoint=False, dtype=np.float32)
    made = samples.astype(np.float32, copy=True)
    made[:width] *= rise
    made[len(made) - width :] *= rise[::-1]
    return made
