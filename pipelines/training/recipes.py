"""What trains each starter, one function a medium: data, network, objective and settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.backbone.text import Tokenizer
from pipelines.models.bank import Bank
from pipelines.models.network import NetworkConfig, StarterNetwork, vocabulary
from pipelines.models.weights import load_weights, save_weights
from pipelines.training.card import Card
from pipelines.training.data.captions import Sampler
from pipelines.training.data.packages import GLOVE
from pipelines.training.data.references import References
from pipelines.training.data.stickers import PACKAGES, StickerSet
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import Density, add_noise, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

IMAGE = NetworkConfig(BackboneConfig(channels=4, grid=(8, 8), patch=(8, 8), reference=True))
IMAGE_SETTINGS = TrainSettings(steps=700, warmup=30, decay=0.6, muon_rate=0.0, adam_rate=3e-4, ema=0.99)
IMAGE_BATCH = 32
REFERENCE_SHARE = 0.3


@dataclass(frozen=True)
class ImageObjective:
    """Velocity loss of a network on prompts and pictures; everything random is drawn from (seed, step)."""

    sampler: Sampler
    tokenizer: Tokenizer
    density: Density
    references: References | None = None
    batch: int = IMAGE_BATCH
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        examples = self.sampler.batch(step, self.batch)
        pictures = torch.from_numpy(np.stack([example.picture for example in examples]))
        data = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        tokens = self.tokenizer([example.prompt for example in examples])
        shown: dict[str, Tensor] = {}
        if self.references is not None:
            drawn = self.references.batch(examples, np.random.default_rng((self.seed, step, 1)))
            shown["reference"] = torch.from_numpy(drawn)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(self.batch, generator)
        noise = torch.randn(data.shape, generator=generator)
        x = add_noise(data, noise, sigma)
        with half_where_fast():
            estimate = model(x, sigma, tokens.words, tokens.pieces, **shown)
        return velocity_loss(estimate, data, sigma).mean()


def warm_start(network: StarterNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Begin from the weights of a starter that may know no references.

    A reference begins as a faint part of the noised picture, read through the same embedding: what the network knows
    of finding a picture under noise then serves it at once.
    """
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in tensors:
                parameter.copy_(tensors[name])
        if network.config.backbone.reference and "backbone.reference_embed.weight" not in tensors:
            narrow, wide = (tensors[f"backbone.embed.{layer}.weight"] for layer in (0, 1))
            weight, corners = network.backbone.reference_embed.weight, 2 ** len(network.config.backbone.patch)
            channels = network.config.backbone.channels  # of each overlapping corner; the presence comes after them
            weight.zero_().unflatten(1, (corners, channels + 1, -1))[:, :, :channels] = REFERENCE_SHARE * (
                wide @ narrow
            ).unflatten(1, (corners, channels, -1))


def image_network(config: NetworkConfig = IMAGE, seed: int = 0) -> tuple[StarterNetwork, Tokenizer]:
    """An untrained image network with its tokenizer; the same seed gives the same weights."""
    words, vectors = vocabulary()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        network = StarterNetwork(config, vectors)
    return network, Tokenizer(words, config.text_length)


def image(
    data: Path, run: Path, *, steps: int | None = None, warm: Path | None = None, compile_model: bool = True,
    config: NetworkConfig = IMAGE,
) -> tuple[Trainer, StarterNetwork]:  # fmt: skip
    """The image starter on the prepared stickers in ``data``; ``run`` is the folder to train in or to resume.

    A fresh run begins from the starter in folder ``warm``, where given.
    """
    settings = IMAGE_SETTINGS.lasting(steps)
    network, tokenizer = image_network(config, settings.seed)
    if warm is not None:
        warm_start(network, load_weights(warm))
    stickers = StickerSet.load(data).subset(held_out=False)
    references = References(Bank.load()) if config.backbone.reference else None
    # Stickers are smooth: what they show is decided high up, so training looks there most.
    objective = ImageObjective(
        Sampler(stickers, settings.seed), tokenizer, logit_normal(1.0, 1.2), references, seed=settings.seed
    )
    call = _compiled(network) if compile_model else network
    return Trainer(network, lambda _, step: objective(call, step), settings, run), network


def export_image(run: Path, folder: Path, config: NetworkConfig = IMAGE) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them; ``tests/bench/quality.py --json`` writes the former.
    """
    done = Finished.read(run)
    described = {
        "kind": "image", "backbone": config.backbone.to_dict(), "text_length": config.text_length,
        "steps": done.step,
    }  # fmt: skip
    save_weights(done.average, described, folder)
    facts = [
        ("parameters", f"{millions(done.average):.1f} M"),
        ("signal", "64 x 64 RGBA, alpha premultiplied; clean-signal prediction, velocity loss"),
        ("steps", f"{done.step:,} of batch {IMAGE_BATCH} ({done.step * IMAGE_BATCH:,} samples)"),
        ("compute", f"{done.minutes:.0f} minutes on one shared CPU core without AVX-512, float32"),
        ("optimizer", "AdamW; linear decay over the last 60%; EMA of the weights"),
        ("seed", str(done.seed)),
        ("begun from", "the first starter, which knew no references (179,200 samples; git revision 710cbb4)"),
        ("command", "`python -m pipelines.training train image --no-compile --warm FOLDER-OF-THE-FIRST-STARTER`"),
        *done.remarks,
    ]
    card = Card(
        "image-starter",
        "Draws and edits stickers and emoji from words, with transparency, on a laptop CPU. It is semi-parametric: it "
        "looks the prompt up in the bank of stickers that ships with it (`assets/stickers`) and redraws what it finds "
        "there, which is never in the style asked for, as the words say.",
        (*PACKAGES, GLOVE),
        facts,
        (
            "Not photographic: it has only ever seen emoji in three styles (3D, flat, cartoon).",
            "What the bank holds comes out; what it does not hold is often a soft blob or the nearest thing it holds.",
            "With a reference in the bank, samples of one prompt differ little from seed to seed.",
            "64 x 64 pixels; other sizes are extrapolation.",
            "One name in twenty was held out of training and is drawn worse than the rest.",
            "Prompts beyond 15 words are cut, and the app says which words were left out.",
            "People with skin tones were shown rarely, so tones are followed loosely.",
        ),
        done.metrics,
    )
    card.save(folder)


def _compiled(network: nn.Module) -> nn.Module:
    compiled: Callable[..., Tensor] = torch.compile(network)
    return compiled  # type: ignore[return-value]
