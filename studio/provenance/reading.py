"""Reading any file's texts: the format is found by content, never by name, and little more than the texts is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.errors import MediaError
from pipelines.media import Visemes, Word
from studio.provenance import boxes, images, packs, shapes, tags
from studio.provenance.records import (
    KEY,
    MAX_RECORD,
    SOURCE_TYPE,
    Provenance,
    Stamp,
    held,
    mark_in,
    mark_of,
    notes_in,
    parameters,
    parsed,
    visemes_in,
    words_in,
)

READERS: dict[str, Callable[[BinaryIO], dict[str, str]]] = {
    "png": images.png,
    "jpeg": images.jpeg,
    "webp": images.webp,
    "avif": images.avif,
    "gif": images.gif,
    "mp4": boxes.mp4,
    "webm": boxes.webm,
    "wav": boxes.wav,
    "flac": tags.flac,
    "ogg": tags.ogg,
    "mp3": tags.mp3,
    "glb": shapes.glb,
    "obj": shapes.obj,
    "stl": shapes.stl,
    "ply": shapes.ply,
    "zip": packs.texts,
}
_STARTS = {
    **{b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif"},
    **{b"\x1a\x45\xdf\xa3": "webm", b"fLaC": "flac", b"OggS": "ogg", b"glTF": "glb"},
    **{b"ply\n": "ply", b"ply\r": "ply", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"},
}
_OBJ_WORDS = {b"v", b"vn", b"vt", b"o", b"g", b"s", b"f", b"mtllib", b"usemtl"}


def sniff(path: str | Path) -> str | None:
    """Name of the format that a file's content is of, a key of :data:`READERS`; None for any other file."""
    try:
        with open(path, "rb") as file:
            return _sniffed(file)
    except (OSError, ValueError):
        return None


def texts(path: str | Path) -> dict[str, str]:
    """Every text that a file carries about itself, by lower-case name.

    Names are the format's own (``comment``, ``parameters``, ``workflow`` ...), ``usercomment`` for EXIF's, ``xmp`` for
    a packet of XMP, and ``eddyline`` for this program's record where it has a place of its own. What is damaged or
    overlong is left out; this never raises.
    """
    try:
        with open(path, "rb") as file:
            kind = _sniffed(file)
            file.seek(0)
            return {} if kind is None else READERS[kind](file)
    except Exception:  # damaged files make the libraries below raise almost anything; to a reader it all means: nothing
        return {}


def read_settings(path: str | Path) -> Provenance | None:
    """What a file says of how it was made; None when it says nothing that this program wrote.

    Raises:
        MediaError: the file claims to be from this program but its record is damaged or of a newer version.
    """
    found = texts(path)
    raw = record_in(found)
    return None if raw is None else parsed(raw, ai_mark(found), Path(path).name)


def read_words(path: str | Path) -> tuple[Word, ...]:
    """What is said in a sound file and when, as its record tells; none where nobody knows. Never raises."""
    return words_in(record_in(texts(path)) or {})


def read_visemes(path: str | Path) -> Visemes | None:
    """How the mouth in a clip moves, as its record tells; None where nobody knows. Never raises."""
    return visemes_in(record_in(texts(path)) or {})


def read_notes(path: str | Path) -> tuple[str, ...]:
    """What a file says of how it was made, in sentences for a person. Never raises."""
    return notes_in(record_in(texts(path)) or {})


def carried(path: str | Path) -> Stamp:
    """What a file carries, to be written as it is into another: unknown settings and all."""
    found = texts(path)
    raw = record_in(found)
    if raw is None:
        return Stamp(None, ai_mark(found), found.get("parameters"))
    grammar = found.get("parameters")
    if grammar is None:
        try:
            grammar = parameters(parsed(raw, None, Path(path).name).settings)
        except MediaError:
            pass  # settings of a newer version are carried all the same
    return Stamp(json.dumps(raw), ai_mark(found), grammar)


def record_in(found: dict[str, str]) -> dict[str, Any] | None:
    """This program's record among a file's texts."""
    names = (KEY, "usercomment", "comment", "description")  # FFmpeg calls comments so when it writes FLAC and OGG
    return next(filter(None, (held(found.get(name)) for name in names)), None)


def ai_mark(found: dict[str, str]) -> str | None:
    """The AI mark among a file's texts: in XMP, under its own name, or in the record."""
    mark = mark_in(found.get("xmp", "")[:MAX_RECORD]) or mark_of(found.get(SOURCE_TYPE.lower()))
    return mark or mark_of((record_in(found) or {}).get(SOURCE_TYPE))


def _sniffed(file: BinaryIO) -> str | None:
    head = file.read(4096)
    if head.startswith(b"ID3"):  # stands before MP3, and before FLAC when that is signed
        file.seek(10 + sum(byte % 128 << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False)))
        return "flac" if file.read(4) == b"fLaC" else "mp3"
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        brands = head[8 : min(int.from_bytes(head[:4], "big"), 256)]
        return "avif" if b"avif" in brands or b"avis" in brands else "mp4"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 6 and head[2] >> 4 != 15:
        return "mp3"
    if len(head) >= 84 and file.seek(0, 2) == 84 + 50 * int.from_bytes(head[80:84], "little"):
        return "stl"
    if head.startswith(b"solid") and b"facet" in head:
        return "stl"
    words = [line.split()[0] for line in head.split(b"\n")[:-1] if line.strip()]
    return "obj" if words and all(word[:1] == b"#" or word in _OBJ_WORDS for word in words) else None
