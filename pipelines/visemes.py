"""Mouth shapes of speech: fifteen visemes, when each is made, and what they do to lips and jaw.

The visemes are the customary fifteen (silence, PP, FF, TH, DD, kk, CH, SS, nn, RR, aa, E, I, O, U). Coarticulation
follows Cohen and Massaro (Modeling Coarticulation in Synthetic Visual Speech, 1993): every phone pulls the mouth toward
its own shape with a strength that falls off exponentially around its middle.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import MediaError
from pipelines.media import CHANNELS, VISEMES

Floats = NDArray[np.float32]

JAW, BLINK = len(VISEMES), len(VISEMES) + 1
SHAPE = ("open", "wide", "teeth", "tongue", "smile")

# Each phone of the alphabet (pipelines/reading/phones.py) as one viseme, or as two where it glides.
_OF_PHONE: dict[str, str] = {
    "b": "PP", "p": "PP", "m": "PP", "f": "FF", "v": "FF", "θ": "TH", "ð": "TH", "t": "DD", "d": "DD", "l": "DD",
    "T": "DD", "ɾ": "DD", "n": "nn", "ŋ": "nn", "k": "kk", "ɡ": "kk", "h": "kk", "ʔ": "kk", "ʧ": "CH", "ʤ": "CH",
    "ʃ": "CH", "ʒ": "CH", "s": "SS", "z": "SS", "ɹ": "RR", "ɜ": "RR", "w": "U", "j": "I", "ɑ": "aa", "æ": "aa",
    "ʌ": "aa", "ɐ": "aa", "ə": "E", "ᵊ": "E", "ɛ": "E", "ɪ": "E", "ᵻ": "E", "i": "I", "ɔ": "O", "u": "U", "ʊ": "U",
    "A": "E I", "I": "aa I", "O": "O U", "W": "aa U", "Y": "O I",
}  # fmt: skip
# open: how far the jaw drops; wide: from -1, lips rounded, to 1, spread; then teeth and tongue that can be seen.
_SHAPES: dict[str, tuple[float, float, float, float]] = {
    "sil": (0.0, 0.0, 0.0, 0.0), "PP": (0.0, -0.1, 0.0, 0.0), "FF": (0.1, 0.1, 0.8, 0.0), "TH": (0.25, 0.1, 0.5, 0.9),
    "DD": (0.28, 0.15, 0.6, 0.4), "kk": (0.35, 0.1, 0.4, 0.2), "CH": (0.25, -0.55, 0.7, 0.0),
    "SS": (0.15, 0.4, 0.9, 0.0), "nn": (0.25, 0.1, 0.5, 0.4), "RR": (0.3, -0.4, 0.4, 0.2), "aa": (1.0, 0.1, 0.4, 0.4),
    "E": (0.55, 0.45, 0.6, 0.3), "I": (0.3, 0.8, 0.8, 0.1), "O": (0.7, -0.6, 0.1, 0.1), "U": (0.25, -0.95, 0.0, 0.0),
}  # fmt: skip
TABLE: Floats = np.array([_SHAPES[name] for name in VISEMES], np.float32)
# How hard a viseme pulls. Lips that must meet do meet, whatever is around them.
_PULL = {"sil": 0.7, "PP": 3.0, "FF": 2.0, "CH": 1.4, "U": 1.3, "O": 1.2, "kk": 0.5, "DD": 0.7, "nn": 0.7}
_NEAR = 4  # phones to either side that pull at a moment
OPENS = TABLE[:, 0]


def phone_weights(symbols: str, seconds: Sequence[float], rate: float, stresses: Sequence[int] = ()) -> Floats:
    """Weights [T, 17] in [0, 1] of :data:`CHANNELS`, ``rate`` rows a second, of phones spoken one after the other.

    Visemes of a row sum to 1; jaw is how far it drops, more on stressed vowels; blink is 0.

    Args:
        symbols: phones of :mod:`pipelines.reading`; what is none is silence.
        seconds: how long each lasts.
        rate: rows a second, each taken at its middle.
        stresses: 0, 1 or 2 of each phone, where known.

    Raises:
        MediaError: there are not as many times as phones.
    """
    if len(symbols) != len(seconds):
        raise MediaError(f"visemes: {len(symbols)} phones but {len(seconds)} durations")
    ends = np.cumsum(np.asarray(seconds, np.float64))
    total = float(ends[-1]) if len(ends) else 0.0
    targets, centres, spreads, pulls, gains = _segments(symbols, np.diff(ends, prepend=0.0), stresses)
    times = (np.arange(max(1, round(total * rate))) + 0.5) / rate
    near = np.searchsorted(centres, times)[:, None] + np.arange(-_NEAR, _NEAR)
    inside = (near >= 0) & (near < len(centres))
    near = near.clip(0, len(centres) - 1)
    # The fall-off is taken beyond the middle third of a phone, so that long ones are held and not only touched.
    away = np.maximum(np.abs(times[:, None] - centres[near]) - spreads[near] / 3, 0)
    pull = inside * pulls[near] * np.exp(-away / (0.020 + 0.16 * spreads[near]))
    pull /= pull.sum(1, keepdims=True) + 1e-9
    weights = np.zeros((len(times), len(CHANNELS)), np.float32)
    for column in range(near.shape[1]):
        np.add.at(weights, (np.arange(len(times)), targets[near[:, column]]), pull[:, column])
    jaw = (pull * (OPENS[targets] * gains)[near]).sum(1)
    weights[:, JAW] = jaw.clip(0, 1)
    return weights


def _segments(symbols: str, lengths: np.ndarray, stresses: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Viseme, middle, length, pull and jaw gain of each part of each phone."""
    targets, centres, spreads, pulls, gains = [], [], [], [], []
    begin = 0.0
    for index, (symbol, length) in enumerate(zip(symbols, lengths, strict=True)):
        parts = _OF_PHONE.get(symbol, "sil").split()
        stress = stresses[index] if len(stresses) else 0
        for place, part in enumerate(parts):
            own = length / len(parts)
            targets.append(VISEMES.index(part))
            centres.append(begin + own * (place + 0.5))
            spreads.append(own)
            pulls.append(_PULL.get(part, 1.0))
            # Of a short vowel the jaw does not come all the way down; a stressed one it opens fully.
            full = min(1.0, 0.55 + own / 0.16) if _SHAPES[part][0] > 0.4 else 1.0
            gains.append(full * {1: 1.0, 2: 0.9}.get(stress, 0.85 if len(stresses) else 0.92))
        begin += length
    if not targets:
        return np.zeros(1, int), np.zeros(1), np.ones(1), np.ones(1), np.ones(1)
    return (np.array(targets), np.array(centres), np.array(spreads), np.array(pulls), np.array(gains))


def shape_of(weights: Floats, strength: float = 1.0, expressiveness: float = 1.0) -> Floats:
    """What the mouth does, [T, 5] of :data:`SHAPE`, under ``weights`` [T, 17].

    Args:
        weights: as a track holds them.
        strength: factor on how far the mouth opens.
        expressiveness: factor on how far everything else is from rest.
    """
    visemes = weights[:, : len(VISEMES)]
    shape = np.zeros((len(weights), len(SHAPE)), np.float32)
    shape[:, :4] = visemes @ TABLE
    shape[:, 0] = weights[:, JAW] * strength
    shape[:, 1:4] *= expressiveness
    # Teeth and tongue cannot be seen in a mouth that is shut.
    seen = np.clip(shape[:, 0] / 0.12, 0, 1)
    shape[:, 2:4] *= seen[:, None]
    return np.clip(shape, (0, -1, 0, 0, -1), 1).astype(np.float32)


def resampled(weights: Floats, rate: float, times: np.ndarray) -> Floats:
    """Rows of ``weights`` [T, C] at ``times`` in seconds [N]; before and after they hold the silent mouth."""
    place = np.asarray(times) * rate - 0.5
    low = np.floor(place).astype(int)
    part = (place - low)[:, None].astype(np.float32)
    silent = np.zeros((1, weights.shape[1]), np.float32)
    silent[0, 0] = 1
    padded = np.concatenate([silent, weights, silent])
    last = len(padded) - 1
    return padded[(low + 1).clip(0, last)] * (1 - part) + padded[(low + 2).clip(0, last)] * part
