"""Pictures at the gate: size, frames and texts from the headers, and whether the file is whole."""

import struct
import warnings
from typing import Any

from pipelines.errors import MediaError
from pipelines.headers import MAX_EXIF, check_exif, check_header, exif_of, gif_frames
from studio.intake.upload import Facts, Upload

_PILLOW = {
    "png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF",
    "jpeg2000": "JPEG2000", "ppm": "PPM", "tga": "TGA", "ico": "ICO",
}  # fmt: skip
_CHUNK = 1 << 20
_EXIF_IFD = 0x8769
_EXIF_TEXTS = {0x010E: "imagedescription", 0x010F: "make", 0x0110: "model", 0x9286: "usercomment"}


def read_picture_facts(upload: Upload, found: str) -> Facts:
    """Width, height and number of frames; the texts that the picture carries are left in ``upload.texts``.

    Raises:
        MediaError: cut short, damaged, or larger than the limits.
    """
    upload.check("bytes of a picture", upload.size, upload.limits.picture_bytes, "make it smaller first")
    walk = {"png": _png, "jpeg": _jpeg, "gif": _gif, "webp": _webp, "tiff": _tiff}.get(found)
    try:
        check_header(upload.file, upload.limits.pixels)
    except MediaError as error:
        upload.refuse(str(error))
    frames = walk(upload) if walk else None
    width, height, opened = _open(upload, found)
    frames = frames or opened
    _check(upload, width, height, frames)
    if frames > 1:
        upload.note(f"it is animated, {frames:,} frames")
    return Facts(width=width, height=height, frames=frames)


def _check(upload: Upload, width: int, height: int, frames: int) -> None:
    limits = upload.limits
    upload.check("side in pixels", max(width, height), limits.side, "make it smaller first")
    upload.check("pixels", width * height, limits.pixels, "make it smaller first")
    upload.check("frames", frames, limits.frames, "cut it first")
    if frames > 1:
        upload.check("pixels of a frame", width * height, limits.frame_pixels, "make it smaller first")


def _open(upload: Upload, found: str) -> tuple[int, int, int]:
    """(width, height, frames) by Pillow, which reads headers only; texts on the way."""
    from PIL import Image

    upload.file.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow warns of large or odd files; the limits decide
            image = Image.open(upload.file, formats=[_PILLOW[found]])
            _check(upload, *image.size, 1)
            frames = getattr(image, "n_frames", 1) if found in ("png", "webp", "avif") else 1
            _info_texts(upload, image.info)
            _exif_texts(upload, image)
        return *image.size, int(frames)
    except MediaError as error:
        upload.refuse(str(error).removeprefix(f"{upload.label}: "))
    except Image.DecompressionBombError:
        upload.refuse(f"pixels: far above the limit of {upload.limits.pixels:,}; make it smaller first")
    except Exception:  # decoders raise whatever they like on damaged data
        upload.refuse(f"damaged, or no {found.upper()} picture; save it again as PNG or JPEG")


def _info_texts(upload: Upload, info: dict[Any, Any]) -> None:
    for key in ("comment", "xmp"):
        value = info.get(key)
        if isinstance(value, bytes | str) and len(value) <= upload.limits.metadata_bytes:
            upload.texts.setdefault(key, value.decode(errors="replace") if isinstance(value, bytes) else value)


def _exif_texts(upload: Upload, image: Any) -> None:
    """What the EXIF says in words; a damaged one is left out with a note.

    Raises:
        MediaError: it would take far more memory than a camera's; whatever reads the file later would run into that.
    """
    blob = exif_of(image.info)
    if not blob:
        return  # Pillow would decode all of a PNG to see whether there is some behind its pixels
    check_exif(blob)
    try:
        exif = image.getexif()
        values = {**exif, **exif.get_ifd(_EXIF_IFD)}
    except Exception:  # Pillow's reader of EXIF raises whatever it likes; the picture is whole all the same
        upload.note("its EXIF is damaged and was left out")
        return
    for tag, name in _EXIF_TEXTS.items():
        text = exif_text(values.get(tag))
        if text and len(text) <= upload.limits.metadata_bytes:
            upload.texts.setdefault(name, text)


def exif_text(value: Any) -> str:
    """A text of EXIF, whatever its character code; UTF-16 is read in the byte order that makes sense of it."""
    if isinstance(value, str):
        return value.strip("\0 ")
    if not isinstance(value, bytes):
        return ""
    code, body = value[:8], value[8:]
    if code == b"UNICODE\0":
        return _utf16(body).strip("\0 ")
    body = body if code in (b"ASCII\0\0\0", b"\0" * 8) else value
    return body.decode("utf-8", errors="replace").strip("\0 ")


def _utf16(body: bytes) -> str:
    """UTF-16 of either byte order: some programs write the order of the file, others always the same."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace")
    read = [body.decode(f"utf-16-{order}", errors="replace") for order in ("be", "le")]
    # Settings always hold digits and punctuation; read the wrong way round, those become rare letters.
    return max(read, key=lambda text: sum(character < "\x80" for character in text))


def _png(upload: Upload) -> int:
    """Walk the chunks of a PNG: it must end, and its texts may stand behind the pixels too."""
    from studio.intake.pngtext import text_of

    place, frames, left = 8, 1, upload.limits.metadata_bytes
    while True:
        head = upload.at(place, 8)
        if len(head) < 8:
            upload.cut_short()
        length, kind = struct.unpack(">I4s", head)
        if kind == b"acTL":
            frames = int.from_bytes(upload.file.read(4), "big")
        elif kind in (b"tEXt", b"zTXt", b"iTXt", b"comf"):
            upload.check("text in the file, bytes", length, left, "save it again without its description")
            key, text = text_of(kind, upload.file.read(length), left)
            left -= len(text)
            _check_blob(upload, exif_of({key: text}))
            upload.texts.setdefault(key, text)
        elif kind == b"eXIf":
            upload.check("bytes of EXIF", length, MAX_EXIF, "save it again without")
            _check_blob(upload, upload.file.read(length))
        place += 12 + length
        if kind == b"IEND" or place > upload.size:
            break
    if place > upload.size:
        upload.cut_short()
    _after_end(upload, place)
    return frames


def _check_blob(upload: Upload, exif: bytes) -> None:
    try:
        check_exif(exif)
    except MediaError as error:
        upload.refuse(str(error))


def _jpeg(upload: Upload) -> int:
    """A JPEG must hold its end mark; what stands behind it is looked at by no one."""
    upload.file.seek(0)
    tail = b""
    while chunk := upload.file.read(_CHUNK):
        if b"\xff\xd9" in tail + chunk:
            return 1
        tail = chunk[-1:]
    upload.cut_short()


def _gif(upload: Upload) -> int:
    """Count the frames of a GIF without decoding one; stops above the limit."""
    try:
        frames, end = gif_frames(upload.file, upload.limits.frames)
    except MediaError as error:
        upload.refuse(str(error))
    if end:
        _after_end(upload, end)
    return max(frames, 1)


def _webp(upload: Upload) -> None:
    """A WebP says its length; it must be there."""
    length = 8 + int.from_bytes(upload.at(4, 4), "little")
    if length > upload.size:
        upload.cut_short()
    _after_end(upload, length + length % 2)


def _tiff(upload: Upload) -> int:
    """Count the directories of a TIFF, each a page; loops end."""
    head = upload.at(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    if 43 in head[2:4]:
        return 1  # a BigTIFF is for pictures far above the limits; its first page is all that is read
    seen: set[int] = set()
    place = struct.unpack_from(order + "I", head, 4)[0] if len(head) >= 8 else 0
    while place and place not in seen and len(seen) <= upload.limits.frames:
        raw = upload.at(place, 2)
        if len(raw) < 2:
            upload.cut_short()
        seen.add(place)
        following = upload.at(place + 2 + 12 * struct.unpack(order + "H", raw)[0], 4)
        place = struct.unpack(order + "I", following)[0] if len(following) == 4 else 0
    if len(seen) > 1:
        upload.note(f"it has {len(seen):,} pages; the first is used")
    return 1


def _after_end(upload: Upload, end: int) -> None:
    if upload.size > end + 1:
        upload.note(f"{upload.size - end:,} bytes stand behind its end and are ignored")
