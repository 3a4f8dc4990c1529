"""A score drawn along mel frames: what every key does in every frame, and how old the sound is."""

import math

import numpy as np

from pipelines.score.happenings import NO_KEY
from pipelines.score.score import Score

FRAME_RATE = 24_000 / 256  # mel frames a second
LOWEST, KEYS = 21, 96  # MIDI keys 21 to 116 of instruments
FIRST_DRUM, DRUMS = 35, 47  # General MIDI percussion keys 35 to 81
SLOTS = KEYS + DRUMS + 1  # the last is the one of what has no pitch, and of recordings
CURVES = 4  # of each slot, see frames_of
# Ages in frames, about half an octave apart, between which a network reads how long ago the last strike was, and how
# long ago the last key was let go: how a sound falls depends on what sounds, and cannot be drawn.
STRUCK = (0, 1, 2, 4, 6, 9, 13, 19, 28, 40, 57, 80, 113, 160, 226, 320, 640)
LET_GO = (0, 2, 4, 8, 14, 24, 40, 64, 100, 160)
CLOCK = len(STRUCK) + len(LET_GO)
FEATURES = CURVES * SLOTS + CLOCK
STRIKE, FADE, RING = 4.0, 40.0, 30.0  # frames in which a curve falls to 1/e


def frames_of(score: Score, frames: int, start: int = 0) -> np.ndarray:
    """Curves [FEATURES, frames] float32 of ``score`` from frame ``start`` on.

    Of each slot: the velocity (0 to 1) while it is held, the velocity falling from the strike within 4 frames, and
    within 40, and what rings on after it was let go. A key struck again begins anew. Keys beyond the range are drawn
    at its end's octave. Then the ages of the last strike and, while no key is held, of the last release, each as the
    weights of the two nearest of :data:`STRUCK` and :data:`LET_GO`; zeros before the first note.
    """
    total = start + frames
    drawn = np.zeros((CURVES, SLOTS, total), np.float32)
    struck, held_until = np.full(total, total), np.full(total, -(10**9))
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
        struck[first:] = begin
        held_until[first:] = np.maximum(held_until[first:], end)
    now = np.arange(total)
    begun = struck <= now
    clock = [
        _between(STRUCK, now - struck) * begun,
        _between(LET_GO, now - held_until) * (begun & (now >= held_until)),
    ]
    return np.concatenate([drawn.reshape(CURVES * SLOTS, -1), *clock])[:, start:].astype(np.float32)


def _between(ages: tuple[int, ...], age: np.ndarray) -> np.ndarray:
    """How near ``age`` [T] is to each of ``ages``: [ages, T], 1 at it, falling to 0 at its neighbours."""
    return np.stack([np.interp(age, ages, row) for row in np.eye(len(ages))])


def slot_of(timbre: str, key: int) -> int:
    """Where ``key`` of ``timbre`` is drawn."""
    if timbre.startswith("kit"):
        return KEYS + min(max(key - FIRST_DRUM, 0), DRUMS - 1)
    if timbre.startswith("recording") or (timbre.startswith("noise") and key == NO_KEY):
        return SLOTS - 1
    while key < LOWEST:
        key += 12
    while key >= LOWEST + KEYS:
        key -= 12
    return key - LOWEST
