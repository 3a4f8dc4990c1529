"""The record in containers of boxes: MP4, WebM and WAV, read by stepping over whatever is not a text.

- MP4: the comment ``\u00a9cmt``, and XMP in a ``uuid`` box (Adobe's XMP specification, part 3).
- WebM: the tags COMMENT and DIGITALSOURCETYPE; Matroska has no place for XMP.
- WAV: the comment ICMT in a LIST INFO chunk, and XMP in a ``_PMX`` chunk (the same specification).

No reader here holds more than ``MAX_PART`` bytes or takes more than ``MAX_PARTS`` steps, whatever a file's sizes claim.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from studio.provenance.records import MAX_RECORD, SOURCE_TYPE, Stamp

MAX_PART = 4 * MAX_RECORD  # bytes of one text
MAX_PARTS = 10_000
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SEGMENT, _TAGS, _TAG, _SIMPLE, _NAME, _STRING = 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487


def tags(stamp: Stamp, container: str) -> dict[str, str]:
    """Metadata that the writer of an mp4 or webm is given."""
    named = {} if stamp.ascii is None else {"comment": stamp.ascii}
    if container == "webm" and stamp.source_type:
        named[SOURCE_TYPE.upper()] = stamp.source_type
    return named


def append_xmp(path: Path, packet: bytes) -> None:
    """Add XMP to a finished MP4: a box at its end moves nothing else."""
    if packet:
        with open(path, "ab") as file:
            file.write((24 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_BOX + packet)


def append_chunks(path: Path, stamp: Stamp) -> None:
    """Add comment and XMP to a finished WAV."""
    added = b""
    if stamp.ascii is not None:
        added += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", stamp.ascii.encode() + b"\x00"))
    if stamp.xmp:
        added += _chunk(b"_PMX", stamp.xmp)
    with open(path, "r+b") as file:
        end = file.seek(0, io.SEEK_END)
        file.write(b"\x00" * (end % 2) + added)
        size = file.tell() - 8
        file.seek(4)
        file.write(size.to_bytes(4, "little"))


def mp4(file: BinaryIO) -> dict[str, str]:
    """Comment and XMP of an MP4."""
    found: dict[str, str] = {}
    left = [MAX_PARTS]
    for kind, start, end in _boxes(file, 0, _length(file), left):
        if kind == b"uuid" and end - start <= MAX_PART:
            file.seek(start)
            if file.read(16) == XMP_BOX:
                found.setdefault("xmp", file.read(end - start - 16).decode(errors="replace"))
        if kind == b"moov":
            text = _comment(file, start, end, [b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"], left)
            if text:
                found.setdefault("comment", text)
    return found


def webm(file: BinaryIO) -> dict[str, str]:
    """Tags of a WebM."""
    found: dict[str, str] = {}
    _tags_of(file, (0, _length(file)), found, [MAX_PARTS])
    return found


def wav(file: BinaryIO) -> dict[str, str]:
    """Comment and XMP of a WAV."""
    found: dict[str, str] = {}
    for name, body in chunks(file, (b"LIST", b"_PMX")):
        if name == b"_PMX":
            found.setdefault("xmp", body.decode(errors="replace"))
        elif body.startswith(b"INFO"):
            for inner, text in chunks(io.BytesIO(b"RIFF\x00\x00\x00\x00" + body), (b"ICMT",)):
                found.setdefault({b"ICMT": "comment"}[inner], text.rstrip(b"\x00").decode(errors="replace"))
    return found


def chunks(file: BinaryIO, wanted: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the chunks of a RIFF file that are ``wanted`` and not overlong."""
    file.seek(12)
    for _ in range(MAX_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return
        size, start = int.from_bytes(head[4:], "little"), file.tell()
        if head[:4] in wanted and size <= MAX_PART:
            yield head[:4], file.read(size)
        file.seek(start + size + size % 2)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\x00" * (len(body) % 2)


def _length(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _boxes(file: BinaryIO, start: int, end: int, left: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box of ISO 14496-12 between two places."""
    while start + 8 <= end and left[0] > 0:
        left[0] -= 1
        file.seek(start)
        head = file.read(16)
        size, inner = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, inner = int.from_bytes(head[8:16], "big"), 16
        size = size or end - start  # 0: to the end of the file
        if size < inner or len(head) < 8:
            return
        yield head[4:8], start + inner, min(end, start + size)
        start += size


def _comment(file: BinaryIO, start: int, end: int, way: list[bytes], left: list[int]) -> str | None:
    """Text of the box at the end of ``way``."""
    for kind, inner, stop in _boxes(file, start, end, left):
        if kind != way[0]:
            continue
        if len(way) == 1:
            if stop - inner > MAX_PART:
                return None
            file.seek(inner + 8)  # type and locale
            return file.read(max(0, stop - inner - 8)).decode(errors="replace")
        text = _comment(file, inner + 4 * (kind == b"meta"), stop, way[1:], left)  # meta has version and flags
        if text:
            return text
    return None


def _tags_of(file: BinaryIO, span: tuple[int, int], found: dict[str, str], left: list[int], depth: int = 0) -> None:
    """Collect the simple tags of a Matroska file between two places."""
    (start, end), name, text = span, "", ""
    while start < end and left[0] > 0:
        left[0] -= 1
        file.seek(start)
        head = file.read(12)
        kind, used = _number(head, keep=True)
        size, more = _number(head[used:], keep=False)
        if not used or not more:
            return
        inner = start + used + more
        unknown = size == (1 << 7 * more) - 1  # a stream whose end was not known when it began
        stop = end if unknown else min(end, inner + size)
        if kind in (_SEGMENT, _TAGS, _TAG, _SIMPLE) and depth < 8:  # tags may hold tags, but nobody's hold many
            _tags_of(file, (inner, stop), found, left, depth + 1)
        elif kind in (_NAME, _STRING) and stop - inner <= MAX_PART:
            file.seek(inner)
            value = file.read(stop - inner).rstrip(b"\x00").decode(errors="replace")
            name, text = (value, text) if kind == _NAME else (name, value)
        start = stop
    if name and text and len(found) < 100:
        found.setdefault(name.lower(), text)


def _number(data: bytes, *, keep: bool) -> tuple[int, int]:
    """An EBML number and how many bytes it takes, 0 when there is none; ids ``keep`` the marker of their length."""
    if not data or not data[0]:
        return 0, 0
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keep else value & ((1 << 7 * length) - 1)), length
