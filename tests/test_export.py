"""Every format, written and opened again by a library that did not write it."""

import io
import json
import os
import zipfile

import meshio
import numpy as np
import pytest
import trimesh
from PIL import Image
from samples import EDIT, EVERY, MADE, SETTINGS, clip, decoded, heard, picture, probe, sample, tetrahedron, tone

from pipelines.errors import MediaError
from pipelines.media import Clip, Mesh, Picture, Sound
from studio.export import convert, formats_of, save, write
from studio.export.atomic import atomic
from studio.export.films import laid_on_white
from studio.export.loading import load
from studio.export.pictures import paced
from studio.export.shapes import from_linear, linear
from studio.provenance import Stamp, carried, read_settings, record, sniff


def boxes_of(data):
    """Types of an MP4's boxes in order."""
    place = 0
    while place < len(data):
        yield data[place + 4 : place + 8]
        place += int.from_bytes(data[place : place + 4], "big")


def gltf_of(path):
    """Tree and binary part of a GLB, read by the letter of the specification."""
    data = path.read_bytes()
    assert data[:4] == b"glTF" and data[4] == 2 and int.from_bytes(data[8:12], "little") == len(data)
    size = int.from_bytes(data[12:16], "little")
    assert data[16:20] == b"JSON" and size % 4 == 0 and data[24 + size : 28 + size] == b"BIN\x00"
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def flat_parts(frames):
    """Where the clip is of one colour, away from edges that coarse chroma smears: ground and middle of the square."""
    moving = [frame[11:17, 30 + number : 36 + number, :3].reshape(-1, 3) for number, frame in enumerate(frames)]
    return np.concatenate([frames[:, 24:31, 30:45, :3].reshape(-1, 3), *moving]).astype(int)


def colours_off(seen, frames):
    """Mean difference there, of 255; a wrong colour matrix or range makes it 10 and more."""
    return abs(flat_parts(seen) - flat_parts(frames)).mean()


# Pictures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix, off", [(".png", 0), (".webp", 0), (".jpg", 12), (".avif", 12)])
def test_another_decoder_sees_the_same_picture(tmp_path, suffix, off):
    pixels = picture().pixels
    seen = decoded(save(picture(), tmp_path / f"it{suffix}", SETTINGS), pixels.shape[:2])[0].astype(int)
    if suffix in (".png", ".webp"):
        assert np.array_equal(seen, pixels)
    elif suffix == ".jpg":
        assert abs(seen - laid_on_white(pixels))[..., :3].mean() < off / 4
    else:
        assert abs(seen - pixels)[:, 17:, :3].mean() < off / 4  # where there is anything to be seen


def test_an_avif_keeps_its_transparency(tmp_path):
    with Image.open(save(picture(), tmp_path / "it.avif", SETTINGS)) as image:
        assert image.mode == "RGBA"
        seen = np.asarray(image).astype(int)
    assert abs(seen - picture().pixels)[..., 3].max() <= 4


# Moving pictures -----------------------------------------------------------------------------------------------------


def test_an_mp4_plays_everywhere(tmp_path):
    made = clip(sound=tone(7 / 12))
    path = save(made, tmp_path / "it.mp4", SETTINGS)
    said = probe(path)
    video, audio = said["streams"]
    assert video["codec_name"] == "h264" and video["pix_fmt"] == "yuv420p" and video["nb_read_frames"] == "7"
    assert (video["width"], video["height"]) == (48, 34) and video["avg_frame_rate"] == "12/1"  # even: a row, a column
    assert video["color_space"] == video["color_primaries"] == "bt709" and video["color_range"] == "tv"
    assert audio["codec_name"] == "aac" and audio["sample_rate"] == "22050" and audio["channels"] == 2
    assert float(video["duration"]) == pytest.approx(7 / 12, abs=0.01)
    assert float(audio["duration"]) == pytest.approx(7 / 12, abs=0.06)
    order = list(boxes_of(path.read_bytes()))
    assert order.index(b"moov") < order.index(b"mdat") and order[-1] == b"uuid"  # starts before it is all there
    seen = decoded(path, (34, 48)).astype(int)
    assert colours_off(seen, made.frames) < 2
    assert abs(seen[:, 26, 8, :3] - 255).max() <= 4 and abs(seen[:, 26, 20, :3] - [227, 137, 137]).mean() < 4
    assert abs(seen[:, 33] - seen[:, 32]).mean() < 4 and abs(seen[:, :, 47] - seen[:, :, 46]).mean() < 4


def test_a_webm_keeps_transparency_and_sound(tmp_path):
    made = clip(sound=tone(7 / 12))
    path = save(made, tmp_path / "it.webm", SETTINGS)
    said = probe(path)
    video, audio = said["streams"]
    assert video["codec_name"] == "vp9" and video["tags"]["alpha_mode"] == "1" and video["nb_read_frames"] == "7"
    assert (video["width"], video["height"]) == (47, 33) and video["avg_frame_rate"] == "12/1"
    assert audio["codec_name"] == "opus" and float(said["format"]["duration"]) == pytest.approx(7 / 12, abs=0.05)
    assert said["format"]["tags"]["DIGITALSOURCETYPE"] == MADE
    seen = decoded(path, (33, 47), "-c:v", "libvpx-vp9").astype(int)
    assert abs(seen - made.frames)[..., 3].mean() < 2
    assert colours_off(seen, made.frames) < 2
    notes = np.abs(np.fft.rfft(heard(path, 2)))
    assert [row.argmax() * 48000 / heard(path, 2).shape[1] for row in notes] == pytest.approx([440, 880], abs=5)


@pytest.mark.parametrize("rate, shown", [(12, 7), (24, 7), (100, 4)])
def test_a_gif_lasts_as_long_as_the_clip(tmp_path, rate, shown):
    made = clip(rate=rate)
    path = save(made, tmp_path / "it.gif", SETTINGS)
    said = probe(path)
    assert said["streams"][0]["nb_read_frames"] == str(shown)
    assert float(said["format"]["duration"]) == pytest.approx(7 / rate, abs=0.011)
    seen = decoded(path, (33, 47))
    wanted = made.frames[[index for index, _ in paced(7, rate, 100, least=2)]]
    assert np.array_equal(seen[..., 3] > 0, wanted[..., 3] >= 128)
    assert abs(seen.astype(int) - wanted)[:, :, 26:, :3].max() <= 8


def test_a_moving_webp_keeps_frames_and_transparency(tmp_path):
    made = clip(rate=24)
    seen = []
    data = save(made, tmp_path / "it.webp", SETTINGS).read_bytes()
    place, delays = 12, []
    while place < len(data):  # RIFF by the letter: no other reader of animated WebP is at hand
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"ANMF":
            delays.append(int.from_bytes(data[place + 20 : place + 23], "little"))
        place += 8 + size + size % 2
    assert len(delays) == 7 and sum(delays) == round(7000 / 24) and max(delays) - min(delays) == 1
    with Image.open(tmp_path / "it.webp") as image:
        for number, frame in enumerate(made.frames):
            image.seek(number)
            seen.append(np.asarray(image.convert("RGBA")))
            assert np.array_equal(seen[-1][..., 3], frame[..., 3])
    assert colours_off(np.stack(seen), made.frames) < 2


def test_a_sequence_holds_every_frame_and_the_sound(tmp_path):
    made = clip(frames=3, sound=tone())
    with zipfile.ZipFile(save(made, tmp_path / "it.zip", EDIT)) as pack:
        assert pack.namelist() == ["sequence.json", "00000.png", "00001.png", "00002.png", "sound.wav"]
        pack.extractall(tmp_path)
    assert json.loads((tmp_path / "sequence.json").read_text())["rate"] == 12
    for number, frame in enumerate(made.frames):
        path = tmp_path / f"0000{number}.png"
        assert np.array_equal(decoded(path, (33, 47))[0], frame)
        assert read_settings(path).settings == EDIT and read_settings(path).ai_mark.startswith("composite")
    assert np.array_equal(heard(tmp_path / "sound.wav", 2), made.sound.samples)
    assert read_settings(tmp_path / "sound.wav").settings == EDIT


@pytest.mark.parametrize("rate, said", [(30000 / 1001, "30000/1001"), (23.976, "24000/1001"), (7.5, "15/2")])
def test_odd_frame_rates_are_kept(tmp_path, rate, said):
    assert probe(save(clip(rate=rate), tmp_path / "it.mp4", SETTINGS))["streams"][0]["avg_frame_rate"] == said


@pytest.mark.parametrize("rate, unit, least", [(24, 100, 2), (25, 100, 2), (60, 100, 2), (240, 100, 2), (24, 1000, 1)])
def test_pacing_never_drifts(rate, unit, least):
    frames, delays = zip(*paced(240, rate, unit, least=least), strict=True)
    ends = np.cumsum(delays) / unit
    assert min(delays) >= least and frames[0] == 0 and list(frames) == sorted(set(frames))
    assert ends[-1] == pytest.approx(240 / rate, abs=least / unit + 1e-9)
    assert np.abs(ends[:-1] - np.array(frames[1:]) / rate).max() <= 1 / unit


# Sound ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "suffix, codec, off",
    [(".wav", "pcm_f32le", 0), (".flac", "flac", 2**-23), (".ogg", "vorbis", 0.02), (".mp3", "mp3", 0.02)],
)
def test_another_decoder_hears_the_same(tmp_path, suffix, codec, off, channels):
    made = tone(channels=channels)
    path = save(made, tmp_path / f"it{suffix}", SETTINGS)
    said = probe(path)["streams"][0]
    assert said["codec_name"] == codec and said["sample_rate"] == "22050" and said["channels"] == channels
    assert float(said["duration"]) == pytest.approx(0.5, abs=0.08 if codec == "mp3" else 0.001)
    samples = heard(path, channels)[:, : made.samples.shape[1]]
    assert samples.shape[1] >= made.samples.shape[1] - (0 if off < 0.01 else 512)  # an encoder's last block
    assert np.abs(samples - made.samples[:, : samples.shape[1]])[:, 200:-200].max() <= off


def test_long_ogg_is_written_in_parts(tmp_path):
    made = tone(seconds=40, rate=8000, channels=1)
    assert float(probe(save(made, tmp_path / "it.ogg", SETTINGS))["format"]["duration"]) == pytest.approx(40, abs=0.01)


def test_a_rate_that_mp3_does_not_know_is_refused_with_the_choices(tmp_path):
    with pytest.raises(MediaError, match="^out: MP3 knows 8000, .*48000 Hz, got 96000; choose OGG"):
        save(tone(rate=96000), tmp_path / "it.mp3", SETTINGS)
    assert not os.listdir(tmp_path)


# Meshes --------------------------------------------------------------------------------------------------------------


def test_a_glb_by_the_letter(tmp_path):
    made = tetrahedron()
    tree, body = gltf_of(save(made, tmp_path / "it.glb", SETTINGS))
    assert tree["asset"]["version"] == "2.0" and tree["asset"]["copyright"].startswith("Made with AI")
    assert tree["asset"]["extras"]["eddyline"]["settings"]["prompt"] == "a red apple"
    packet = tree["extensions"]["KHR_xmp_json_ld"]["packets"][tree["asset"]["extensions"]["KHR_xmp_json_ld"]["packet"]]
    assert packet["Iptc4xmpExt:DigitalSourceType"]["@id"] == MADE and tree["extensionsUsed"] == ["KHR_xmp_json_ld"]
    part = tree["meshes"][0]["primitives"][0]

    def values(index, kind, width):
        accessor = tree["accessors"][index]
        view = tree["bufferViews"][accessor["bufferView"]]
        return np.frombuffer(body, kind, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)

    assert np.array_equal(values(part["attributes"]["POSITION"], "<f4", 3), made.vertices)
    assert np.array_equal(values(part["indices"], "<u4", 1).reshape(-1, 3), made.faces)
    normals = values(part["attributes"]["NORMAL"], "<f4", 3)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    assert ((normals * (made.vertices - made.vertices.mean(0))).sum(1) > 0).all()  # they point outside
    bounds = tree["accessors"][part["attributes"]["POSITION"]]
    assert bounds["min"] == made.vertices.min(0).tolist() and bounds["max"] == made.vertices.max(0).tolist()
    light = values(part["attributes"]["COLOR_0"], "<u2", 4)
    assert np.allclose(light[1] / 65535, [0.1274, 0, 0.9560, 1], atol=1e-4)  # linear light: 100 and 250 of 255


def test_colours_of_a_glb_lose_no_step():
    every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    assert np.array_equal(from_linear(linear(every) / 65535), every)


@pytest.mark.parametrize("textured", [False, True])
def test_another_library_opens_the_glb(tmp_path, textured):
    made = tetrahedron(colours=not textured, texture=textured)
    seen = trimesh.load_mesh(save(made, tmp_path / "it.glb", SETTINGS), process=False)
    assert np.array_equal(seen.vertices.astype("f4"), made.vertices) and np.array_equal(seen.faces, made.faces)
    if textured:
        assert np.allclose(seen.visual.uv, made.uv)
        texture = seen.visual.material.baseColorTexture
        assert np.array_equal(np.asarray(texture.convert("RGBA")), made.texture.pixels)


def test_an_obj_holds_shape_and_colours(tmp_path):
    made = tetrahedron()
    path = save(made, tmp_path / "it.obj", SETTINGS)
    rows = [line.split() for line in path.read_text().splitlines()]
    places = np.array([row[1:] for row in rows if row[0] == "v"], float)
    assert np.array_equal(places[:, :3].astype("f4"), made.vertices)
    assert np.array_equal(np.round(places[:, 3:] * 255), made.colours[:, :3])
    seen = meshio.read(save(tetrahedron(colours=False), tmp_path / "bare.obj", SETTINGS))
    assert np.allclose(seen.points, made.vertices) and np.array_equal(seen.cells_dict["triangle"], made.faces)
    assert max(map(len, path.read_text().splitlines())) < 256  # lines that any reader takes


def test_an_obj_brings_its_texture(tmp_path):
    made = tetrahedron(colours=False, texture=True)
    seen = trimesh.load_mesh(save(made, tmp_path / "it.obj", SETTINGS), process=False)
    assert sorted(os.listdir(tmp_path)) == ["it.obj", "it.obj.mtl", "it.obj.png"]
    assert np.allclose(seen.visual.uv, made.uv) and np.allclose(seen.vertices, made.vertices)
    assert np.array_equal(np.asarray(seen.visual.material.image.convert("RGBA")), made.texture.pixels)
    assert read_settings(tmp_path / "it.obj.png").settings == SETTINGS


def test_an_stl_holds_the_shape_and_a_short_mark(tmp_path):
    made = tetrahedron()
    path = save(made, tmp_path / "it.stl", SETTINGS)
    data = path.read_bytes()
    assert data.startswith(b"AI trainedAlgorithmicMedia eddyline=") and len(data) == 84 + 50 * 4
    body = np.frombuffer(data, np.dtype([("normal", "<3f4"), ("corners", "<9f4"), ("more", "<u2")]), offset=84)
    assert np.array_equal(body["corners"].reshape(-1, 3, 3), made.vertices[made.faces])
    assert len(meshio.read(path).cells_dict["triangle"]) == 4


@pytest.mark.parametrize("textured", [False, True])
def test_a_ply_holds_shape_and_colours(tmp_path, textured):
    made = tetrahedron(colours=not textured, texture=textured)
    seen = meshio.read(save(made, tmp_path / "it.ply", SETTINGS))
    assert np.array_equal(seen.points, made.vertices) and np.array_equal(seen.cells_dict["triangle"], made.faces)
    paint = np.stack([seen.point_data[name] for name in ("red", "green", "blue", "alpha")], axis=1)
    paint = paint.astype(np.uint8)  # meshio takes them for signed
    corners = made.texture.pixels[[-1, -1, 0], [0, -1, 0]] if textured else made.colours[:3]
    assert np.array_equal(paint[:3], corners)


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
