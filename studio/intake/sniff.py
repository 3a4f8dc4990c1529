"""What a file is, by its content; its name decides only between the few formats that have no mark of their own."""

import struct
from collections.abc import Callable

from studio.intake.upload import Upload

HEAD = 4096

# format -> extensions that it goes by; the first is the one that it gets here.
EXTENSIONS = {
    "png": ("png", "apng"), "jpeg": ("jpg", "jpeg", "jpe", "jfif", "mpo"), "webp": ("webp",), "gif": ("gif",),
    "bmp": ("bmp", "dib"), "tiff": ("tif", "tiff"), "avif": ("avif", "avifs"), "jpeg2000": ("jp2", "j2k", "jpx", "jpf"),
    "ppm": ("ppm", "pgm", "pbm", "pnm"), "tga": ("tga",), "ico": ("ico",),
    "mp4": ("mp4", "m4v", "m4a", "3gp", "f4v"), "mov": ("mov", "qt"), "webm": ("webm",), "mkv": ("mkv", "mka"),
    "avi": ("avi",), "wav": ("wav", "wave"), "flac": ("flac",), "ogg": ("ogg", "oga", "ogv", "opus", "spx"),
    "mp3": ("mp3",), "aiff": ("aif", "aiff", "aifc"),
    "glb": ("glb",), "gltf": ("gltf",), "obj": ("obj",), "stl": ("stl",), "ply": ("ply",),
    "zip": ("zip",), "json": ("json",), "text": ("txt",),
}  # fmt: skip
PICTURES = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif", "jpeg2000", "ppm", "tga", "ico")
STREAMS = ("mp4", "mov", "webm", "mkv", "avi", "wav", "flac", "ogg", "mp3", "aiff")
MESHES = ("glb", "gltf", "obj", "stl", "ply")

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif", b"II*\0": "tiff",
    b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff", b"\0\0\0\x0cjP  \r\n\x87\n": "jpeg2000",
    b"\xff\x4f\xff\x51": "jpeg2000", b"fLaC": "flac", b"OggS": "ogg", b"glTF": "glb", b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip", b"ply\n": "ply", b"ply\r": "ply", b"ID3": "mp3",
}  # fmt: skip
_CODE = (
    "is a saved Python object (.pt, .ckpt, .pkl), which can run any program when it is opened, so it is never opened "
    "here; models are added as safetensors, on the Models tab"
)
_WEIGHTS = "holds model weights, not media; models are added on the Models tab"
_ARCHIVE = "is an archive of a kind that is not read; unpack it and drop the files, or make a zip"
_PROGRAM = "is a program, not media; drop a picture, video, sound, mesh or project"
_PAGE = "is a web page, SVG or XML document, which can run scripts, so it is not taken; save it as PNG"
_PLAYLIST = "is a list that points to other files; drop the files themselves"
_REFUSED = {
    b"\x93NUMPY": _CODE, b"\x89HDF": _WEIGHTS, b"GGUF": _WEIGHTS, b"\x1f\x8b": _ARCHIVE,
    b"7z\xbc\xaf\x27\x1c": _ARCHIVE,
    b"Rar!": _ARCHIVE, b"\xfd7zXZ": _ARCHIVE, b"BZh": _ARCHIVE, b"\x28\xb5\x2f\xfd": _ARCHIVE,
    b"MZ": _PROGRAM, b"\x7fELF": _PROGRAM, b"\xca\xfe\xba\xbe": _PROGRAM, b"#!": _PROGRAM,
    b"#EXTM3U": _PLAYLIST, b"ffconcat": _PLAYLIST, b"v=0\r": _PLAYLIST, b"[playlist]": _PLAYLIST,
    b"%PDF": "is a PDF; export the page as PNG", b"%!": "is PostScript, which is a program; export it as PNG",
    b"\xc5\xd0\xd3\xc6": "is PostScript, which is a program; export it as PNG",
    b"8BPS": "is a Photoshop file; export it as PNG", b"BLENDER": "is a Blender file; export the mesh as GLB",
    b"Kaydara FBX": "is an FBX file; export the mesh as GLB", b"\x76\x2f\x31\x01": "is OpenEXR; export it as PNG",
}  # fmt: skip
_CODE_EXTENSIONS = {"pt", "pth", "ckpt", "pkl", "bin", "npy", "npz", "joblib"}
_PAGE_EXTENSIONS = {"svg", "svgz", "html", "htm", "xhtml", "xml", "js", "mjs"}


def sniff(upload: Upload) -> str:
    """The format of an upload, a key of ``EXTENSIONS``.

    Raises:
        MediaError: the file is empty, or of a kind that is not taken.
    """
    if upload.size == 0:
        upload.refuse("the file is empty; fetch or save it again")
    head = upload.at(0, HEAD)
    for magic, why in _REFUSED.items():
        if head.startswith(magic):
            upload.refuse(why)
    found = _by_magic(head) or _by_shape(head, upload) or _by_text(head, upload) or _by_name(head, upload)
    if found:
        return found
    if (
        head[:1] == b"\x80"
        and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
        or upload.extension in _CODE_EXTENSIONS
    ):
        upload.refuse(_CODE)
    if head[8:9] == b"{" and upload.extension in ("safetensors", "sft"):
        upload.refuse(_WEIGHTS)
    upload.refuse(
        "not a kind of file that is known here; drop PNG, JPEG, WebP, GIF, AVIF, MP4, WebM, WAV, FLAC, OGG, MP3, GLB, "
        "OBJ, STL, PLY, a project zip or settings as JSON"
    )


def note_name(upload: Upload, found: str) -> None:
    """Say so when the name promises something else than the content is; the content wins."""
    if upload.extension and upload.extension not in EXTENSIONS[found]:
        upload.note(
            f"its name ends in .{upload.extension} but it holds {found.upper()}; it is taken as {found.upper()}"
        )


def _by_magic(head: bytes) -> str | None:
    for magic, found in _MAGIC.items():
        if head.startswith(magic):
            return found
    riff = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] in riff:
        return riff[head[8:12]]
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"webm" in head[:64] else "mkv"
    return None


def _by_shape(head: bytes, upload: Upload) -> str | None:
    """Formats whose mark stands further in, or is weak and has to be held against the rest of the header."""
    if head[4:8] == b"ftyp":
        return _brand(head, upload)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mov"
    if head[:2] == b"BM" and len(head) > 18 and struct.unpack_from("<I", head, 14)[0] in (12, 40, 52, 56, 64, 108, 124):
        return "bmp"
    if head[:4] == b"\0\0\1\0" and 0 < int.from_bytes(head[4:6], "little") <= 256 and len(head) >= 22:
        return "ico"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\n", b"\r", b"\t", b"#"):
        return "ppm"
    if _mp3_frame(head):
        return "mp3"
    if len(head) >= 84 and 84 + 50 * struct.unpack_from("<I", head, 80)[0] == upload.size:
        return "stl"
    return None


def _brand(head: bytes, upload: Upload) -> str:
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    if any(brand in (b"avif", b"avis") for brand in brands):
        return "avif"
    if any(brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1") for brand in brands):
        upload.refuse("is a HEIC picture, which cannot be read here; save it as JPEG or PNG")
    return "mov" if brands[0] == b"qt  " else "mp4"


def _mp3_frame(head: bytes) -> bool:
    """Whether the file starts with one MPEG audio frame and another right behind it."""
    length = _mp3_length(head[:4])
    return bool(length and _mp3_length(head[length : length + 4]))


def _mp3_length(head: bytes) -> int:
    """Bytes of the MPEG layer III frame that starts here, or 0."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return 0
    first = head[1] & 0x18 == 0x18  # MPEG 1; else 2 or 2.5
    rates = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    slower = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    rate, frequency = head[2] >> 4, head[2] >> 2 & 3
    if rate in (0, 15) or frequency == 3:
        return 0
    hertz = (44100, 48000, 32000)[frequency] // (1 if first else 2 if head[1] & 0x18 == 0x10 else 4)
    bits = (rates if first else slower)[rate - 1] * 1000
    return (144 if first else 72) * bits // hertz + (head[2] >> 1 & 1)


def _by_text(head: bytes, upload: Upload) -> str | None:
    text = _text(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<") or upload.extension in _PAGE_EXTENSIONS:
        upload.refuse(_PAGE)
    if start.startswith(("{", "[")):
        return "gltf" if upload.extension == "gltf" or _looks_gltf(upload) else "json"
    lines = [line.strip() for line in start.splitlines() if line.strip()]
    if start.lower().startswith("solid") and any(line.lower().startswith("facet") for line in lines):
        return "stl"
    tests: dict[str, Callable[[str], bool]] = {
        "obj": lambda line: line.startswith(("v ", "vn ", "vt ", "f ", "mtllib ", "usemtl ")),
        "text": lambda line: line.startswith(("Steps: ", "Negative prompt: ")),
    }
    for found, test in tests.items():
        if any(test(line) for line in lines):
            return found
    if upload.extension in ("obj", "txt"):
        return "obj" if upload.extension == "obj" else "text"
    return None


def _looks_gltf(upload: Upload) -> bool:
    head = upload.at(0, 65536)
    return b'"asset"' in head and (b'"accessors"' in head or b'"meshes"' in head or b'"buffers"' in head)


def _text(head: bytes) -> str | None:
    """The head as text, or None where it cannot be any."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace")
    if b"\0" in head:
        return None
    text = head.decode("utf-8", errors="replace")
    return text if text.count("\ufffd") <= 2 + len(text) // 50 else None


def _by_name(head: bytes, upload: Upload) -> str | None:
    """Targa has no mark at its start: its name and a header that makes sense have to do, or its mark at the end."""
    if upload.size < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11) or head[16] not in (8, 15, 16, 24, 32):
        return None
    return "tga" if upload.extension == "tga" or b"TRUEVISION-XFILE" in upload.at(upload.size - 26, 26) else None
