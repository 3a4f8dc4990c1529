"""The record in a PNG sequence: a ZIP of numbered PNGs that each carry it, with ``sequence.json`` in front.

``sequence.json`` holds the frame rate, which pictures cannot, and the record once more.
"""

import io
import json
import zipfile
from typing import Any, BinaryIO

from studio.provenance.records import KEY, SOURCE_TYPE, Stamp

INDEX = "sequence.json"
MAX_INDEX = 2 << 20  # bytes of sequence.json
MAX_FILES = 60_000
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"


def index(stamp: Stamp, rate: float, frames: int) -> str:
    """Text of ``sequence.json``."""
    held: dict[str, Any] = {"rate": rate, "frames": frames}
    if stamp.record is not None:
        held[KEY] = json.loads(stamp.record)
    if stamp.source_type:
        held[SOURCE_TYPE] = stamp.source_type
    return json.dumps(held)


def texts(file: BinaryIO) -> dict[str, str]:
    """Texts of a PNG sequence; nothing for any other ZIP."""
    found = read_index(file)
    named = {} if KEY not in found else {KEY: json.dumps(found[KEY])}
    return {**named, SOURCE_TYPE.lower(): str(found[SOURCE_TYPE])} if SOURCE_TYPE in found else named


def read_index(file: BinaryIO) -> dict[str, Any]:
    """``sequence.json`` of a ZIP, or an empty dict."""
    if not _small(file):
        return {}
    with zipfile.ZipFile(file) as pack:
        if INDEX not in pack.namelist():
            return {}
        with pack.open(INDEX) as member:
            text = member.read(MAX_INDEX + 1)  # a bomb unpacks no further than this
    found = json.loads(text) if len(text) <= MAX_INDEX else {}
    return found if isinstance(found, dict) else {}


def _small(file: BinaryIO) -> bool:
    """Whether the list of files is short enough to be read: the library takes all of it into memory."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - 65_557))
    tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) < place + 22 or tail[max(0, place - 20) :].startswith(_END_64):
        return False
    count, size = (int.from_bytes(tail[place + a : place + b], "little") for a, b in ((10, 12), (12, 16)))
    return count <= MAX_FILES and size <= MAX_FILES * 200
