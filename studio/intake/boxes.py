"""The boxes of MP4 and its relatives: whether the file is whole, and whether its tables can be believed.

A demuxer makes an entry in memory for every sample that a table announces, and some tables announce millions in a few
bytes. They are added up here first. Boxes: ISO/IEC 14496-12.
"""

from collections.abc import Iterator
from typing import NamedTuple

from studio.intake.upload import Upload

_INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"moof", b"traf", b"edts", b"mvex"}
MAX_BOXES = 200_000
MAX_SAMPLES = 4_000_000  # of all tracks together
MAX_TABLES = 64_000_000  # bytes of the box that holds all tables
# Sound whose samples are not listed one by one.
_PLAIN_SOUND = {b"sowt", b"twos", b"raw ", b"NONE", b"in24", b"in32", b"fl32", b"fl64", b"lpcm", b"ipcm", b"fpcm",
                b"ulaw", b"alaw"}  # fmt: skip


class Box(NamedTuple):
    """One box: its four letters, where its content starts and where it ends."""

    kind: bytes
    start: int
    end: int


def check_boxes(upload: Upload) -> None:
    """Walk through the boxes of a file.

    Raises:
        MediaError: the file is cut short, points to other files, or announces more than it can hold.
    """
    samples, top, coding = 0, set(), b""
    for depth, box in _walk(upload, 0, upload.size, 0):
        top |= {box.kind} if depth == 0 else set()
        if box.kind in (b"moov", b"moof") and box.end - box.start > MAX_TABLES:
            upload.check("bytes of tables", box.end - box.start, MAX_TABLES, "cut it into shorter pieces")
        elif box.kind == b"cmov":
            upload.refuse("its tables are compressed, which is not read; save it again as MP4")
        elif box.kind == b"dref":
            _check_references(upload, box)
        elif box.kind == b"trak":
            coding = b""
        elif box.kind == b"stsd":
            coding = upload.at(box.start + 12, 4)
        elif box.kind == b"stsz":
            head = upload.at(box.start + 4, 8)
            plain = coding in _PLAIN_SOUND and head[:4] != b"\0\0\0\0"
            samples += 0 if plain else int.from_bytes(head[4:], "big")
        elif box.kind == b"stz2" or box.kind == b"trun":
            samples += int.from_bytes(upload.at(box.start + (8 if box.kind == b"stz2" else 4), 4), "big")
        upload.check("samples", samples, MAX_SAMPLES, "cut it into shorter pieces")
    if not top & {b"moov", b"moof", b"meta"}:
        upload.cut_short()


def _walk(upload: Upload, start: int, end: int, depth: int) -> Iterator[tuple[int, Box]]:
    """Every box between ``start`` and ``end`` and those inside it, each with its depth."""
    waiting, boxes = [(start, end, depth)], 0
    while waiting:
        place, end, depth = waiting.pop()
        while place + 8 <= end:
            boxes += 1
            upload.check("boxes", boxes, MAX_BOXES, "save it again")
            head = upload.at(place, 16)
            size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], place + 8
            if size == 1:
                size, body = int.from_bytes(head[8:16], "big"), place + 16
            elif size == 0:
                size = end - place  # the last box may run to the end
            if place + size > end or size < body - place:
                if depth == 0:
                    upload.cut_short()
                break  # a demuxer stops here too
            yield depth, Box(kind, body, place + size)
            if kind in _INSIDE and depth < 12:
                waiting.append((body, place + size, depth + 1))
            place += size


def _check_references(upload: Upload, box: Box) -> None:
    """Every part must be in this file."""
    place = box.start + 8
    while place + 12 <= box.end:
        head = upload.at(place, 12)
        size = int.from_bytes(head[:4], "big")
        if not head[11] & 1:
            upload.refuse("its pictures or sound are in another file; save it again with everything inside")
        if size < 12:
            break
        place += size
