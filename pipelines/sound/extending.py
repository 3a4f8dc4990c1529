"""Letting a sound go on: its last seconds are known, the next are filled in, window after window."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from pipelines.codecs.audio import resampled
from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.media import Sound
from pipelines.sound.filling import PATCH
from pipelines.sound.source import Source

CONTEXT = 96  # tokens of the sound so far that a window sees: 4.1 s
WINDOW = 72  # tokens that a window makes: 3.1 s
FADE = 0.04  # seconds over which the new part takes over
END_FADE = 0.02  # seconds in which its end dies away
# The last token of the source is made anew: its frames were read with silence behind them.
AGAIN = 1
TOKEN_SECONDS = PATCH * HOP / SAMPLE_RATE


@dataclass(frozen=True)
class Extension:
    """A sound that is going on.

    Attributes:
        latent: mel frames [1, BANDS, frames] so far, from the known end of the source on.
        given: tokens of it that are the source's.
        wanted: tokens that it should have at last.
    """

    latent: Tensor
    given: int
    wanted: int

    @classmethod
    def of(cls, source: Source, seconds: float) -> "Extension":
        """The end of ``source``, to go on for ``seconds``."""
        tail = source.tail(CONTEXT)
        tokens = tail.shape[2] // PATCH
        given = tokens - AGAIN
        return cls(tail[:, :, : given * PATCH], given, tokens + math.ceil(seconds / TOKEN_SECONDS) + 1)

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return self.latent.shape[2] // PATCH

    @property
    def windows(self) -> int:
        """Windows that are still to be made."""
        return math.ceil((self.wanted - self.tokens) / WINDOW)

    def window(self) -> tuple[Tensor, Tensor]:
        """The next window: data [1, BANDS, frames] with room at its end, and its known tokens [tokens] bool."""
        context = min(CONTEXT, self.tokens)
        fresh = min(WINDOW, self.wanted - self.tokens)
        known = torch.zeros(context + fresh, dtype=torch.bool)
        known[:context] = True
        return pad(self.latent[:, :, -context * PATCH :], (0, fresh * PATCH)), known

    def with_(self, window: Tensor, known: Tensor) -> "Extension":
        """With the tokens of ``window`` that were not known."""
        made = window[:, :, int(known.sum()) * PATCH :]
        return Extension(torch.cat([self.latent, made], dim=2), self.given, self.wanted)


def joined(source: Source, wave: np.ndarray, going: Extension, seconds: float) -> Sound:
    """``source`` and ``seconds`` more: ``wave`` is the vocoder's of ``going``, at the model's loudness.

    Every sample before the last :data:`FADE` seconds of the source stays as it is.
    """
    rate, channels = source.sound.sample_rate, source.sound.samples.shape[0]
    heard = source.wave
    end = (going.given + AGAIN) * PATCH * HOP  # of the source, within the wave
    wave = wave * _match(heard[-end:], wave[:end])
    fade = round(FADE * SAMPLE_RATE)
    new = wave[end - fade : end + round(seconds * SAMPLE_RATE)] / source.gain
    peak = max(1.0, float(np.abs(new).max()))
    fresh = resampled(Sound((new / peak).astype(np.float32)[None], SAMPLE_RATE), rate).samples[0] * peak
    over = round(fade / SAMPLE_RATE * rate)
    angle = np.linspace(0, np.pi / 2, over, dtype=np.float32)
    old = source.sound.samples
    joint = np.cos(angle) * old[:, old.shape[1] - over :] + np.sin(angle) * fresh[:over]
    rest = np.repeat(fresh[None, over:], channels, axis=0)
    fall = min(round(END_FADE * rate), rest.shape[1])
    rest[:, rest.shape[1] - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    made = np.concatenate([old[:, : old.shape[1] - over], np.clip(joint, -1, 1), np.clip(rest, -1, 1)], axis=1)
    return Sound(made.astype(np.float32), rate, source.sound.words)


def _match(original: np.ndarray, resynthesised: np.ndarray) -> np.float32:
    """Gain that brings the vocoder's version of the source's last second to the source's level, within 6 dB."""
    last = slice(-SAMPLE_RATE, None)
    was, now = (float(np.sqrt(np.square(part[last]).mean())) for part in (original, resynthesised))
    return np.float32(np.clip(was / max(now, 1e-6), 0.5, 2.0))
