"""Kept files in other formats, and what happens when writing fails."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image
from samples import EDIT, EVERY, SETTINGS, clip, picture, sample, tetrahedron, tone

from pipelines.errors import MediaError
from pipelines.media import Clip, Mesh, Picture, Sound
from studio.export import convert, formats_of, save, write
from studio.export.atomic import atomic
from studio.export.loading import load
from studio.provenance import Stamp, carried, read_settings, record, sniff

# Conversion ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_kept_file_becomes_every_other_with_the_same_record(tmp_path, kind):
    kept = formats_of(kind.medium)[0] if kind.medium != "video" else formats_of("video")[1]
    source = save(sample(kind.medium), tmp_path / f"kept{kept.suffixes[0]}", EDIT, edited=False)
    path = convert(source, tmp_path / "out" / f"it{kind.suffixes[0]}")
    found = read_settings(path)
    assert sniff(path) == kind.name and found.settings == EDIT and found.ai_mark == "trainedAlgorithmicMedia"
    if kind is kept:
        assert path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("suffix", [format.suffixes[0] for format in formats_of("video")])
def test_clips_come_back_with_rate_and_frames(tmp_path, suffix):
    made = clip(sound=tone(7 / 12))
    frames = made.frames.copy()
    frames[3:6] = frames[3]  # formats that join equal frames must not lose time
    found = load(save(Clip(frames, 12, made.sound), tmp_path / f"it{suffix}", SETTINGS))
    assert isinstance(found, Clip) and len(found.frames) == 7 and found.rate == pytest.approx(12, rel=0.02)
    assert (found.sound is None) == (suffix in (".gif", ".webp"))
    if found.sound is not None:
        assert found.sound.seconds == pytest.approx(7 / 12, abs=0.07)
    if suffix in (".webm", ".zip", ".webp"):
        assert abs(found.frames.astype(int) - frames)[..., 3].mean() < 2


def test_meshes_come_back(tmp_path):
    for textured in (False, True):
        made = tetrahedron(colours=not textured, texture=textured)
        found = load(save(made, tmp_path / "it.glb", SETTINGS))
        assert np.array_equal(found.vertices, made.vertices) and np.array_equal(found.faces, made.faces)
        if textured:
            assert np.allclose(found.uv, made.uv) and np.array_equal(found.texture.pixels, made.texture.pixels)
        else:
            assert np.array_equal(found.colours, made.colours)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl"])
def test_other_mesh_files_convert_too(tmp_path, suffix):
    source = save(tetrahedron(), tmp_path / f"it{suffix}", SETTINGS)
    path = convert(source, tmp_path / "it.glb")
    assert read_settings(path).settings == SETTINGS and len(load(path).faces) == 4
    assert (load(path).colours is None) == (suffix == ".stl")


def test_a_textured_obj_keeps_its_texture(tmp_path):
    made = tetrahedron(colours=False, texture=True)
    source = save(made, tmp_path / "it.obj", SETTINGS)
    found = load(convert(source, tmp_path / "it.glb"))
    assert np.allclose(found.uv, made.uv) and np.array_equal(found.texture.pixels, made.texture.pixels)
    convert(source, tmp_path / "deep" / "other.obj")
    assert sorted(os.listdir(tmp_path / "deep")) == ["it.obj.mtl", "it.obj.png", "other.obj"]


def test_an_obj_brings_no_files_of_this_machine(tmp_path):
    save(picture(), tmp_path / "private.png", SETTINGS)
    (tmp_path / "it.mtl").write_text(f"newmtl a\nmap_Kd {tmp_path}/private.png\n")
    lines = [
        "mtllib it.mtl",
        "v 0 0 0",
        "v 1 0 0",
        "v 0 1 0",
        "vt 0 0",
        "vt 1 0",
        "vt 0 1",
        "usemtl a",
        "f 1/1 2/2 3/3",
    ]
    (tmp_path / "it.obj").write_text("\n".join(lines) + "\n")
    assert load(tmp_path / "it.obj").texture is None


def test_a_sequence_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.export.loading.MAX_UNPACKED", 1000)
    with pytest.raises(MediaError, match="^file: 'it.zip' unpacks to more than"):
        load(save(clip(frames=2), tmp_path / "it.zip", SETTINGS))


def test_a_copied_stl_keeps_its_record(tmp_path):
    path = convert(save(tetrahedron(), tmp_path / "it.stl", SETTINGS), tmp_path / "deep" / "other.stl")
    assert read_settings(path).settings == SETTINGS


def test_a_stranger_is_converted_without_claims(tmp_path):
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "plain.png")
    path = convert(tmp_path / "plain.png", tmp_path / "plain.jpg")
    assert read_settings(path) is None and b"DigitalSourceType" not in path.read_bytes()


def test_what_a_newer_version_wrote_is_carried_as_it_is(tmp_path):
    newer = Stamp(
        json.dumps({**json.loads(record(SETTINGS)), "more": 1}).replace('"steps"', '"stops"'), "algorithmicMedia"
    )
    source = write(picture(), tmp_path / "it.png", newer)
    for suffix in (".jpg", ".avif", ".webp"):
        path = convert(source, tmp_path / f"it{suffix}")
        assert read_settings(path).unknown == {"stops": 12} and read_settings(path).ai_mark == "algorithmicMedia"
        assert json.loads(carried(path).record)["more"] == 1


@pytest.mark.parametrize("name", ["it.mp4", "it", "it.png.exe"])
def test_a_picture_does_not_become_a_film(tmp_path, name):
    with pytest.raises(MediaError, match=f"^out: '{name}' must end in .png, .jpg, .jpeg, .webp, .avif$"):
        convert(save(picture(), tmp_path / "kept.png", SETTINGS), tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"hello", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"glTF" + bytes(40), b"PK\x03\x04"])
def test_damaged_files_are_refused_by_name(tmp_path, data):
    (tmp_path / "bad.bin").write_bytes(data)
    with pytest.raises(MediaError, match="^file: 'bad.bin' (cannot be read|is none|is a ZIP)"):
        convert(tmp_path / "bad.bin", tmp_path / "it.png")
    assert os.listdir(tmp_path) == ["bad.bin"]


# Writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, kind):
    path = save(sample(kind.medium), tmp_path / f"it{kind.suffixes[0]}", SETTINGS)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(MediaError, match=f"^out: {path.name} cannot be written .No space left on device.$"):
        save(sample(kind.medium), path, EDIT)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    told = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (told.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (told.append("name"), replace(*names)))
    with atomic(tmp_path / "it") as place:
        place.write_text("x")
        assert os.listdir(tmp_path) != ["it"]
    assert told == ["sync", "name", "sync"] and os.listdir(tmp_path) == ["it"]


def test_a_codec_that_refuses_is_an_error_for_people(tmp_path):
    with pytest.raises(MediaError, match="^out: "):
        save(Clip(np.zeros((1, 2, 20000, 4), np.uint8), 12), tmp_path / "it.mp4", SETTINGS)
    assert not os.listdir(tmp_path)


def test_formats_are_listed_by_medium():
    names = {medium: [format.name for format in formats_of(medium)] for medium in ("image", "video", "audio", "mesh")}
    assert names == {
        "image": ["png", "jpeg", "webp", "avif"],
        "video": ["mp4", "webm", "gif", "webp", "zip"],
        "audio": ["wav", "flac", "ogg", "mp3"],
        "mesh": ["glb", "obj", "stl", "ply"],
    }
    assert formats_of("lipsync") == formats_of("video")


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Clip(np.zeros((2, 4, 4, 3), np.uint8), 12), r"clip: expected uint8 \[T, H, W, 4\], got uint8 \(2"),
        (lambda: Clip(np.zeros((0, 4, 4, 4), np.uint8), 12), "clip: expected"),
        (lambda: Clip(np.zeros((2, 4, 4, 4), np.uint8), float("nan")), "clip: rate must be between 0.1 and 240"),
        (lambda: Sound(np.zeros((6, 10), np.float32), 8000), "sound: expected float32 .1 or 2 channels, N., got"),
        (lambda: Sound(np.full((1, 10), 1.5, np.float32), 8000), "sound: samples must be between -1 and 1"),
        (lambda: Sound(np.full((1, 10), np.nan, np.float32), 8000), "sound: samples must be between -1 and 1"),
        (lambda: Sound(np.zeros((1, 10), np.float32), 0), "sound: sample_rate must be between 1000 and 384000 Hz"),
        (lambda: Mesh(np.zeros((3, 3)), np.zeros((1, 3), int)), "mesh: expected finite float32 vertices"),
        (lambda: Mesh(np.zeros((3, 3), "f4"), np.full((1, 3), 3)), "mesh: faces must name vertices 0 to 2, got 3 to 3"),
        (lambda: Mesh(np.zeros((3, 3), "f4"), np.zeros((1, 3), int), np.zeros((3, 3), "u1")), "mesh: expected uint8"),
        (
            lambda: Mesh(np.zeros((3, 3), "f4"), np.zeros((1, 3), int), None, np.zeros((2, 2))),
            "mesh: expected finite uv",
        ),
        (lambda: Mesh(np.zeros((3, 3), "f4"), np.zeros((1, 3), int), texture=picture()), "mesh: a texture needs uv"),
    ],
)
def test_media_are_checked_when_made(make, said):
    with pytest.raises(MediaError, match=f"^{said}"):
        make()


def test_converted_sound_is_exact_where_both_formats_are(tmp_path):
    source = save(tone(), tmp_path / "it.flac", SETTINGS)
    assert np.array_equal(load(convert(source, tmp_path / "it.wav")).samples, load(source).samples)
    assert isinstance(load(source), Sound) and isinstance(load(save(picture(), tmp_path / "a.png", EDIT)), Picture)


def test_bytes_are_equal_for_equal_clips(tmp_path):
    first, second = (save(clip(), tmp_path / f"{name}.zip", SETTINGS).read_bytes() for name in "ab")
    assert first == second and zipfile.is_zipfile(io.BytesIO(first))
