"""A picture or frames of any size on the grid of a model, and an edit brought back at full size.

The codec of a latent model does not return what it was given. So an edit is not the decoded result: it is the source,
moved by how much the decoded result differs from the decoded source. Where nothing changed, the source's own pixels
come back bit for bit, whatever the codec; where much changed, the decoded pixels themselves stand.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate

REPLACED_AT = 0.3  # a change this large (of the range 2) replaces the source's fine detail


@dataclass(frozen=True)
class Canvas:
    """Frames uint8 [T, H, W, 4] as a model of side ``multiple`` sees them, at most ``area`` pixels each."""

    frames: np.ndarray
    multiple: int
    area: int

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) on the canvas: the nearest multiples, shrunk to the area that the model was made for."""
        height, width = self.frames.shape[1:3]
        scale = min(1.0, math.sqrt(self.area / (height * width)))
        side = self.multiple
        return max(side, round(height * scale / side) * side), max(side, round(width * scale / side) * side)

    @cached_property
    def source(self) -> Tensor:
        """[T, 3, H, W] in [-1, 1] at full size, over white."""
        rgba = torch.from_numpy(self.frames.astype(np.float32) / 255)
        rgb = rgba[..., :3] * rgba[..., 3:] + (1 - rgba[..., 3:])
        return rgb.permute(0, 3, 1, 2) * 2 - 1

    def pixels(self) -> Tensor:
        """[T, 3, height, width] in [-1, 1] on the canvas."""
        return _resized(self.source, self.size).clamp(-1, 1)

    def mask(self, weights: np.ndarray, grid: tuple[int, int]) -> Tensor:
        """A mask [H, W] of a frame on a ``grid`` of cells, [1, 1, h, w]: 1 where any of a cell's pixels may change."""
        return (adaptive_max_pool2d(torch.from_numpy(weights.astype(np.float32))[None, None], grid) > 0).float()

    def restore(self, edited: Tensor, before: Tensor, weights: np.ndarray | None = None) -> np.ndarray:
        """``edited`` against ``before``, both [T, 3, height, width] as decoded, as frames of the source's size.

        ``weights`` [H, W] is a soft mask at full size; weight 0 returns the source's pixels untouched.
        """
        full = self.source.shape[-2:]
        change = edited.float() - before.float()
        replaced = _resized((change.abs().amax(1, keepdim=True) / REPLACED_AT).clamp(max=1), full).clamp(0, 1)
        # What the canvas and the codec lost of the source; it fades where the edit draws anew.
        detail = self.source - _resized(before.float(), full)
        result = (_resized(edited.float(), full) + (1 - replaced) * detail).clamp(-1, 1)
        moved = _resized(change, full).abs().amax(1)
        if weights is not None:
            soft = torch.from_numpy(weights.astype(np.float32))
            result = self.source + soft * (result - self.source)
            moved = moved * (soft > 0)
        rgb = ((result + 1) / 2 * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        alpha = np.where((moved > 1 / 255).numpy(), 255, self.frames[..., 3])
        made = np.concatenate([rgb, alpha[..., None].astype(np.uint8)], -1)
        return np.where((moved > 0).numpy()[..., None], made, self.frames)


def _resized(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    if x.shape[-2:] == torch.Size(size):
        return x
    return interpolate(x, tuple(size), mode="bicubic", align_corners=False, antialias=True)


def frames_of(media: Tensor) -> np.ndarray:
    """[T, 3, H, W] in [-1, 1] as uint8 [T, H, W, 4], opaque."""
    rgb = ((media.float().clamp(-1, 1) + 1) / 2 * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return np.concatenate([rgb, np.full((*rgb.shape[:3], 1), 255, np.uint8)], -1)
