"""Sounds: thin, as every pipeline: codec, model, vocoder and engine, nothing else."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import normalised
from pipelines.codecs.mel import BANDS, FRAME_RATE, HOP, SAMPLE_RATE
from pipelines.edit import EditPlan
from pipelines.edit.types import CountedModel
from pipelines.errors import ModelError
from pipelines.events import Done, Event, Note, Preview
from pipelines.flow import CLAMP, FlowModel, conditioned, guided, noise, solve
from pipelines.flow.filling import fill
from pipelines.flow.rules import rule_named
from pipelines.media import Sound
from pipelines.models import registry
from pipelines.models.sound import SoundCondition
from pipelines.models.transcriber import load_transcriber
from pipelines.models.vocoder import load_vocoder
from pipelines.paths import assets
from pipelines.pretrained import open_checkpoint
from pipelines.sampling import SEED_STEP, Clock, edited, seeds_of, sigmas_of
from pipelines.score import NOTHING, Score, read_prompt, scored
from pipelines.score import Note as ScoreNote
from pipelines.score.editing import changed, continued
from pipelines.settings import SoundEditSettings, SoundSettings
from pipelines.sound.extending import FADE, Extension, joined
from pipelines.sound.filling import PATCH, seam, turned
from pipelines.sound.source import Source
from pipelines.sound.words import asked_for, word_notes

Decoder = Callable[[Tensor], Tensor]  # mel frames [B, BANDS, T] to waves [B, HOP T]
Ear = Callable[[Source], tuple[ScoreNote, ...]]  # a dropped sound to its notes
# Noise level at which a sound begins, over its sketch: what is decided above is the sketch's already (the shallow
# diffusion of DiffSinger, arXiv 2105.02446). From higher up, the starter's loudness wavers.
BEGIN = 0.5
WARM_UP = 32  # frames beside a loop's ends that the vocoder hears, so that it plays them as in mid-stream
LOOP_FADE = 0.04  # seconds in which the beginning of a loop takes over from its end
LIFT = 6.0  # a sound's bands and frames repeat each other: it shows through more noise than a picture
STRAY = 0.3  # of a mel latent: 9 dB
END_FADE = 0.02  # seconds in which a sound that was cut off by its length dies away


class ScoredModel(FlowModel, Protocol):
    """A flow model that plays scores."""

    def encode(self, scores: Sequence[Score], frames: int, start: int = 0) -> SoundCondition:
        """Condition for ``frames`` of each score, from frame ``start`` on."""


class SoundPipeline:
    """Makes and edits sounds with one model; safe to share, it keeps no state of a run.

    A sound is 24 kHz mono. A loop is made in two passes: first the sound, then, turned by half so that its ends meet
    in the middle, the second around them once more with all else known. The vocoder reads it with its own ends on
    either side, and over its first 40 ms the wave that follows the end gives way to that of the beginning.
    """

    def __init__(self, model: ScoredModel, decoder: Decoder, ear: Ear) -> None:
        self.model, self.decoder, self.ear = model, decoder, ear

    @classmethod
    def load(cls, model: str = "sound", **options: Any) -> Any:
        """Load a model by name, the vocoder, and the transcriber that hears the notes of what is dropped.

        A checkpoint gives a pipeline with the same two methods; ``options`` are those of
        :func:`pipelines.pretrained.open_checkpoint`.

        Raises:
            ModelError: there is no such model, or files are damaged.
        """
        if model not in registry.names("audio"):
            return open_checkpoint("audio", model, **options)
        weights = assets() / "weights"
        transcriber = load_transcriber(weights / "transcriber")
        return cls(
            registry.load("audio", model),
            load_vocoder(weights / "vocoder"),
            lambda source: transcriber.notes(source.latent(), source.by_pitch()),
        )

    def generate(self, settings: SoundSettings) -> Iterator[Event[Sound]]:
        """Make ``settings.count`` sounds; closing the iterator stops at the next solver step."""
        started = time.monotonic()
        seeds = seeds_of(settings, settings.count)
        wish, away = asked_for(settings.prompt), read_prompt(settings.negative_prompt)
        yield from word_notes(wish, away)
        tokens = -(-round(settings.seconds * FRAME_RATE) // PATCH)
        model = CountedModel(self.model)
        positive, negative = (
            self.model.encode([scored(each, settings.seconds, seed) for seed in seeds], tokens * PATCH)
            for each in (wish, away)
        )
        velocity = guided(conditioned(model, positive), conditioned(model, negative), settings.guidance)
        samples = round(settings.seconds * SAMPLE_RATE)
        if settings.loop:
            samples = tokens * PATCH * HOP
            yield Note(f"The loop lasts {samples / SAMPLE_RATE:.3f} s, a whole number of the model's frames.")
        # Not to 0: below the clamp the model's velocity is too small to remove what noise is left.
        sigmas = sigmas_of(settings, tokens, start=BEGIN, end=CLAMP)
        rule = rule_named(settings.solver)
        clock = Clock(settings.steps * (2 if settings.loop else 1), started)
        clean = (1 - BEGIN) * positive.sketch + BEGIN * noise((BANDS, tokens * PATCH), seeds)
        for step in solve(velocity, clean, sigmas, rule):
            yield clock.progress(step.done)
            # Once, half-way: a preview costs a run of the vocoder, which is more than a step.
            if step.done == settings.steps // 2 and settings.steps >= 8:
                yield Preview(self._sounds(step.clean, samples, settings.loudness))
        # The last clean estimate, not the state: it is what the network drew, without the rule's extrapolation.
        clean = step.clean
        if settings.loop:
            toward, away_from = (each.turned(tokens // 2) for each in (positive, negative))
            velocity = guided(conditioned(model, toward), conditioned(model, away_from), settings.guidance)
            around = turned(clean, tokens // 2)
            for step in fill(velocity, around, seam(tokens), sigmas, rule, seeds, toward.sketch):
                yield clock.progress(settings.steps + step.done)
            clean = turned(step.clean, tokens - tokens // 2)
        sounds = self._sounds(clean, samples, settings.loudness, loop=settings.loop)
        yield Done(sounds, tuple(seeds), model.calls, time.monotonic() - started)

    def edit(self, settings: SoundEditSettings, source: Sound) -> Iterator[Event[Sound]]:
        """Turn ``source`` into what ``settings.prompt`` says, or let it go on where ``settings.extend`` is above 0.

        The whole sound is edited, as mono at 24 kHz. One that goes on keeps its sample rate, channels and every sample
        before its last 40 ms, over which the new part takes over; its loudness stays its own.

        Raises:
            MediaError: the sound is silent, shorter than 0.1 s, or longer than 10.24 s and not to go on.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        if settings.extend:
            yield from self._extended(settings, source)
            return
        started = time.monotonic()
        opened = Source.of(source)
        x = opened.latent()
        seeds = seeds_of(settings, 1)
        was, wanted = read_prompt(settings.source_prompt), asked_for(settings.prompt)
        yield from word_notes(was, wanted)
        heard = self.ear(opened) if wanted.kind == "played" else ()
        scores = changed(was, wanted, heard, source.seconds, seeds[0])
        if scores[1].notes and scores[1].played and heard:
            yield Note(f"{len(heard)} notes were heard in the sound.")
        before, after = (self.model.encode([score], x.shape[2]) for score in scores)
        plan = EditPlan(self.model, before, after, settings.guidance)
        clock: Clock | None = None
        for step in edited(plan, settings, x, seeds, x.shape[2] // PATCH, LIFT):
            clock = clock or Clock(step.total, started)
            yield clock.progress(step.done)
        wave, clean = opened.wave, step.clean
        if scores[1].timbre:
            clean = _between(clean, x, after.sketch)
        # An edit that changed nothing is the sound itself, without the vocoder's way of putting it.
        if not torch.allclose(clean, x, atol=1e-4, rtol=0):
            wave = self._waves(clean)[0, : len(wave)].numpy()
        yield Done((_levelled(wave, settings.loudness),), tuple(seeds), step.calls, time.monotonic() - started)

    def _extended(self, settings: SoundEditSettings, source: Sound) -> Iterator[Event[Sound]]:
        started = time.monotonic()
        opened = Source.of(source, longest=None)
        wish, seeds = asked_for(settings.prompt), seeds_of(settings, 1)
        yield from word_notes(wish)
        model = CountedModel(self.model)
        going = Extension.of(opened, settings.extend)
        given = going.tokens * PATCH / FRAME_RATE
        heard = self.ear(opened.last(given)) if wish.kind == "played" else ()
        score = continued(wish, heard, given, settings.extend + 1, seeds[0])
        clock = Clock(settings.steps * going.windows, started)
        for window in range(going.windows):
            data, known = going.window()
            sigmas = sigmas_of(settings, len(known), start=BEGIN, end=CLAMP)
            seed = [(seeds[0] + SEED_STEP * window) % 2**32]
            first = (going.tokens - int(known.sum())) * PATCH
            told, untold = (self.model.encode([each], data.shape[2], first) for each in (score, NOTHING))
            velocity = guided(conditioned(model, told), conditioned(model, untold), settings.guidance)
            for step in fill(velocity, data, known, sigmas, rule_named(settings.solver), seed, told.sketch):
                yield clock.progress(window * settings.steps + step.done)
            going = going.with_(step.clean, known)
        result = joined(opened, self._waves(going.latent)[0].numpy(), going, settings.extend)
        yield Note(f"The sound itself is unchanged up to its last {1000 * FADE:.0f} ms; its loudness stays as it was.")
        yield Done((result,), tuple(seeds), model.calls, time.monotonic() - started)

    def _waves(self, latent: Tensor) -> Tensor:
        if not torch.isfinite(latent).all():
            raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
        return self.decoder(latent.float())

    def _sounds(self, latent: Tensor, samples: int, lufs: float, *, loop: bool = False) -> tuple[Sound, ...]:
        if loop:
            around = torch.cat([latent[..., -WARM_UP:], latent, latent[..., :WARM_UP]], dim=-1)
            waves = _closed(self._waves(around).numpy(), WARM_UP * HOP, samples)
        else:
            waves = self._waves(latent)[:, :samples].numpy().copy()
            fall = round(END_FADE * SAMPLE_RATE)
            waves[:, -fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
        return tuple(_levelled(wave, lufs) for wave in waves)


def _between(clean: Tensor, source: Tensor, sketch: Tensor) -> Tensor:
    """``clean`` no further than :data:`STRAY` above and below both what was and what is asked for, [1, BANDS, T] each.

    An edit adds what two scores differ by. Where a note of the source was heard to end too soon, that is the difference
    between a string that rings on and a key that was let go: on top of a key that is held it would swell.
    """
    low, high = torch.minimum(source, sketch) - STRAY, torch.maximum(source, sketch) + STRAY
    return torch.minimum(torch.maximum(clean, low), high)


def _closed(waves: np.ndarray, before: int, samples: int) -> np.ndarray:
    """A loop of ``samples`` from waves [B, N] that begin ``before`` samples earlier and go on after its end."""
    loop = waves[:, before : before + samples].copy()
    fade = min(round(LOOP_FADE * SAMPLE_RATE), before)
    # Equal power, not equal gain: the vocoder plays the same frames with other phases.
    angle = np.linspace(0, np.pi / 2, fade, dtype=np.float32)
    after = waves[:, before + samples : before + samples + fade]
    loop[:, :fade] = np.sin(angle) * loop[:, :fade] + np.cos(angle) * after
    return loop


def _levelled(wave: np.ndarray, lufs: float) -> Sound:
    peak = max(1.0, float(np.abs(wave).max()))
    return normalised(Sound((wave / peak).astype(np.float32)[None], SAMPLE_RATE), lufs)
