"""What trains the sound starter: crops of clips with captions, and spans of them to fill in."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.backbone.text import Tokenizer
from pipelines.codecs.mel import BANDS, SILENCE
from pipelines.models.network import NetworkConfig, StarterNetwork, vocabulary
from pipelines.models.notes import spelled
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.packages import GLOVE
from pipelines.training.data.sound_captions import caption
from pipelines.training.data.sounds import PACKAGES, Clip, SoundSet
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import Density, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

PATCH = 4  # frames of one token: 43 ms
TOKENS = 240  # of the longest sound in training's range, 10.24 s
SOUND = NetworkConfig(BackboneConfig(channels=BANDS, grid=(TOKENS,), patch=(PATCH,), dim=256, heads=4, bottleneck=192))
SOUND_SETTINGS = TrainSettings(steps=20_000, warmup=60, decay=0.3, muon_rate=0.0, adam_rate=8e-4, ema=0.995)
# Tokens of a batch's crops, how many crops it holds, and the share of such batches: about equal work each.
CROPS = ((24, 20, 0.25), (48, 12, 0.4), (96, 7, 0.25), (188, 4, 0.1))
EMPTY = 0.1  # share of prompts left empty, for guidance
INFILL = 0.3  # share of batches that learn to fill in rather than to begin


class Batch(NamedTuple):
    """``data`` [B, BANDS, frames], prompts as the tokenizer reads them, and ``known`` tokens [B, tokens] bool."""

    data: Tensor
    prompts: list[str]
    known: Tensor | None


@dataclass(frozen=True)
class Crops:
    """Batches of one length each; what is drawn depends on (seed, step) alone."""

    sounds: SoundSet
    seed: int = 0

    def batch(self, step: int) -> Batch:
        """The batch of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        tokens, count, _ = CROPS[rng.choice(len(CROPS), p=[share for *_, share in CROPS])]
        infill = bool(rng.random() < INFILL)
        rows = rng.choice(len(self.sounds.clips), count, p=_chances(self.sounds))
        clips = [self.sounds.clips[row] for row in rows]
        data = np.stack([self._crop(clip, tokens * PATCH, infill, rng) for clip in clips])
        prompts = ["" if rng.random() < EMPTY else spelled(caption(clip.facts, rng)) for clip in clips]
        known = torch.from_numpy(np.stack([known_tokens(tokens, rng) for _ in clips])) if infill else None
        return Batch(torch.from_numpy(data), prompts, known)

    def _crop(self, clip: Clip, frames: int, anywhere: bool, rng: np.random.Generator) -> np.ndarray:
        """[BANDS, frames] of ``clip``, silence after its end.

        A sound that is made begins at its beginning, but for one in ten; one to go on with begins anywhere.
        """
        room = max(0, clip.frames - frames)
        start = int(rng.integers(room + 1)) if anywhere or rng.random() < 0.1 else 0
        found = self.sounds.mel(clip)[start : start + frames].astype(np.float32)
        padded = np.full((frames, BANDS), SILENCE, np.float32)
        padded[: len(found)] = found
        return padded.T


_CHANCES: dict[int, np.ndarray] = {}


def _chances(sounds: SoundSet) -> np.ndarray:
    key = id(sounds)
    if key not in _CHANCES:
        _CHANCES[key] = sounds.weights()
    return _CHANCES[key]


def known_tokens(tokens: int, rng: np.random.Generator) -> np.ndarray:
    """Which of ``tokens`` are given: the beginning (to go on), both ends (a gap, a loop's seam) or the end."""
    share = rng.uniform(0.25, 0.8)
    count = int(np.clip(round(share * tokens), 1, tokens - 1))
    known = np.zeros(tokens, bool)
    kind = rng.random()
    if kind < 0.5:
        known[:count] = True
    elif kind < 0.9:
        first = int(rng.integers(1, max(2, count)))
        known[:first] = True
        known[tokens - max(1, count - first) :] = True
    else:
        known[tokens - count :] = True
    return known


@dataclass(frozen=True)
class SoundObjective:
    """Velocity loss on crops; where tokens are known they stand at sigma 0 and count for nothing in the loss."""

    crops: Crops
    tokenizer: Tokenizer
    density: Density
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        batch = self.crops.batch(step)
        tokens = self.tokenizer(batch.prompts)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(len(batch.data), generator)
        noise = torch.randn(batch.data.shape, generator=generator)
        free = torch.ones_like(batch.data[:, :1])
        levels = sigma
        if batch.known is not None:
            levels = sigma[:, None] * ~batch.known
            free = (~batch.known).float().repeat_interleave(PATCH, dim=1)[:, None]
        level = sigma[:, None, None] * free
        x = (1 - level) * batch.data + level * noise
        with half_where_fast():
            estimate = model(x, levels, tokens.words, tokens.pieces)
        return velocity_loss(estimate, batch.data, sigma, free=free).mean()


def sound_network(config: NetworkConfig = SOUND, seed: int = 0) -> tuple[StarterNetwork, Tokenizer]:
    """An untrained sound network with its tokenizer; the same seed gives the same weights."""
    words, vectors = vocabulary()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        network = StarterNetwork(config, vectors)
    # The encoder's body stays as it begins: trained from nothing it grows one large constant that all prompts share
    # (the difference of two prompts fell to 2% of the output), and the words are lost in it. Random layers over word
    # vectors keep words apart, and what is read out of them is learned.
    for name, parameter in network.text.named_parameters():
        parameter.requires_grad_(name.startswith(("to_context", "to_pooled")))
    return network, Tokenizer(words, config.text_length)


def sound(
    data: Path, run: Path, *, steps: int | None = None, compile_model: bool = True, config: NetworkConfig = SOUND
) -> tuple[Trainer, StarterNetwork]:
    """The sound starter on the prepared clips in ``data``; ``run`` is the folder to train in or to resume."""
    settings = SOUND_SETTINGS if steps is None else replace(SOUND_SETTINGS, steps=steps)
    network, tokenizer = sound_network(config, settings.seed)
    clips = SoundSet.load(data).subset(held_out=False)
    # A sound shows through very much noise, since its bands and frames repeat each other: at sigma .95 a fifth of its
    # variance is left to guess, and the words decide above that. So training looks there most.
    objective = SoundObjective(Crops(clips, settings.seed), tokenizer, logit_normal(2.0, 1.6, 0.05), settings.seed)
    if compile_model:
        for block in network.backbone.blocks:
            block.compile(dynamic=True)  # one graph for all blocks and lengths: a few shapes would cost minutes each
    return Trainer(network, objective, settings, run), network


def export_sound(run: Path, folder: Path, config: NetworkConfig = SOUND) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them; ``tests/bench/sounds.py --json`` writes the former.
    """
    done = Finished.read(run)
    described = {
        "kind": "sound", "backbone": config.backbone.to_dict(), "text_length": config.text_length,
        "steps": done.step,
    }  # fmt: skip
    save_weights(done.average, described, folder)
    crops = done.step * sum(count * share for _, count, share in CROPS)
    facts = [
        ("parameters", f"{millions(done.average):.1f} M"),
        ("signal", "100 log-mel bands, 93.75 frames a second, 24 kHz mono; clean-signal prediction, velocity loss"),
        ("steps", f"{done.step:,} of 4 to 20 crops of 8 to 1 s (about {crops:,.0f} crops)"),
        ("tasks", f"words to sound; {INFILL:.0%} of the batches fill in spans, with a noise level per token"),
        ("compute", f"{done.minutes:.0f} minutes on one CPU core, shared with other work, bf16 autocast"),
        ("optimizer", "AdamW; linear decay at the end of the run; EMA of the weights"),
        ("seed", str(SOUND_SETTINGS.seed)),
        ("command", "`python -m pipelines.training prepare sound && python -m pipelines.training train sound`"),
        *done.remarks,
    ]
    card = Card(
        "sound-starter",
        "Makes and edits a few seconds of music and sounds from words: one instrument or drum kit at a time, or one of "
        "some thirty-five noises, on a laptop CPU.",
        (*PACKAGES, GLOVE),
        facts,
        (
            "Early in its training: the words hardly steer it yet (see what was measured).",
            "One instrument at a time: no songs, no singing of words, no mixes.",
            "Instruments sound like the General MIDI sound font that it learned from.",
            "One combination in twenty of instrument, material and key was held out of training.",
            "A note has a name but no octave: 'low' and 'high' are as near as it gets.",
            "Sounds longer than 10 s are made by going on from their last seconds.",
            "Prompts beyond 15 words are cut, and the app says which words were left out.",
        ),
        done.metrics,
    )
    card.save(folder)
