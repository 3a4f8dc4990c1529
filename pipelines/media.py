"""Media in memory, free of any file format."""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError


@dataclass(frozen=True)
class Picture:
    """A picture: ``pixels`` uint8 [H, W, 4], straight (not premultiplied) alpha."""

    pixels: np.ndarray

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 4:
            raise MediaError(f"picture: expected uint8 [H, W, 4], got {self.pixels.dtype} {self.pixels.shape}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Mask:
    """Where an edit may change a picture: float32 [H, W] in [0, 1], 0 outside."""

    weights: np.ndarray

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or not np.issubdtype(self.weights.dtype, np.floating):
            raise MediaError(f"mask: expected float [H, W], got {self.weights.dtype} {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and self.weights.min() >= 0 and self.weights.max() <= 1):
            raise MediaError("mask: weights must be between 0 and 1")
