"""Parts that made sounds are put together from: noises, curves, tones, and things that happen again and again.

Waves are float64 at 24 kHz; ``n`` is a number of samples.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.score.happenings import happenings
from pipelines.score.score import Note

RATE = SAMPLE_RATE


class Made(NamedTuple):
    """A wave, captions of which any describes it, and what happens in it; of noises that only go on, nothing."""

    wave: np.ndarray
    captions: tuple[str, ...]
    notes: tuple[Note, ...] = ()


Maker = Callable[[np.random.Generator, int], Made]


def band(wave: np.ndarray, low: float, high: float, order: int = 2) -> np.ndarray:
    """``wave`` between ``low`` and ``high`` hertz."""
    from scipy.signal import butter, sosfilt

    if low <= 0:
        sos = butter(order, high, "low", fs=RATE, output="sos")
    elif high >= RATE / 2:
        sos = butter(order, low, "high", fs=RATE, output="sos")
    else:
        sos = butter(order, (low, high), "band", fs=RATE, output="sos")
    filtered: np.ndarray = sosfilt(sos, wave)
    return filtered


def white(rng: np.random.Generator, n: int) -> np.ndarray:
    """White noise [n]."""
    return rng.standard_normal(n)


def coloured(rng: np.random.Generator, n: int, slope: float) -> np.ndarray:
    """Noise [n] whose spectrum follows hertz ** ``slope``; 0 is white, -0.5 pink, -1 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= np.maximum(hertz, 20) ** slope
    spectrum[hertz < 20] = 0
    wave = np.fft.irfft(spectrum, n)
    return wave / wave.std()


def smooth(rng: np.random.Generator, n: int, hertz: float) -> np.ndarray:
    """A random curve in [0, 1] that turns about ``hertz`` times a second."""
    points = rng.random(max(4, int(n / RATE * hertz) + 3))
    return np.interp(np.linspace(0, len(points) - 1, n), np.arange(len(points)), points)


def phase(hertz: np.ndarray | float, n: int) -> np.ndarray:
    """Running phase [n] of a tone of ``hertz``."""
    return 2 * np.pi * np.cumsum(np.broadcast_to(hertz, n)) / RATE


def decay(n: int, seconds: float, attack: float = 0.001) -> np.ndarray:
    """A short rise, then a fall to 1/e every ``seconds``."""
    t = np.arange(n) / RATE
    return np.minimum(1, t / attack) * np.exp(-t / seconds)


def scatter(n: int, starts: Sequence[float] | np.ndarray, make: Callable[[int], np.ndarray]) -> np.ndarray:
    """Waves of ``make(index)`` added up at ``starts`` seconds."""
    out = np.zeros(n)
    for index, start in enumerate(starts):
        place = int(start * RATE)
        if place < n:
            piece = make(index)[: n - place]
            out[place : place + len(piece)] += piece
    return out


def events(noise: str, n: int, rng: np.random.Generator, words: tuple[str, ...] = ()) -> tuple[Note, ...]:
    """What happens in ``n`` samples of a noise, as a prompt for it is scored too."""
    return happenings(noise, set(words), n / RATE, rng)


def played(n: int, notes: Sequence[Note], make: Callable[[Note, int], np.ndarray]) -> np.ndarray:
    """Waves of ``make(note, index)`` added up where each of ``notes`` begins."""
    return scatter(n, [note.start for note in notes], lambda index: make(notes[index], index))


def tempo_word(rng: np.random.Generator) -> str:
    """A tempo to make something in: "slow", "fast", or "" for neither."""
    return str(rng.choice(("slow", "", "fast")))


def height_word(rng: np.random.Generator) -> str:
    """How high to make something: "low", "high", or "" for neither."""
    return str(rng.choice(("low", "", "high")))


def modes(hertz: Sequence[float], decays: Sequence[float], levels: Sequence[float], seconds: float) -> np.ndarray:
    """A struck body: sines of ``hertz``, each dying away on its own."""
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    parts = [a * np.sin(2 * np.pi * f * t) * np.exp(-t / d) for f, d, a in zip(hertz, decays, levels, strict=True)]
    wave: np.ndarray = np.sum(parts, axis=0) * np.minimum(1, t / 0.001)
    return wave


def said(*words: str) -> str:
    """Words that are not empty, each followed by a space."""
    return "".join(f"{word} " for word in words if word)


def bubble(rng: np.random.Generator, hertz: float, seconds: float) -> np.ndarray:
    """A drop or bubble: a short tone that rises."""
    m = int(seconds * 5 * RATE)
    t = np.arange(m) / RATE
    return np.sin(phase(hertz * (1 + rng.uniform(2, 8) * t), m)) * decay(m, seconds, 0.002)
