"""GIF: its chain of blocks, walked without decoding any."""

import io
from typing import BinaryIO

from pipelines.errors import MediaError

MAX_BLOCKS = 500_000  # of a GIF; usually 255 bytes each
MAX_COMMENTS = 4_000  # blocks of a GIF's comments, which Pillow joins one by one


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
