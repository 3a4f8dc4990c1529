"""Uploads that would do harm, each with what the gate says to it."""

import io
import json
import random
import re
import struct
import zipfile
import zlib

import uploads
from uploads import box, chunk, glb, gltf, png, tiff_directory

FILES = uploads.valid_files()


def jpeg_with(segment):
    return b"\xff\xd8" + segment + FILES["jpg"][2:]


def app1(body):
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def many_values(entries, size):
    """A directory whose entries all point to the same bytes."""
    table = [(1000 + n, 7, size, 8 + 2 + 12 * entries) for n in range(entries)]
    return tiff_directory(table, b"\0" * size)


def webp_with(exif):
    made = uploads.picture("webp", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    place = made.rindex(b"EXIF")
    body = made[8:place] + b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_with(exif):
    """An AVIF whose list of parts has one more, the EXIF at the end of the file."""
    blob = b"\0\0\0\0" + exif
    head = FILES["avif"]
    item = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 2, 0) + b"Exif\0")
    listed = box(b"iinf", b"\0\0\0\0" + struct.pack(">H", 1), item)
    places = b"\0\0\0\0\x44\0" + struct.pack(">HHHHII", 1, 2, 0, 1, 0, len(blob))
    size = len(box(b"meta", b"\0\0\0\0", listed, box(b"iloc", places)))
    at = struct.unpack(">I", head[:4])[0] + size
    places = places[:-8] + struct.pack(">II", at + 8, len(blob))
    start = head[: struct.unpack(">I", head[:4])[0]]
    return start + box(b"meta", b"\0\0\0\0", listed, box(b"iloc", places)) + box(b"mdat", blob)


def mp4_with(*stbl, flags=1):
    dref = box(b"dref", struct.pack(">II", 0, 1), box(b"url ", struct.pack(">I", flags)))
    minf = box(b"minf", box(b"dinf", dref), box(b"stbl", *stbl))
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", box(b"trak", box(b"mdia", minf)))


def icon_with(inside):
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inside), 22) + inside


def wav_with(rate=48000, channels=1, data=2000):
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", data) + b"\0" * data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac_with(samples):
    changed = bytearray(FILES["flac"])
    changed[21:26] = bytes([changed[21] & 0xF0 | samples >> 32]) + struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(changed)


def zip_with(name="a.txt", data=b"hello", mode=None, flag=0, method=zipfile.ZIP_DEFLATED):
    entry = zipfile.ZipInfo(name)
    entry.compress_type = method
    if mode:
        entry.external_attr = mode << 16
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr("project.json", "{}")
        made.writestr(entry, data)
    raw = bytearray(held.getvalue())
    place = raw.rfind(b"PK\1\2")
    raw[place + 8] |= flag
    return bytes(raw)


def zip_of_shared_bytes():
    raw = bytearray(uploads.archive({"project.json": b"{}", "a.txt": b"x" * 50, "b.txt": b"x" * 50}))
    places = [found.start() for found in re.finditer(rb"PK\x01\x02", raw)]
    raw[places[2] + 42 : places[2] + 46] = raw[places[1] + 42 : places[1] + 46]
    return bytes(raw)


GIF_FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
RAW_EXIF = many_values(2000, 20_000).hex().encode()
BOMB_TEXT = chunk(b"zTXt", b"note\0\0" + zlib.compress(b"a" * 80_000_000, 9))
TEXTURE = png(30_000, 30_000, 1, rows=b"\0" * 10)
DEEP = json.dumps(gltf()).encode()[:-1] + b', "extras": ' + b"[" * 500 + b"]" * 500 + b"}"
RAW_GLB = struct.pack("<4sII", b"glTF", 2, 20 + len(DEEP)) + struct.pack("<I4s", len(DEEP), b"JSON") + DEEP

REFUSED = {
    # bombs: small files that become large
    "pixels.png": (png(30_000, 30_000, 1), "pixels: far above the limit of 40,000,000"),
    "side.png": (png(100_000, 2, 1), "side in pixels: 100,000, at most 30,000"),
    "text.png": (png(8, 8, rows=b"\0" * 72, extra=BOMB_TEXT * 3), "damaged, or no PNG picture"),
    "frames.png": (png(8, 8, extra=chunk(b"acTL", b"\x7f\xff\xff\xff\0\0\0\0")), "frames: 2,147,483,647, at most"),
    "canvas.gif": (b"GIF89a\xff\xff\xff\xff\0\0\0" + GIF_FRAME + b";", "side in pixels: 65,535|far above"),
    "frames.gif": (b"GIF89a\1\0\1\0\0\0\0" + GIF_FRAME * 25_000 + b";", "frames: 20,001, at most 20,000; cut it first"),
    "blocks.gif": (b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\1x" * 10_000 + b"\0;", "more than 4,000 blocks of comment"),
    "tiny-blocks.gif": (
        b"GIF89a\1\0\1\0\0\0\0" + GIF_FRAME[:-4] + b"\1x" * 510_000 + b"\0;",
        "more than 500,000 blocks in this GIF",
    ),
    "parts.png": (png(8, 8, extra=chunk(b"prIv", b"") * 210_000), "more than 200,000 parts in this PNG"),
    "comment.ppm": (b"P6\n# " + b"a" * 1_000_000 + b"\n8 8 255\n" + b"\0" * 192, "its size is not at its start"),
    "plain.ppm": (b"P3 2000 2000 255\n" + b"0 " * 1000, "written out as text, at most 2,000,000"),
    "long-exif.jpg": (jpeg_with(app1(b"Exif\0\0" + b"\0" * 60_000) * 50), "3 MB of EXIF, at most 2"),
    "canvas.webp": (b"RIFF\x1a\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0", "16384 x 16384 is 268 megapixels"),
    "values.tif": (many_values(4000, 60_000), "this TIFF would take 240 MB in memory, at most 16"),
    "tiles.tif": (
        tiff_directory([(256, 4, 1, 8), (257, 4, 1, 8), (322, 4, 1, 30_000), (323, 4, 1, 30_000)]),
        "tiles of 30000 x 30000 is 900 megapixels",
    ),
    "exif.jpg": (jpeg_with(app1(b"Exif\0\0" + many_values(2000, 40_000))), "its EXIF would take 80 MB"),
    "exif.png": (png(8, 8, extra=chunk(b"eXIf", many_values(2000, 40_000))), "its EXIF would take 80 MB"),
    "behind.png": (
        png(8, 8)[:-12] + chunk(b"eXIf", many_values(2000, 40_000)) + chunk(b"IEND", b""),
        "its EXIF would take 80 MB",
    ),
    "hexadecimal.png": (
        png(8, 8, extra=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n   99\n" + RAW_EXIF))),
        "its EXIF would take",
    ),
    "exif.webp": (webp_with(many_values(2000, 40_000)), "its EXIF would take 80 MB"),
    "exif.avif": (avif_with(many_values(2000, 40_000)), "its EXIF would take 80 MB"),
    "passes.jpg": (FILES["jpg"][:-2] + b"\xff\xda\0\2\0" * 200 + b"\xff\xd9", "more than 150 passes"),
    "segments.jpg": (jpeg_with(b"\xff\xe5\0\2" * 6000), "more than 5000 segments"),
    "inside.ico": (icon_with(TEXTURE), "30000 x 30000 is 900 megapixels"),
    "samples.mp4": (mp4_with(box(b"stsz", struct.pack(">III", 0, 1, 178_000_000))), "samples: 178,000,000, at"),
    "runs.mp4": (
        mp4_with() + box(b"moof", box(b"traf", box(b"trun", struct.pack(">II", 0, 0xFFFFFFFF)))),
        "samples: 4,294,967,295",
    ),
    "packed.mp4": (box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", box(b"cmov", b"\0" * 40)), "its tables are compressed"),
    "channels.wav": (wav_with(channels=300, data=600_000), "channels: 300, at most 16|damaged"),
    "rate.wav": (wav_with(rate=10_000_000), "samples a second: 10,000,000, at most 192,000"),
    "hours.wav": (wav_with(rate=10, data=80_000), "seconds: 4,000, at most 3,600; cut it first"),
    "hours.flac": (flac_with(2**36 - 1), "seconds: 1,431,65"),
    "count.glb": (glb(gltf({"accessors": [{"componentType": 5126, "type": "VEC3", "count": 10**12}]})), "elements: 1,"),
    "beyond.glb": (glb(gltf(count=4)), "accessor: 4 elements go beyond their view of 36 bytes"),
    "buffer.glb": (glb(gltf(data=10**9)), "byteLength: buffer 0 announces 1,000,000,000 bytes, 36 are there"),
    "negative.glb": (glb(gltf(count=-3)), "count: must be a whole number from 0, got -3"),
    "texture.glb": (
        glb(
            gltf(
                {
                    "buffers": [{"byteLength": 36 + len(TEXTURE)}],
                    "bufferViews": [
                        {"buffer": 0, "byteLength": 36},
                        {"buffer": 0, "byteOffset": 36, "byteLength": len(TEXTURE)},
                    ],
                    "images": [{"bufferView": 1, "mimeType": "image/png"}],
                }
            ),
            b"\0" * 36 + TEXTURE,
        ),
        "pixels of a texture: ",
    ),
    "placed.glb": (glb(gltf({"nodes": [{"mesh": 0}] * 200_001})), "nodes: 200,001, at most 200,000"),
    "loop.glb": (glb(gltf({"nodes": [{"mesh": 0, "children": [1]}, {"children": [0]}]})), "hangs below itself"),
    "shared.glb": (glb(gltf({"nodes": [{"children": [2]}, {"children": [2]}, {"mesh": 0}]})), "hangs below two others"),
    "draco.glb": (glb(gltf({"extensionsRequired": ["KHR_draco_mesh_compression"]})), "compressed meshes are not read"),
    "deep.glb": (RAW_GLB, "more than 64 deep"),
    "vertices.ply": (uploads.ply(vertices=4_000_000_000, body=b""), "vertices: 4,000,000,000, at most 5,000,000"),
    "grows.zip": (zip_with(data=b"\0" * 50_000_000), "grows .* times when unpacked, at most 200"),
    "nested.zip": (zip_with("inner.zip", uploads.archive()), "is an archive inside the archive"),
    "shared.zip": (zip_of_shared_bytes(), "shares its bytes with another file|is in it twice"),
    "many.zip": (uploads.archive({f"{n}.json": b"" for n in range(20_001)}), "files: 20,001, at most 20,000"),
    # what leads outside
    "uri.glb": (glb(gltf({"images": [{"uri": "../../etc/passwd"}]})), "uri: points outside the file"),
    "address.glb": (glb(gltf({"buffers": [{"byteLength": 36, "uri": "http://10.0.0.1/a"}]})), "uri: points outside"),
    "extension.glb": (glb(gltf({"extensions": {"X": {"sounds": [{"uri": "file:///a"}]}}})), "uri: points outside"),
    "beside.gltf": (json.dumps(gltf({"buffers": [{"byteLength": 36, "uri": "shape.bin"}]})).encode(), "uri: points"),
    "elsewhere.mp4": (mp4_with(flags=0), "its pictures or sound are in another file"),
    "list.m3u8": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is a list that points to other files"),
    "list.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", "is a list that points to other files"),
    "up.zip": (zip_with("../../evil.txt"), "leads out of the project's folder"),
    "root.zip": (zip_with("/etc/cron.d/evil"), "leads out of the project's folder"),
    "drive.zip": (zip_with("C:evil.txt"), "leads out of the project's folder"),
    "link.zip": (zip_with("link", b"/etc/passwd", mode=0o120777), "is a link or a device"),
    "long.zip": (zip_with("a" * 300), "printable name of at most 240"),
    # what runs
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "can run scripts, so it is"),
    "drawing.png": (b"\xef\xbb\xbf\n  <?xml version='1.0'?><svg/>", "can run scripts, so it is not taken"),
    "page.html": (b"<!doctype html><script>alert(1)</script>", "can run scripts, so it is not taken"),
    "page.gif": (b"  <html>", "can run scripts, so it is not taken"),
    "wide.png": ("<svg/>".encode("utf-16"), "can run scripts, so it is not taken"),
    "code.js": (b"alert(1)", "can run scripts, so it is not taken"),
    "drawing.svgz": (b"\x1f\x8b\x08\0", "is an archive of a kind that is not read"),
    "model.pt": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M", "so it is never opened"),
    "model.ckpt": (b"anything\0at all", "so it is never opened"),
    "array.npy": (b"\x93NUMPY\1\0", "so it is never opened"),
    "model.png": (b"\x80\x04\x95\0\0\0\0.", "so it is never opened"),
    "model.zip": (zip_with("archive/data.pkl", b"\x80\2."), "so the archive is never opened"),
    "page.zip": (zip_with("view/index.html", b"<html>"), "so the archive is never opened"),
    "model.safetensors": (struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}}', "holds model weights"),
    "run.exe": (b"MZ\x90\0\3", "is a program, not media"),
    "run.png": (b"#!/bin/sh\nrm -rf /\n", "is a program, not media"),
    "paper.pdf": (b"%PDF-1.7", "export the page as PNG"),
    "old.eps": (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript, which is a program"),
    # what is damaged, locked or unknown
    "empty.png": (b"", "the file is empty"),
    "cut.png": (png(8, 8, end=False), "damaged or cut short"),
    "noise.png": (random.Random(1).randbytes(5000), "not a kind of file that is known here"),
    "zeros.mp4": (b"\0" * 5000, "not a kind of file that is known here"),
    "phone.heic": (box(b"ftyp", b"heic\0\0\0\0mif1heic") + b"\0" * 100, "HEIC picture, which cannot be read here"),
    "locked.zip": (zip_with(flag=1), "is encrypted; make the zip without a password"),
    "method.zip": (zip_with(method=zipfile.ZIP_LZMA), "is compressed by method 14"),
    "control.zip": (zip_with("a\x07.txt"), "printable name"),
    "plain.zip": (uploads.archive({"letter.txt": b"hello"}), "not a project: there is no project.json in it"),
    "cut.zip": (FILES["zip"][:-30], "damaged or cut short"),
    "bare.glb": (glb(gltf({"meshes": [], "nodes": []})), "there is no mesh in it"),
    "old.glb": (b"glTF" + struct.pack("<I", 1) + FILES["glb"][8:], "version 1 of glTF, only 2 is read"),
    "count.stl": (uploads.stl()[:80] + struct.pack("<I", 10_000) + b"\0" * 200, "not a kind of file|cut short"),
    "words.ply": (uploads.ply().replace(b"vertex 4", b"vertex -4"), "number of 'vertex': must be a whole number"),
    "note.txt": (b"dear diary", "no settings that are known here"),
}  # fmt: skip
