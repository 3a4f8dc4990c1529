"""Small valid files of every format that the gate takes, and ways to spoil them."""

import io
import json
import random
import struct
import zipfile
import zlib

import av
import numpy as np
from PIL import Image

PICTURES = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF", "bmp": "BMP", "tif": "TIFF"}
SOUNDS = {"wav": "pcm_s16le", "flac": "flac", "ogg": "libopus", "mp3": "libmp3lame"}
VIDEOS = {"mp4": "libx264", "webm": "libvpx-vp9"}


def photo(width=40, height=30):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def picture(kind, image=None, **options):
    held = io.BytesIO()
    (image or photo()).save(held, PICTURES.get(kind, kind.upper()), **options)
    return held.getvalue()


def video(kind, metadata=None, frames=6, size=(64, 48), **options):
    held = io.BytesIO()
    with av.open(held, "w", format=kind, options=options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(VIDEOS[kind], rate=8, width=size[0], height=size[1], pix_fmt="yuv420p")
        for n in range(frames):
            pixels = np.full((size[1], size[0], 3), 40 * n, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode(None))
    return held.getvalue()


def sound(kind, metadata=None, seconds=0.5, rate=48000):
    held = io.BytesIO()
    with av.open(held, "w", format=kind) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(SOUNDS[kind], rate=rate, layout="mono")
        wave = (np.sin(np.arange(int(seconds * rate)) / 20) * 20_000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return held.getvalue()


def gltf(extra=None, count=3, data=36):
    return {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": data}],
        "bufferViews": [{"buffer": 0, "byteLength": data}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": count}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
        **(extra or {}),
    }


def glb(document=None, data=b"\0" * 36):
    text = json.dumps(document or gltf()).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def obj(triangles=4):
    corners = "".join(f"v {n} 0 {n * n}\n" for n in range(triangles + 2))
    return (corners + "".join(f"f {n + 1} {n + 2} {n + 3}\n" for n in range(triangles))).encode()


def stl(triangles=4):
    return b"made in a test".ljust(80) + struct.pack("<I", triangles) + b"\0" * 50 * triangles


def ply(vertices=4, faces=2, body=None):
    head = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    return head.encode() + (body if body is not None else b"\0" * (12 * vertices) + (b"\3" + b"\0" * 12) * faces)


def archive(files=None, **options):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in (files or {"project.json": b"{}", "media/apple.png": picture("png")}).items():
            made.writestr(name, data, **options)
    return held.getvalue()


def preset(**settings):
    return json.dumps({"kind": "image.generate", "settings": {"prompt": "a red apple", "seed": 7, **settings}}).encode()


def valid_files():
    """Extension -> bytes."""
    return {
        **{kind: picture(kind) for kind in PICTURES},
        **{kind: video(kind) for kind in VIDEOS},
        **{kind: sound(kind) for kind in SOUNDS},
        "glb": glb(),
        "obj": obj(),
        "stl": stl(),
        "ply": ply(),
        "zip": archive(),
        "json": preset(),
    }


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, colour=0, rows=b"\0" * 100, extra=b"", end=True):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    tail = chunk(b"IEND", b"") if end else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + tail


def tiff_directory(entries, tail=b"\0" * 100, order="<"):
    """A TIFF or EXIF of one directory; an entry is (tag, type, count, value)."""
    body = b"".join(struct.pack(order + "HHII", *each) for each in entries)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "IH", 8, len(entries)) + body + b"\0\0\0\0" + tail


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def spoil(data, rng: random.Random, way):
    """One malformed file made from a valid one."""
    changed = bytearray(data)
    place = rng.randrange(len(data))
    if way == "cut":
        return data[: max(1, int(len(data) * rng.random()))]
    if way == "flip":
        for _ in range(rng.randint(1, 40)):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == "head":
        for _ in range(4):
            changed[rng.randrange(min(len(data), 64))] = rng.randrange(256)
    elif way == "large":
        for _ in range(3):
            at = rng.randrange(max(1, min(len(data), 600) - 4))
            changed[at : at + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"]
            )
    elif way == "hole":
        changed[place : place + rng.randint(1, 200)] = b"\0" * rng.randint(1, 200)
    elif way == "gone":
        del changed[place : place + rng.randint(1, 100)]
    elif way == "twice":
        changed[place:place] = changed[place : place + rng.randint(1, 400)]
    elif way == "noise":
        changed[place:] = rng.randbytes(len(data) - place)
    elif way == "behind":
        changed += rng.randbytes(rng.randint(1, 2000))
    return bytes(changed)


WAYS = (
    "cut",
    "cut",
    "flip",
    "flip",
    "head",
    "head",
    "large",
    "large",
    "large",
    "hole",
    "gone",
    "twice",
    "noise",
    "behind",
)
