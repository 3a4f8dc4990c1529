"""What a file says about itself: the settings that made it, that a machine made it, and who signed for that.

Every format that this program writes carries its settings as JSON and IPTC's DigitalSourceType, the machine-readable
mark of AI-made media. Where each format keeps them is told in the modules: :mod:`~studio.provenance.images`,
:mod:`~studio.provenance.boxes` (MP4, WebM, WAV), :mod:`~studio.provenance.tags` (FLAC, OGG, MP3),
:mod:`~studio.provenance.shapes` (meshes) and :mod:`~studio.provenance.packs` (PNG sequences).
"""

from typing import Any

from pipelines.settings import SamplingSettings
from studio.provenance.claims import Claims, verify
from studio.provenance.images import EXIF_IFD, UNICODE, USER_COMMENT, options
from studio.provenance.reading import (
    READERS,
    carried,
    read_notes,
    read_settings,
    read_visemes,
    read_words,
    sniff,
    texts,
)
from studio.provenance.records import (
    EDITED,
    KEY,
    MADE,
    MAX_RECORD,
    SOURCE_TYPES,
    Origin,
    Provenance,
    Stamp,
    parameters,
    record,
    stamp,
    xmp,
)

__all__ = [
    "EDITED", "EXIF_IFD", "KEY", "MADE", "MAX_RECORD", "READERS", "SOURCE_TYPES", "UNICODE", "USER_COMMENT",
    "Claims", "Origin", "Provenance", "Stamp", "carried", "embedded", "parameters", "read_notes", "read_settings",
    "read_visemes", "read_words", "record", "sniff", "stamp", "texts", "verify", "xmp",
]  # fmt: skip


def embedded(
    image_format: str, settings: SamplingSettings, *, edited: bool, origin: Origin | None = None
) -> dict[str, Any]:
    """Keyword arguments that make ``Image.save`` write settings and mark into png, jpeg, webp, avif or gif."""
    return options(image_format, stamp(settings, edited=edited, origin=origin))
