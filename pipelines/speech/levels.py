"""Levels and samples of what the voices make."""

from collections.abc import Sequence

import numpy as np

from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.media import Sound, Word

OWN_LOUDNESS = -21.5  # LUFS of the voices as they were trained; what pieces are scaled by until all is known
OWN_LEVEL = 0.08  # root mean square, as they were trained, of what is not silent


def gain_to(lufs: float) -> float:
    """Factor from the voices' own loudness to about ``lufs``."""
    return float(10 ** ((lufs - OWN_LOUDNESS) / 20))


def level_of(samples: np.ndarray) -> float:
    """Root mean square of what is not silent in ``samples`` [N]: frames within 20 dB of the loudest twentieth."""
    frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    if not len(frames):
        return float(np.sqrt(np.square(samples).mean()))
    power = np.square(frames.astype(np.float64)).mean(1)
    loud = power >= 0.01 * np.quantile(power, 0.95)
    return float(np.sqrt(power[loud].mean()))


def sound_of(samples: np.ndarray, words: Sequence[Word]) -> Sound:
    """Samples [N] at 24 kHz as a mono sound."""
    return Sound(samples.astype(np.float32, copy=False)[None], SAMPLE_RATE, tuple(words))
