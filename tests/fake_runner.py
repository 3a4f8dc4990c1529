"""A runner without a model, for the queue, the workers and the pages: quick, exact, and accident-prone on demand."""

import os
import signal
import time

import numpy as np

from pipelines.errors import OutOfBudget
from pipelines.events import Done, Note, Piece, Preview, Progress
from pipelines.media import Picture, Sound, Word


class FakeRunner:
    """Runs jobs without a model: a flat picture after a few previews, and accidents that the prompt asks for.

    ``PAUSE`` in the environment is the time in seconds between steps; a prompt with "slow" takes its time.
    """

    def __call__(self, job, inputs):
        prompt, steps = words_of(job.settings), job.settings.steps
        pause = 0.25 if "slow" in prompt else float(os.environ.get("PAUSE", "0.01"))
        if "unknown" in prompt:
            yield Note("Not in the vocabulary: unknown")
        for step in range(1, steps + 1):
            time.sleep(pause)
            if step == 2:
                self._accident(prompt)
            yield Progress(step, steps, (steps - step) * pause)
            if job.settings.MEDIUM == "image":
                yield Preview((self._picture(job.settings.seed, step),))
        if job.settings.MEDIUM == "audio":
            yield from spoken(job.settings, steps, pause)
            return
        count = getattr(job.settings, "count", 1)
        seeds = tuple(job.settings.seed + place for place in range(count))
        yield Done(tuple(self._picture(seed, 0) for seed in seeds), seeds, steps, steps * pause)

    def _accident(self, prompt):
        if "segfault" in prompt:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "killed" in prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        if "memory" in prompt:
            raise MemoryError("64 GB")
        if "cuda" in prompt:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        if "bug" in prompt:
            raise ZeroDivisionError("a bug")
        if "budget" in prompt:
            raise OutOfBudget("shared values: need 9 MB, may take 1 MB; raise the budget")

    def _picture(self, seed, step):
        pixels = np.full((64, 64, 4), 255, np.uint8)
        pixels[..., :3] = (seed % 251, seed // 251 % 251, step)
        return Picture(pixels)


# Sounds -------------------------------------------------------------------------------------------------------------

RATE = 24_000
SENTENCE = 0.25  # seconds


def words_of(settings):
    """What a person typed."""
    return getattr(settings, "prompt", None) or settings.text


def spoken(settings, steps, pause):
    """A piece for each sentence, then the whole with the times of its words; sounds are as many tones as asked for."""
    seeds = tuple(settings.seed + place for place in range(getattr(settings, "count", 1)))
    if settings.SUBJECT == "sound":
        yield Done(tuple(tone(seed, settings.steps) for seed in seeds), seeds, steps, steps * pause)
        return
    pieces = [sentence(part, settings.seed) for part in words_of(settings).split(".") if part.strip()]
    for piece in pieces:
        time.sleep(pause)
        yield Piece(piece)
    samples = np.concatenate([piece.samples for piece in pieces], axis=1)
    words = [
        Word(word.text, word.start + place * SENTENCE, word.end + place * SENTENCE)
        for place, piece in enumerate(pieces)
        for word in piece.words
    ]
    yield Done((Sound(samples, RATE, tuple(words)),), seeds, steps, steps * pause)


def sentence(text, seed):
    """A tone of fixed length; its words share it evenly."""
    said = text.split()
    each = SENTENCE / len(said)
    words = tuple(Word(word, place * each, (place + 1) * each) for place, word in enumerate(said))
    return Sound(tone(seed).samples, RATE, words)


class FakeSpeech:
    """A pipeline of speech without a model: what :func:`spoken` says, and an edit that depends on its source."""

    @classmethod
    def load(cls, model):
        return cls()

    def generate(self, settings):
        yield Progress(0, settings.steps, None)
        yield from spoken(settings, settings.steps, 0.0)

    def edit(self, settings, source):
        made = sentence(settings.text, settings.seed)
        samples = np.concatenate([source.samples, made.samples], axis=1)
        words = [Word(word.text, word.start + source.seconds, word.end + source.seconds) for word in made.words]
        yield Done((Sound(samples, RATE, (*source.words, *words)),), (settings.seed,), 1, 0.0)


class FakeSound(FakeSpeech):
    """The same of sounds."""

    def edit(self, settings, source):
        yield Note("a note of the run")
        yield Done((Sound(source.samples[:, ::-1].copy(), source.sample_rate),), (settings.seed,), 1, 0.0)


def tone(seed, overtones=1):
    """A quarter of a second that only this seed sounds like."""
    time = np.arange(round(RATE * SENTENCE)) / RATE
    samples = 0.5 * np.sin(2 * np.pi * (200 + seed % 97) * overtones * time)
    return Sound(samples.astype(np.float32)[None], RATE)
