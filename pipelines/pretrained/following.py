"""A sound that a clip follows: how many frames it asks for, and the sound cut to the clip or filled up with silence."""

import math

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import resampled
from pipelines.errors import MediaError
from pipelines.media import Sound

SHORTEST, LONGEST = 0.2, 600.0  # seconds of a sound
SILENT = 1e-4  # of full scale: what never rises above it is nothing to follow


def check(sound: Sound) -> None:
    """Refuse a sound that no clip can follow.

    Raises:
        MediaError: it is silent, too short or too long.
    """
    if not SHORTEST <= sound.seconds <= LONGEST:
        raise MediaError(
            f"sound: lasts {sound.seconds:.2f} s, a clip can follow {SHORTEST:g} to {LONGEST:.0f} s; give another, or "
            "cut it"
        )
    if float(np.abs(sound.samples).max()) < SILENT:
        raise MediaError("sound: is silent from beginning to end; give one that can be heard, or leave it out")


def frames_for(seconds: float, rate: float, step: int, most: int) -> int:
    """The least number of frames, a multiple of ``step`` and one, that lasts ``seconds``; not above ``most``."""
    steps = math.ceil((seconds * rate - 1) / step - 1e-6)  # a sound cut to a clip's own length asks for it again
    return min(max(1, steps), (most - 1) // step) * step + 1


def fitted(sound: Sound, seconds: float) -> Sound:
    """Its own samples up to ``seconds``, silence after them; words that end within stay."""
    count = max(1, round(seconds * sound.sample_rate))
    kept = sound.samples[:, :count]
    samples = np.pad(kept, ((0, 0), (0, count - kept.shape[1])))
    words = tuple(word for word in sound.words if word.end <= seconds)
    return Sound(samples, sound.sample_rate, words)


def wave_of(sound: Sound, seconds: float, rate: int) -> Tensor:
    """``sound`` fitted to ``seconds``, [1 or 2, N] at ``rate``."""
    made = resampled(fitted(sound, seconds), rate)
    return torch.from_numpy(np.ascontiguousarray(made.samples))


def told(sound: Sound, frames: int, rate: float, follows: bool) -> str:
    """What becomes of a sound under a clip of so many frames; nothing where it is exactly as long."""
    clip = frames / rate
    if sound.seconds > clip + 1e-6:
        why = f"{frames} frames are the most" if follows else f"{frames} frames were asked for"
        return f"The sound lasts {sound.seconds:.1f} s, the clip {clip:.1f} s ({why}): what is beyond is left out."
    if abs(sound.seconds - clip) < 1e-6:
        return ""
    if follows:
        return f"As long as the sound, {sound.seconds:.1f} s: {frames} frames at {rate:g} a second."
    return f"The sound lasts {sound.seconds:.1f} s, the clip {clip:.1f} s: silence follows it."
