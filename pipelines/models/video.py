"""The video starter: a picture, a motion score and noise in, a clip out.

It reads no words of its own. The words' summary comes from the image starter's text encoder; what they ask to be shown
is drawn by the image starter, and what they say of motion becomes a score. So the network is always shown a picture as
the score moves it, and draws what a score cannot say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.errors import ModelError
from pipelines.flow.types import Site, Tap
from pipelines.models.motion import CHANNELS, Score
from pipelines.models.motions import MotionBank
from pipelines.models.starter import StarterModel, implied_velocity, load_starter
from pipelines.models.weights import fill, load_config
from pipelines.paths import assets


class VideoNetwork(nn.Module):
    """Backbone over (frames, rows, columns), and the reading of scores."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = FlowTransformer(config)
        self.score = nn.Linear(CHANNELS, config.dim, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(
        self, x: Tensor, sigma: Tensor, pooled: Tensor, reference: Tensor, score: Tensor, tap: Tap | None = None
    ) -> Tensor:
        """Clean estimate of clips ``x`` [B, 4, T, H, W] at ``sigma`` [B] or [B, T].

        ``pooled`` [B, dim] sums up the words, ``reference`` [B, 5, T, H, W] is the moved picture with the trust in it,
        ``score`` [B, T, rows, columns, CHANNELS] says how it moves; both are zeros where they are not known.
        """
        context = pooled.new_zeros(len(pooled), 0, self.config.dim)
        return self.backbone(x, sigma, context, pooled, tap, reference, self.score(score).flatten(1, 3))


@dataclass(frozen=True)
class VideoCondition:
    """What clips are to show: the words' summary [B, dim], moved pictures [B, 5, T, H, W] and scores."""

    pooled: Tensor
    reference: Tensor
    score: Tensor

    def frames(self, places: Tensor) -> "VideoCondition":
        """The condition of some frames [N], in that order."""
        return replace(self, reference=self.reference[:, :, places], score=self.score[:, places])

    @property
    def still(self) -> "VideoCondition":
        """The same pictures and words, their first frame held, with nothing known of the motion."""
        first = self.reference[:, :, :1].expand_as(self.reference)
        return replace(self, reference=first, score=torch.zeros_like(self.score))


class VideoModel:
    """A trained :class:`VideoNetwork` as a :class:`pipelines.flow.FlowModel`.

    Attributes:
        pictures: the image starter, which reads the words and draws first frames.
        motions: learned motions by name; None without.
    """

    def __init__(self, network: VideoNetwork, pictures: StarterModel, motions: MotionBank | None = None) -> None:
        self.network = network.eval().requires_grad_(False)
        self.pictures, self.motions = pictures, motions
        self.backbone: BackboneConfig = network.config
        self.sites = tuple(Site(index, f"blocks.{index}", 0) for index in range(network.config.depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self.network.backbone.head.weight.dtype

    @property
    def size(self) -> int:
        """Rows and columns of a frame, in pixels."""
        return self.backbone.grid[1] * self.backbone.patch[1]

    @property
    def length(self) -> int:
        """Frames of the clips that it was trained on."""
        return self.backbone.grid[0]

    def tokens(self, frames: int) -> int:
        """Tokens of so many frames."""
        return frames * self.backbone.grid[1] * self.backbone.grid[2]

    @torch.inference_mode()
    def summary(self, prompts: Sequence[str]) -> Tensor:
        """What the text encoder makes of the words of each clip, [B, dim]."""
        tokens = self.pictures.tokenizer(prompts)
        return self.pictures.network.text(tokens.words, tokens.pieces)[1]

    def shown(self, pooled: Tensor, moving: Tensor, scores: Sequence[Score]) -> VideoCondition:
        """Condition of clips: the words' summary, pictures [B, 4, T, H, W] as they move, and the scores."""
        trust = moving.new_ones(moving[:, :1].shape)
        channels = torch.stack([score.channels(self.backbone.grid[1:]) for score in scores])
        return VideoCondition(pooled, torch.cat([moving, trust], dim=1), channels)

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: VideoCondition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, 4, T, H, W] in ``x``'s dtype at ``sigma`` [B] or [B, T]."""
        clean = self.network(x.float(), sigma.float(), condition.pooled, condition.reference, condition.score, tap)
        return implied_velocity(x, clean, sigma)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site, all frames in one row."""
        return x.shape[0], int(torch.tensor(self.network.backbone.grid_of(x)).prod()), self.backbone.dim

    def join(self, conditions: Sequence[VideoCondition]) -> VideoCondition:
        """Conditions one after the other in one batch."""
        return VideoCondition(*(torch.cat([getattr(c, name) for c in conditions])
                                for name in ("pooled", "reference", "score")))  # fmt: skip


def load_video(folder: Path) -> VideoModel:
    """Load the shipped video starter, and the image starter that it draws with.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    config: dict[str, Any] = load_config(folder)
    try:
        backbone = BackboneConfig.from_dict(config["backbone"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = VideoNetwork(backbone)
    fill(network, folder)
    pictures = load_starter(assets() / "weights" / "image-starter")
    return VideoModel(network, pictures, MotionBank.load())
