"""The starters of this project as flow models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.backbone import BackboneConfig
from pipelines.backbone.text import Tokenizer
from pipelines.errors import ModelError
from pipelines.flow.types import CLAMP, Site, Tap
from pipelines.models.bank import Bank
from pipelines.models.network import NetworkConfig, StarterNetwork, vocabulary
from pipelines.models.weights import fill, load_config


@dataclass(frozen=True)
class StarterCondition:
    """Encoded prompts: what the network reads, and what a person may want to know of it.

    Attributes:
        context: text tokens [B, L, dim].
        pooled: summary [B, dim].
        reference: picture [B, C + 1, 64, 64] that the network is shown, zeros for a prompt without; None for a model
            without a bank.
        unknown: per prompt, words outside the vocabulary.
        dropped: per prompt, words beyond the length limit.
        shown: per prompt, the names that its reference shows.
    """

    context: Tensor
    pooled: Tensor
    reference: Tensor | None = None
    unknown: tuple[tuple[str, ...], ...] = ()
    dropped: tuple[tuple[str, ...], ...] = ()
    shown: tuple[tuple[str, ...], ...] = ()


def implied_velocity(x: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """Velocity [B, C, *S] in ``x``'s dtype: (x - clean) / max(sigma, clamp), sigma [B] or [B, frames]."""
    level = sigma.double().clamp(min=CLAMP)
    if level.ndim == 2:
        level = level.repeat_interleave(x.shape[2] // level.shape[1], dim=1)
        level = level.reshape(level.shape[0], 1, -1, *[1] * (x.ndim - 3))
    else:
        level = level.reshape(-1, *[1] * (x.ndim - 1))
    return (x - clean.to(x.dtype)) / level.to(x.dtype)


class StarterModel:
    """A trained :class:`StarterNetwork` as a :class:`pipelines.flow.FlowModel`.

    velocity = (x - x0_hat) / max(sigma, clamp), with x0_hat from the network.
    """

    def __init__(
        self, network: StarterNetwork, tokenizer: Tokenizer, name: str = "starter", bank: Bank | None = None
    ) -> None:
        """``bank`` is where a network that reads a reference finds it; without one it is shown none."""
        self.name, self.bank = name, bank
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        backbone = network.config.backbone
        self.backbone: BackboneConfig = backbone
        self.sites = tuple(
            Site(index, f"blocks.{index}", network.config.text_length) for index in range(backbone.depth)
        )

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self.network.backbone.head.weight.dtype

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> StarterCondition:
        """Encode one prompt per sample and look its reference up; an empty prompt is the unconditional one."""
        tokens = self.tokenizer(prompts)
        context, pooled = self.network.text(tokens.words, tokens.pieces)
        reference, shown = self._reference(prompts)
        return StarterCondition(context, pooled, reference, tokens.unknown, tokens.dropped, shown)

    def _reference(self, prompts: Sequence[str]) -> tuple[Tensor | None, tuple[tuple[str, ...], ...]]:
        """The reference of each prompt, zeros for a prompt without, and the names it shows."""
        if not self.backbone.reference or self.bank is None:
            return None, ()
        found = [self.bank.look_up(prompt) for prompt in prompts]
        return torch.from_numpy(self.bank.signals(found)), tuple(self.bank.names(each) for each in found)

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: StarterCondition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, C, *S] in ``x``'s dtype at ``sigma`` [B] or [B, frames]; the network runs in its own dtype."""
        clean = self.network.backbone(
            x.float(), sigma.float(), condition.context, condition.pooled, tap, condition.reference
        )
        return implied_velocity(x, clean, sigma)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        grid = self.network.backbone.grid_of(x)
        rows = self.network.config.text_length + int(torch.tensor(grid).prod())
        return x.shape[0], rows, self.backbone.dim

    def join(self, conditions: Sequence[Any]) -> StarterCondition:
        """Conditions one after the other in one batch."""
        references = [c.reference for c in conditions if c.reference is not None]
        return StarterCondition(
            torch.cat([c.context for c in conditions]),
            torch.cat([c.pooled for c in conditions]),
            torch.cat(references) if references else None,
        )


def load_starter(folder: Path, *, dtype: torch.dtype = torch.float32) -> StarterModel:
    """Load a shipped starter.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    config = load_config(folder)
    try:
        network_config = NetworkConfig(BackboneConfig.from_dict(config["backbone"]), config["text_length"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    words, vectors = vocabulary()
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = StarterNetwork(network_config, vectors)
    fill(network, folder)
    bank = Bank.load() if network_config.backbone.reference else None
    return StarterModel(network.to(dtype), Tokenizer(words, network_config.text_length), bank=bank)
