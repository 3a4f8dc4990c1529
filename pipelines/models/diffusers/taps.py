"""Taps: reading and replacing the values of attention inside a network of diffusers, by hooks on its projections.

Values carry no rotary position and no norm, so to replace the output of the value projection is exact. A tap sees only
the rows of the grid: prompts differ in length, and text stands before the grid in some blocks and behind it in others.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.flow.types import Tap

SPLIT = re.compile(r"(^|\.)(to_v|to_value|v_proj)$")
FUSED = re.compile(r"(^|\.)(to_qkv|to_qkv_mlp_proj|qkv)$")
# Attention from the grid to the text, and what reads the text before the blocks, holds nothing of the picture.
ASIDE = re.compile(
    r"(attn2|cross|refiner|caption|context_embedder|text|lyric|timbre|audio_attn|audio_to_video|video_to_audio)"
)


@dataclass(frozen=True)
class Projection:
    """A projection whose output holds values: columns ``first`` to ``last``, of the grid's rows behind ``after``."""

    name: str
    first: int
    last: int


def projections(network: torch.nn.Module) -> tuple[Projection, ...]:
    """The value projections of self-attention in ``network``, in the order of its blocks."""
    found = []
    for name, module in network.named_modules():
        width = getattr(module, "out_features", None)
        if width is None or ASIDE.search(name):
            continue
        if SPLIT.search(name):
            found.append(Projection(name, 0, width))
        elif FUSED.search(name):
            found.append(Projection(name, *_columns(network, name, module, width)))
    return tuple(found)


def _columns(network: torch.nn.Module, name: str, module: Any, width: int) -> tuple[int, int]:
    """Where the values stand in a fused projection: behind queries and keys, or before a feed-forward part."""
    if name.endswith("to_qkv_mlp_proj"):
        inner = network.get_submodule(name.rpartition(".")[0]).inner_dim
        return 2 * inner, 3 * inner  # type: ignore[operator, return-value]
    return width - module.in_features, width


@contextmanager
def tapped(
    networks: Sequence[torch.nn.Module], places: Sequence[Projection], rows: int, leading: bool, tap: Tap
) -> Iterator[None]:
    """Send the values of ``places`` through ``tap`` while the block runs, and leave no hook behind.

    Args:
        networks: all of the same build; only one of them runs.
        places: whose values to send.
        rows: how many rows the grid has.
        leading: whether the grid stands before the text where both share a sequence.
        tap: see :data:`pipelines.flow.types.Tap`; the site is the index within ``places``.
    """
    handles = []

    def hook(site: int, place: Projection) -> Any:
        def through(module: torch.nn.Module, args: Any, output: Tensor) -> Tensor:
            flat = output.dim() == 2
            whole = output[None] if flat else output
            first = 0 if leading or whole.shape[1] == rows else whole.shape[1] - rows
            part = whole[:, first : first + rows, place.first : place.last]
            taken = tap(site, part)
            if taken is part:
                return output
            changed = whole.clone()
            changed[:, first : first + rows, place.first : place.last] = taken.to(changed)
            return changed[0] if flat else changed

        return through

    try:
        for network in networks:
            for site, place in enumerate(places):
                handles.append(network.get_submodule(place.name).register_forward_hook(hook(site, place)))
        yield
    finally:
        for handle in handles:
            handle.remove()
