"""Putting new sound into a recording whose other samples stay as they are, bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError

FADE = 0.008  # seconds over which old and new sound give way to each other, inside the new part


@dataclass(frozen=True)
class Patch:
    """Samples ``first`` to before ``last`` of a recording give way to ``samples`` float32 [channels, N]."""

    first: int
    last: int
    samples: np.ndarray


def spliced(recording: np.ndarray, patches: Sequence[Patch], sample_rate: int) -> np.ndarray:
    """``recording`` [channels, N] with its patches, in order and apart; every sample outside them is untouched.

    At both ends of a patch what it replaces fades out under it. Where a patch is empty, the beginning of what goes
    fades into its end, so that a cut makes no click; the result is then longer than both sides by one fade.

    Raises:
        MediaError: patches overlap or lie outside the recording.
    """
    parts: list[np.ndarray] = []
    done = 0
    for patch in patches:
        if not done <= patch.first <= patch.last <= recording.shape[1]:
            raise MediaError(f"patch: from {patch.first} to {patch.last} is outside the recording or overlaps another")
        parts += [recording[:, done : patch.first], _faded(recording, patch, round(FADE * sample_rate))]
        done = patch.last
    parts.append(recording[:, done:])
    return np.concatenate(parts, axis=1)


def _faded(recording: np.ndarray, patch: Patch, fade: int) -> np.ndarray:
    if not patch.samples.shape[1]:
        width = min(fade, patch.last - patch.first)
        rise = _rise(width)
        head = recording[:, patch.first : patch.first + width]
        tail = recording[:, patch.last - width : patch.last]
        return head * (1 - rise) + tail * rise
    made = patch.samples.astype(recording.dtype, copy=True)
    width = min(fade, made.shape[1] // 2)
    if patch.first:
        old = recording[:, patch.first : patch.first + width]
        rise = _rise(width)[: old.shape[1]]
        made[:, : old.shape[1]] = old * (1 - rise) + made[:, : old.shape[1]] * rise
    if patch.last < recording.shape[1]:
        old = recording[:, max(patch.last - width, 0) : patch.last]
        rise = _rise(width)[width - old.shape[1] :]
        start = made.shape[1] - old.shape[1]
        made[:, start:] = old * rise + made[:, start:] * (1 - rise)
    return made


def _rise(width: int) -> np.ndarray:
    """From 0 to 1 along half a cosine: voices on both sides are alike, so amplitudes add up, not powers."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(width) + 0.5) / max(width, 1))).astype(np.float32)


def step_at(samples: np.ndarray, place: int, sample_rate: int) -> float:
    """How much a seam at ``place`` of ``samples`` [channels, N] sticks out: the greatest second difference within one
    millisecond of it, over the 99.9th percentile of the second differences within 50 ms around; about 1 is no click.
    """
    near, around = round(0.001 * sample_rate), round(0.05 * sample_rate)
    curve = np.abs(np.diff(samples, n=2, axis=1)).max(0)
    here = curve[max(place - near, 0) : place + near]
    beside = curve[max(place - around, 0) : place + around]
    return float(here.max() / max(np.quantile(beside, 0.999), 1e-6)) if here.size else 0.0
