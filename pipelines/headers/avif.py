"""AVIF: where its EXIF is, which Pillow reads as it opens the file. Boxes: ISO/IEC 14496-12, 8.11."""

import io
import re
from typing import BinaryIO

from pipelines.errors import MediaError
from pipelines.headers.directories import MAX_EXIF, check_exif

MAX_TABLES = 1_000_000  # bytes of an AVIF's list of parts


def check_avif(file: BinaryIO) -> None:
    """Hold an AVIF's EXIF against its limit: Pillow reads it as it opens the file. Boxes: ISO/IEC 14496-12, 8.11."""
    boxes = _boxes(file, 0, file.seek(0, io.SEEK_END))
    meta = boxes.get(b"meta")
    if meta is None:
        return  # a sequence, or damaged
    inside = _boxes(file, meta[0] + 4, meta[1])
    if not {b"iinf", b"iloc"} <= set(inside):
        return
    for start, end in (inside[b"iinf"], inside[b"iloc"]):
        if end - start > MAX_TABLES:
            raise MediaError(f"{end - start:,} bytes of tables, at most {MAX_TABLES:,}; save it again as PNG")
    listed, places = (_between(file, inside[kind]) for kind in (b"iinf", b"iloc"))
    # An entry is number, protection, kind; where the number has four bytes, its lower half will do.
    exif = {_number(listed[found.start() - 4 : found.start() - 2]) for found in re.finditer(rb"Exif", listed)}
    parts = _parts(places, exif)
    if sum(length for _, length in parts) > MAX_EXIF:
        raise MediaError(f"more than {MAX_EXIF / 1e6:.0f} MB of EXIF; save it again without")
    blob = b"".join(_between(file, (start, start + length)) for start, length in parts)
    check_exif(blob[4 + _number(blob[:4]) :])


def _parts(table: bytes, wanted: set[int]) -> list[tuple[int, int]]:
    """(start, length) of the parts of the wanted items in an item location box; nothing of what is damaged."""
    found: list[tuple[int, int]] = []
    if len(table) < 8:
        return found
    version, place = table[0], 6
    offset, length, base, index = table[4] >> 4, table[4] & 15, table[5] >> 4, table[5] & 15

    def take(size: int) -> int:
        nonlocal place
        place += size
        return _number(table[place - size : place])

    for _ in range(take(4 if version == 2 else 2)):
        item = take(4 if version == 2 else 2) & 0xFFFF
        method = take(2) & 15 if version else 0
        take(2)  # which file: always this one
        start = take(base)
        for _ in range(take(2)):
            take(index if version else 0)
            part = (start + take(offset), take(length))
            if place > len(table):
                return found
            if item in wanted and method:
                raise MediaError("its EXIF is kept where it is not looked for; save it again as PNG")
            if item in wanted:
                found.append(part)
    return found


def _boxes(file: BinaryIO, place: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Kind -> (start, end) of the content of each box up to ``end``; the first of each kind."""
    found: dict[bytes, tuple[int, int]] = {}
    for _ in range(1000):
        file.seek(place)
        head = file.read(16)
        size, start = _number(head[:4]), place + 8
        if size == 1:
            size, start = _number(head[8:16]), place + 16
        elif size == 0:
            size = end - place
        if len(head) < 8 or size < start - place or place + size > end:
            break
        found.setdefault(head[4:8], (start, place + size))
        place += size
    return found


def _between(file: BinaryIO, part: tuple[int, int]) -> bytes:
    file.seek(part[0])
    return file.read(max(0, part[1] - part[0]))


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
