"""What trains the video starter: the image starter's weights, clips and moved stickers, one noise level a frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.models.starter import StarterModel, load_starter
from pipelines.models.video import VideoNetwork
from pipelines.models.weights import load_weights, save_weights
from pipelines.paths import assets
from pipelines.training.card import Card
from pipelines.training.data import clips as clip_data
from pipelines.training.data import stickers as sticker_data
from pipelines.training.data.clips import ClipSet
from pipelines.training.data.moves import Example, Moves
from pipelines.training.data.packages import GLOVE
from pipelines.training.data.stickers import StickerSet
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import Density, half_where_fast, logit_normal
from pipelines.training.trainer import Trainer, TrainSettings

VIDEO = BackboneConfig(
    channels=4, grid=(16, 8, 8), patch=(1, 8, 8), depth=4, reference=True, lean=0.0, temporal=192
)  # fmt: skip
# Which of the image starter's six blocks the four begin from: the first and the last see the most.
FROM_BLOCKS = (0, 1, 4, 5)
SETTINGS = TrainSettings(steps=1100, warmup=30, decay=0.5, muon_rate=0.0, adam_rate=4e-4, ema=0.99)
FRAMES_A_STEP = 64
LENGTHS = (8, 8, 16)  # frames of a clip, drawn per step
FLOOR = 0.25  # the loss weighs nothing more than this noise level
SHARED_NOISE = 0.4  # examples whose frames share a part of their noise, as they do when a clip is edited


@dataclass(frozen=True)
class VideoObjective:
    """Velocity loss on clips with one noise level a frame; everything random is drawn from (seed, step)."""

    moves: Moves
    words: StarterModel
    density: Density
    seed: int = 0
    frames: int = FRAMES_A_STEP

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed, step, 3))
        length = int(rng.choice(LENGTHS))
        examples = self.moves.batch(step, max(1, self.frames // length), length)
        data = torch.stack([each.clip for each in examples])
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = torch.stack([levels(length, self.density, generator, rng) for _ in examples])
        level = sigma[:, None, :, None, None]
        x = (1 - level) * data + level * _noise(data.shape, generator)
        with half_where_fast():
            estimate = model(x, sigma, self.pooled(examples), *_shown(examples))
        error = (estimate.float() - data).square().mean((1, 3, 4)) / sigma.clamp(min=FLOOR).square()
        free = (sigma > 0).float()  # a frame that is given is no question
        return (error * free).sum() / free.sum().clamp(min=1)

    @torch.no_grad()
    def pooled(self, examples: list[Example]) -> Tensor:
        """What the image starter's text encoder, which is not trained here, makes of the words."""
        tokens = self.words.tokenizer([each.prompt for each in examples])
        return self.words.network.text(tokens.words, tokens.pieces)[1]


def _shown(examples: list[Example]) -> tuple[Tensor, Tensor]:
    return torch.stack([each.reference for each in examples]), torch.stack([each.score for each in examples])


def _noise(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Noise of unit variance, [B, C, T, H, W]; in some examples a part of it is the same in all frames."""
    own = torch.randn(shape, generator=generator)
    common = torch.randn((*shape[:2], 1, *shape[3:]), generator=generator)
    share = torch.rand(shape[0], generator=generator) * (torch.rand(shape[0], generator=generator) < SHARED_NOISE)
    share = share.reshape(-1, 1, 1, 1, 1)
    return share.sqrt() * common + (1 - share).sqrt() * own


def levels(frames: int, density: Density, generator: torch.Generator, rng: np.random.Generator) -> Tensor:
    """Noise levels [frames] of one example, 0 where a frame is given.

    Whole clips at one level; clips with their first, or first and last, frames given, or any; and the rising levels of
    a buffer that streams (StreamDiT, arXiv 2507.03745).
    """
    sigma = density(1, generator).expand(frames).clone()
    draw = rng.random()
    if draw < 0.35:
        return sigma
    if draw < 0.70:
        sigma[: int(rng.choice((1, 1, 1, 2, 4)))] = 0
        if rng.random() < 0.25:
            sigma[-1] = 0
        return sigma
    if draw < 0.78:
        chosen = rng.random(frames) < 0.4
        chosen[rng.integers(frames)] = False
        sigma[torch.from_numpy(chosen)] = 0
        return sigma
    given = int(rng.integers(0, frames // 2 + 1))
    rest = frames - given
    rising = (torch.arange(rest) + float(rng.random())) / rest
    shift = 2.0
    rising = shift * rising / (1 + (shift - 1) * rising)
    return torch.cat([torch.zeros(given), rising.clamp(0.02, 1)])


def begin(network: VideoNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Begin from the weights of the image starter: its layers read each frame, and nothing yet looks along time."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            source = name
            if name.startswith("backbone.blocks."):
                place, rest = name.removeprefix("backbone.blocks.").split(".", 1)
                source = f"backbone.blocks.{FROM_BLOCKS[int(place)]}.{rest}"
            if source in tensors and tensors[source].shape == parameter.shape:
                parameter.copy_(tensors[source])


def video_network(config: BackboneConfig = VIDEO, seed: int = 0) -> VideoNetwork:
    """An untrained video network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        return VideoNetwork(config)


def video(
    data: Path, run: Path, *, steps: int | None = None, warm: Path | None = None, compile_model: bool = True
) -> tuple[Trainer, VideoNetwork]:
    """The video starter on the prepared clips in ``data`` and the stickers beside them; ``run`` is the run's folder.

    A fresh run begins from the image starter in folder ``warm``, or from the shipped one.
    """
    settings = SETTINGS.lasting(steps)
    network = video_network(VIDEO, settings.seed)
    folder = warm or assets() / "weights" / "image-starter"
    begin(network, load_weights(folder))
    moves = Moves(ClipSet.load(data), StickerSet.load(data.with_name("image")), VIDEO.token_grid, settings.seed)  # type: ignore[arg-type]
    objective = VideoObjective(moves, load_starter(folder), logit_normal(0.3, 1.4, uniform_share=0.2), settings.seed)
    if compile_model:
        for block in network.backbone.blocks:  # one at a time: whole, the compiler's CPU kernels do not build
            block.compile(dynamic=False)
    return Trainer(network, lambda model, step: objective(model, step), settings, run), network


def export_video(run: Path, folder: Path, config: BackboneConfig = VIDEO) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them; ``tests/bench/video.py --json`` writes the former.
    """
    done = Finished.read(run)
    save_weights(done.average, {"kind": "video", "backbone": config.to_dict(), "steps": done.step}, folder)
    facts = [
        ("parameters", f"{millions(done.average):.1f} M; the text encoder is the image starter's, 4.1 M, untrained"),
        ("signal", "16 frames of 64 x 64 RGBA, alpha premultiplied; clean-signal prediction, velocity loss"),
        ("steps", f"{done.step:,} of {FRAMES_A_STEP} frames, 8 or 16 a clip ({done.step * FRAMES_A_STEP:,} frames)"),
        ("noise", "a level a frame: whole clips, first and last frames given, any frames given, rising as in a stream"),
        ("shown", "the picture as the score moves it, and the score; for 25% of the real clips a still picture alone"),
        ("compute", f"{done.minutes:.0f} minutes on one CPU core, shared with other work, bf16 autocast"),
        ("optimizer", "AdamW; linear decay at the end of the run; EMA of the weights"),
        ("seed", str(done.seed)),
        ("begun from", "the image starter, four of its six blocks; attention along time is new"),
        ("command", "`python -m pipelines.training prepare video && python -m pipelines.training train video`"),
        *done.remarks,
    ]  # fmt: skip
    card = Card(
        "video-starter",
        "Makes, edits and extends clips of stickers and emoji that move, with transparency, on a laptop CPU.",
        tuple(dict.fromkeys((*clip_data.PACKAGES, *sticker_data.PACKAGES, GLOVE))),
        facts,
        (
            "Motion by verbs is not the network's: the words are read by rule and become a score, a field that moves "
            "the picture frame by frame. The network draws the frames that it is shown so.",
            "Motion by name is looked up: a field that was read off the animated sticker whose name fits best.",
            "The network's own: what a field cannot say, such as closing eyes, tears, what comes into view, and edges. "
            "It does so roughly, and best for names that it was trained on.",
            "Where the field says everything, the network's frames are blotchier than the moved picture it is shown.",
            "What is shown is the image starter's drawing or the person's picture.",
            "One thing at a time that moves as a whole: no scenes, no camera, no two things that move apart.",
            "64 x 64 pixels, 16 frames; longer clips are read through a sliding window.",
            "One name in twenty was held out of training.",
        ),
        done.metrics,
    )
    card.save(folder)
