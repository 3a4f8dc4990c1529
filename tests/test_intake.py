"""The gate: what files are, what is refused and why, and that nothing gets past it unharmed that would do harm."""

import json
import os
import random
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uploads
from bad_uploads import FILES, REFUSED
from hypothesis import given
from hypothesis import strategies as st
from uploads import glb, gltf

from pipelines.errors import MediaError, SettingsError
from pipelines.media import Sound, Word
from pipelines.settings import ImageSettings, SpeechSettings
from studio.export import save, save_picture
from studio.intake import LIMITS, Limits, clean_name, take

MEDIA = {"mp4": "video", "webm": "video", "zip": "project", "json": "settings"}
MEDIA |= dict.fromkeys(uploads.SOUNDS, "audio") | dict.fromkeys(("glb", "obj", "stl", "ply"), "mesh")


@pytest.fixture
def given_file(tmp_path):
    def write(data, name="upload"):
        path = tmp_path / "stored-upload"
        path.write_bytes(data)
        return take(path, name)

    return write


# -- what is taken -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_told_by_its_content_alone(given_file, kind):
    taken = given_file(FILES[kind], "no extension")
    assert taken.medium == MEDIA.get(kind, "image")
    assert taken.filename == f"no-extension.{kind}"
    assert taken.size == len(FILES[kind])
    assert not taken.notes


@pytest.mark.parametrize("kind", FILES)
def test_a_wrong_extension_is_noted_and_the_content_wins(given_file, kind):
    taken = given_file(FILES[kind], "holiday.doc")
    assert taken.filename == f"holiday.{kind}"
    assert [note for note in taken.notes if note.startswith("its name ends in .doc but it holds ")]


def test_sizes_are_read_from_the_headers(given_file):
    for kind in uploads.PICTURES:
        facts = given_file(FILES[kind]).facts
        assert (facts.width, facts.height, facts.frames) == (40, 30, 1), kind
    for kind in uploads.VIDEOS:
        facts = given_file(FILES[kind]).facts
        assert (facts.width, facts.height, facts.frames, facts.seconds) == (64, 48, 6, 0.75), kind
    for kind in uploads.SOUNDS:
        facts = given_file(FILES[kind]).facts
        assert facts.seconds == pytest.approx(0.5, abs=0.06) and facts.sample_rate == 48000, kind
        assert facts.channels == 1 and facts.width is None
    assert [given_file(FILES[kind]).facts.triangles for kind in ("glb", "obj", "stl", "ply")] == [1, 4, 4, 2]
    assert [given_file(FILES[kind]).facts.vertices for kind in ("glb", "obj", "stl", "ply")] == [3, 6, None, 4]
    assert given_file(FILES["zip"]).facts.entries == 2


def test_frames_of_animations_are_counted(given_file):
    first, *others = [uploads.photo(20 + 0 * n, 10) for n in range(5)]
    for n, each in enumerate(others):
        each.putpixel((n, 0), (255, 0, 0))
    for kind in ("gif", "webp", "png"):
        taken = given_file(uploads.picture(kind, first, save_all=True, append_images=others))
        assert taken.facts.frames == 5 and taken.notes == ("it is animated, 5 frames",), kind


def test_text_meshes_and_placed_copies_are_counted(given_file):
    facet = b"facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    assert given_file(b"solid a\n" + facet * 7 + b"endsolid a\n").facts.triangles == 7
    assert given_file(b"v 0 0 0\n" * 5 + b"f 1 2 3 4 5\n").facts.triangles == 3
    ascii_ply = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nelement face 1\n"
    ascii_ply += b"property list uchar int vertex_indices\nend_header\n0\n1\n2\n3 0 1 2\n"
    assert given_file(ascii_ply).facts.triangles == 1
    assert given_file(glb(gltf({"nodes": [{"mesh": 0}] * 9}))).facts.triangles == 9
    inside = gltf({"buffers": [{"byteLength": 36, "uri": "data:application/octet-stream;base64," + "A" * 48}]})
    assert given_file(json.dumps(inside).encode(), "shape.gltf").facts.vertices == 3


def test_a_song_with_a_cover_is_a_song(given_file):
    cover = uploads.picture("jpg")
    frame = b"APIC" + struct.pack(">IH", len(cover) + 13, 0) + b"\0image/jpeg\0\3\0"[:13] + cover
    size = len(frame)
    tag = b"ID3\3\0\0" + bytes((size >> 7 * n) & 0x7F for n in (3, 2, 1, 0))
    assert given_file(tag + frame + FILES["mp3"]).medium == "audio"


def test_what_stands_behind_the_end_is_noted(given_file):
    for kind in ("png", "gif", "webp", "glb"):
        taken = given_file(FILES[kind] + FILES["zip"])
        assert taken.format == kind
        assert f"{len(FILES['zip']):,} bytes stand behind its end and are ignored" in taken.notes


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, clean",
    [
        ("cat.png", ("cat", "png")),
        ("../../etc/passwd", ("passwd", "")),
        ("..\\..\\boot.INI", ("boot", "ini")),
        ("/home/ann/.ssh/id_rsa.png", ("id_rsa", "png")),
        ("Füße & Äpfel.JPG", ("Fue-Apfel", "jpg")),
        ("猫.png", ("file", "png")),
        (".htaccess", ("htaccess", "")),
        ("con.png", ("file-con", "png")),
        ("a\0b\n<script>.png", ("a-b-script", "png")),
        ("..", ("file", "")),
        ("", ("file", "")),
        ("a" * 500 + ".png", ("a" * 60, "png")),
        ("x.tar.gz", ("x.tar", "gz")),
        ("\u202egnp.exe", ("gnp", "exe")),
    ],
)
def test_names_are_cleaned(name, clean):
    assert clean_name(name) == clean


@given(st.text(max_size=300))
def test_no_name_is_dangerous(name):
    stem, extension = clean_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,65}", stem) and ".." not in stem
    assert re.fullmatch(r"[a-z0-9]{0,12}", extension)
    assert clean_name(f"{stem}.png") == (stem, "png")


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_host_sets_limits_in_its_environment():
    assert Limits.from_environment({}) == LIMITS
    found = Limits.from_environment({"EDDYLINE_MAX_PIXELS": " 1_000_000 ", "EDDYLINE_MAX_SECONDS": ""})
    assert found.pixels == 1_000_000 and found.seconds == LIMITS.seconds
    for bad in ("0", "-1", "many", "1e6", "9" * 30, "1.5"):
        with pytest.raises(SettingsError, match="^EDDYLINE_MAX_FRAMES: must be a whole number above 0, got '"):
            Limits.from_environment({"EDDYLINE_MAX_FRAMES": bad})


def test_the_gate_reads_the_limits_of_its_host(given_file, monkeypatch):
    monkeypatch.setenv("EDDYLINE_MAX_PIXELS", "1199")
    with pytest.raises(MediaError, match=r"^a.png: pixels: 1,200, at most 1,199; make it smaller first$"):
        given_file(FILES["png"], "a.png")


@pytest.mark.parametrize(
    "kind, limit, says",
    [
        ("png", {"side": 39}, "side in pixels: 40, at most 39"),
        ("mp4", {"frame_pixels": 3071}, "pixels of a frame: 3,072, at most 3,071|damaged"),
        ("webm", {"frames": 5}, "frames: 6, at most 5"),
        ("flac", {"sample_rate": 44100}, "samples a second: 48,000, at most 44,100; resample it first"),
        ("obj", {"triangles": 3}, "triangles: 4, at most 3; simplify it first"),
        ("obj", {"vertices": 5}, "vertices: 6, at most 5"),
        ("zip", {"zip_entries": 1}, "files: 2, at most 1"),
        ("zip", {"zip_bytes": 1000}, "bytes when unpacked: .*, at most 1,000"),
        ("json", {"metadata_bytes": 20}, "bytes of settings: 76, at most 20"),
        ("json", {"json_depth": 1}, ".*more than 1 deep"),
        ("gif", {"upload_bytes": 100}, "bytes: .*, at most 100; make it smaller, or cut it, first"),
    ],
)
def test_every_limit_is_named_with_what_it_got(tmp_path, kind, limit, says):
    (tmp_path / "x").write_bytes(FILES[kind])
    with pytest.raises(MediaError, match=rf"^my-file\.{kind}: ({says})"):
        take(tmp_path / "x", f"my file.{kind}", Limits(**limit))


# -- settings ----------------------------------------------------------------------------------------------------------


def test_our_own_settings_come_back(tmp_path):
    from starters import any_picture

    settings = ImageSettings(prompt="a blue cup", seed=5, steps=9)
    for kind in ("png", "jpeg", "webp"):
        save_picture(any_picture(64, 64), tmp_path / f"a.{kind}", settings, edited=False)
        taken = take(tmp_path / f"a.{kind}")
        assert taken.settings == settings and taken.studio == "Eddyline" and taken.kind == "image.generate"
        assert taken.provenance.ai_mark == "trainedAlgorithmicMedia" and not taken.unknown


def test_a_preset_comes_back_and_unknown_fields_are_kept(given_file):
    taken = given_file(uploads.preset(steps=12, colour="red"), "mine.json")
    assert taken.settings == ImageSettings(prompt="a red apple", seed=7, steps=12)
    assert taken.unknown == {"colour": "red"}


@pytest.mark.parametrize(
    "data, says",
    [
        (
            b'{"kind": "image.generate", "settings": {"prompt": "x", "steps": 900}}',
            "steps: .*less than or equal to 200",
        ),
        (b'{"kind": "smell.generate", "settings": {}}', "kind: 'smell.generate' is not known; use one of image"),
        (b'{"kind": "image.generate", "settings": [1]}', "settings: must be an object"),
        (b'{"some": "json"}', "no settings that are known here"),
        (b"[1, 2", "not JSON: line 1, column 6"),
        (b"[" * 100_000, "more than 64 deep"),
        (b"[" * 100 + b"]" * 100, "more than 64 deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "a number in it is far too long"),
        (b'{"a": "\xff\xfe"}', "not UTF-8"),
    ],
)
def test_json_that_cannot_be_used_is_refused(given_file, data, says):
    with pytest.raises(MediaError, match=rf"^s\.json: .*{says}"):
        given_file(data, "s.json")


def test_a_damaged_record_of_ours_is_a_note_and_names_no_folder(tmp_path):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("eddyline", json.dumps({"kind": "image.generate", "settings": {"prompt": "", "steps": 0}}))
    uploads.photo().save(tmp_path / "a.png", pnginfo=info)
    taken = take(tmp_path / "a.png", "b.png")
    assert taken.settings is None and taken.notes[0].startswith(
        "its settings could not be restored: b.png: its settings"
    )


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_do_harm_is_refused_with_a_sentence(given_file, name):
    data, says = REFUSED[name]
    started = time.process_time()
    with pytest.raises(MediaError, match=rf"^{re.escape(name)}: .*({says})"):
        given_file(data, name)
    assert time.process_time() - started < 3


def test_a_file_that_is_not_there_names_no_folder(tmp_path):
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(MediaError, match=r"^cat\.png: there is no such file; drop it again$"):
            take(path, "cat.png")


def test_what_looks_like_two_formats_is_the_one_that_it_starts_with(given_file):
    page = b"<script>alert(1)</script>"
    commented = FILES["jpg"][:2] + b"\xff\xfe" + struct.pack(">H", len(page) + 2) + page + FILES["jpg"][2:]
    assert given_file(commented, "a.html").filename == "a.jpg"
    assert given_file(FILES["png"] + page).filename == "upload.png"
    with pytest.raises(MediaError, match="not a kind of file|damaged"):
        given_file(b"junk before" + FILES["zip"], "a.zip")


# -- 300 malformed files -----------------------------------------------------------------------------------------------


def malformed():
    """File name -> (name that it is given, bytes): spoiled copies of every format, and all that is refused above."""
    traversal = [
        "../../../etc/passwd",
        "C:\\Windows\\win.ini",
        "a/../../b.png",
        "\0.png",
        "…/☃.mp4",
        "x" * 4000,
        "..",
        "-rf",
    ]
    for kind, data in FILES.items():
        for n, way in enumerate(uploads.WAYS):
            rng = random.Random(f"{kind} {way} {n}")
            name = f"{kind}-{n}-{way}.{kind}"
            yield (
                name,
                (
                    rng.choice([name, name, *traversal, f"wrong.{rng.choice(list(FILES))}"]),
                    uploads.spoil(data, rng, way),
                ),
            )
    for name, (data, _) in REFUSED.items():
        yield name, (name, data)


def test_no_malformed_file_breaks_the_gate_or_the_codec(tmp_path):
    files = dict(malformed())
    assert len(files) >= 300
    for name, (_, data) in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "names.json").write_text(json.dumps({name: given_name for name, (given_name, _) in files.items()}))
    (tmp_path / "warm.png").write_bytes(FILES["png"])
    (tmp_path / "warm.mp4").write_bytes(FILES["mp4"])
    root = Path(__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-W", "error", str(root / "tests/intake_child.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert set(found["gate"]) == set(files)
    for name, result in [*found["gate"].items(), *found["codec"].items()]:
        assert "broken" not in result, f"{name}: {result}"
        assert result["seconds"] < 3, f"{name}: {result}"
        for said in (result.get("refused", "x: " + "x" * 20), *result.get("notes", ())):
            assert str(tmp_path) not in said and "/tmp" not in said and "Traceback" not in said and "0x" not in said, (
                said
            )
            assert len(said) > 15 and said.isprintable() and len(said) < 500, said
    assert not [name for name in files if "in a way that cannot be read" in found["gate"][name].get("refused", "")]
    refused = sum("refused" in result for result in found["gate"].values())
    assert refused > 200
    assert found["rose"] < 150e6 and found["codec_rose"] < 400e6, (found["rose"], found["codec_rose"])


# Sounds --------------------------------------------------------------------------------------------------------------


def recorded(folder, name, samples, rate, subtype=None, format=None):
    soundfile.write(folder / name, samples, rate, subtype=subtype, format=format)
    return folder / name


TONE = (np.sin(np.arange(24_000) / 9) * 0.5).astype(np.float32)


@pytest.mark.parametrize(
    "samples, rate, subtype, facts",
    [
        (np.zeros(24_000), 24_000, None, (1.0, 24_000, 1)),  # silence is a sound
        (TONE, 8_000, "PCM_U8", (3.0, 8_000, 1)),
        (TONE, 192_000, "PCM_24", (0.125, 192_000, 1)),
        (np.stack([TONE] * 8, 1), 48_000, "FLOAT", (0.5, 48_000, 8)),
        (TONE[:1], 24_000, "PCM_16", (pytest.approx(1 / 24_000, abs=1e-6), 24_000, 1)),
        (TONE, 8_000, "ULAW", (3.0, 8_000, 1)),
        (TONE, 8_000, "DOUBLE", (3.0, 8_000, 1)),
        (np.where(TONE > 0.4, np.nan, TONE), 24_000, "FLOAT", (1.0, 24_000, 1)),  # told when it is read
    ],
    ids=["silence", "8 bit", "192 kHz", "7.1", "one sample", "telephone", "64 bit", "not a number"],
)
def test_unusual_recordings_are_taken_and_measured(tmp_path, samples, rate, subtype, facts):
    taken = take(recorded(tmp_path, "a.wav", samples, rate, subtype))
    assert taken.medium == "audio" and taken.filename == "a.wav" and taken.notes == ()
    assert (taken.facts.seconds, taken.facts.sample_rate, taken.facts.channels) == facts


@pytest.mark.parametrize(
    "name, samples, rate, said",
    [
        ("hours.flac", np.zeros(3 * 3600 * 8000, np.int16), 8000, "hours.flac: seconds: 10,800, at most 3,600; cut it"),
        ("fast.wav", TONE, 384_000, "fast.wav: samples a second: 384,000, at most 192,000; resample it first"),
        ("none.wav", TONE[:0], 8000, "none.wav: there is not one sample in it; record or save it again"),
        ("none.aiff", TONE[:0], 8000, "none.aiff: there is not one sample in it; record or save it again"),
    ],
)
def test_recordings_that_are_refused_are_told_why(tmp_path, name, samples, rate, said):
    with pytest.raises(MediaError, match=f"^{re.escape(said)}"):
        take(recorded(tmp_path, name, samples, rate))


def test_a_recording_that_a_program_could_not_finish_is_still_taken(tmp_path):
    data = bytearray(recorded(tmp_path, "a.wav", TONE, 24_000, "PCM_16").read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4  # its length was never written
    (tmp_path / "a.wav").write_bytes(data)
    assert take(tmp_path / "a.wav").facts.seconds == 1.0


def test_speech_made_here_comes_back_with_its_settings_and_words(tmp_path):
    settings = SpeechSettings(text="Hello <b>there</b>.", voice="slt", seed=3)
    sound = Sound(TONE[None], 24_000, (Word("Hello", 0.1, 0.4), Word("<b>there</b>.", 0.5, 0.9)))
    for ending in ("wav", "flac", "ogg", "mp3"):
        taken = take(save(sound, tmp_path / f"a.{ending}", settings))
        assert (taken.medium, taken.kind, taken.studio) == ("audio", "speech.generate", "Eddyline")
        assert taken.settings == settings and taken.provenance.words == sound.words
