"""What trains each starter, one function a medium: data, network, objective and settings."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.backbone.text import Tokenizer
from pipelines.models.network import NetworkConfig, StarterNetwork, vocabulary
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.captions import Sampler
from pipelines.training.data.packages import GLOVE
from pipelines.training.data.stickers import PACKAGES, StickerSet
from pipelines.training.objectives import Density, add_noise, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

IMAGE = NetworkConfig(BackboneConfig(channels=4, grid=(8, 8), patch=(8, 8)))
IMAGE_SETTINGS = TrainSettings(steps=2800)
IMAGE_BATCH = 64


@dataclass(frozen=True)
class ImageObjective:
    """Velocity loss of a network on prompts and pictures; everything random is drawn from (seed, step)."""

    sampler: Sampler
    tokenizer: Tokenizer
    density: Density
    batch: int = IMAGE_BATCH
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        pictures, prompts = self.sampler.batch(step, self.batch)
        data = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        tokens = self.tokenizer(prompts)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(self.batch, generator)
        noise = torch.randn(data.shape, generator=generator)
        x = add_noise(data, noise, sigma)
        with torch.autocast("cpu", torch.bfloat16):
            estimate = model(x, sigma, tokens.words, tokens.pieces)
        return velocity_loss(estimate, data, sigma).mean()


def image_network(config: NetworkConfig = IMAGE, seed: int = 0) -> tuple[StarterNetwork, Tokenizer]:
    """An untrained image network with its tokenizer; the same seed gives the same weights."""
    words, vectors = vocabulary()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        network = StarterNetwork(config, vectors)
    return network, Tokenizer(words, config.text_length)


def image(
    data: Path, run: Path, *, steps: int | None = None, compile_model: bool = True, config: NetworkConfig = IMAGE
) -> tuple[Trainer, StarterNetwork]:
    """The image starter on the prepared stickers in ``data``; ``run`` is the folder to train in or to resume."""
    settings = IMAGE_SETTINGS if steps is None else replace(IMAGE_SETTINGS, steps=steps)
    network, tokenizer = image_network(config, settings.seed)
    stickers = StickerSet.load(data).subset(held_out=False)
    # Stickers are smooth: what they show is decided high up, so training looks there most.
    objective = ImageObjective(Sampler(stickers, settings.seed), tokenizer, logit_normal(1.4, 1.2), seed=settings.seed)
    call = _compiled(network) if compile_model else network
    return Trainer(network, lambda _, step: objective(call, step), settings, run), network


def export_image(run: Path, folder: Path, config: NetworkConfig = IMAGE) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them; ``tests/bench/quality.py --json`` writes the former.
    """
    progress = json.loads((run / "progress.json").read_text())
    tensors = load_file(run / "state.safetensors")
    average = {name.removeprefix("average."): t for name, t in tensors.items() if name.startswith("average.")}
    described = {
        "kind": "image", "backbone": config.backbone.to_dict(), "text_length": config.text_length,
        "steps": progress["step"],
    }  # fmt: skip
    save_weights(average, described, folder)
    parameters = sum(t.numel() for t in average.values())
    facts = [
        ("parameters", f"{parameters / 1e6:.1f} M"),
        ("signal", "64 x 64 RGBA, alpha premultiplied; clean-signal prediction, velocity loss"),
        ("steps", f"{progress['step']:,} of batch {IMAGE_BATCH} ({progress['step'] * IMAGE_BATCH:,} samples)"),
        ("compute", f"{progress['seconds'] / 60:.0f} minutes on two shared CPU cores, bf16 autocast, torch.compile"),
        ("optimizer", "Muon inside blocks, AdamW elsewhere; linear decay at the end; EMA of the weights"),
        ("seed", str(IMAGE_SETTINGS.seed)),
        ("command", "`python -m pipelines.training train image`"),
    ]
    if (run / "notes.txt").exists():
        facts.append(("remarks", " ".join((run / "notes.txt").read_text().split())))
    metrics = json.loads((run / "metrics.json").read_text()) if (run / "metrics.json").exists() else []
    card = Card(
        "image-starter",
        "Draws and edits stickers and emoji from words, with transparency, on a laptop CPU.",
        (*PACKAGES, GLOVE),
        facts,
        (
            "Not photographic: it has only ever seen emoji in three styles (3D, flat, cartoon).",
            "Faces, hearts and common fruit come out; many objects are still soft blobs of the right colour.",
            "64 x 64 pixels; other sizes are extrapolation.",
            "One name in twenty was held out of training and is drawn worse than the rest.",
            "Prompts beyond 15 words are cut, and the app says which words were left out.",
            "People with skin tones were shown rarely, so tones are followed loosely.",
        ),
        [(what, value) for what, value in metrics],
    )
    (folder / "README.md").write_text(card.markdown())


def _compiled(network: nn.Module) -> nn.Module:
    compiled: Callable[..., Tensor] = torch.compile(network)
    return compiled  # type: ignore[return-value]
