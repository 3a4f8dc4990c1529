"""What trains the lip-sync starter: a painter of mouths on pairs that differ in the mouth alone, and a listener."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.models.listener import ListenerConfig, ListenerNetwork
from pipelines.models.mouth import SIDE, MouthNetwork, Mouths
from pipelines.models.weights import fill, save_weights
from pipelines.training.card import Card
from pipelines.training.data import drawn, festivals, formants, mouths, visemes
from pipelines.training.data.mouths import MouthSet, Pairs, sampled
from pipelines.training.data.speech import SpeechSet
from pipelines.training.data.voices import PACKAGES as VOICE_PACKAGES
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import Density, add_noise, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

MOUTH = BackboneConfig(channels=4, grid=(8, 8), patch=(8, 8), dim=160, depth=5, heads=5, bottleneck=96)
MOUTH_SETTINGS = TrainSettings(steps=5000, warmup=100, decay=0.5, muon_rate=0.0, adam_rate=1e-3, ema=0.998)
MOUTH_BATCH = 32
LISTENER = ListenerConfig(
    BackboneConfig(channels=16, grid=(144,), patch=(2,), overlap=False, dim=192, depth=4, heads=6, bottleneck=96), 192
)
LISTENER_SETTINGS = TrainSettings(steps=12_000, warmup=200, decay=0.5, muon_rate=0.0, adam_rate=1e-3, ema=0.999)
LISTENER_AGAIN = replace(LISTENER_SETTINGS, steps=6000, decay=0.8, adam_rate=7e-4, seed=1)
DRAWN_SHARE = 0.6  # of the pairs that are drawn on the spot; the others are avatars
SAME_POSE_ABOVE = 0.85  # OmniSync: at higher noise source and target are in one pose, so that the pose is kept
LEVEL_FLOOR = 0.5  # what a mouth looks like is decided high up, and a few steps begin there
MATTERS = 0.15  # weight of what lies outside the matte, where the source shows in the end


@dataclass
class PairSampler:
    """Pairs of pictures by step: faces drawn on the spot, and avatars."""

    avatars: MouthSet
    batch: int = MOUTH_BATCH
    seed: int = 0

    def at(self, step: int, apart: Tensor) -> Pairs:
        """Pairs of training step ``step``; where ``apart`` [B] is 1 the source's pose differs a little."""
        rng = np.random.default_rng((self.seed, step))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        fresh = round(DRAWN_SHARE * self.batch)
        faces = drawn.drawings(fresh, generator)
        moved = faces.moved(generator, 1.0)
        moved = replace(
            faces, numbers={n: torch.where(apart[:fresh] > 0, moved.numbers[n], v) for n, v in faces.numbers.items()}
        )
        grain = torch.randn(fresh, 1, SIDE, SIDE, generator=generator)
        shape, before = drawn.shapes(fresh, generator), drawn.shapes(fresh, generator)
        target, region = drawn.draw(faces, shape, grain)
        source, covered = drawn.draw(moved, before, grain)
        one = Pairs(source, target, shape, torch.maximum(region, covered))
        two = sampled(self.avatars, self.batch - fresh, rng, apart[fresh:])
        return Pairs(
            *(torch.cat([getattr(p, part) for p in (one, two)]) for part in ("source", "target", "shape", "matte"))
        )


def soft_matte(region: Tensor) -> Tensor:
    """Where mouths are [B, 1, 64, 64], a little larger and soft, in [-1, 1]."""
    wide = torch.nn.functional.max_pool2d(region, 5, 1, 2)
    return 2 * torch.nn.functional.avg_pool2d(wide, 3, 1, 1, count_include_pad=False) - 1


@dataclass(frozen=True)
class MouthObjective:
    """Absolute error of the velocity of colours and matte, most of it where the mouth is; random by (seed, step)."""

    pairs: PairSampler
    density: Density
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step + 500_000_000)
        sigma = self.density(self.pairs.batch, generator)
        apart = (sigma < SAME_POSE_ABOVE).float() * (torch.rand(len(sigma), generator=generator) < 0.5)
        pairs = self.pairs.at(step, apart)
        matte = soft_matte(pairs.matte)
        data = torch.cat([pairs.target, matte], dim=1)
        told = (torch.rand(len(sigma), generator=generator) > 0.12).float()
        x = add_noise(data, torch.randn(data.shape, generator=generator), sigma)
        with half_where_fast():
            estimate = model(x, sigma, Mouths(pairs.source, pairs.shape, told))
        weight = MATTERS + (1 - MATTERS) * (matte / 2 + 0.5)
        weight = torch.cat([weight.expand(-1, 3, -1, -1), torch.full_like(weight, 0.3)], dim=1)
        # Absolute, not squared: the median of what a mouth may look like has edges, the mean is smeared.
        error = ((estimate.float() - data).square() + 1e-4).sqrt() * weight
        return (error.flatten(1).mean(1) / sigma.clamp(min=LEVEL_FLOOR)).mean()


def mouth(
    data: Path, run: Path, *, steps: int | None = None, compile_model: bool = True, config: BackboneConfig = MOUTH,
    batch: int = MOUTH_BATCH,
) -> tuple[Trainer, MouthNetwork]:  # fmt: skip
    """The painter on the prepared avatars in ``data`` and faces drawn on the spot; ``run`` is where it trains."""
    settings = MOUTH_SETTINGS.lasting(steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = MouthNetwork(config)
    sampler = PairSampler(MouthSet.load(data / "mouths").subset(held_out=False), batch, settings.seed)
    objective = MouthObjective(sampler, logit_normal(1.0, 1.4), settings.seed)
    if compile_model:
        for block in network.backbone.blocks:  # one at a time: whole, the compiler's CPU kernels do not build
            block.compile(dynamic=False)
    return Trainer(network, objective, settings, run), network


@dataclass(frozen=True)
class ListenerObjective:
    """Velocity loss of the tracks, given what is heard; random by (seed, step)."""

    crops: visemes.Crops
    density: Density
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        data, heard = self.crops.at(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(len(data), generator)
        x = add_noise(data, torch.randn(data.shape, generator=generator), sigma)
        with half_where_fast():
            estimate = model(x, sigma, heard)
        weight = torch.ones(data.shape[1])[:, None]
        weight[-1] = 4.0  # the jaw is what the eye follows
        return velocity_loss(estimate.float() * weight.sqrt(), data * weight.sqrt(), sigma, floor=0.3).mean()


def listener(
    data: Path, run: Path, *, steps: int | None = None, warm: Path | None = None, compile_model: bool = True,
    config: ListenerConfig = LISTENER,
) -> tuple[Trainer, ListenerNetwork]:  # fmt: skip
    """The listener on the prepared voices in ``data``; ``run`` is where it trains.

    A fresh run goes on from the weights in folder ``warm``, where given, with other crops than they have seen.
    """
    settings = (LISTENER_SETTINGS if warm is None else LISTENER_AGAIN).lasting(steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = ListenerNetwork(config)
    if warm is not None:
        fill(network, warm)
    crops = visemes.Crops(SpeechSet.load(data / "speech"), seed=settings.seed)
    if compile_model:
        for block in network.backbone.blocks:
            block.compile(dynamic=False)
    return Trainer(network, ListenerObjective(crops, logit_normal(1.0, 1.4), settings.seed), settings, run), network


def export_mouth(run: Path, folder: Path, config: BackboneConfig = MOUTH) -> None:
    """Write the averaged weights of the painter and their model card."""
    done = Finished.read(run)
    save_weights(done.average, {"kind": "mouth", "backbone": config.to_dict(), "steps": done.step}, folder)
    facts = [
        ("parameters", f"{millions(done.average):.2f} M"),
        (
            "signal",
            "64 x 64 RGB around a mouth, and the matte of what changes; clean-signal prediction, absolute error of the "
            "velocity",
        ),
        (
            "pairs",
            f"{DRAWN_SHARE:.0%} drawn on the spot in {len(drawn.TRAINED)} ways, the others avatars of "
            f"{len(mouths.TRAINED)} styles",
        ),
        ("held out", f"ways of drawing: {', '.join(drawn.HELD_OUT)}; styles: {', '.join(mouths.HELD_OUT)}"),
        ("steps", f"{done.step:,} of batch {MOUTH_BATCH} ({done.step * MOUTH_BATCH:,} pairs)"),
        ("compute", f"{done.minutes:.0f} minutes on a share of one CPU core, bf16 autocast"),
        ("optimizer", "AdamW; linear decay over the last half; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training prepare mouth`; `train mouth`; `export mouth`"),
        *done.remarks,
    ]
    card = Card(
        "mouth-starter",
        "Repaints the mouth of a drawn face so that it makes a given shape, without a mask, as OmniSync does: the "
        "frame in, the same frame with another mouth out.",
        mouths.PACKAGES,
        facts,
        (
            "Drawn faces only, seen from the front, turned by up to about 20 degrees; photographs are moved by their "
            "landmarks instead.",
            "Trained briefly: what it changes of the plain drawing that it begins from counts a quarter. In full it is "
            "nearer to the true picture in the mean, but smeared, and lets a mouth that talked show through.",
            "What it changes is 64 x 64 pixels; lines are as sharp as the frame, for the drawing is made at its size.",
            "A mouth that touches a nose or a chin is not told from it for certain.",
            "What is inside a mouth that was shut is made up: teeth, tongue and their colours are guesses.",
            "Beards, masks and hands over the mouth were seen seldom.",
        ),
        done.metrics,
    )
    card.save(folder)


def export_listener(run: Path, folder: Path, config: ListenerConfig = LISTENER) -> None:
    """Write the averaged weights of the listener and their model card."""
    done = Finished.read(run)
    described = {"kind": "listener", "backbone": config.backbone.to_dict(), "width": config.width, "steps": done.step}
    save_weights(done.average, described, folder)
    facts = [
        ("parameters", f"{millions(done.average):.2f} M"),
        ("signal", "fifteen visemes and jaw, 46.9 rows a second, from 100 mel bands; clean-signal prediction"),
        ("held out", f"the voice {visemes.HELD_OUT_VOICE}, and one sentence in 25"),
        (
            "steps",
            f"{done.step:,} of 20 crops of 3 s ({done.step * 20 * visemes.ROWS / visemes.RATE / 3600:.0f} hours)",
        ),
        ("compute", f"{done.minutes:.0f} minutes on a share of one CPU core, bf16 autocast"),
        ("optimizer", "AdamW; linear decay over the last half; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training prepare listener`; `train listener`; `export listener`"),
        *done.remarks,
    ]
    card = Card(
        "listener",
        "Hears what a mouth does: mel frames in, a track of visemes and jaw out, another way of moving for every seed.",
        (
            *(package for package in VOICE_PACKAGES if package.name in ("hibari-tts", "flite", "wordnet-base")),
            *formants.PACKAGES,
            *festivals.PACKAGES,
        ),
        facts,
        (
            "English, and synthetic voices only; real recordings were not available to train on.",
            "It does not tell speech from other sounds: music opens and shuts the mouth too.",
            "Two people who talk at once are heard as one.",
        ),
        done.metrics,
    )
    card.save(folder)
