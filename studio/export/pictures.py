"""Pictures and silent moving pictures, through Pillow."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.media import Clip, Picture
from studio.provenance.images import options, with_xmp
from studio.provenance.records import Stamp

OPAQUE = np.array([0, 0, 0, 255], np.uint8)
OPTIONS: dict[str, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True, "exact": True},
    "avif": {"quality": 90, "subsampling": "4:4:4"},
}


def write(picture: Picture, path: Path, kind: str, stamp: Stamp) -> None:
    """Write a png, jpeg, webp or avif. JPEG has no transparency, so there the picture is laid on white."""
    image = Image.fromarray(picture.pixels)
    if kind == "jpeg":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    with open(path, "wb") as file:
        image.save(file, kind, **OPTIONS[kind], **options(kind, stamp))


def write_gif(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write a GIF: no sound, 256 colours a frame, a pixel is there or not; at most 50 frames a second.

    Browsers slow faster ones down to 10 a second, so from faster clips frames are left out instead.
    """
    chosen, delays = zip(*paced(len(clip.frames), clip.rate, 100, least=2), strict=True)
    # One colour for all that is not there leaves more for the rest.
    images = [Image.fromarray(np.where(clip.frames[n][..., 3:] < 128, 0, clip.frames[n] | OPAQUE)) for n in chosen]
    whole = io.BytesIO()
    images[0].save(
        whole,
        "gif",
        save_all=True,
        append_images=images[1:],
        duration=[delay * 10 for delay in delays],
        loop=0,
        disposal=2,
        **options("gif", stamp),
    )
    path.write_bytes(with_xmp(whole.getvalue(), stamp.xmp))


def write_moving_webp(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write an animated WebP: no sound; colours lossy, transparency exact."""
    chosen, delays = zip(*paced(len(clip.frames), clip.rate, 1000, least=1), strict=True)
    images = [Image.fromarray(clip.frames[index]) for index in chosen]
    look = {"quality": 90, "alpha_quality": 100, "method": 4, "loop": 0, "duration": list(delays)}
    with open(path, "wb") as file:
        images[0].save(file, "webp", save_all=True, append_images=images[1:], **look, **options("webp", stamp))


def paced(frames: int, rate: float, unit: int, *, least: int) -> Iterator[tuple[int, int]]:
    """Frames to show and for how many ``1 / unit`` seconds each, so that the whole lasts as long as it should.

    Rounding each delay by itself would let 24 frames a second run at 25; and what would be shown for less than
    ``least`` is left out.
    """
    shown, index = 0, 0
    for number in range(frames):
        end = round((number + 1) * unit / rate)
        if end - shown >= least or number == frames - 1:
            yield index, max(end - shown, least)
            shown, index = end, number + 1
