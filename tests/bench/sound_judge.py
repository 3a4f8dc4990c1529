"""A judge of sounds that hears mel frames: which instrument, which pitch class, major or minor.

It is trained on renders of its own, of another seed than the starter's, with noise and colour added so that it does not
lean on what only a clean render has. Its own accuracy, on the clips that the starter never saw, stands beside every
figure that it gives. It is kept in DATA/judge, since training takes a minute or two.
"""

from pathlib import Path

import numpy as np
import torch
from teaching import taught
from torch import nn

from pipelines.codecs.mel import BANDS, SILENCE, mel
from pipelines.score.instruments import INSTRUMENTS
from pipelines.training.data.packages import SOUNDFONT
from pipelines.training.data.sounds import Renderer, level, played

NAMES = [instrument.name for instrument in INSTRUMENTS]
QUALITIES = ["", "major", "minor", "seventh"]
FRAMES = 192  # that it hears at a time: 2 s
KINDS = ("note", "chord", "arpeggio")


class Judge(nn.Module):
    """Mel [B, BANDS, T] to logits of instrument, pitch class and quality."""

    def __init__(self, width=160):
        super().__init__()
        self.hear = nn.Sequential(
            nn.Conv1d(BANDS, width, 3, padding=1), nn.GELU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1), nn.GELU(),
        )  # fmt: skip
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, count))
            for count in (len(NAMES), 12, len(QUALITIES))
        )

    def forward(self, frames):
        heard = self.hear(frames - frames.mean((1, 2), keepdim=True))
        pooled = torch.cat([heard.mean(2), heard.amax(2)], 1)
        return [head(pooled) for head in self.heads]

    @torch.inference_mode()
    def verdicts(self, frames):
        """Most likely (instrument, pitch class, quality) of each sound of ``frames`` [B, BANDS, T]."""
        logits = self(frames[:, :, :FRAMES])
        return list(zip(*(each.argmax(1).tolist() for each in logits), strict=True))


def fitted(frames):
    """The first FRAMES of ``frames`` [T, BANDS], silence after the end."""
    found = np.full((FRAMES, BANDS), SILENCE, np.float32)
    found[: min(len(frames), FRAMES)] = frames[:FRAMES]
    return found


def labels(facts):
    return NAMES.index(facts.instrument), facts.root, QUALITIES.index(facts.quality)


def renders(packages, takes, seed=77):
    """Mels [N, BANDS, FRAMES] and labels [N, 3] of fresh renders."""
    renderer = Renderer(SOUNDFONT.fetch(packages) / "usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3")
    rng = np.random.default_rng(seed)
    sounds, found = [], []
    for instrument in INSTRUMENTS:
        for root in range(12):
            for kind in KINDS[:2] * takes + KINDS[2:]:
                wave, facts, _ = played(renderer, instrument, kind, root, rng)
                frames = mel(torch.from_numpy(level(wave)[: FRAMES * 256])[None])[0].T.numpy()
                sounds.append(fitted(frames).T)
                found.append(labels(facts))
    return torch.from_numpy(np.stack(sounds)), torch.tensor(found)


def trained(data: Path, steps: int = 500, takes: int = 1) -> Judge:
    """The judge of DATA/judge, trained the first time."""
    path = data / "judge" / "judge.safetensors"
    return taught(Judge, path, lambda: renders(data / "packages", takes), _loss, steps=steps, batch=64, decay=0.05)


def _loss(judge, frames, wanted, generator):
    logits = judge(_worn(frames, generator))
    return sum(
        weight * nn.functional.cross_entropy(each, target, label_smoothing=0.05)
        for weight, each, target in zip((1, 1, 0.5), logits, wanted.T, strict=True)
    )


def _worn(frames, generator):
    """With noise, another tone colour, and a start that is off by up to a quarter of a second."""
    count = len(frames)
    colour = 0.3 * torch.randn(count, 8, 1, generator=generator)
    colour = nn.functional.interpolate(colour.mT, size=BANDS, mode="linear").mT
    shift = int(torch.randint(24, (1,), generator=generator))
    noise = 0.15 * torch.rand(count, 1, 1, generator=generator) * torch.randn(frames.shape, generator=generator)
    return frames.roll(-shift, 2) + colour + noise
