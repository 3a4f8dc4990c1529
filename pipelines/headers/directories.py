"""TIFF directories, of which EXIF is one: what their values would take in memory."""

import io
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from pipelines.errors import MediaError

MAX_EXIF = 2_000_000  # the same of EXIF
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_POINTERS = {0x8769, 0x8825, 0xA005, 0x014A}  # EXIF, GPS, interoperability, sub-pictures


def check_exif(blob: bytes) -> None:
    """Refuse EXIF whose values would take far more memory than a camera's.

    Raises:
        MediaError: it would.
    """
    if len(blob) > MAX_EXIF:
        raise MediaError(f"{len(blob) / 1e6:.0f} MB of EXIF, at most {MAX_EXIF / 1e6:.0f}; save it again without")
    start = 6 if blob.startswith(b"Exif\0\0") else 0
    directory_tags(io.BytesIO(blob[start:]), MAX_EXIF, "its EXIF")


def exif_of(info: Mapping[Any, Any]) -> bytes:
    """The EXIF that Pillow found, also as ImageMagick writes it: hexadecimal digits under three lines of heading."""
    if info.get("exif"):
        return bytes(info["exif"])
    try:
        return bytes.fromhex("".join(str(info.get("Raw profile type exif", "")).split("\n")[3:]))
    except ValueError:
        return b""


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


def _number(raw: bytes, order: str) -> int:
    return int.from_bytes(raw, "little" if order == "<" else "big")
