"""The sound starter: mel frames from a score that says what sounds in every frame.

A sketch of the mel is read off the score alone, frame by frame, and trained to be its mean, as the prior of Grad-TTS
(arXiv 2105.06337); the flow network makes what is left between a mean and a sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.layers import Tap
from pipelines.backbone.transformer import patchify
from pipelines.errors import ModelError
from pipelines.models.aligned import AlignedModel
from pipelines.models.combs import GROUPS, combs
from pipelines.models.weights import fill, load_config
from pipelines.score import FEATURES, Score, frames_of
from pipelines.score.frames import CURVES, KEYS, SLOTS


@dataclass(frozen=True)
class SoundConfig:
    """Shape of a :class:`SoundNetwork`.

    Attributes:
        backbone: 1-D, over mel bands and frames, with a reference.
        timbres: names of what can sound; ids are 1 + the place, 0 is nothing in particular.
        words: words that vary a noise.
        width: of the sketch.
        depth: blocks of the sketch.
    """

    backbone: BackboneConfig
    timbres: tuple[str, ...]
    words: tuple[str, ...]
    width: int = 192
    depth: int = 2


@dataclass(frozen=True)
class Sheet:
    """Scores as numbers.

    Attributes:
        curves: of every key, and ages [B, FEATURES, T], as :func:`pipelines.score.frames_of` draws them.
        timbre: ids [B] int64.
        words: [B, words], 1 where a word varies the noise.
    """

    curves: Tensor
    timbre: Tensor
    words: Tensor


def sheet_of(config: SoundConfig, scores: Sequence[Score], frames: int, starts: Sequence[int] | int = 0) -> Sheet:
    """``scores`` as the network reads them, each from its frame of ``starts`` on.

    Raises:
        ModelError: a score names a timbre that the model does not know.
    """
    begin = [starts] * len(scores) if isinstance(starts, int) else starts
    strange = {score.timbre for score in scores} - {"", *config.timbres}
    if strange:
        raise ModelError(f"model: the sound model does not know {', '.join(sorted(strange))}")
    curves = np.stack([frames_of(score, frames, start) for score, start in zip(scores, begin, strict=True)])
    ids = [1 + config.timbres.index(score.timbre) if score.timbre else 0 for score in scores]
    words = [[float(word in score.words) for word in config.words] for score in scores]
    return Sheet(torch.from_numpy(curves), torch.tensor(ids), torch.tensor(words).reshape(len(scores), -1))


class SketchBlock(nn.Module):
    """ConvNeXt block over frames (arXiv 2201.03545) whose norm is scaled and shifted by what sounds."""

    def __init__(self, width: int, kernel: int = 7) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Advance ``x`` [B, T, width] under ``style`` [B, width]."""
        scale, shift = self.modulation(style)[:, None].chunk(2, dim=-1)
        near = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        return x + self.layers(near * (1 + scale) + shift)


class Overtones(nn.Module):
    """What the overtones of the keys add to the sketch: one small network for all bands, told where overtones fall.

    Where the overtones of a key lie is physics; left to be learned, key by key, it takes most of a training.
    """

    def __init__(self, width: int, bands: int) -> None:
        super().__init__()
        maps = 2 * len(GROUPS)
        self.combs: Tensor
        self.register_buffer("combs", torch.from_numpy(combs(bands)), persistent=False)
        self.read = nn.LayerNorm(width)
        self.style = nn.Linear(width, bands * maps)
        self.near = nn.Linear(maps, maps)
        self.norm = nn.LayerNorm(maps)
        self.layers = nn.Sequential(nn.Linear(maps, 2 * maps), nn.GELU(), nn.Linear(2 * maps, 1))

    def forward(self, curves: Tensor, x: Tensor) -> Tensor:
        """[B, T, bands] of ``curves`` [B, FEATURES, T] and the sketch's hidden frames ``x`` [B, T, width]."""
        with torch.no_grad():
            drawn = curves[:, : CURVES * SLOTS].unflatten(1, (CURVES, SLOTS))
            held, _, fading, ringing = drawn[:, :, :KEYS].transpose(2, 3).unbind(1)
            energy = torch.stack([held + ringing, fading], dim=2) @ self.combs.to(curves.dtype)  # [B, T, 2, maps]
            heard = energy.add(1e-3).log().div(3).add(1)
            heard = heard.unflatten(3, (len(GROUPS), -1)).flatten(2, 3).transpose(2, 3)  # [B, T, bands, maps]
        style = self.style(self.read(x)).unflatten(2, (heard.shape[2], -1))
        heard = heard.to(style.dtype)
        # Mostly a timbre's own share of each overtone; the rest bends that.
        hidden = self.layers(self.norm(self.near(heard) + style))
        return (heard * style).sum(-1) / 2 + hidden[..., 0]


class Sketch(nn.Module):
    """The mean of what a :class:`Sheet` may sound like, frame by frame; trained first, and then held still."""

    def __init__(self, config: SoundConfig) -> None:
        super().__init__()
        width = config.width
        self.timbre = nn.Embedding(1 + len(config.timbres), width)
        self.words = nn.Linear(len(config.words), width, bias=False)
        self.keys = nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(SketchBlock(width) for _ in range(config.depth))
        self.to_mel = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.backbone.channels))
        self.overtones = Overtones(width, config.backbone.channels)
        # Few keys sound at a time: drawn as a wide layer usually is, they would be drowned by the timbre.
        nn.init.normal_(self.keys.weight, std=0.5)
        nn.init.normal_(self.timbre.weight, std=0.5)

    def forward(self, sheet: Sheet) -> tuple[Tensor, Tensor, Tensor]:
        """Mel frames [B, BANDS, T], hidden frames [B, T, width] and style [B, width]."""
        style = self.timbre(sheet.timbre) + self.words(sheet.words)
        x = self.keys(sheet.curves.transpose(1, 2)) + style[:, None]
        for block in self.blocks:
            x = block(x, style)
        mel = self.to_mel(x) + self.overtones(sheet.curves, x)
        return mel.transpose(1, 2).float(), x, style


class SoundNetwork(nn.Module):
    """Noised mel frames and a :class:`Sheet` in, clean estimate out."""

    def __init__(self, config: SoundConfig) -> None:
        super().__init__()
        self.config = config
        backbone, width = config.backbone, config.width
        (patch,) = backbone.patch
        self.sketch = Sketch(config)
        self.to_aligned = nn.Linear(patch * width, backbone.dim)
        self.to_pooled = nn.Linear(width, backbone.dim)
        self.to_context = nn.Linear(width, backbone.dim)
        self.backbone = FlowTransformer(backbone)

    def encode(self, sheet: Sheet) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What does not depend on the noise.

        Returns aligned [B, tokens, dim], context [B, 1, dim], pooled [B, dim] and the sketch [B, BANDS, T], zeros where
        no timbre is told.
        """
        mel, hidden, style = self.sketch(sheet)
        aligned = self.to_aligned(patchify(hidden.transpose(1, 2), self.config.backbone.patch))
        told = (sheet.timbre > 0).float()[:, None, None]
        return aligned, self.to_context(style)[:, None], self.to_pooled(style), mel * told

    def forward(self, x: Tensor, sigma: Tensor, sheet: Sheet) -> Tensor:
        """Clean estimate [B, BANDS, T] of ``x`` at ``sigma`` [B] or [B, tokens]."""
        return self.clean(x, sigma, *self.encode(sheet))

    def clean(
        self, x: Tensor, sigma: Tensor, aligned: Tensor, context: Tensor, pooled: Tensor, sketch: Tensor,
        tap: Tap | None = None,
    ) -> Tensor:  # fmt: skip
        """Clean estimate of ``x`` for what :meth:`encode` gave.

        The backbone sees x less the sketch's part of it, which is noise over what is left, and predicts that; an
        untrained one predicts the sketch. It reads the sketch itself beside, as a reference that it does not lean on.
        """
        levels = sigma if sigma.ndim == 2 else sigma[:, None]
        level = levels.repeat_interleave(x.shape[2] // levels.shape[1], dim=1)[:, None]
        beside = torch.cat([sketch, torch.zeros_like(sketch[:, :1])], dim=1)
        rest = self.backbone(x - (1 - level) * sketch, sigma, context, pooled, tap, beside, aligned)
        return sketch + rest


@dataclass(frozen=True)
class SoundCondition:
    """Encoded scores.

    ``aligned`` [B, tokens, dim], ``context`` [B, 1, dim], ``pooled`` [B, dim], ``sketch`` [B, BANDS, T].
    """

    aligned: Tensor
    context: Tensor
    pooled: Tensor
    sketch: Tensor

    def turned(self, tokens: int) -> "SoundCondition":
        """The same with its first ``tokens`` moved behind its end, as a loop may be."""
        patch = self.sketch.shape[2] // self.aligned.shape[1]
        return replace(self, aligned=self.aligned.roll(-tokens, 1), sketch=self.sketch.roll(-tokens * patch, 2))


class SoundModel(AlignedModel):
    """A trained :class:`SoundNetwork` as a :class:`pipelines.flow.FlowModel` over [B, BANDS, T], T a multiple of 4."""

    def __init__(self, network: SoundNetwork, name: str = "sound") -> None:
        super().__init__(network, name)

    @torch.inference_mode()
    def encode(self, scores: Sequence[Score], frames: int, start: int = 0) -> SoundCondition:
        """Encode ``frames`` of each score, from frame ``start`` on; an empty score is the unconditional one.

        Raises:
            ModelError: a score names a timbre that the model does not know.
        """
        sheet = sheet_of(self.config, scores, frames, start)
        sheet = replace(sheet, curves=sheet.curves.to(self.value_dtype), words=sheet.words.to(self.value_dtype))
        return SoundCondition(*self.network.encode(sheet))

    def _clean(self, x: Tensor, sigma: Tensor, condition: SoundCondition, tap: Tap | None) -> Tensor:
        """Clean estimate of ``x``; ``sigma`` may be [B, tokens] too."""
        return self.network.clean(
            x, sigma, condition.aligned, condition.context, condition.pooled, condition.sketch, tap
        )  # fmt: skip


def load_sound(folder: Path, *, dtype: torch.dtype = torch.float32) -> SoundModel:
    """Load the shipped sound starter.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        config = SoundConfig(
            BackboneConfig.from_dict(described["backbone"]), tuple(described["timbres"]), tuple(described["words"]),
            int(described["width"]), int(described["depth"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = SoundNetwork(config)
    fill(network, folder)
    return SoundModel(network.to(dtype))
