"""Reading what files say, when the files mean harm: damage, noise, gigabytes and bombs."""

import random
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from samples import EVERY, SETTINGS, SMALL

from pipelines.errors import MediaError
from studio.export import save
from studio.provenance import carried, read_settings, sniff, texts, xmp
from studio.provenance.boxes import MAX_PART


@pytest.mark.parametrize("kind", EVERY)
def test_damaged_files_never_raise_anything_else(tmp_path, kind):
    path = save(SMALL[kind.medium](), tmp_path / f"it{kind.suffixes[0]}", SETTINGS)
    whole, chance = path.read_bytes(), random.Random(0)
    for turn in range(60):
        data = bytearray(whole)
        for _ in range(1 + turn % 4):
            # Half of the damage where sizes and names stand.
            data[chance.randrange(len(data) if turn % 2 else min(200, len(data)))] = chance.choice((0, 255, 127, turn))
        path.write_bytes(data[: chance.randrange(len(data))] if turn % 3 == 0 else data)
        texts(path)
        carried(path)
        try:
            assert read_settings(path) is None or sniff(path)
        except MediaError as error:
            assert path.name in str(error) and str(tmp_path) not in str(error)


STARTS = [
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\xff\xff\xff\xffWEBP", b"\x00\x00\x00\x14ftypavif"),
    *(b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x14ftypisom", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"OggS"),
    *(
        b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f",
        b"glTF\x02\x00\x00\x00",
        b"ply\n",
        b"solid facet",
        b"PK\x03\x04",
        b"v 0 0 0\n",
    ),
]


@pytest.mark.parametrize("start", STARTS, ids=repr)
def test_noise_behind_a_good_start_is_nothing(tmp_path, start):
    noise = np.random.default_rng(0)
    for size in (0, 1, 7, 30, 500, 5000):
        for body in (bytes(size), noise.bytes(size), b"\xff" * size):
            (tmp_path / "it").write_bytes(start + body)
            assert read_settings(tmp_path / "it") is None


def test_gigabytes_are_not_read_to_find_a_text(tmp_path):
    whole = {kind.medium + kind.name: kind for kind in (param.values[0] for param in EVERY)}
    for name, kind in whole.items():
        path = save(SMALL[kind.medium](), tmp_path / f"{name}{kind.suffixes[0]}", SETTINGS)
        with open(path, "r+b") as file:
            file.truncate(6 << 30)  # takes no room on the disk
        assert peak(path) < 24 << 20, name


def test_texts_that_claim_gigabytes_are_stepped_over(tmp_path):
    big = 3 << 30
    huge = {
        "png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", big) + b"tEXt",
        "wav": b"RIFF\xff\xff\xff\xffWAVELIST" + struct.pack("<I", big) + b"INFO",
        "webp": b"RIFF\xff\xff\xff\xffWEBPEXIF" + struct.pack("<I", big),
        "mp4": b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00" + struct.pack(">I", big) + b"uuid" + xmp(edited=False),
        "glb": b"glTF\x02\x00\x00\x00\xff\xff\xff\xff" + struct.pack("<I", big) + b"JSON",
        "webm": b"\x1a\x45\xdf\xa3\x80\x12\x54\xc3\x67\x01\xff\xff\xff\xff\xff\xff\xfe\x73\x73\x08\xc0\x00\x00\x00",
        "mp3": b"ID3\x03\x00\x00\x7f\x7f\x7f\x7fTXXX\x7f\x7f\x7f\x7f\x00\x00",
    }
    for name, start in huge.items():
        path = tmp_path / name
        path.write_bytes(start)
        with open(path, "r+b") as file:
            file.truncate(6 << 30)
        assert sniff(path) == name and peak(path) < 24 << 20, name


def peak(path):
    """Bytes of memory that reading a file's texts takes at most."""
    tracemalloc.start()
    texts(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_packed_texts_unpack_no_further_than_allowed(tmp_path):
    body = b"bomb\x00\x00" + zlib.compress(bytes(40 << 20), 1)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + bytes(4)
    (tmp_path / "it.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    assert len(texts(tmp_path / "it.png").get("bomb", "")) <= MAX_PART and peak(tmp_path / "it.png") < 24 << 20
    with zipfile.ZipFile(tmp_path / "it.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("sequence.json", b'{"eddyline": ' + b" " * (40 << 20) + b"{}}")
    assert texts(tmp_path / "it.zip") == {} and peak(tmp_path / "it.zip") < 24 << 20


def test_a_zip_of_countless_names_is_not_listed(tmp_path):
    size = 1 << 30
    for count, told in ((60_001, 4000), (7, size), (65_535, 2**32 - 1)):
        with open(tmp_path / "it.zip", "wb") as file:
            file.write(b"PK\x03\x04")
            file.seek(size)
            file.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, told, 4, 0))
        assert sniff(tmp_path / "it.zip") == "zip"
        assert texts(tmp_path / "it.zip") == {} and peak(tmp_path / "it.zip") < 4 << 20


def test_tags_within_tags_within_tags_come_to_an_end(tmp_path):
    data = b""
    for _ in range(3000):
        data = b"\x67\xc8" + b"\x10" + len(data).to_bytes(3, "big") + data
    (tmp_path / "it.webm").write_bytes(b"\x1a\x45\xdf\xa3\x80" + data)
    assert texts(tmp_path / "it.webm") == {}
    glb = b'{"asset":{"extras":' + b'{"a":' * 50_000
    (tmp_path / "it.glb").write_bytes(b"glTF\x02\x00\x00\x00" + bytes(4) + struct.pack("<I", len(glb)) + b"JSON" + glb)
    assert texts(tmp_path / "it.glb") == {}
