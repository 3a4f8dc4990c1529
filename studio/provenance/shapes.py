"""The record in mesh files.

- GLB: ``asset.extras`` holds record and mark, ``asset.copyright`` says it to people, and the ratified extension
  KHR_xmp_json_ld holds the mark where programs look for it.
- OBJ and PLY: comment lines at the top, the record cut into short pieces because many readers limit a line.
- STL: 80 bytes of header have room for the mark and a checksum; the record lies beside, in ``name.stl.json``, and
  counts only for the file whose header has its checksum.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from studio.provenance.records import KEY, MAX_RECORD, SOURCE_TYPE, SOURCE_TYPES, Stamp, mark_of

HEAD = 1 << 20  # bytes of an OBJ or PLY that are searched for comments
MAX_JSON = 16 << 20  # bytes of a GLB's JSON worth parsing
XMP = "KHR_xmp_json_ld"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
STL_HEADER = 80
_PIECE = 160


def gltf_asset(stamp: Stamp) -> dict[str, Any]:
    """What goes into a glTF beside its meshes: ``asset`` and, with a mark, the XMP extension."""
    asset: dict[str, Any] = {"version": "2.0", "generator": "Eddyline"}
    extras: dict[str, Any] = {} if stamp.record is None else {KEY: json.loads(stamp.record)}
    if stamp.mark is None:
        return {"asset": {**asset, "extras": extras} if extras else asset}
    packet = {"@context": {"Iptc4xmpExt": IPTC}, f"Iptc4xmpExt:{SOURCE_TYPE}": {"@id": stamp.source_type}}
    asset |= {
        "copyright": f"Made with AI ({stamp.mark})",
        "extras": {**extras, SOURCE_TYPE: stamp.source_type},
        "extensions": {XMP: {"packet": 0}},
    }
    return {"asset": asset, "extensionsUsed": [XMP], "extensions": {XMP: {"packets": [packet]}}}


def comment_lines(stamp: Stamp) -> list[str]:
    """Comments for OBJ and PLY, without the sign that starts a comment there."""
    text = stamp.ascii or ""
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    mark = [f"{SOURCE_TYPE}: {stamp.source_type}"] if stamp.mark else []
    # A piece is set between bars: readers strip spaces at the ends of lines.
    return [*mark, *(f"{KEY}: |{piece}|" for piece in pieces)]


def stl_header(stamp: Stamp) -> bytes:
    """The 80 bytes at the start of a binary STL; never those that would make it a text STL ("solid")."""
    mark = f"AI {stamp.mark} " if stamp.mark else ""
    checksum = f"{KEY}={_checksum(stamp.record)}" if stamp.record else ""
    return (mark + checksum).encode().ljust(STL_HEADER)


def beside(path: Path) -> Path:
    """Where the record of an STL lies."""
    return path.with_name(path.name + ".json")


def glb(file: BinaryIO) -> dict[str, str]:
    """Texts of a GLB."""
    head = file.read(20)
    size = int.from_bytes(head[12:16], "little")
    if head[16:] != b"JSON" or size > MAX_JSON:
        return {}
    tree = json.loads(file.read(size))
    asset = tree["asset"]
    extras = asset.get("extras") or {}
    found: dict[str, str] = {}
    if KEY in extras:
        found[KEY] = json.dumps(extras[KEY])
    for packet in (tree.get("extensions") or {}).get(XMP, {}).get("packets", []):
        for name, value in packet.items():
            if str(name).endswith(f":{SOURCE_TYPE}"):
                found.setdefault(SOURCE_TYPE.lower(), str(value["@id"] if isinstance(value, dict) else value))
    if SOURCE_TYPE in extras:
        found.setdefault(SOURCE_TYPE.lower(), str(extras[SOURCE_TYPE]))
    return found


def obj(file: BinaryIO) -> dict[str, str]:
    """Texts of an OBJ: of the comments in its first megabyte."""
    return _comments(file, "#", "v ")


def ply(file: BinaryIO) -> dict[str, str]:
    """Texts of a PLY: of the comments in its header."""
    return _comments(file, "comment", "end_header")


def stl(file: BinaryIO) -> dict[str, str]:
    """Texts of an STL: of its header, and of the file beside it if that belongs to it."""
    header = file.read(STL_HEADER).decode("ascii", errors="replace").split()
    found: dict[str, str] = {}
    for before, word in zip(["", *header], header, strict=False):
        if before == "AI" and mark_of(SOURCE_TYPES + word):
            found[SOURCE_TYPE.lower()] = SOURCE_TYPES + word
        if word.startswith(f"{KEY}="):
            text = _beside(Path(file.name))
            if text and _checksum(text) == word.removeprefix(f"{KEY}="):
                found[KEY] = text
    return found


def _beside(path: Path) -> str | None:
    try:
        with open(beside(path), encoding="utf-8") as file:
            return file.read(MAX_RECORD + 1)
    except (OSError, ValueError):
        return None


def _checksum(record: str) -> str:
    return hashlib.sha256(record.encode()).hexdigest()[:16]


def _comments(file: BinaryIO, sign: str, end: str) -> dict[str, str]:
    record: list[str] = []
    found: dict[str, str] = {}
    for line in file.read(HEAD).decode(errors="replace").split("\n"):
        if line.startswith(end):
            break
        if not line.startswith(sign):
            continue
        name, _, text = line.removeprefix(sign).strip().partition(": ")
        if name == KEY and text.startswith("|") and text.endswith("|"):
            record.append(text[1:-1])
        elif name == SOURCE_TYPE:
            found[SOURCE_TYPE.lower()] = text
    return {**found, KEY: "".join(record)} if record else found
