"""Files from media: every format carries its settings and the AI mark, and is written whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Picture
from pipelines.settings import SamplingSettings
from studio.provenance import Origin, embedded

FORMATS = ("png", "jpeg", "webp")
SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
OPTIONS: dict[str, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True, "exact": True},
}


def format_of(path: str | Path) -> str:
    """Format by file name.

    Raises:
        MediaError: the name ends in nothing that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise MediaError(f"out: {Path(path).name!r} must end in {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def save_picture(
    picture: Picture,
    path: str | Path,
    settings: SamplingSettings,
    *,
    edited: bool | None = None,
    origin: Origin | None = None,
) -> Path:
    """Write ``picture`` with the settings that made it; the format is that of the file's name.

    JPEG has no transparency, so there the picture is laid on white. ``edited`` marks a picture that began as another;
    by default that is so when the settings are an edit's. ``origin`` says which asset of the library the file is.

    Raises:
        MediaError: the format is unknown or the file cannot be written.
    """
    path = Path(path)
    kind = format_of(path)
    image = Image.fromarray(picture.pixels)
    if kind == "jpeg":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    marks = embedded(kind, settings, edited=settings.TASK == "edit" if edited is None else edited, origin=origin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                image.save(file, kind, **OPTIONS[kind], **marks)
            os.chmod(temporary, 0o644)  # mkstemp is private; an exported file is not
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:  # ValueError: more pixels a side than the format can hold
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"out: {path.name} cannot be written ({reason})") from error
    return path
