"""Text chunks of a PNG, compressed or not, never larger than was agreed."""

import zlib


def text_of(kind: bytes, body: bytes, limit: int) -> tuple[str, str]:
    """(key, text) of a ``tEXt``, ``zTXt``, ``iTXt`` chunk, or of the ``comf`` chunk of animated pictures.

    A text that is damaged, or that would unpack to more than ``limit`` bytes, is empty.
    """
    key, _, rest = body.partition(b"\0")
    name = key.decode("latin-1", errors="replace")
    if kind in (b"tEXt", b"comf"):
        return name, _decoded(rest)
    if kind == b"zTXt":
        return name, _decoded(_unpacked(rest[1:], limit))
    packed, rest = rest[:1] == b"\1", rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, rest = rest.partition(b"\0")
    return name, _decoded(_unpacked(rest, limit) if packed else rest)


def _decoded(raw: bytes) -> str:
    # The standard says Latin-1 for two of the kinds, but programs write UTF-8 into all of them.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unpacked(raw: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(raw, limit)
    except zlib.error:
        return b""
    return b"" if unpacker.unconsumed_tail else text
