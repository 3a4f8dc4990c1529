"""A score drawn along mel frames: what every key does in every frame."""

import math

import numpy as np

from pipelines.score.score import Score

FRAME_RATE = 24_000 / 256  # mel frames a second
LOWEST, KEYS = 21, 96  # MIDI keys 21 to 116 of instruments
FIRST_DRUM, DRUMS = 35, 47  # General MIDI percussion keys 35 to 81
SLOTS = KEYS + DRUMS + 1  # the last is the one of noises and recordings
CURVES = 4  # of each slot, see frames_of
FEATURES = CURVES * SLOTS
STRIKE, FADE, RING = 4.0, 40.0, 30.0  # frames in which a curve falls to 1/e


def frames_of(score: Score, frames: int, start: int = 0) -> np.ndarray:
    """Curves [FEATURES, frames] float32 of ``score`` from frame ``start`` on.

    Of each slot: the velocity (0 to 1) while it is held, the velocity falling from the strike within 4 frames, and
    within 40, and what rings on after it was let go. A key struck again begins anew. Keys beyond the range are drawn
    at its end's octave.
    """
    total = start + frames
    drawn = np.zeros((CURVES, SLOTS, total), np.float32)
    for note in sorted(score.notes, key=lambda note: note.start):
        begin, end = (math.floor(note.start * FRAME_RATE), round((note.start + note.seconds) * FRAME_RATE))
        first = max(0, begin)
        if first >= total:
            break
        here = drawn[:, slot_of(score.timbre, note.key), first:]
        ages = np.arange(first - begin, first - begin + here.shape[1], dtype=np.float32)
        since = ages - (end - begin)  # frames since it was let go
        here[0] = since < 0
        here[1] = np.exp(-ages / STRIKE)
        here[2] = np.exp(-ages / FADE)
        here[3] = np.where(since < 0, 0, np.exp(-np.maximum(since, 0) / RING))
        here *= note.velocity / 127
    return drawn.reshape(FEATURES, -1)[:, start:]


def slot_of(timbre: str, key: int) -> int:
    """Where ``key`` of ``timbre`` is drawn."""
    if timbre.startswith("kit"):
        return KEYS + min(max(key - FIRST_DRUM, 0), DRUMS - 1)
    if timbre.startswith(("noise", "recording")):
        return SLOTS - 1
    while key < LOWEST:
        key += 12
    while key >= LOWEST + KEYS:
        key -= 12
    return key - LOWEST
