"""Pictures as the mesh model is shown them: cut out, framed as it knows its kinds, small."""

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Picture
from pipelines.models.mesh import PIXELS

PLAIN = 40.0  # distance in sRGB from the ground's colour from which on a pixel belongs to the object
NEAR_FRAME = 0.07  # of the picture: an object that stands so near to where its kind does is taken as framed


def cut_out(picture: Picture) -> np.ndarray:
    """``picture`` as float32 [H, W, 4], premultiplied in [0, 1], with a plain ground made transparent.

    Raises:
        MediaError: nothing stands out from its ground.
    """
    pixels = picture.pixels.astype(np.float32) / 255
    if pixels[..., 3].min() > 0.98:
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])[:, :3]
        ground = np.median(border, axis=0)
        away = np.linalg.norm(pixels[..., :3] - ground, axis=-1) * 255
        pixels[..., 3] = np.clip((away - PLAIN / 2) / (PLAIN / 2), 0, 1)
    if (pixels[..., 3] > 0.5).mean() < 0.002:
        raise MediaError("picture: nothing stands out from its ground; use one on a transparent or a plain ground")
    pixels[..., :3] *= pixels[..., 3:]
    return pixels


def box_of(cut: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is not transparent, as shares of the picture [H, W, 4]."""
    rows = np.flatnonzero((cut[..., 3] > 0.5).any(1))
    columns = np.flatnonzero((cut[..., 3] > 0.5).any(0))
    height, width = cut.shape[:2]
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def framed(cut: np.ndarray, frame: tuple[float, float, float, float] | None) -> np.ndarray:
    """``cut`` [H, W, 4] as [PIXELS, PIXELS, 4], the object where ``frame`` says that its kind stands; its shape stays.

    Without a frame, or where it stands there already in a square picture, it is only made smaller.
    """
    height, width = cut.shape[:2]
    left, top, right, bottom = box_of(cut)
    if frame is None:
        side = max((right - left) * width, (bottom - top) * height) * 1.12
        target = (0.5, 0.5, side)
        middle = ((left + right) / 2 * width, (top + bottom) / 2 * height)
        return _window(cut, middle, (0.5, 0.5), target[2])
    stands = height == width and abs((left + right) / 2 - (frame[0] + frame[2]) / 2) < NEAR_FRAME
    stands = stands and abs(bottom - frame[3]) < NEAR_FRAME and (right - left) < 0.93 and (bottom - top) < 0.93
    if stands:
        return _window(cut, (width / 2, height / 2), (0.5, 0.5), float(width))
    # One scale for both sides, between what the width and what the height ask for.
    wide, tall = (right - left) * width, (bottom - top) * height
    scale = np.sqrt(wide / max(frame[2] - frame[0], 0.05) * tall / max(frame[3] - frame[1], 0.05))
    side = float(np.clip(scale, max(wide, tall) / 0.95, None))
    return _window(cut, ((left + right) / 2 * width, bottom * height), ((frame[0] + frame[2]) / 2, frame[3]), side)


def _window(cut: np.ndarray, at: tuple[float, float], to: tuple[float, float], side: float) -> np.ndarray:
    """A square of ``side`` pixels of ``cut`` with the point ``at`` (pixels) at the share ``to`` of it, made small."""
    x, y = at[0] - to[0] * side, at[1] - to[1] * side
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
