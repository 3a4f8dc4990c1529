"""Where the overtones of every key fall among the mel bands."""

from functools import lru_cache

import numpy as np

from pipelines.codecs.mel import SAMPLE_RATE, WINDOW, filters
from pipelines.score.frames import KEYS, LOWEST

# Overtones that are told apart, the higher the fewer.
GROUPS = ((1,), (2,), (3,), (4,), (5, 6), (7, 8, 9), tuple(range(10, 15)), tuple(range(15, 31)))


@lru_cache(maxsize=1)
def combs(bands: int) -> np.ndarray:
    """Magnitude [KEYS, GROUPS x bands] that overtones of strength 1 of each key have in each mel band, float32."""
    mel = filters().numpy()[:bands]
    lines = np.arange(mel.shape[1]) * SAMPLE_RATE / WINDOW
    found = np.zeros((KEYS, len(GROUPS), bands), np.float32)
    for key in range(KEYS):
        hertz = 440 * 2 ** ((LOWEST + key - 69) / 12)
        for group, overtones in enumerate(GROUPS):
            for overtone in overtones:
                if overtone * hertz < SAMPLE_RATE / 2:
                    # The main lobe of a Hann window is four lines wide; a raised cosine is near enough to it.
                    off = np.clip((lines - overtone * hertz) / (2 * SAMPLE_RATE / WINDOW), -1, 1)
                    found[key, group] += mel @ (0.5 + 0.5 * np.cos(np.pi * off)).astype(np.float32)
    return found.reshape(KEYS, -1)
