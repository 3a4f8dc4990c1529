"""What files say: settings through every format, and marks that others find."""

import json
import subprocess

import pytest
from PIL import Image
from samples import EDIT, EDITED, EVERY, MADE, PROMPTS, SETTINGS, SMALL, picture, probe, sample, tetrahedron, tone

from pipelines.errors import MediaError
from pipelines.settings import ImageSettings
from studio.export import formats_of, save, write
from studio.provenance import READERS, Origin, Stamp, carried, read_settings, sniff, texts, verify, xmp
from studio.provenance.records import mark_in, mark_of

ORIGIN = Origin("0123456789abcdef" * 2, 1732428000.25, (("source", "a" * 32), ("mask", "b" * 32)), "c" * 32, 3)


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


@pytest.mark.parametrize("kind", [param for param in EVERY if param.values[0].name != "stl"])  # its record lies beside
def test_the_name_of_a_file_does_not_matter(tmp_path, kind):
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
