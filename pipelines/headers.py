"""What picture files promise in their headers, held against limits before any decoder believes it.

Pillow checks a picture's size when it opens it, but not what makes it allocate or work beyond that: TIFF directories
whose entries all point to the same large value, tiles larger than the picture, icons that hold a larger picture, JPEGs
of thousands of passes, GIFs and PNGs of millions of small parts. EXIF is a TIFF directory too. Everything here reads
a few bytes at a time and decodes nothing.
"""

import io
import re
import struct
from itertools import count
from typing import BinaryIO

from pipelines.errors import MediaError

MAX_SCANS = 150  # passes of a JPEG; a progressive one has about ten
MAX_SEGMENTS = 5_000  # before a JPEG's first pass; a large colour profile takes fifty
MAX_PARTS = 200_000  # chunks of a PNG; the smallest that programs write hold thousands of bytes
MAX_BLOCKS = 500_000  # of a GIF; usually 255 bytes each
MAX_COMMENTS = 4_000  # blocks of a GIF's comments, which Pillow joins one by one
MAX_PLAIN = 2_000_000  # pixels of a portable map written out as text, which is read number by number
MAX_DIRECTORY = 16_000_000  # bytes that the values of a TIFF file may take in memory
MAX_EXIF = 2_000_000  # the same of EXIF
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_POINTERS = {0x8769, 0x8825, 0xA005, 0x014A}  # EXIF, GPS, interoperability, sub-pictures
_TILE = (322, 323)
_CHUNK = 1 << 20


def check_header(file: BinaryIO, max_pixels: int) -> None:
    """Refuse a picture whose header asks for more than a picture of ``max_pixels`` needs; leaves ``file`` anywhere.

    Raises:
        MediaError: without the file's name: what it asks for, the limit, and what to do.
    """
    file.seek(0)
    head = file.read(16)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        tags = directory_tags(file, MAX_DIRECTORY, "the directory of this TIFF")
        _tiles(tags, max_pixels)
    elif head[:3] == b"\xff\xd8\xff":
        _jpeg(file)
    elif head[:4] == b"\0\0\1\0":
        _icon(file, max_pixels)
    elif head.startswith(b"\x89PNG"):
        _png(file)
    elif head.startswith(b"GIF8"):
        gif_frames(file, 2)
    elif head[:1] == b"P" and head[1:2] in b"123456":
        _map(file)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        size = webp_size(file)
        if size and size[0] * size[1] > max_pixels:
            raise MediaError(too_large(*size, max_pixels))


def check_exif(blob: bytes) -> None:
    """Refuse EXIF whose values would take far more memory than a camera's.

    Raises:
        MediaError: it would.
    """
    if len(blob) > MAX_EXIF:
        raise MediaError(f"{len(blob) / 1e6:.0f} MB of EXIF, at most {MAX_EXIF / 1e6:.0f}; save it again without")
    start = 6 if blob.startswith(b"Exif\0\0") else 0
    directory_tags(io.BytesIO(blob[start:]), MAX_EXIF, "its EXIF")


def too_large(width: int, height: int, max_pixels: int) -> str:
    """The sentence for a picture that is too large."""
    return (
        f"{width} x {height} is {width * height / 1e6:.0f} megapixels, at most {max_pixels / 1e6:.0f}; "
        "make it smaller first"
    )


def directory_tags(file: BinaryIO, limit: int, what: str) -> dict[int, int]:
    """Numbers in the first directory of a TIFF or EXIF, after all its directories have been held against ``limit``.

    A damaged directory ends the walk: what cannot be followed here cannot be followed by a decoder either.

    Returns:
        Tag -> value, of the first directory's single numbers.

    Raises:
        MediaError: the values of the directories would take more than ``limit`` bytes.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:3] == b"+" or head[3:4] == b"+"
    first: dict[int, int] = {}
    waiting, seen, total = [_number(head[8:16] if big else head[4:8], order)], set[int](), 0
    while waiting and len(seen) < 1000:
        place = waiting.pop()
        if place in seen or not 0 < place < size:
            continue
        seen.add(place)
        numbers, cost, following = _directory(file, place, order, big, size)
        first = first or numbers
        total += cost
        if total > limit:
            raise MediaError(
                f"{what} would take {total / 1e6:.0f} MB in memory, at most {limit / 1e6:.0f}; save it again as PNG"
            )
        waiting += following + [numbers[tag] for tag in _POINTERS if tag in numbers]
    return first


def _directory(file: BinaryIO, place: int, order: str, big: bool, size: int) -> tuple[dict[int, int], int, list[int]]:
    """One directory: its single numbers, the bytes that its values take, and where the next one stands."""
    file.seek(place)
    entries = _number(file.read(8 if big else 2), order)
    width, inline = (20, 8) if big else (12, 4)
    table = file.read(min(entries, 65_536) * width)
    following = _number(file.read(8 if big else 4), order) if entries <= 65_536 else 0
    numbers, cost = {}, len(table)
    for at in range(0, len(table) - width + 1, width):
        tag, kind = struct.unpack_from(order + "HH", table, at)
        many = _number(table[at + 4 : at + width - inline], order)
        taken = _TYPE_SIZES.get(kind, 0) * many
        if taken > inline:
            where = _number(table[at + width - inline : at + width], order)
            cost += max(0, min(taken, size - where))
        elif many == 1:
            unit = _TYPE_SIZES.get(kind, 0)
            numbers[tag] = _number(table[at + width - inline : at + width - inline + unit], order)
    return numbers, cost, [following]


def _tiles(tags: dict[int, int], max_pixels: int) -> None:
    width, height = (tags.get(tag, 0) for tag in _TILE)
    if width * height > max_pixels:
        raise MediaError(f"tiles of {too_large(width, height, max_pixels)}")


def _jpeg(file: BinaryIO) -> None:
    """Hold a JPEG's EXIF and its number of passes against the limits."""
    exif = bytearray()
    place = 2
    for segments in count():
        if segments > MAX_SEGMENTS:
            raise MediaError(f"more than {MAX_SEGMENTS} segments before this JPEG's pixels; save it again")
        file.seek(place)
        marker = file.read(4)
        if len(marker) < 4 or marker[0] != 0xFF or marker[1] in (0xDA, 0xD9):
            break
        length = int.from_bytes(marker[2:], "big")
        if marker[1] in (0xE1, 0xE2):
            segment = file.read(max(0, length - 2))
            if segment.startswith(b"Exif\0\0"):
                exif += segment[6:]
            elif segment.startswith(b"MPF\0"):
                check_exif(segment[4:])
        place += 2 + max(2, length)
    check_exif(bytes(exif))
    scans, tail = 0, b""
    file.seek(min(place, file.seek(0, io.SEEK_END)))
    while chunk := file.read(_CHUNK):
        scans += (tail + chunk).count(b"\xff\xda")
        tail = b"\xff" if chunk.endswith(b"\xff") else b""
        if scans > MAX_SCANS:
            raise MediaError(f"more than {MAX_SCANS} passes in this JPEG; save it again as an ordinary JPEG or PNG")


def _icon(file: BinaryIO, max_pixels: int) -> None:
    """Hold the pictures inside an icon against the limit: its own directory may say anything."""
    file.seek(4)
    table = file.read(2 + 65_536 * 16)
    for at in range(2, min(len(table) - 15, 2 + 16 * int.from_bytes(table[:2], "little")), 16):
        file.seek(int.from_bytes(table[at + 12 : at + 16], "little"))
        head = file.read(24)
        if head.startswith(b"\x89PNG"):
            width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        else:
            width, height = int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little") // 2
        if width * height > max_pixels:
            raise MediaError(too_large(width, height, max_pixels))


def _png(file: BinaryIO) -> None:
    size, place = file.seek(0, io.SEEK_END), 8
    for parts in count():
        file.seek(place)
        head = file.read(8)
        place += 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:] == b"IEND" or place >= size:
            return
        if parts > MAX_PARTS:
            raise MediaError(f"more than {MAX_PARTS:,} parts in this PNG; save it again")


def gif_frames(file: BinaryIO, limit: int) -> tuple[int, int]:
    """How many frames a GIF has, and where it ends; stops behind frame ``limit`` and then says 0 for its end.

    Raises:
        MediaError: cut short, or of far too many blocks.
    """
    file.seek(6)
    head = file.read(7)
    place = 13 + _table(head[4] if len(head) == 7 else 0)
    frames = blocks = comments = 0
    while frames <= limit:
        file.seek(place)
        mark = file.read(10)
        if mark[:1] == b"\x3b":
            return frames, place + 1
        if mark[:1] == b"\x21":
            place, passed = _blocks(file, place + 2)
            comments += passed if mark[1:2] == b"\xfe" else 0
        elif mark[:1] == b"\x2c" and len(mark) == 10:
            frames += 1
            place, passed = _blocks(file, place + 10 + _table(mark[9]) + 1)
        else:
            raise MediaError("damaged or cut short; fetch or save it again")
        blocks += passed
        for what, got, most in (("blocks", blocks, MAX_BLOCKS), ("blocks of comment", comments, MAX_COMMENTS)):
            if got > most:
                raise MediaError(f"more than {most:,} {what} in this GIF; save it again")
    return frames, 0


def _table(flags: int) -> int:
    """Bytes of the colour table that ``flags`` announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(file: BinaryIO, place: int) -> tuple[int, int]:
    """Where a GIF's chain of sub-blocks ends, and how many there are."""
    file.seek(place)
    for passed in range(1, MAX_BLOCKS + 2):
        length = file.read(1)
        if not length:
            raise MediaError("damaged or cut short; fetch or save it again")
        if length == b"\0":
            return file.tell(), passed
        file.seek(length[0], io.SEEK_CUR)
    return place, passed


def _map(file: BinaryIO) -> None:
    """A portable map's numbers must stand near its start, and few pixels may be written out as text."""
    file.seek(0)
    words = re.sub(rb"#[^\r\n]*[\r\n]", b" ", file.read(4096)).split()[:3]
    if len(words) < 3 or not all(word.isdigit() and len(word) < 10 for word in words[1:]):
        raise MediaError("damaged, or its size is not at its start; save it again as PNG")
    if words[0] in (b"P1", b"P2", b"P3") and int(words[1]) * int(words[2]) > MAX_PLAIN:
        raise MediaError(f"written out as text, at most {MAX_PLAIN:,} pixels that way; save it again as PNG")


def webp_size(file: BinaryIO) -> tuple[int, int] | None:
    """(width, height) of a WebP file's canvas, or None where its first chunk says none."""
    file.seek(12)
    head = file.read(18)
    kind, body = head[:4], head[8:]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def _number(raw: bytes, order: str) -> int:
    return int.from_bytes(raw, "little" if order == "<" else "big")
