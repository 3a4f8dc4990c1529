"""What trains the sound starter: crops of clips with their scores, and spans of them to fill in."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mel import BANDS, SILENCE
from pipelines.errors import StudioError
from pipelines.models.sound import Sheet, Sketch, SoundConfig, SoundNetwork, sheet_of
from pipelines.models.weights import fill, save_weights
from pipelines.score import NOTHING, Score
from pipelines.score.noises import MODIFIERS, modifiers_of
from pipelines.score.timbres import TIMBRES
from pipelines.training.card import Card
from pipelines.training.data.sounds import PACKAGES, Clip, SoundSet
from pipelines.training.finished import Finished, averages, millions
from pipelines.training.objectives import Density, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

PATCH = 4  # frames of one token: 43 ms
TOKENS = 240  # of the longest sound in training's range, 10.24 s
SOUND = SoundConfig(
    BackboneConfig(channels=BANDS, grid=(TOKENS,), patch=(PATCH,), dim=256, heads=4, bottleneck=192, reference=True),
    TIMBRES,
    MODIFIERS,
)
SOUND_SETTINGS = TrainSettings(steps=3000, warmup=60, decay=0.4, muon_rate=0.0, adam_rate=1e-3, ema=0.995)
SOUND_AGAIN = replace(SOUND_SETTINGS, steps=8000, decay=0.6, adam_rate=6e-4, ema=0.998, seed=1)
SKETCH_SETTINGS = TrainSettings(steps=4000, warmup=30, decay=0.4, muon_rate=0.0, adam_rate=3e-3, ema=0.99)
SKETCH_AGAIN = replace(SKETCH_SETTINGS, steps=3000, decay=0.7, adam_rate=1.5e-3, seed=1)
# Tokens of a batch's crops, how many crops it holds, and the share of such batches: about equal work each.
CROPS = ((24, 20, 0.25), (48, 12, 0.4), (96, 7, 0.25), (188, 4, 0.1))
SKETCH_CROPS = ((24, 10, 0.7), (48, 6, 0.3))  # the sketch sees a frame at a time, so many short ones teach it most
# Share of crops that begin anywhere: the sketch's are short and must show it the ends of sounds, too.
ANYWHERE, SKETCH_ANYWHERE = 0.2, 0.6
EMPTY = 0.1  # share of scores left out, for guidance
NAMELESS = 0.05  # share of scores without a timbre: what a recording's notes say when nobody says what plays them
NOTELESS = 0.05  # share of scores without notes: what is said of a recording of which no notes are known
INFILL = 0.25  # share of batches that learn to fill in rather than to begin
LOWEST = 0.2  # noise level below which an error counts no more than there


class Batch(NamedTuple):
    """``data`` [B, BANDS, frames], scores as the network reads them, and ``known`` tokens [B, tokens] bool."""

    data: Tensor
    sheet: Sheet
    known: Tensor | None


@dataclass(frozen=True)
class Crops:
    """Batches of one length each; what is drawn depends on (seed, step) alone."""

    sounds: SoundSet
    config: SoundConfig = SOUND
    seed: int = 0
    shapes: tuple[tuple[int, int, float], ...] = CROPS
    anywhere: float = ANYWHERE
    chances: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Weigh the clips once."""
        object.__setattr__(self, "chances", self.sounds.weights())

    def batch(self, step: int) -> Batch:
        """The batch of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        tokens, count, _ = self.shapes[rng.choice(len(self.shapes), p=[share for *_, share in self.shapes])]
        infill = bool(rng.random() < INFILL)
        rows = rng.choice(len(self.sounds.clips), count, p=self.chances)
        clips = [self.sounds.clips[row] for row in rows]
        frames = tokens * PATCH
        # A sound that is made begins at its beginning, most of the time; one to go on with begins anywhere.
        starts = [
            int(rng.integers(max(0, clip.frames - frames) + 1)) if infill or rng.random() < self.anywhere else 0
            for clip in clips
        ]
        data = np.stack([self._crop(clip, start, frames) for clip, start in zip(clips, starts, strict=True)])
        sheet = sheet_of(self.config, [told(clip, rng) for clip in clips], frames, starts)
        known = torch.from_numpy(np.stack([known_tokens(tokens, rng) for _ in clips])) if infill else None
        return Batch(torch.from_numpy(data), sheet, known)

    def _crop(self, clip: Clip, start: int, frames: int) -> np.ndarray:
        """[BANDS, frames] of ``clip`` from ``start`` on, silence after its end."""
        found = self.sounds.mel(clip)[start : start + frames].astype(np.float32)
        padded = np.full((frames, BANDS), SILENCE, np.float32)
        padded[: len(found)] = found
        return padded.T


def told(clip: Clip, rng: np.random.Generator) -> Score:
    """What the network is told of a clip: its score with the words of one caption, or a part of it, or nothing."""
    chance, score = rng.random(), clip.score
    if clip.facts.kind == "effect":
        score = replace(score, words=modifiers_of(str(rng.choice(clip.facts.captions))))
    if chance < EMPTY:
        return NOTHING
    if chance < EMPTY + NAMELESS and score.played:
        return replace(score, timbre="")
    if chance > 1 - NOTELESS:
        return replace(score, notes=())
    return score


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
class SketchObjective:
    """Mean squared error of the sketch where a timbre is told."""

    crops: Crops

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        batch = self.crops.batch(step)
        with half_where_fast():
            mel, _, _ = model(batch.sheet)
        named = (batch.sheet.timbre > 0).float()
        return ((mel - batch.data).square().flatten(1).mean(1) * named).sum() / named.sum().clamp(min=1)


@dataclass(frozen=True)
class SoundObjective:
    """Velocity loss on crops; where tokens are known they stand at sigma 0 and count for nothing in the loss."""

    crops: Crops
    density: Density
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        batch = self.crops.batch(step)
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
            estimate = model(x, levels, batch.sheet)
        return velocity_loss(estimate, batch.data, sigma, free=free, floor=LOWEST).mean()


def sound_network(config: SoundConfig = SOUND, seed: int = 0) -> SoundNetwork:
    """An untrained sound network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        return SoundNetwork(config)


def sketch(
    data: Path, run: Path, *, steps: int | None = None, warm: Path | None = None, config: SoundConfig = SOUND
) -> tuple[Trainer, Sketch]:
    """The sketch of the sound starter on the prepared clips in ``data``; train it before :func:`sound`.

    A fresh run goes on from that of the starter in folder ``warm``, where given.
    """
    settings = (SKETCH_SETTINGS if warm is None else SKETCH_AGAIN).lasting(steps)
    whole = sound_network(config, settings.seed)
    if warm is not None:
        fill(whole, warm)
    network = whole.sketch
    crops = Crops(SoundSet.load(data).subset(held_out=False), config, settings.seed, SKETCH_CROPS, SKETCH_ANYWHERE)
    return Trainer(network, SketchObjective(crops), settings, run), network


def sound(
    data: Path, run: Path, *, steps: int | None = None, sketched: Path | None = None, warm: Path | None = None,
    config: SoundConfig = SOUND,
) -> tuple[Trainer, SoundNetwork]:  # fmt: skip
    """The sound starter on the prepared clips in ``data``; ``run`` is the folder to train in or to resume.

    ``sketched`` is the run of its sketch, which is held still; by default the folder ``sketch`` beside ``run``. A fresh
    run goes on from the starter in folder ``warm``, where given, with other crops than it has seen, and with that
    starter's sketch where there is no run of another.

    Raises:
        StudioError: the sketch was not trained.
    """
    settings = (SOUND_SETTINGS if warm is None else SOUND_AGAIN).lasting(steps)
    network = sound_network(config, settings.seed)
    folder = sketched or run.with_name("sketch")
    if warm is not None:
        fill(network, warm)
    if (folder / "state.safetensors").exists():
        network.sketch.load_state_dict(averages(folder))
    elif warm is None:
        raise StudioError(f"{folder}: no sketch here; run `python -m pipelines.training train sketch` first")
    network.sketch.requires_grad_(False)
    crops = Crops(SoundSet.load(data).subset(held_out=False), config, settings.seed)
    # A sound shows through much noise, since its bands and frames repeat each other, so training looks high up; but
    # what the sketch leaves open is little, and is decided lower than where words alone say what to hear.
    objective = SoundObjective(crops, logit_normal(0.5, 1.3, 0.05), settings.seed)
    return Trainer(network, objective, settings, run), network


def export_sound(run: Path, folder: Path, config: SoundConfig = SOUND) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them; ``tests/bench/sounds.py --json`` writes the former.
    """
    done, beside = Finished.read(run), run.with_name("sketch")
    sketched = Finished.read(beside) if beside.exists() else None  # none where a starter was trained on
    of_sketch = sum(t.numel() for name, t in done.average.items() if name.startswith("sketch."))
    described = {
        "kind": "sound", "backbone": config.backbone.to_dict(), "timbres": config.timbres,
        "words": config.words, "width": config.width, "depth": config.depth, "steps": done.step,
    }  # fmt: skip
    save_weights(done.average, described, folder)
    crops = done.step * sum(count * share for _, count, share in CROPS)
    facts = [
        ("parameters", f"{millions(done.average):.1f} M, of which the sketch is {of_sketch / 1e6:.1f} M"),
        ("signal", "100 log-mel bands, 93.75 frames a second, 24 kHz mono; clean-signal prediction, velocity loss"),
        ("steps", f"{done.step:,} of 4 to 20 crops of 8 to 1 s (about {crops:,.0f} crops)"),
        ("condition", "a score, drawn frame by frame: keys struck and held, what sounds, words that vary a noise"),
        ("tasks", f"score to sound; {INFILL:.0%} of the batches fill in spans, with a noise level per token"),
        (
            "sketch",
            f"{sketched.step:,} steps of 6 to 10 crops of 1 to 2 s before, mean squared error; then held still"
            if sketched is not None
            else "that of the starter which it went on from, held still",
        ),
        (
            "compute",
            f"{done.minutes + (sketched.minutes if sketched is not None else 0):.0f} minutes on one CPU core, shared "
            "with other work, bf16",
        ),
        ("optimizer", "AdamW; linear decay at the end of the run; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training prepare sound`; `train sketch`, `train sound`, `export sound`"),
        *done.remarks,
    ]
    card = Card(
        "sound-starter",
        "Makes and edits a few seconds of music and sounds from words: one instrument or drum kit at a time, or one of "
        "some thirty-five noises, on a laptop CPU.",
        PACKAGES,
        facts,
        (
            "A prompt is looked up by its words: instruments, rhythms, noises and recordings that it learned. Of other "
            "words nothing is made, and the app says which.",
            "One instrument at a time: no songs, no singing of words, no mixes.",
            "Instruments sound like the General MIDI sound font that it learned from.",
            "Melodies and patterns are made by rules, not learned; the seed decides what the prompt leaves open.",
            "One combination in twenty of instrument, material and key was held out of training.",
            "Sounds longer than 10 s are made by going on from their last seconds.",
        ),
        done.metrics,
    )
    card.save(folder)
