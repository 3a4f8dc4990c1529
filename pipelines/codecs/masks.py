"""Masks painted on some frames of a clip, kept in one picture: grey, one below the other, the frames in its text."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from pipelines.codecs.image import read_mask_file
from pipelines.errors import MediaError
from pipelines.media import Mask

FRAMES = "Frames"  # the text chunk that names the frames, from top to bottom
MOST = 64  # masks of a clip: as many as frames that can be edited

Masks = Mask | tuple[tuple[int, Mask], ...]


def save_masks(masks: Mapping[int, Mask], path: Path) -> None:
    """Write masks of equal size by frame as one PNG that :func:`read_masks_file` reads, in steps of 1/255.

    Raises:
        MediaError: there are none, or too many, or they are of different sizes.
    """
    frames = sorted(masks)
    if not 0 < len(frames) <= MOST:
        raise MediaError(f"mask: is painted on {len(frames)} frames; paint on 1 to {MOST}")
    sizes = {masks[frame].weights.shape[::-1] for frame in frames}
    if len(sizes) > 1:
        told = " and ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise MediaError(f"mask: the masks of a clip are of one size, got {told} pixels; make them equal")
    tall = np.concatenate([masks[frame].weights for frame in frames])
    text = PngImagePlugin.PngInfo()
    text.add_text(FRAMES, " ".join(map(str, frames)))
    Image.fromarray((tall * 255 + 0.5).astype(np.uint8)).save(path, "PNG", pnginfo=text)


def read_masks_file(path: str | Path, size: tuple[int, int]) -> Masks:
    """The mask of a clip of ``size`` (width, height): one that stands still, or (frame, mask) each.

    Raises:
        MediaError: not a picture, of another size, or nothing in it may change.
    """
    frames = frames_named(path)
    if frames is None:
        return read_mask_file(path, size)
    tall = read_mask_file(path, (size[0], size[1] * len(frames))).weights
    return tuple((frame, Mask(part)) for frame, part in zip(frames, np.split(tall, len(frames)), strict=True))


def frames_named(path: str | Path) -> tuple[int, ...] | None:
    """The frames that the masks in ``path`` lie on; None where it is a picture like any other.

    Raises:
        MediaError: what it says of frames makes no sense.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            told = str(image.info.get(FRAMES, ""))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None  # no PNG: the reader of pictures takes it, or says what is wrong with it
    if not told:
        return None
    words = told.split()
    if not 0 < len(words) <= MOST or not all(word.isdecimal() and len(word) < 7 for word in words):
        raise MediaError(f"mask: {Path(path).name} says that it lies on frames {told[:40]!r}; paint it anew")
    frames = tuple(map(int, words))
    if list(frames) != sorted(set(frames)):
        raise MediaError(f"mask: {Path(path).name} names its frames out of order; paint it anew")
    return frames
