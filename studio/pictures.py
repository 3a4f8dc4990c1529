"""Pictures as a page holds them: data addresses that show a file. No Torch: a page needs no starter."""

import base64
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipelines.enlarging import enlarged
from pipelines.errors import MediaError

SHOWN = 1024  # pixels along the longer side that a page needs at most
SMALL = 96  # pixels along the longer side up to which a picture is redrawn where it is shown large
TIMES = 4  # as wide and high it is then
INLINE = 1_500_000  # bytes up to which a PNG is shown as it is
_PREFIX = "data:image/png;base64,"


def address(path: Path) -> str:
    """A data address that shows the picture in ``path``; small PNGs pass unchanged, others are scaled down.

    Raises:
        MediaError: the file cannot be read as a picture.
    """
    try:
        if path.suffix == ".png" and path.stat().st_size <= INLINE:
            return _PREFIX + base64.b64encode(path.read_bytes()).decode()
        with Image.open(path) as opened:
            opened.draft("RGB", (SHOWN, SHOWN))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
        image.thumbnail((SHOWN, SHOWN))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"picture: {path.name} cannot be shown ({type(error).__name__})") from None
    return shown(image)


def large(path: Path) -> str:
    """As :func:`address`, where it is shown large: a small picture redrawn at four times its size.

    Raises:
        MediaError: the file cannot be read as a picture.
    """
    if not is_small(path):
        return address(path)
    return _redrawn(path, path.stat().st_mtime_ns)


def is_small(path: Path) -> bool:
    """Whether a picture is redrawn where it is shown large."""
    try:
        with Image.open(path) as opened:
            return max(opened.size) <= SMALL
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


@lru_cache(maxsize=64)
def _redrawn(path: Path, _written: int) -> str:
    with Image.open(path) as opened:
        pixels = np.array(ImageOps.exif_transpose(opened).convert("RGBA"))
    return shown(Image.fromarray(enlarged(pixels, TIMES)))


def shown(image: Image.Image) -> str:
    """A data address of a picture in memory."""
    held = io.BytesIO()
    image.save(held, "PNG", compress_level=1)
    return _PREFIX + base64.b64encode(held.getvalue()).decode()
