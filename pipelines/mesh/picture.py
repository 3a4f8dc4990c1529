"""Pictures as the mesh model is shown them: cut out of a plain ground."""

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Picture

PLAIN = 40.0  # distance in sRGB from the ground's colour from which on a pixel belongs to the object


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
