"""Sounds that a person drops in, as the model reads them, and back."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from pipelines.codecs.audio import loudness, mono, resampled
from pipelines.codecs.mel import HOP, SAMPLE_RATE, SILENCE, mel
from pipelines.codecs.pitches import pitches
from pipelines.errors import MediaError
from pipelines.media import Sound
from pipelines.sound.filling import PATCH

LEARNT_LUFS = -20.0  # loudness of the clips that the model learned from
LONGEST, SHORTEST = 10.24, 0.1  # seconds that are edited as a whole
SILENT_LUFS = -70.0


@dataclass(frozen=True)
class Source:
    """A dropped sound at the model's loudness.

    Attributes:
        sound: as it came.
        gain: factor by which its samples were multiplied.
    """

    sound: Sound
    gain: float

    @classmethod
    def of(cls, sound: Sound, *, longest: float | None = LONGEST) -> "Source":
        """Check ``sound`` and measure it.

        Raises:
            MediaError: it is silent, too short, or longer than ``longest`` seconds.
        """
        if sound.seconds < SHORTEST:
            raise MediaError(f"sound: lasts {sound.seconds:.3f} s; there must be at least {SHORTEST} s to work on")
        if longest is not None and sound.seconds > longest:
            raise MediaError(
                f"sound: lasts {sound.seconds:.1f} s, at most {longest:.0f} s can be edited at once; trim it to the "
                "part that should change, or let it go on instead"
            )
        found = loudness(mono(sound))
        if found < SILENT_LUFS:
            raise MediaError("sound: is silent (below -70 LUFS); there is nothing to work on")
        return cls(sound, 10 ** ((LEARNT_LUFS - found) / 20))

    @cached_property
    def wave(self) -> np.ndarray:
        """Mono at 24 kHz and the model's loudness, float32 [N]; may pass full scale, which the mel does not mind."""
        return resampled(mono(self.sound), SAMPLE_RATE).samples[0] * np.float32(self.gain)

    def latent(self) -> Tensor:
        """Its mel frames [1, BANDS, frames], silence added up to whole tokens."""
        frames = mel(torch.from_numpy(self.wave)[None])
        missing = math.ceil(frames.shape[2] / PATCH) * PATCH - frames.shape[2]
        return pad(frames, (0, missing), value=SILENCE)

    def by_pitch(self) -> Tensor:
        """Its rows by pitch [1, BINS, frames / PATCH], as :mod:`pipelines.codecs.pitches` reads them."""
        return pitches(torch.from_numpy(self.wave)[None])

    def last(self, seconds: float) -> "Source":
        """Its last ``seconds``, at the same gain."""
        count = round(seconds * self.sound.sample_rate)
        return Source(Sound(self.sound.samples[:, -count:], self.sound.sample_rate), self.gain)

    def tail(self, tokens: int) -> Tensor:
        """The last ``tokens`` as mel frames [1, BANDS, tokens x PATCH] that end where it ends; fewer if it is short."""
        wanted = min(tokens, len(self.wave) // (HOP * PATCH)) * HOP * PATCH
        # The first frames are read with what lies before them, not with silence.
        before = min(len(self.wave) - wanted, HOP * PATCH) // HOP * HOP
        frames = mel(torch.from_numpy(self.wave[len(self.wave) - wanted - before :])[None])
        return frames[:, :, before // HOP :]
