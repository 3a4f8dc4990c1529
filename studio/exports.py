"""Kept files in other formats: made at their first download, and kept beside the library."""

import hashlib
from pathlib import Path

from pipelines.errors import MediaError
from studio.export import convert, formats_of
from studio.provenance import read_visemes, read_words

KNOWN = ("image", "video", "audio", "mesh", "subtitles", "track")
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


def exported(home: Path, path: Path, suffix: str) -> Path:
    """The file in ``path`` in the format of ``suffix``, with its own record.

    Raises:
        MediaError: there is no such format, or the file cannot be written in it.
    """
    suffix = suffix.lower()
    if not suffix or suffix == path.suffix.lower():
        return path
    known = {ending for medium in KNOWN for ending in titles(medium)}
    if suffix not in known:
        raise MediaError(f"format: {suffix[:20]!r} is none of {', '.join(sorted(known))}")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    target = home / ".exports" / f"{content[:32]}{suffix}"
    return target if target.exists() else convert(path, target)
