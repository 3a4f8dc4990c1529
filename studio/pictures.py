"""Pictures as a page holds them: data addresses to show, and the painted mask that comes back."""

import base64
import binascii
import io
from pathlib import Path

from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Mask, Picture

SHOWN = 1024  # pixels along the longer side that a page needs at most
INLINE = 1_500_000  # bytes up to which a file is shown as it is
_PREFIX = "data:image/png;base64,"
_MASK_LIMIT = 6_000_000


def address(picture: Picture | Path) -> str:
    """A data address that shows ``picture``; small files pass unchanged, larger ones are scaled down for the page."""
    if isinstance(picture, Path):
        if picture.suffix == ".png" and picture.stat().st_size <= INLINE:
            return _PREFIX + base64.b64encode(picture.read_bytes()).decode()
        from pipelines.image import read_picture

        picture, _ = read_picture(picture)
    image = Image.fromarray(picture.pixels)
    image.thumbnail((SHOWN, SHOWN))
    held = io.BytesIO()
    image.save(held, "PNG", compress_level=1)
    return _PREFIX + base64.b64encode(held.getvalue()).decode()


def painted(mask: str | None, size: tuple[int, int]) -> Mask | None:
    """The mask that was painted on the page, at the picture's ``size``; None when nothing is painted.

    Raises:
        MediaError: the page sent something that is not a small PNG.
    """
    from pipelines.image import read_mask

    if not mask:
        return None
    if not mask.startswith(_PREFIX) or len(mask) > _MASK_LIMIT:
        raise MediaError("mask: expected a PNG from the page; clear it and paint again")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(mask[len(_PREFIX) :], validate=True)), formats=["PNG"])
        if max(image.size) > 2 * SHOWN:
            raise MediaError(f"mask: at most {2 * SHOWN} pixels a side, got {image.size}")
        return read_mask(image.convert("RGBA"), size)
    except (OSError, binascii.Error, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"mask: could not be read ({error}); clear it and paint again") from None
