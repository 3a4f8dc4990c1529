"""The record in sound files that carry named tags: FLAC, OGG and MP3.

- FLAC, OGG: Vorbis comments COMMENT and DIGITALSOURCETYPE; neither has a settled place for XMP.
- MP3: ID3 comment, and XMP in a PRIV frame (Adobe's XMP specification, part 3).

Reading looks at the first megabytes alone, where these formats keep their tags.
"""

import io
from pathlib import Path
from typing import Any, BinaryIO

from studio.provenance.records import SOURCE_TYPE, Stamp

HEAD = 4 << 20  # bytes


def write(path: Path, sound_format: str, stamp: Stamp) -> None:
    """Add ``stamp`` to a finished flac, ogg or mp3."""
    if sound_format == "mp3":
        _write_id3(path, stamp)
        return
    from mutagen.flac import FLAC
    from mutagen.oggvorbis import OggVorbis

    file: Any = FLAC(path) if sound_format == "flac" else OggVorbis(path)
    if file.tags is None:
        file.add_tags()
    for name, text in (("COMMENT", stamp.ascii), (SOURCE_TYPE.upper(), stamp.source_type)):
        if text:
            file.tags[name] = [text]
    file.save()


def flac(file: BinaryIO) -> dict[str, str]:
    """Comments of a FLAC."""
    from mutagen.flac import FLAC

    return _named(FLAC(io.BytesIO(file.read(HEAD))).tags)


def ogg(file: BinaryIO) -> dict[str, str]:
    """Comments of Vorbis, Opus or FLAC in Ogg: the second packet of the first stream."""
    from mutagen.flac import VCFLACDict
    from mutagen.ogg import OggPage

    head = io.BytesIO(file.read(HEAD))
    pages = [OggPage(head)]
    while len(packets := OggPage.to_packets(pages)) < 3 and not (len(packets) == 2 and pages[-1].complete):
        page = OggPage(head)
        if page.serial == pages[0].serial:
            pages.append(page)
    start = {b"\x03vor": 7, b"Opus": 8}.get(packets[1][:4], 4)  # what stands before the comments themselves
    comments = VCFLACDict()
    comments.load(io.BytesIO(packets[1][start:]), framing=False)
    return _named(comments)


def mp3(file: BinaryIO) -> dict[str, str]:
    """Comment and XMP of an MP3; its own texts (TXXX) too, by their names."""
    from mutagen.id3 import ID3

    found: dict[str, str] = {}
    tags = ID3(io.BytesIO(file.read(HEAD)))
    for frame in tags.getall("COMM"):
        found.setdefault("comment", "".join(frame.text))
    for frame in tags.getall("TXXX")[:100]:
        found.setdefault(frame.desc.lower(), "".join(frame.text))
    for frame in tags.getall("PRIV"):
        if frame.owner == "XMP":
            found.setdefault("xmp", frame.data.decode(errors="replace"))
    return found


def _write_id3(path: Path, stamp: Stamp) -> None:
    from mutagen.id3 import COMM, ID3, PRIV

    tags = ID3()
    if stamp.ascii is not None:
        tags.add(COMM(encoding=3, lang="eng", desc="", text=[stamp.ascii]))
    if stamp.xmp:
        tags.add(PRIV(owner="XMP", data=stamp.xmp))
    tags.save(path)


def _named(comments: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in list(comments or [])[:100]:  # type: ignore[call-overload]
        found.setdefault(str(name).lower(), str(text))
    return found
