"""Mouth tracks: from the phones of speech that was made here, or from what a recording sounds like."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from pipelines.codecs.audio import mono, resampled
from pipelines.codecs.mel import HOP, SAMPLE_RATE, SILENCE, mel
from pipelines.edit.types import CountedModel
from pipelines.flow import CLAMP, conditioned, noise, sigma_grid, solve
from pipelines.flow.rules import rule_named
from pipelines.flow.schedule import shift
from pipelines.media import CHANNELS, VISEMES, Sound, Visemes
from pipelines.models.listener import HEARD, ListenerModel
from pipelines.reading import read
from pipelines.settings import SpeechSettings
from pipelines.visemes import BLINK, JAW, Floats, phone_weights

RATE = SAMPLE_RATE / HOP / HEARD  # rows a second: 46.875
WINDOW, OVERLAP = 288, 32  # rows that are listened to at once: 6.1 s, and what two such share
STEPS = 2  # more steps wander further from what is heard
QUIET = 0.003  # level of a frame, as a part of full scale, below which nothing is said
SEED_STEP = 7919


class Listener(CountedModel):
    """A listener whose calls are counted."""

    def __init__(self, model: ListenerModel) -> None:
        super().__init__(model)
        self.own = model


def track_of_text(speech: Any, settings: SpeechSettings) -> Visemes:
    """What the mouth of ``speech``'s voice does while it reads ``settings.text``, from the phones and their times.

    Args:
        speech: a :class:`pipelines.speech.SpeechPipeline`; it says how long each phone lasts.
        settings: as the speech was made with.
    """
    symbols, seconds, stresses = "", [], []
    sentences = read(settings.text)
    for number, sentence in enumerate(sentences):
        score = speech.score(sentence, settings.voice, settings.speed)
        symbols += score.symbols
        seconds += [length * HOP / SAMPLE_RATE for length in score.lengths.tolist()]
        stresses += list(score.stresses)
        if number < len(sentences) - 1 and settings.pause:
            symbols += "_"
            seconds.append(round(settings.pause / settings.speed * SAMPLE_RATE) / SAMPLE_RATE)
            stresses.append(0)
    return Visemes(phone_weights(symbols, seconds, RATE, stresses), RATE)


def heard(model: Listener, sound: Sound, seed: int) -> Iterator[tuple[float, Floats]]:
    """Rows of the track [n, 17] of a recording, window by window, each with the part (0 to 1) that is done.

    Windows share ``OVERLAP`` rows, over which one is faded into the next; memory does not grow with the length.
    """
    whole = resampled(mono(sound), SAMPLE_RATE).samples[0]
    rows = max(1, round(len(whole) / HOP / HEARD))
    step, held = WINDOW - OVERLAP, np.zeros((0, len(CHANNELS)), np.float32)
    for number, begin in enumerate(range(0, rows, step)):
        made = _window(model, whole, begin, seed + SEED_STEP * number)
        if len(held):
            ramp = ((np.arange(OVERLAP) + 0.5) / OVERLAP).astype(np.float32)[:, None]
            made[:OVERLAP] = held * (1 - ramp) + made[:OVERLAP] * ramp
        last = begin + WINDOW >= rows
        end = rows - begin if last else step
        held = made[end:WINDOW]
        yield min(1.0, (begin + end) / rows), made[:end]
        if last:
            return


def _window(model: Listener, whole: np.ndarray, begin: int, seed: int) -> Floats:
    """Track rows [WINDOW, 17] that begin at row ``begin``, with what sounds a little before and after heard too."""
    edge = 16 * HOP  # the spectrum of the first frame begins before it
    first = begin * HEARD * HOP - edge
    samples = np.zeros(WINDOW * HEARD * HOP + 2 * edge, np.float32)
    there = whole[max(first, 0) : first + len(samples)]
    samples[max(-first, 0) : max(-first, 0) + len(there)] = there
    latent = mel(torch.from_numpy(samples)[None])[..., 16:-16]
    level = np.sqrt(np.square(samples[edge:-edge]).reshape(-1, HEARD * HOP).mean(1))
    if level.max() < QUIET:
        return _tidied(np.zeros((WINDOW, len(VISEMES) + 1), np.float32), level)
    grid = sigma_grid(STEPS, shift(2.0), start=1.0, end=CLAMP)
    velocity = conditioned(model, model.own.encode(latent.clamp(min=SILENCE)))
    clean = torch.zeros(())
    for solved in solve(velocity, noise((len(VISEMES) + 1, WINDOW), [seed % 2**63]), grid, rule_named("ab2")):
        clean = solved.clean
    return _tidied(clean[0].T.float().numpy() / 2 + 0.5, level)


def _tidied(rows: np.ndarray, level: np.ndarray) -> Floats:
    """Rows of visemes and jaw as a track holds them: sums of 1, a mouth that is shut where it is silent, no blinks."""
    track = np.zeros((len(rows), len(CHANNELS)), np.float32)
    visemes = rows[:, : len(VISEMES)].clip(0, 1)
    # Quiet for a tenth of a second and more: shut, softly at both ends.
    loud = np.convolve((level > QUIET).astype(np.float32), np.ones(5) / 5, "same").clip(0, 1)
    loud = np.minimum(1, 2 * loud)[:, None]
    visemes = visemes * loud
    visemes[:, 0] += (1 - loud)[:, 0]
    track[:, : len(VISEMES)] = visemes / visemes.sum(1, keepdims=True).clip(1e-6)
    track[:, JAW] = rows[:, len(VISEMES)].clip(0, 1) * loud[:, 0]
    return track


def blinked(track: Floats, rate: float, often: float, seed: int) -> Floats:
    """``track`` with blinks: up to 25 a minute, the closing twice as fast as the opening."""
    made = track.copy()
    if not often:
        return made
    rng = np.random.default_rng((seed, 77))
    at = float(rng.exponential(1.0)) + 0.6
    while at < len(track) / rate:
        times = np.arange(len(track)) / rate - at
        lid = np.interp(times, (0.0, 0.07, 0.11, 0.25), (0.0, 1.0, 1.0, 0.0)).astype(np.float32)
        made[:, BLINK] = np.maximum(made[:, BLINK], lid)
        at += 0.4 + float(rng.gamma(3.0, 2.4 / (3 * often)))
    return made
