"""The starter's network: text encoder and backbone as one module, with the vocabulary that both share."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn, zeros

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.layers import Tap
from pipelines.backbone.text import TextEncoder
from pipelines.errors import ModelError
from pipelines.paths import assets


@lru_cache(maxsize=1)
def vocabulary(folder: Path | None = None) -> tuple[tuple[str, ...], Tensor]:
    """Shipped words and their vectors [2 + words, 50]; rows 0 and 1 stand for padding and unknown words.

    Raises:
        ModelError: the files are missing or do not fit together.
    """
    folder = folder or assets() / "weights" / "vocabulary"
    try:
        words = tuple((folder / "words.txt").read_text(encoding="utf-8").split())
        vectors = load_file(folder / "vectors.safetensors")["vectors"].float()
    except (OSError, KeyError, UnicodeDecodeError, SafetensorError) as error:
        raise ModelError(f"model: the shipped vocabulary cannot be read ({error}); reinstall eddyline") from error
    if len(words) != len(vectors):
        raise ModelError(f"model: vocabulary has {len(words)} words but {len(vectors)} vectors; reinstall eddyline")
    table = zeros(2 + len(words), vectors.shape[1])
    table[2:] = vectors
    return words, table


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a :class:`StarterNetwork`: the backbone's, and tokens per prompt."""

    backbone: BackboneConfig
    text_length: int = 16


class StarterNetwork(nn.Module):
    """Prompt and noised signal in, clean estimate out."""

    def __init__(self, config: NetworkConfig, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(vectors, config.backbone.dim, length=config.text_length)
        self.backbone = FlowTransformer(config.backbone)

    def forward(
        self, x: Tensor, sigma: Tensor, words: Tensor, pieces: Tensor, tap: Tap | None = None,
        reference: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Clean estimate of ``x`` [B, C, *S] at ``sigma`` [B] or [B, frames] under tokenised prompts [B, L].

        ``reference`` is [B, C + 1, *S] as the backbone takes it.
        """
        context, pooled = self.text(words, pieces)
        return self.backbone(x, sigma, context, pooled, tap, reference)
