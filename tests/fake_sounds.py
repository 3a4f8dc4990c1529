"""A runner that speaks without a model: sentences long enough to be heard coming, words with times, real pitch."""

import os
import time

import numpy as np
from fake_runner import FakeRunner

from pipelines.events import Done, Piece, Preview, Progress
from pipelines.media import Sound, Word

RATE = 24_000
WORD = 0.4  # seconds


class Talker(FakeRunner):
    """As :class:`FakeRunner` for pictures; says each word as a note, a sentence a piece.

    ``PAUSE`` in the environment is what a sentence takes to be made, a text with
    "slow" takes a second for each, one with "steady" a quarter of one.
    """

    def __call__(self, job, inputs):
        settings = job.settings
        if settings.MEDIUM != "audio":
            yield from super().__call__(job, inputs)
            return
        paces = {"slow": 1.0, "steady": 0.25}
        usual = float(os.environ.get("PAUSE", "0.05"))
        pause = next((pace for word, pace in paces.items() if word in settings.asked), usual)
        if settings.SUBJECT == "speech" and settings.TASK == "generate":
            yield from said(settings, pause)
        else:
            yield from made(settings, pause)


def said(settings, pause):
    """A piece for each sentence, then the whole."""
    parts = [part.strip() + "." for part in settings.text.split(".") if part.strip()]
    pieces = []
    for number, part in enumerate(parts, start=1):
        time.sleep(pause)
        pieces.append(sentence(part, settings.pause))
        yield Progress(number, len(parts), (len(parts) - number) * pause)
        yield Piece(pieces[-1])
    yield Done((joined(pieces),), (settings.seed,), len(parts), len(parts) * pause)


def made(settings, pause):
    """Estimates, then as many sounds as were asked for."""
    seconds = getattr(settings, "seconds", 2.0)
    for step in range(1, settings.steps + 1):
        time.sleep(pause)
        yield Progress(step, settings.steps, (settings.steps - step) * pause)
        yield Preview((note(220, seconds, 0.1 * step / settings.steps),))
    seeds = tuple(settings.seed + place for place in range(getattr(settings, "count", 1)))
    words = spread(settings.asked, seconds) if settings.SUBJECT == "speech" else ()
    sounds = (note(220 + 40 * place, seconds) for place in range(len(seeds)))
    yield Done(
        tuple(Sound(each.samples, RATE, words) for each in sounds), seeds, settings.steps, settings.steps * pause
    )


def sentence(text, pause=0.35):
    """Each word a note a third higher than the one before, then silence."""
    words = text.split()
    spoken = [note(160 * 1.12 ** (n % 7), WORD).samples for n in range(len(words))]
    silence = np.zeros((1, round(pause * RATE)), np.float32)
    timed = tuple(Word(word, n * WORD, (n + 1) * WORD) for n, word in enumerate(words))
    return Sound(np.concatenate([*spoken, silence], axis=1), RATE, timed)


def joined(sounds):
    """Sounds one after the other, with their words."""
    words, at = [], 0.0
    for each in sounds:
        words += [Word(word.text, word.start + at, word.end + at) for word in each.words]
        at += each.seconds
    return Sound(np.concatenate([each.samples for each in sounds], axis=1), RATE, tuple(words))


def note(hertz, seconds, loud=0.3):
    """A tone with four overtones that fades in and out, so that it has a pitch and no clicks."""
    moments = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * moments) / k for k in range(1, 6))
    edge = np.minimum(1, np.minimum(moments, seconds - moments) / 0.02)
    return Sound((loud * wave / 2 * edge).astype(np.float32)[None], RATE)


def spread(text, seconds):
    """The words of a text, evenly."""
    words = text.split()
    each = seconds / max(len(words), 1)
    return tuple(Word(word, n * each, (n + 1) * each) for n, word in enumerate(words))
