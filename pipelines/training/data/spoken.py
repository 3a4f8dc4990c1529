"""What a synthesiser says: sound, and when each phone is in it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spoken:
    """Samples float32 [N] at 24 kHz and the phones in them: (symbol, stress, seconds).

    Attributes:
        begins: which phones begin a word, where that is known.
        speed: how much faster it was asked to speak than it does by itself.
    """

    samples: np.ndarray
    phones: list[tuple[str, int, float]]
    begins: tuple[int, ...] = ()
    speed: float = 1.0
