"""Saved files, opened again: pixels, settings, the AI mark; and what happens when saving fails."""

import json
import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from samples import EDIT, EDITED, MADE, PROMPTS, SETTINGS
from starters import any_picture

from pipelines.errors import MediaError
from pipelines.settings import ImageSettings
from studio.export import FORMATS, SUFFIXES, format_of, save_picture
from studio.provenance import EXIF_IFD, KEY, UNICODE, USER_COMMENT, parameters, read_settings


@pytest.fixture(params=FORMATS)
def suffix(request):
    return {"jpeg": ".jpg"}.get(request.param, f".{request.param}")


def xmp_of(image):
    packet = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return packet if isinstance(packet, str) else packet.decode()


def png_with(path, text, key=KEY):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def file_of(tmp_path, kind="image.generate", **settings):
    return png_with(tmp_path / "it.png", json.dumps({"kind": kind, "settings": {"prompt": "x", **settings}}))


@pytest.mark.parametrize("settings", [SETTINGS, EDIT])
def test_a_saved_file_says_what_made_it(tmp_path, suffix, settings):
    path = save_picture(any_picture(33, 21), tmp_path / f"deep/er/it{suffix}", settings)
    found = read_settings(path)
    assert found.settings == settings and type(found.settings) is type(settings)
    assert found.kind == f"image.{settings.TASK}" and found.unknown == {}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_prompt_survives(tmp_path, suffix, prompt):
    settings = ImageSettings(prompt=prompt, negative_prompt=prompt)
    path = save_picture(any_picture(8, 8), tmp_path / f"it{suffix}", settings)
    assert read_settings(path).settings == settings


@pytest.mark.parametrize("kind, lossless", [(".png", True), (".webp", True)])
def test_pixels_come_back_exactly_with_their_transparency(tmp_path, kind, lossless):
    picture = any_picture(33, 21)
    with Image.open(save_picture(picture, tmp_path / f"it{kind}", SETTINGS)) as image:
        assert image.mode == "RGBA" and image.size == (33, 21)
        assert np.array_equal(np.asarray(image), picture.pixels)


def test_a_jpeg_lies_on_white(tmp_path):
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32] = (200, 40, 40, 255)
    pixels[:, 32:] = (0, 0, 0, 0)
    picture = type(any_picture(1, 1))(pixels)
    with Image.open(save_picture(picture, tmp_path / "it.jpeg", SETTINGS)) as image:
        assert image.mode == "RGB" and image.size == (64, 32) and image.format == "JPEG"
        read = np.asarray(image).astype(int)
    assert np.abs(read[:, 4:28] - [200, 40, 40]).max() < 8 and read[:, 44:].min() >= 250


@pytest.mark.parametrize(
    "settings, edited, mark",
    [(SETTINGS, None, MADE), (EDIT, None, EDITED), (SETTINGS, True, EDITED), (EDIT, False, MADE)],
)
def test_the_file_carries_the_ai_mark(tmp_path, suffix, settings, edited, mark):
    path = save_picture(any_picture(8, 8), tmp_path / f"it{suffix}", settings, edited=edited)
    with Image.open(path) as image:
        packet = xmp_of(image)
    assert f'DigitalSourceType="{mark}"' in packet
    assert read_settings(path).ai_mark == mark.rsplit("/", 1)[1]


def test_other_programs_find_the_prompt_first(tmp_path):
    with Image.open(save_picture(any_picture(8, 8), tmp_path / "it.png", SETTINGS)) as image:
        lines = image.info["parameters"].split("\n")
    assert lines[0] == "a red apple" and lines[1] == "Negative prompt: blurry"
    pairs = dict(pair.split(": ") for pair in lines[2].split(", "))
    assert pairs == {
        **{"Steps": "12", "Sampler": "rk4", "CFG scale": "2.5", "Seed": "7", "Size": "72x64", "Model": "starter"}
    }
    assert parameters(EDIT).split("\n")[0] == "a pear" and len(parameters(EDIT).split("\n")) == 2


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_grammar_of_other_programs_keeps_its_three_lines(prompt):
    lines = parameters(ImageSettings(prompt=prompt, negative_prompt=prompt)).splitlines()
    assert len(lines) == 3 and lines[1].startswith("Negative prompt: ") and lines[2].startswith("Steps: 20, ")


@pytest.mark.parametrize("name", ["it", "it.gif", "it.png.exe", ".png", "it.tiff"])
def test_an_unknown_ending_is_refused_with_the_choices(name):
    with pytest.raises(MediaError, match=f"^out: '{name}' must end in .png, .jpg, .jpeg, .webp, .avif$"):
        format_of(name)


def test_endings_choose_the_format():
    assert {format_of(f"x{suffix.upper()}") for suffix in SUFFIXES} == set(FORMATS)


@pytest.mark.parametrize(
    "error, seen", [(OSError(28, "No space left on device"), MediaError), (ValueError("bad"), MediaError)]
)
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix, error, seen):
    path = save_picture(any_picture(8, 8), tmp_path / f"it{suffix}", SETTINGS)
    before = path.read_bytes()

    def half(self, file, kind, **options):
        file.write(b"half a picture")
        raise error

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(seen, match="it.* cannot be written .No space left|bad"):
        save_picture(any_picture(8, 8, 1), path, EDIT)
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match="^out: it.png cannot be written"):
        save_picture(any_picture(8, 8), tmp_path / "file/it.png", SETTINGS)


def test_a_saved_file_may_be_read_by_others(tmp_path):
    path = save_picture(any_picture(8, 8), tmp_path / "it.png", SETTINGS)
    assert path.stat().st_mode & 0o444 == 0o444


def test_settings_that_are_not_known_are_kept(tmp_path):
    found = read_settings(file_of(tmp_path, steps=9, colour="red"))
    assert found.settings.steps == 9 and found.unknown == {"colour": "red"}


def test_a_newer_version_is_refused_and_not_guessed_at(tmp_path):
    with pytest.raises(MediaError, match="^it.png: .*version 2, this program reads up to 1"):
        read_settings(file_of(tmp_path, version=2))


def test_an_unknown_maker_is_refused(tmp_path):
    with pytest.raises(MediaError, match="^it.png: made by 'smell.generate', which this version does not know"):
        read_settings(file_of(tmp_path, kind="smell.generate"))


def test_a_damaged_value_is_refused_by_name(tmp_path):
    with pytest.raises(MediaError, match="^it.png: its settings cannot be used .steps: .*got -1"):
        read_settings(file_of(tmp_path, steps=-1))


FOREIGN = [
    *("", "hello", "[]", "null", "{}", '{"settings": {}}', '{"kind": "image.generate"}'),
    *(json.dumps({"kind": "image.generate", "settings": value}) for value in (3, "x", None, [[[], 1]])),
    *("[" * 100_000, "x" * 300_000),
]


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_what_others_wrote_is_nothing(tmp_path, text):
    assert read_settings(png_with(tmp_path / "it.png", text)) is None


@pytest.mark.parametrize("kind", [[], {}, None, 7])
def test_a_maker_that_is_no_name_is_refused_too(tmp_path, kind):
    with pytest.raises(MediaError, match="which this version does not know"):
        read_settings(file_of(tmp_path, kind=kind))


def test_foreign_files_say_nothing(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    png_with(tmp_path / "a1111.png", "a cat\nSteps: 20, Sampler: Euler", key="parameters")
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.jpg")
    for path in (*tmp_path.iterdir(), tmp_path / "gone.png"):
        assert read_settings(path) is None


@pytest.mark.parametrize(
    "comment",
    [
        b"",
        b"ASCII\x00\x00\x00hello",
        UNICODE,
        UNICODE + b"\xd8\x00\x00",
        UNICODE + "{}".encode("utf-16-le"),
        b"\xff" * 99,
    ],
)
def test_a_comment_that_is_not_ours_says_nothing(tmp_path, comment):
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = comment
    Image.new("RGB", (8, 8)).save(tmp_path / "it.jpg", exif=exif)
    assert read_settings(tmp_path / "it.jpg") is None


def test_damaged_metadata_never_breaks_the_reading(tmp_path, suffix):
    path = save_picture(any_picture(8, 8), tmp_path / f"it{suffix}", SETTINGS)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_settings(path)
        except MediaError as error:
            assert path.name in str(error)
