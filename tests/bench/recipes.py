"""Which recipe of the image starter is best at equal training: ``python tests/bench/recipes.py``.

Every variant differs from the first in one thing and trains from nothing for the same processor time, what it needs
besides (an autoencoder) counted in. Reported: mean squared error of the clean estimate at sigma 1 and .8 under fixed
noise (range 2, always in pixels at 64 x 64, whatever the network sees), on names of the training set and on held-out
ones; retrieval of training names as ``tests/bench/quality.py`` has it; samples a processor second.
``--out`` keeps rows, and a second run goes on from there.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from common import table
from quality import features, retrieval
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from pipelines.flow import CLAMP, RULES, conditioned, guided, noise, sigma_grid, solve
from pipelines.flow.schedule import shift
from pipelines.models.bank import Bank
from pipelines.models.starter import StarterModel
from pipelines.training.data.captions import Sampler
from pipelines.training.data.references import References
from pipelines.training.data.stickers import StickerSet
from pipelines.training.objectives import add_noise, half_where_fast, logit_normal, velocity_loss
from pipelines.training.recipes import IMAGE, image_network
from pipelines.training.trainer import TrainSettings, make_optimizers

BATCH, WARMUP, DECAY, EMA = 32, 30, 0.6, 0.99
ADAMW = TrainSettings(steps=1, muon_rate=0.0, adam_rate=8e-4)
MUON = TrainSettings(steps=1, muon_rate=2e-3, adam_rate=8e-4)


class Pixels:
    """The picture as it is."""

    def fit(self, pictures, seconds):
        """Nothing to learn."""

    def encode(self, x):
        """Signal of pictures [B, C, 64, 64]; the fifth channel of a reference is its trust."""
        return x

    def decode(self, z):
        """Pictures [B, 4, 64, 64]."""
        return z


class Halved(Pixels):
    """32 x 32, enlarged by bicubic interpolation."""

    def encode(self, x):
        """Mean of two by two pixels."""
        return avg_pool2d(x, 2)

    def decode(self, z):
        """Twice the size."""
        return interpolate(z, scale_factor=2, mode="bicubic", antialias=False)


class Latents(Pixels):
    """8 x 8 x 16 of a small convolutional autoencoder, of unit variance."""

    def __init__(self):
        torch.manual_seed(0)
        wide = (32, 64, 128)
        down, up, last = [], [], 4
        for width in wide:
            down += [nn.Conv2d(last, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
            last = width
        for width in (*wide[1::-1], 32):
            up += [nn.Upsample(scale_factor=2), nn.Conv2d(last, width, 3, 1, 1), nn.GroupNorm(8, width), nn.SiLU()]
            last = width
        self.down = nn.Sequential(*down, nn.Conv2d(wide[-1], 16, 1))
        self.up = nn.Sequential(nn.Conv2d(16, wide[-1], 1), *up, nn.Conv2d(last, 4, 3, 1, 1))
        self.mean, self.spread = torch.zeros(1, 16, 1, 1), torch.ones(1, 16, 1, 1)

    def fit(self, pictures, seconds):
        """Learn for ``seconds`` of processor time; a little noise on the latents keeps the decoder forgiving."""
        parameters = [*self.down.parameters(), *self.up.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=2e-3)
        rng, begun = np.random.default_rng(0), time.process_time()
        while (spent := time.process_time() - begun) < seconds:
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * min(1.0, 2 * (1 - spent / seconds))
            x = signals(pictures[rng.integers(len(pictures), size=64)])
            with half_where_fast():
                z = self.down(x)
                out = self.up(z + 0.05 * torch.randn_like(z))
            ((out.float() - x).abs().mean() + 1e-3 * z.float().square().mean()).backward()
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            z = self.down(signals(pictures[rng.integers(len(pictures), size=256)]))
        self.mean, self.spread = z.mean((0, 2, 3), keepdim=True), z.std((0, 2, 3), keepdim=True)

    @torch.no_grad()
    def encode(self, x):
        """Latents [B, 16, 8, 8], and the trust of a reference after them."""
        z = (self.down(x[:, :4]) - self.mean) / self.spread
        return torch.cat([z, x[:, 4:, ::8, ::8]], dim=1)

    @torch.no_grad()
    def decode(self, z):
        """Pictures [B, 4, 64, 64]."""
        return self.up(z * self.spread + self.mean)


@dataclass(frozen=True)
class Variant:
    """One recipe: what the network sees, its shape, how it learns and from which styles."""

    name: str
    space: type = Pixels
    backbone: dict = None
    settings: TrainSettings = ADAMW
    styles: tuple = ("3d", "flat", "cartoon")

    def config(self):
        """The network's configuration."""
        return replace(IMAGE, backbone=replace(IMAGE.backbone, **(self.backbone or {})))


VARIANTS = (
    Variant("**what ships**: patch 8 with overlap, one reference in place, AdamW"),
    Variant("no reference", backbone={"reference": False}),
    Variant("no overlap (a grid of patches)", backbone={"overlap": False}),
    Variant("Muon for the blocks' matrices", settings=MUON),
    Variant("3D style alone", styles=("3d",)),
    Variant("32 x 32, patch 4, enlarged", Halved, {"patch": (4, 4)}),
    Variant("latents 8 x 8 x 16 of an autoencoder", Latents, {"channels": 16, "patch": (1, 1), "overlap": False}),
)


def signals(pictures):
    """Premultiplied uint8 [N, 64, 64, 4] as float32 [N, 4, 64, 64] in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


class Run:
    """One variant in training, and what it has become."""

    def __init__(self, variant, stickers, bank):
        self.variant, self.bank, self.space = variant, bank, variant.space()
        rows = [row for row, item in enumerate(stickers.items) if item.style in variant.styles]
        self.stickers = StickerSet(stickers.pictures[rows], [stickers.items[row] for row in rows])
        self.network, self.tokenizer = image_network(variant.config())
        self.referred = variant.config().backbone.reference

    def loss(self, step, sampler, references):
        """Velocity loss of one batch."""
        examples = sampler.batch(step, BATCH)
        data = self.space.encode(signals(np.stack([example.picture for example in examples])))
        tokens = self.tokenizer([example.prompt for example in examples])
        shown = {}
        if self.referred:
            drawn = references.batch(examples, np.random.default_rng((0, step, 1)))
            shown["reference"] = self.space.encode(torch.from_numpy(drawn))
        generator = torch.Generator().manual_seed(step)
        sigma = logit_normal(1.0, 1.2)(len(data), generator)
        x = add_noise(data, torch.randn(data.shape, generator=generator), sigma)
        with half_where_fast():
            estimate = self.network(x, sigma, tokens.words, tokens.pieces, **shown)
        return velocity_loss(estimate, data, sigma).mean()

    def train(self, seconds):
        """Train for ``seconds`` of processor time; samples a second of it."""
        begun = time.process_time()
        sampler, references = Sampler(self.stickers), References(self.bank)
        if isinstance(self.space, Latents):
            self.space.fit(self.stickers.pictures, seconds / 4)
        optimizers = make_optimizers(self.network, self.variant.settings)
        rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        parameters = [p.detach() for p in self.network.parameters()]
        average = [p.clone() for p in parameters]
        first, step = time.process_time(), 0
        while (spent := time.process_time() - begun) < seconds:
            factor = min(1.0, (step + 1) / WARMUP, (1 - spent / seconds) / DECAY)
            for optimizer, base in zip(optimizers, rates, strict=True):
                for group, rate in zip(optimizer.param_groups, base, strict=True):
                    group["lr"] = rate * factor
            self.loss(step, sampler, references).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            torch._foreach_lerp_(average, parameters, 1 - min(EMA, (1 + step) / (10 + step)))
            step += 1
        torch._foreach_copy_(parameters, average)
        return step * BATCH / (time.process_time() - first), step * BATCH

    def model(self):
        """The averaged network as the engine takes it, its references in its own space."""
        space = self.space

        class Shown:
            def look_up(self, prompt):
                return bank.look_up(prompt)

            def signals(self, found):
                return space.encode(torch.from_numpy(bank.signals(found))).numpy()

            def names(self, found):
                return bank.names(found)

        bank = self.bank
        return StarterModel(self.network, self.tokenizer, bank=Shown())

    @torch.inference_mode()
    def error(self, pictures, prompts, sigma):
        """Mean squared error of the clean estimate at ``sigma`` under fixed noise, in pixels."""
        model, x = self.model(), signals(pictures)
        z = self.space.encode(x)
        noised = add_noise(z, noise(z.shape[1:], list(range(len(z)))).float(), torch.full((len(z),), sigma))
        condition = model.encode(prompts)
        level = torch.full((len(z),), sigma)
        clean = self.network.backbone(noised, level, condition.context, condition.pooled, None, condition.reference)
        return (self.space.decode(clean).clamp(-1, 1) - x).square().mean().item()

    @torch.inference_mode()
    def samples(self, prompts, guidance=2.0, steps=12):
        """Premultiplied pictures uint8 of ``prompts``, by Euler steps."""
        model = self.model()
        backbone = model.backbone
        shape = (backbone.channels, *(g * p for g, p in zip(backbone.grid, backbone.patch, strict=True)))
        made = []
        for first in range(0, len(prompts), 16):
            some = prompts[first : first + 16]
            toward, away = (conditioned(model, model.encode(words)) for words in (some, [""] * len(some)))
            start = noise(shape, list(range(first, first + len(some))))
            grid = sigma_grid(steps, shift(2.0), end=CLAMP)
            *_, last = solve(guided(toward, away, guidance), start, grid, RULES["euler"])
            made.append(self.space.decode(last.clean.float()).clamp(-1, 1))
        return ((torch.cat(made) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def judged(run, stickers, names):
    """(errors by kind of name and level, retrieval top-1 and top-10) of a trained run on ``names`` of each kind."""
    shown = [r for r, item in enumerate(stickers.items) if item.style == "3d" and "skin tone" not in item.name]
    errors = {}
    for kind, held_out in (("training", False), ("held out", True)):
        rows = [r for r in shown if stickers.items[r].held_out == held_out]
        rows = [int(r) for r in np.random.default_rng(0).permutation(rows)[:names]]
        told = [f"{stickers.items[r].name}, 3d" for r in rows]
        for sigma in (1.0, 0.8):
            errors[f"{kind} {sigma}"] = run.error(stickers.pictures[rows], told, sigma)
        if not held_out:
            wanted, samples = [stickers.items[r].name for r in rows], run.samples(told)
    gallery = features(stickers.pictures[shown])
    return errors, retrieval(list(samples), wanted, gallery, [stickers.items[r].name for r in shown])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--minutes", type=float, default=20.0, help="processor minutes a variant")
    parser.add_argument("--names", type=int, default=64)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/recipes.jsonl"), help="rows so far: a second run goes on"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)  # so that processor time is what training costs
    stickers, bank = StickerSet.load(options.data), Bank.load()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {row["name"] for row in rows if row["minutes"] == options.minutes}
    for variant in VARIANTS:
        if variant.name in done:
            continue
        run = Run(variant, stickers.subset(held_out=False), bank)
        pace, seen = run.train(60 * options.minutes)
        run.network.eval()
        errors, (top1, top10) = judged(run, stickers, options.names)
        row = {"name": variant.name, "minutes": options.minutes, "pace": pace, "samples": seen, **errors}
        rows.append(row | {"top1": float(top1), "top10": float(top10)})
        with options.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    kinds = ("training 1.0", "training 0.8", "held out 1.0", "held out 0.8")
    table(
        ("recipe", "samples", "a second", *kinds, "top-1 / top-10"),
        [(r["name"], f"{r['samples']:,}", f"{r['pace']:.0f}", *(f"{r[k]:.3f}" for k in kinds),
          f"{r['top1']:.2f} / {r['top10']:.2f}") for r in rows],
    )  # fmt: skip


if __name__ == "__main__":
    main()
