"""Pictures as a page holds them: data addresses that show a file. Pillow alone: a page needs no model."""

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

from pipelines.errors import MediaError

SHOWN = 1024  # pixels along the longer side that a page needs at most
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


def shown(image: Image.Image) -> str:
    """A data address of a picture in memory."""
    held = io.BytesIO()
    image.save(held, "PNG", compress_level=1)
    return _PREFIX + base64.b64encode(held.getvalue()).decode()
