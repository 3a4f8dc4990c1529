"""Pictures, clips and sound, written and opened again by a library that did not write them."""

import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image
from samples import EDIT, MADE, SETTINGS, clip, decoded, heard, picture, probe, tone

from pipelines.errors import MediaError
from studio.export import convert, save
from studio.export.films import laid_on_white
from studio.export.pictures import paced
from studio.provenance import read_settings


def boxes_of(data):
    """Types of an MP4's boxes in order."""
    place = 0
    while place < len(data):
        yield data[place + 4 : place + 8]
        place += int.from_bytes(data[place : place + 4], "big")


def flat_parts(frames):
    """Where the clip is of one colour, away from edges that coarse chroma smears: ground and middle of the square."""
    moving = [frame[11:17, 30 + number : 36 + number, :3].reshape(-1, 3) for number, frame in enumerate(frames)]
    return np.concatenate([frames[:, 24:31, 30:45, :3].reshape(-1, 3), *moving]).astype(int)


def colours_off(seen, frames):
    """Mean difference there, of 255; a wrong colour matrix or range makes it 10 and more."""
    return abs(flat_parts(seen) - flat_parts(frames)).mean()


def test_a_small_picture_is_enlarged_with_its_record(tmp_path):
    small = save(picture(), tmp_path / "small.png", SETTINGS)
    large = convert(small, tmp_path / "large.png", enlarge=4)
    with Image.open(small) as before, Image.open(large) as after:
        assert after.size == (4 * before.width, 4 * before.height)
        back = np.asarray(after.resize(before.size, Image.Resampling.BOX).convert("RGBA"), int)
        solid = np.asarray(before.convert("RGBA"), int)[..., 3] == 255
        assert abs(back - np.asarray(before.convert("RGBA"), int))[solid].mean() < 8
    assert read_settings(large).settings == SETTINGS
    for times in (0, 4096):
        with pytest.raises(MediaError, match="enlarge: .*choose 1 to"):
            convert(small, tmp_path / "no.png", enlarge=times)
    with pytest.raises(MediaError, match="only pictures"):
        convert(save(tone(), tmp_path / "it.wav", SETTINGS), tmp_path / "it.flac", enlarge=2)
    assert not (tmp_path / "no.png").exists() and not (tmp_path / "it.flac").exists()


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
