"""The record in pictures: PNG text, EXIF user comment, comments and XMP.

- PNG: ``eddyline`` and ``parameters`` as iTXt, XMP as iTXt, and EXIF for programs that pass it on when they save again.
- JPEG: EXIF and XMP in APP1, and a comment, the one place that Pillow keeps without being asked.
- WebP, AVIF: EXIF and XMP; animated WebP alike.
- GIF: a comment, and XMP in the application extension that Adobe's XMP specification, part 3, describes.
"""

import io
import struct
import warnings
import zlib
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin

from studio.provenance.boxes import MAX_PART, MAX_PARTS, chunks
from studio.provenance.records import KEY, Stamp

USER_COMMENT = 0x9286
EXIF_IFD = 0x8769
UNICODE = b"UNICODE\x00"
ASCII = b"ASCII\x00\x00\x00"
XMP_PNG = "XML:com.adobe.xmp"
XMP_JPEG = b"http://ns.adobe.com/xap/1.0/\x00"
XMP_GIF = b"XMP DataXMP"
# Ends an XMP extension: whichever of its bytes a reader of sub-blocks lands on, it skips to the closing zero.
_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
MAX_WHOLE = 64 << 20  # bytes of an AVIF, which its library reads whole


def options(image_format: str, stamp: Stamp) -> dict[str, Any]:
    """Keyword arguments that make ``Image.save`` write ``stamp`` into png, jpeg, webp, avif or gif."""
    if image_format == "gif":
        return {"comment": (stamp.ascii or "").encode()}
    found: dict[str, Any] = {}
    if stamp.record is not None:
        exif = Image.Exif()
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = UNICODE + stamp.record.encode("utf-16-be")
        found["exif"] = exif.tobytes()  # the object itself counts as empty, for want of tags at its top
    if image_format == "png":
        info = PngImagePlugin.PngInfo()
        for key, text in ((KEY, stamp.record), ("parameters", stamp.parameters), (XMP_PNG, stamp.xmp.decode())):
            if text:
                info.add_itxt(key, text)
        return {"pnginfo": info, **found}
    if image_format == "jpeg" and stamp.ascii and len(stamp.ascii) < 65_000:  # one marker's limit
        found["comment"] = stamp.ascii.encode()
    return {**found, "xmp": stamp.xmp} if stamp.mark else found


def with_xmp(gif: bytes, packet: bytes) -> bytes:
    """A GIF with an XMP packet before its first frame."""
    start = 13 + (3 << ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
    block = b"\x21\xff\x0b" + XMP_GIF + packet + _TRAILER
    return gif[:start] + block + gif[start:] if packet else gif


def png(file: BinaryIO) -> dict[str, str]:
    """Texts of a PNG; images and other large chunks are stepped over."""
    found: dict[str, str] = {}
    file.seek(8)
    for _ in range(MAX_PARTS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        size, start = struct.unpack(">I", head[:4])[0], file.tell()
        if head[4:] in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") and size <= MAX_PART:
            body = file.read(size)
            if head[4:] == b"eXIf":
                found |= exif_texts(body)
            else:
                _add(found, *_png_text(head[4:], body))
        file.seek(start + size + 4)
    if XMP_PNG.lower() in found:
        found["xmp"] = found.pop(XMP_PNG.lower())
    return found


def jpeg(file: BinaryIO) -> dict[str, str]:
    """Texts of a JPEG: of the segments before the first scan."""
    found: dict[str, str] = {}
    file.seek(2)
    for _ in range(MAX_PARTS):
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
            break
        if marker[1] == 0xFF:  # filling
            file.seek(-1, io.SEEK_CUR)
            continue
        size = int.from_bytes(file.read(2), "big") - 2
        if size < 0:
            break
        if marker[1] not in (0xE1, 0xFE):
            file.seek(size, io.SEEK_CUR)
            continue
        body = file.read(size)
        if marker[1] == 0xFE:
            _add(found, "comment", body.decode(errors="replace"))
        elif body.startswith(XMP_JPEG):
            _add(found, "xmp", body[len(XMP_JPEG) :].decode(errors="replace"))
        elif body.startswith(b"Exif\x00\x00"):
            found |= exif_texts(body)
    return found


def gif(file: BinaryIO) -> dict[str, str]:
    """Texts of a GIF: of the blocks before the first frame."""
    found: dict[str, str] = {}
    head = file.read(13)
    if len(head) == 13 and head[10] & 0x80:
        file.seek(3 << ((head[10] & 7) + 1), io.SEEK_CUR)
    for _ in range(MAX_PARTS):
        kind = file.read(2)
        if len(kind) < 2 or kind[0] != 0x21:
            break
        start = file.tell()
        body = _sub_blocks(file)
        if kind[1] == 0xFE:
            _add(found, "comment", body.decode(errors="replace"))
        elif kind[1] == 0xFF and body.startswith(XMP_GIF):
            end = file.tell()
            file.seek(start + 12)
            _add(found, "xmp", file.read(max(0, end - start - 12 - len(_TRAILER)))[:MAX_PART].decode(errors="replace"))
            file.seek(end)
    return found


def webp(file: BinaryIO) -> dict[str, str]:
    """Texts of a WebP, still or animated."""
    found: dict[str, str] = {}
    for name, body in chunks(file, (b"EXIF", b"XMP ")):
        if name == b"EXIF":
            found |= exif_texts(body)
        else:
            _add(found, "xmp", body.decode(errors="replace"))
    return found


def avif(file: BinaryIO) -> dict[str, str]:
    """Texts of an AVIF; one of more than 64 MiB is not looked into, because its library would read all of it."""
    if file.seek(0, io.SEEK_END) > MAX_WHOLE:
        return {}
    from PIL.AvifImagePlugin import AvifImageFile  # Image.open does not know it before it has tried all others

    file.seek(0)
    # Pillow warns of damaged metadata; what matters here is what can be read.
    with warnings.catch_warnings(action="ignore"), AvifImageFile(file) as image:
        found = exif_texts(image.info.get("exif", b""))
        _add(found, "xmp", image.info.get("xmp", b"").decode(errors="replace"))
    return found


def exif_texts(data: bytes) -> dict[str, str]:
    """The user comment in EXIF data, or nothing."""
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):
            exif.load(data)
            raw = exif.get_ifd(EXIF_IFD).get(USER_COMMENT)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, OSError, struct.error):
        return {}
    if isinstance(raw, bytes) and raw.startswith(UNICODE):
        body = raw[len(UNICODE) :]
        swapped = body[:1] != b"\x00" and body[1:2] == b"\x00"  # other programs follow the EXIF's own byte order
        return {"usercomment": body.decode("utf-16-le" if swapped else "utf-16-be", errors="replace")}
    if isinstance(raw, bytes) and raw.startswith(ASCII):
        return {"usercomment": raw[len(ASCII) :].decode(errors="replace")}
    return {}


def _add(found: dict[str, str], key: str, text: str) -> None:
    """The first of equal names counts, and no more than a handful are kept."""
    if text and len(found) < 100:
        found.setdefault(key.lower(), text)


def _png_text(kind: bytes, body: bytes) -> tuple[str, str]:
    key, _, rest = body.partition(b"\x00")
    name = key.decode("latin-1")
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    if kind == b"zTXt":
        return name, _unpacked(rest[1:]).decode("latin-1")
    packed, rest = rest[:1] == b"\x01", rest[2:]
    text = rest.split(b"\x00", 2)[-1]
    return name, (_unpacked(text) if packed else text).decode(errors="replace")


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_PART)
    except zlib.error:
        return b""


def _sub_blocks(file: BinaryIO) -> bytes:
    """Content of a GIF extension; what is beyond ``MAX_PART`` is stepped over."""
    parts: list[bytes] = []
    for _ in range(MAX_PARTS):
        size = file.read(1)
        if not size or size == b"\x00":
            break
        part = file.read(size[0])
        if len(parts) * 255 < MAX_PART:
            parts.append(part)
    return b"".join(parts)
