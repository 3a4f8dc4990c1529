"""What files say: settings through every format, marks that others find, and reading that nothing can harm."""

import json
import random
import struct
import subprocess
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from samples import EDIT, EDITED, EVERY, MADE, PROMPTS, SETTINGS, clip, picture, probe, sample, tetrahedron, tone

from pipelines.errors import MediaError
from pipelines.settings import ImageSettings
from studio.export import formats_of, save, write
from studio.provenance import READERS, Origin, Stamp, carried, read_settings, sniff, texts, verify, xmp
from studio.provenance.boxes import MAX_PART
from studio.provenance.records import mark_in, mark_of

ORIGIN = Origin("0123456789abcdef" * 2, 1732428000.25, (("source", "a" * 32), ("mask", "b" * 32)), "c" * 32, 3)
SMALL = {
    **{"image": picture, "audio": lambda: tone(0.05), "mesh": tetrahedron},
    "video": lambda: clip(frames=2, height=16, width=60),
}


def suffix_of(kind):
    return kind.suffixes[0]


# Settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("settings, mark", [(SETTINGS, MADE), (EDIT, EDITED)], ids=["generate", "edit"])
def test_every_format_says_what_made_it(tmp_path, kind, settings, mark):
    path = save(sample(kind.medium), tmp_path / f"it{suffix_of(kind)}", settings, origin=ORIGIN)
    found = read_settings(path)
    assert found.settings == settings and type(found.settings) is type(settings) and found.unknown == {}
    assert found.kind == f"image.{settings.TASK}" and found.origin == ORIGIN
    assert found.ai_mark == mark.rsplit("/", 1)[1] and sniff(path) == kind.name


@pytest.mark.parametrize("kind", EVERY)
def test_every_prompt_survives_in_every_format(tmp_path, kind):
    made = SMALL[kind.medium]()
    for number, prompt in enumerate(PROMPTS):
        settings = ImageSettings(prompt=prompt, negative_prompt=prompt, seed=2**32 - 1, guidance=1 + 1 / 3)
        path = save(made, tmp_path / f"{number}{suffix_of(kind)}", settings)
        assert read_settings(path).settings == settings
        assert read_settings(path).ai_mark == "trainedAlgorithmicMedia"


@pytest.mark.parametrize("kind", EVERY)
def test_the_name_of_a_file_does_not_matter(tmp_path, kind):
    if kind.name == "stl":
        pytest.skip("an STL's record lies beside it, under its name")
    path = save(SMALL[kind.medium](), tmp_path / f"it{suffix_of(kind)}", SETTINGS).rename(tmp_path / "it.bin")
    assert read_settings(path).settings == SETTINGS and sniff(path) == kind.name


def test_the_record_of_an_stl_counts_for_no_other(tmp_path):
    path = save(tetrahedron(), tmp_path / "it.stl", SETTINGS)
    other = save(tetrahedron(), tmp_path / "other.stl", EDIT)
    assert read_settings(path).settings == SETTINGS
    (tmp_path / "it.stl.json").replace(tmp_path / "other.stl.json")
    assert read_settings(other) is None and read_settings(path) is None
    assert verify(path).ai_mark == "trainedAlgorithmicMedia" and verify(other).ai_mark.startswith("composite")


@pytest.mark.parametrize("kind", EVERY)
def test_media_of_unknown_making_carry_no_claims(tmp_path, kind):
    path = write(SMALL[kind.medium](), tmp_path / f"it{suffix_of(kind)}", Stamp())
    claims = verify(path)
    assert read_settings(path) is None and carried(path) == Stamp()
    assert claims.none and claims.format == kind.name and "claims nothing" in claims.notes[-1]
    assert b"igital" not in path.read_bytes() and b"eddyline" not in path.read_bytes()


# Others --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_the_mark_stands_in_the_file_for_all_to_read(tmp_path, kind):
    data = save(SMALL[kind.medium](), tmp_path / f"it{suffix_of(kind)}", SETTINGS).read_bytes()
    assert (MADE.rsplit("/", 1)[1] if kind.name == "stl" else MADE).encode() in data


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".wav", ".flac", ".ogg", ".mp3"])
def test_ffmpeg_finds_the_record_as_the_comment(tmp_path, suffix):
    medium = "video" if suffix in (".mp4", ".webm") else "audio"
    settings = ImageSettings(prompt=PROMPTS[0] + PROMPTS[3])
    said = probe(save(SMALL[medium](), tmp_path / f"it{suffix}", settings))
    found = {**said["format"].get("tags", {}), **said["streams"][0].get("tags", {})}
    text = next(value for name, value in found.items() if name.lower() == "comment")
    assert json.loads(text)["settings"]["prompt"] == settings.prompt
    if suffix in (".webm", ".flac", ".ogg"):
        assert found["DIGITALSOURCETYPE"] == MADE


def test_xmp_lies_where_adobe_puts_it(tmp_path):
    mp4 = save(SMALL["video"](), tmp_path / "it.mp4", SETTINGS).read_bytes()
    assert b"uuid\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac<?xpacket" in mp4
    wav = save(tone(0.05), tmp_path / "it.wav", SETTINGS).read_bytes()
    assert b"_PMX" in wav and int.from_bytes(wav[4:8], "little") == len(wav) - 8
    mp3 = save(tone(0.05), tmp_path / "it.mp3", SETTINGS).read_bytes()
    assert mp3.startswith(b"ID3") and b"PRIV" in mp3 and b"XMP\x00<?xpacket" in mp3
    gif = save(SMALL["video"](), tmp_path / "it.gif", SETTINGS)
    assert b"\x21\xff\x0bXMP DataXMP<?xpacket" in gif.read_bytes()


@pytest.mark.parametrize("way", ["png png", "jpg jpg", "webp webp", "avif avif", "png jpg", "jpg webp", "webp png"])
def test_the_record_survives_pillow_where_exif_is_passed_on(tmp_path, way):
    before, after = way.split()
    settings = ImageSettings(prompt=PROMPTS[0] + PROMPTS[3])
    path = save(picture(), tmp_path / f"it.{before}", settings, origin=ORIGIN)
    with Image.open(path) as image:
        image.convert("RGB").save(tmp_path / f"again.{after}", exif=image.info["exif"])
    found = read_settings(tmp_path / f"again.{after}")
    assert found.settings == settings and found.origin == ORIGIN and found.ai_mark == "trainedAlgorithmicMedia"


@pytest.mark.parametrize(
    "suffix, survives", [(".jpg", True), (".gif", True), (".png", False), (".webp", False), (".avif", False)]
)
def test_where_pillow_keeps_the_record_without_being_asked(tmp_path, suffix, survives):
    path = save(SMALL["video" if suffix == ".gif" else "image"](), tmp_path / f"it{suffix}", EDIT)
    with Image.open(path) as image:
        image.save(tmp_path / f"again{suffix}")
    found = read_settings(tmp_path / f"again{suffix}")
    assert (found is not None) == survives
    if survives:
        assert found.settings == EDIT and found.ai_mark == "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize("way", ["mp4 mp4", "mp4 webm", "webm mp4", "wav flac", "flac ogg", "wav mp3", "mp3 wav"])
def test_the_record_survives_ffmpeg(tmp_path, way):
    before, after = way.split()
    path = save(SMALL["video" if before in ("mp4", "webm") else "audio"](), tmp_path / f"it.{before}", SETTINGS)
    codec = {"webm": ["-c:v", "libvpx", "-b:v", "100k"], "mp4": ["-c:v", "libx264"], "ogg": ["-c:a", "libvorbis"]}
    command = ["ffmpeg", "-v", "error", "-i", path, *codec.get(after, []), tmp_path / f"again.{after}"]
    subprocess.run(command, check=True, capture_output=True)
    found = read_settings(tmp_path / f"again.{after}")
    assert found.settings == SETTINGS and found.ai_mark == "trainedAlgorithmicMedia"


@pytest.mark.parametrize(
    "packet, mark",
    [
        (xmp(edited=False).decode(), "trainedAlgorithmicMedia"),
        (xmp(edited=True).decode(), "compositeWithTrainedAlgorithmicMedia"),
        (f"<x:DigitalSourceType>{MADE}</x:DigitalSourceType>", "trainedAlgorithmicMedia"),
        (f"<x:DigitalSourceType rdf:resource='{MADE}'/>", "trainedAlgorithmicMedia"),
        (f'<a x:DigitalSourceType="{MADE.replace("http", "https")}"/>', "trainedAlgorithmicMedia"),
        ('x:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"', None),
        (f'<dc:description>{MADE}</dc:description> x:DigitalSourceType=""', None),
        (f'x:DigitalSourceType="http://elsewhere.example/{MADE.rsplit("/", 1)[1]}"', None),
        (":DigitalSourceType=" * 5000, None),
        ("", None),
    ],
)
def test_marks_of_others_are_read_and_none_are_made_up(packet, mark):
    assert mark_in(packet) == mark


def test_a_prompt_about_the_mark_is_no_mark(tmp_path):
    for text in (MADE, f'x:DigitalSourceType="{MADE}"', json.dumps({"DigitalSourceType": MADE})):
        stamp = carried(save(picture(), tmp_path / "made.png", ImageSettings(prompt=text)))
        unmarked = json.loads(stamp.record)
        del unmarked["DigitalSourceType"]
        for kind in formats_of("image"):
            path = write(picture(), tmp_path / f"it{suffix_of(kind)}", Stamp(json.dumps(unmarked)))
            assert read_settings(path).settings.prompt == text and read_settings(path).ai_mark is None
    assert mark_of(None) is None and mark_of(7) is None


def test_texts_of_strangers_can_be_read(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20")
    info.add_text("Workflow", "{}", zip=True)
    info.add_itxt("prompt", "\U0001f431", zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "it.png", pnginfo=info)
    assert texts(tmp_path / "it.png") == {"parameters": "a cat\nSteps: 20", "workflow": "{}", "prompt": "\U0001f431"}
    for order in ("utf-16-be", "utf-16-le"):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\x00" + "a cat".encode(order)
        Image.new("RGB", (8, 8)).save(tmp_path / "it.jpg", exif=exif.tobytes(), comment=b"hello")
        assert texts(tmp_path / "it.jpg") == {"usercomment": "a cat", "comment": "hello"}


# Harm ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_damaged_files_never_raise_anything_else(tmp_path, kind):
    path = save(SMALL[kind.medium](), tmp_path / f"it{suffix_of(kind)}", SETTINGS)
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
        path = save(SMALL[kind.medium](), tmp_path / f"{name}{suffix_of(kind)}", SETTINGS)
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


# Claims --------------------------------------------------------------------------------------------------------------


def test_claims_are_ready_for_json(tmp_path):
    path = save(picture(), tmp_path / "it.png", SETTINGS, origin=ORIGIN)
    said = json.loads(json.dumps(verify(path).to_dict()))
    assert said["format"] == "png" and said["kind"] == "image.generate" and said["settings"]["prompt"] == "a red apple"
    assert said["ai_mark"] == "trainedAlgorithmicMedia" and said["origin"]["id"] == ORIGIN.id
    assert said["credentials"] is None and not said["claims_nothing"] and not said["changed_after_signing"]


def test_claims_of_a_newer_version_are_shown_all_the_same(tmp_path):
    text = json.dumps({"kind": "smell.generate", "settings": {"nose": 1}, "DigitalSourceType": MADE})
    claims = verify(write(picture(), tmp_path / "it.png", Stamp(text)))
    assert claims.kind == "smell.generate" and claims.settings == {"nose": 1}
    assert claims.ai_mark == "trainedAlgorithmicMedia" and "update eddyline" in claims.notes[0]


def test_a_file_of_no_known_format_says_so(tmp_path):
    (tmp_path / "it.txt").write_text("hello")
    claims = verify(tmp_path / "it.txt")
    assert claims.format is None and claims.none and claims.notes
    with pytest.raises(MediaError, match="^file: there is no file 'gone.png'$"):
        verify(tmp_path / "gone.png")


def test_every_format_that_is_written_is_read():
    assert {param.values[0].name for param in EVERY} == set(READERS)
