"""Pictures and frames at several times their size: redrawn by a small network, smoothed, or with every pixel a square.

The network is the compact one of Real-ESRGAN (Wang et al., arXiv 2107.10833) for drawn animation, run with NumPy:
convolutions of 3 x 3 over 64 channels, whose last is laid out as four by four pixels and added to the picture itself.
Lines become sharp and faint patterns vanish, which suits stickers and takes the grain from photographs.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pipelines.errors import MediaError, ModelError
from pipelines.paths import assets

Way = Literal["redrawn", "lanczos", "pixels"]
LARGEST = 4096  # pixels along a side of what comes out
TIMES = 4  # of one pass of the network
TILE = 192  # pixels along a side of what goes through at once
REACH = 18  # pixels that the network sees around one: its 18 convolutions
EDGE = 6  # pixels that a picture is continued by
OPAQUE = 12  # alpha below which a pixel's own colour is not to be trusted


def enlarged(pixels: np.ndarray, times: int, way: Way = "redrawn") -> np.ndarray:
    """Straight RGBA uint8 [H, W, 4] as [times H, times W, 4].

    Args:
        pixels: the picture; its alpha is enlarged as a picture of its own.
        times: how many times as wide and high; redrawn is four times, and Lanczos from there.
        way: "redrawn" by the network, "lanczos" is smooth and invents nothing, "pixels" keeps every pixel a square.

    Raises:
        MediaError: it would become smaller or too large.
        ModelError: the network's file is missing or damaged.
    """
    height, width = pixels.shape[:2]
    most = max(1, LARGEST // max(width, height))
    if not 1 <= times <= most:
        raise MediaError(f"enlarge: {times} times {width} x {height} pixels; choose 1 to {most}")
    if times == 1:
        return pixels
    if way == "pixels":
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    drawn = _redrawn(pixels) if way == "redrawn" else pixels
    size = (width * times, height * times)
    if drawn.shape[1::-1] == size:
        return drawn
    return np.array(Image.fromarray(drawn).resize(size, Image.Resampling.LANCZOS))  # alpha is weighed in by Pillow


def _redrawn(pixels: np.ndarray) -> np.ndarray:
    """Straight RGBA uint8 [H, W, 4] four times as large."""
    from scipy.ndimage import distance_transform_edt

    alpha = pixels[..., 3]
    colour, seen = pixels[..., :3], alpha >= OPAQUE
    if seen.any() and not seen.all():
        # Under transparency colours mean nothing; the nearest that does keeps edges from borrowing them.
        rows, columns = distance_transform_edt(~seen, return_distances=False, return_indices=True)
        colour = colour[rows, columns]
    drawn = _through(colour)
    cover = np.full(drawn.shape[:2], 255, np.uint8)
    if (alpha < 255).any():
        cover = _through(np.repeat(alpha[..., None], 3, axis=2)).mean(axis=2).round().astype(np.uint8)
    return np.dstack([drawn, cover])


def _through(colour: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] four times as large, tile by tile: every tile sees all that its pixels depend on."""
    around = np.pad(colour, ((EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="edge")  # the network takes outside for black
    height, width = around.shape[:2]
    out = np.empty((TIMES * height, TIMES * width, 3), np.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            first, start = max(0, top - REACH), max(0, left - REACH)
            tile = around[first : top + TILE + REACH, start : left + TILE + REACH]
            drawn = _network(tile.transpose(2, 0, 1).astype(np.float32) / 255).clip(0, 1) * 255
            place = out[TIMES * top : TIMES * (top + TILE), TIMES * left : TIMES * (left + TILE)]
            inner = drawn[:, TIMES * (top - first) :, TIMES * (left - start) :][:, : len(place), : place.shape[1]]
            place[:] = inner.round().astype(np.uint8).transpose(1, 2, 0)
    edge = TIMES * EDGE
    return out[edge:-edge, edge:-edge]


def _network(x: np.ndarray) -> np.ndarray:
    """float32 [3, H, W] to [3, 4H, 4W], in [0, 1]."""
    layers, (_, height, width) = _layers(), x.shape
    y = x
    for weight, bias, slope in layers:
        y = _convolved(y, weight, bias)
        if slope is not None:
            y = np.maximum(y, 0) + slope[:, None, None] * np.minimum(y, 0)
    y = y.reshape(3, TIMES, TIMES, height, width).transpose(0, 3, 1, 4, 2).reshape(3, TIMES * height, TIMES * width)
    return y + x.repeat(TIMES, axis=1).repeat(TIMES, axis=2)


def _convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3 x 3 convolution of [C, H, W] with weights [3, 3, O, C], zeros around it: a product of matrices per place."""
    _, height, width = x.shape
    around = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.broadcast_to(bias[:, None], (len(bias), height * width)).copy()
    for row in range(3):
        for column in range(3):
            seen = around[:, row : row + height, column : column + width].reshape(len(x), -1)
            out += weight[row, column] @ seen
    return out.reshape(-1, height, width)


@lru_cache(maxsize=1)
def _layers() -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """(weights [3, 3, O, C], bias [O], slope below zero [O] or None) of each convolution."""
    path = assets() / "weights" / "enlarger" / "weights.safetensors"
    try:
        held = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"enlarge: {path.name} cannot be read ({error}); reinstall eddyline") from error
    count = sum(name.endswith(".weight") for name in held)
    return [
        (
            np.ascontiguousarray(held[f"{layer}.weight"].transpose(2, 3, 0, 1)),
            held[f"{layer}.bias"],
            held.get(f"{layer}.slope"),
        )
        for layer in range(count)
    ]
