"""What a clip measures, and a few of its frames as a small moving picture."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import MediaError

FRAMES = 16  # of a thumbnail, spread over the clip's first seconds
SECONDS = 1.6  # of a clip that a thumbnail shows
STANDS = round(1000 * SECONDS / FRAMES)  # milliseconds of each


def measure(path: Path) -> dict[str, Any]:
    """``width``, ``height``, ``frames`` and ``seconds``, as far as the file says; nothing for what is no clip."""
    from pipelines.clips import film_in

    try:
        film = film_in(path)
    except (MediaError, OSError):
        return {}
    told: dict[str, Any] = {"width": film.size[0], "height": film.size[1]}
    if film.seconds is not None:
        told |= {"frames": max(1, round(film.seconds * film.rate)), "seconds": film.seconds}
    return told


def see(path: Path, side: int) -> list[Image.Image]:
    """Frames that fit ``side`` x ``side`` pixels: of its beginning, as fast as they are.

    Raises:
        MediaError: no frame of it can be read.
    """
    from pipelines.clips import Cut, read_clip

    clip, _ = read_clip(path, Cut(rate=FRAMES / SECONDS, frames=FRAMES, side=side, sound=False))
    frames = clip.frames
    if (frames == frames[:1]).all():
        frames = frames[:1]
    return [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
