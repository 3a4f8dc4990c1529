"""Words of a recording changed: find them, cut it open, fill the gap, close it again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import mono, resampled
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE, mel
from pipelines.codecs.splicing import Patch, spliced
from pipelines.errors import MediaError, SettingsError
from pipelines.media import Sound, Word
from pipelines.models.aligner import MAX_FRAMES, Aligner
from pipelines.models.speech import Frames, SpeechModel, places_of
from pipelines.reading import SpokenWord, read
from pipelines.reading.change import changes_between, check_changes, spoken_again, words_of
from pipelines.reading.plan import Durations, EditPlan, check_fit, line_of, plan_edit
from pipelines.settings import SpeechEditSettings
from pipelines.speech.levels import OWN_LEVEL, level_of
from pipelines.speech.score import UNIT

SILENT = 1e-4  # of full scale: a recording that never rises above it holds no speech


@dataclass(frozen=True)
class Opened:
    """A recording with its words found and its changes planned.

    Attributes:
        source: as it was given.
        latent: its mel frames [1, BANDS, T], at the level that the model knows.
        gain: factor from the recording's level to that.
        plan: the new recording, frame by frame.
        words: words of the new text.
        notes: what the person should know.
    """

    source: Sound
    latent: Tensor
    gain: float
    plan: EditPlan
    words: tuple[SpokenWord, ...]
    notes: tuple[str, ...]


def opened(aligner: Aligner, settings: SpeechEditSettings, source: Sound, durations: Durations) -> Opened:
    """Find the words of ``source`` and plan how it is cut open and filled.

    Raises:
        MediaError: it is silent, too long, too short, or says something else than ``settings.source_text``.
        SettingsError: nothing changes, nothing stays, or From and To hold no word.
    """
    _check(source)
    heard = mono(resampled(source, SAMPLE_RATE)).samples[0]
    gain = OWN_LEVEL / level_of(heard)
    latent = mel(torch.from_numpy(np.clip(heard * gain, -1, 1))[None])
    said = words_of(read(settings.source_text))
    wanted = words_of(read(settings.text)) if settings.text.strip() else ()
    line = line_of(said)
    found = aligner.align(latent, line.symbols)
    notes = check_fit(said, line, found.lengths, found.scores)
    changes = changes_between(said, wanted)
    if settings.start is not None and settings.end is not None:
        if settings.start >= source.seconds:
            raise SettingsError(
                f"start: the recording ends at {source.seconds:.2f} s, got {settings.start}; mark a part of it"
            )
        ends = np.concatenate([[0], np.cumsum(found.lengths)]) * UNIT
        again = [ends[last] > settings.start and ends[first] < settings.end for first, last in line.words]
        if not any(again):
            raise SettingsError(
                f"start: no word is spoken between {settings.start} and {settings.end} s; mark the words to speak anew"
            )
        changes = spoken_again(changes, again)
    check_changes(changes)
    level = np.sqrt(np.square(_framed(heard, latent.shape[-1])).mean(1))
    plan = plan_edit(line, found.lengths, wanted, changes, level, durations, settings.speed)
    return Opened(source, latent, gain, plan, wanted, tuple(notes))


def frames_of(model: SpeechModel, work: Opened, window: tuple[int, int], voice: int, stressed: bool) -> Frames:
    """What the network is told of frames ``window`` of the new recording, rounded up to its patch."""
    first, last = window
    lengths = torch.tensor(work.plan.lengths)
    ids = model.ids(work.plan.symbols).repeat_interleave(lengths)[first:last]
    stresses = torch.tensor(work.plan.stresses).repeat_interleave(lengths)[first:last]
    places = places_of(lengths)[first:last]
    origin = torch.from_numpy(work.plan.origin[first:last])
    known = torch.zeros(1, BANDS + 1, last - first)
    kept = origin >= 0
    known[0, :BANDS, kept] = work.latent[0][:, origin[kept]]
    known[0, BANDS, kept] = 1
    if (last - first) % 2:
        ids, stresses, places = (torch.cat([each, each[-1:]]) for each in (ids, stresses, places))
        known = torch.cat([known, torch.zeros(1, BANDS + 1, 1)], dim=2)
    if not stressed:
        stresses = torch.zeros_like(stresses)
    return Frames(ids[None], stresses[None], places[None], torch.tensor([voice]), known)


def closed(work: Opened, made: Sequence[tuple[tuple[int, int], np.ndarray]]) -> Sound:
    """The recording with what was made in place: ``made`` holds samples [N] at 24 kHz of each window.

    Every sample outside the splices is the recording's own.
    """
    rate, channels = work.source.sample_rate, work.source.samples.shape[0]
    patches = []
    for splice in work.plan.splices:
        window, samples = next((w, s) for w, s in made if w[0] <= splice.begin and splice.end <= w[1])
        first, last = (_sample(frame, rate, work.source.samples.shape[1]) for frame in (splice.first, splice.last))
        part = samples[(splice.begin - window[0]) * HOP : (splice.end - window[0]) * HOP] / work.gain
        if len(part):
            part = resampled(Sound(np.clip(part, -1, 1).astype(np.float32)[None], SAMPLE_RATE), rate).samples[0]
        patches.append(Patch(first, last, np.repeat(part[None].astype(np.float32), channels, axis=0)))
    return Sound(spliced(work.source.samples, patches, rate), rate, _words(work))


def _words(work: Opened) -> tuple[Word, ...]:
    return tuple(
        Word(word.text, first * UNIT, last * UNIT)
        for word, (first, last) in zip(work.words, work.plan.words, strict=True)
    )


def _sample(frame: int, rate: int, count: int) -> int:
    return min(round(frame * UNIT * rate), count)


def _framed(samples: np.ndarray, frames: int) -> np.ndarray:
    padded = np.zeros(frames * HOP, np.float32)
    padded[: len(samples)] = samples[: frames * HOP]
    return padded.reshape(frames, HOP)


def _check(source: Sound) -> None:
    if float(np.abs(source.samples).max()) < SILENT:
        raise MediaError("recording: is silent; record it again, louder")
    limit = MAX_FRAMES * UNIT
    if source.seconds > limit:
        raise MediaError(
            f"recording: is {source.seconds:.0f} s long, at most {limit:.0f} s can be edited; cut out a part of it"
        )
    if source.seconds < 0.2:
        raise MediaError(f"recording: is {source.seconds:.3f} s long; speech needs at least 0.2 s")
