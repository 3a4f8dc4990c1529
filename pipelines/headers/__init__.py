"""What picture files promise in their headers, held against limits before any decoder believes it.

Pillow checks a picture's size when it opens it, but not what makes it allocate or work beyond that: TIFF directories
whose entries all point to the same large value, tiles larger than the picture, icons that hold a larger picture, JPEGs
of thousands of passes, GIFs and PNGs of millions of small parts. EXIF is a TIFF directory too. Everything here reads
a few bytes at a time and decodes nothing.
"""

import io
import re
from itertools import count
from typing import BinaryIO

from pipelines.errors import MediaError
from pipelines.headers.avif import check_avif
from pipelines.headers.directories import MAX_EXIF, check_exif, directory_tags, exif_of
from pipelines.headers.gif import gif_frames

__all__ = ["MAX_EXIF", "check_exif", "check_header", "exif_of", "gif_frames", "too_large", "webp_size"]

MAX_SCANS = 150  # passes of a JPEG; a progressive one has about ten
MAX_SEGMENTS = 5_000  # before a JPEG's first pass; a large colour profile takes fifty
MAX_PARTS = 200_000  # chunks of a PNG; the smallest that programs write hold thousands of bytes
MAX_PLAIN = 2_000_000  # pixels of a portable map written out as text, which is read number by number
MAX_DIRECTORY = 16_000_000  # bytes that the values of a TIFF file may take in memory
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
    elif head[4:8] == b"ftyp":
        check_avif(file)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        size = webp_size(file)
        if size and size[0] * size[1] > max_pixels:
            raise MediaError(too_large(*size, max_pixels))


def too_large(width: int, height: int, max_pixels: int) -> str:
    """The sentence for a picture that is too large."""
    return (
        f"{width} x {height} is {width * height / 1e6:.0f} megapixels, at most {max_pixels / 1e6:.0f}; "
        "make it smaller first"
    )


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
