"""Kept files in other formats: made at their first download, and kept beside the library."""

import hashlib
from pathlib import Path

from pipelines.errors import MediaError
from studio.export import convert, formats_of
from studio.provenance import read_visemes, read_words

KNOWN = ("image", "video", "audio", "mesh", "subtitles", "track")
USUAL = 512  # pixels along a side of a sticker, as messengers take it
MEDIA = {"lipsync": "video"}  # a medium that is kept as another's files


def titles(medium: str, path: Path | None = None) -> dict[str, str]:
    """Ending (with its dot) to title of every format that can hold a medium.

    Of the file in ``path``, if it is given: subtitles too where it is known what is said in it, and the movement of a
    mouth where that is known.
    """
    kinds = formats_of(MEDIA.get(medium, medium))
    if medium in ("audio", *MEDIA) and path is not None and read_words(path):
        kinds = (*kinds, *formats_of("subtitles"))
    if medium in MEDIA and path is not None and read_visemes(path) is not None:
        kinds = (*kinds, *formats_of("track"))
    return {kind.suffixes[0]: kind.title for kind in kinds}


def enlargement(width: int, height: int) -> int:
    """How many times a small picture is enlarged in the download for where small ones are of no use; 1: it is not."""
    return max(1, USUAL // max(width, height, 1))


def exported(home: Path, path: Path, suffix: str, times: int = 1) -> Path:
    """The file in ``path`` in the format of ``suffix``, with its own record; a picture enlarged ``times``.

    Raises:
        MediaError: there is no such format, or the file cannot be written in it.
    """
    suffix = suffix.lower()
    if times == 1 and (not suffix or suffix == path.suffix.lower()):
        return path
    known = {ending for medium in KNOWN for ending in titles(medium)}
    if suffix not in known:
        raise MediaError(f"format: {suffix[:20]!r} is none of {', '.join(sorted(known))}")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    size = "" if times == 1 else f"-{times}"
    target = home / ".exports" / f"{content[:32]}{size}{suffix}"
    return target if target.exists() else convert(path, target, enlarge=times)
