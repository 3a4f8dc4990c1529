"""Pictures of objects brought to one size, as models and banks know them."""

import numpy as np
from PIL import Image

PIXELS = 64  # of a picture as networks see it
ROUND = 1.12  # of what it shows: a picture with the object in its middle


def box_of(cut: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is not transparent, as shares of the picture [H, W, 4]."""
    rows = np.flatnonzero((cut[..., 3] > 0.5).any(1))
    columns = np.flatnonzero((cut[..., 3] > 0.5).any(0))
    height, width = cut.shape[:2]
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def framed(cut: np.ndarray) -> np.ndarray:
    """``cut`` [H, W, 4] as [PIXELS, PIXELS, 4], the object in its middle; its shape stays."""
    height, width = cut.shape[:2]
    left, top, right, bottom = box_of(cut)
    side = max((right - left) * width, (bottom - top) * height) * ROUND
    return _window(cut, ((left + right) / 2 * width, (top + bottom) / 2 * height), side)


def _window(cut: np.ndarray, middle: tuple[float, float], side: float) -> np.ndarray:
    """A square of ``side`` pixels of ``cut`` round ``middle`` (pixels), made small."""
    x, y = middle[0] - side / 2, middle[1] - side / 2
    channels = []
    for k in range(4):
        layer = Image.fromarray(cut[..., k])
        big = max(1, round(side))
        held = layer.transform(
            (big, big), Image.Transform.EXTENT, (x, y, x + side, y + side), Image.Resampling.BILINEAR
        )
        small = held.resize((PIXELS, PIXELS), Image.Resampling.BOX if big >= PIXELS else Image.Resampling.BILINEAR)
        channels.append(np.asarray(small, np.float32))
    return np.stack(channels, axis=-1).clip(0, 1)
