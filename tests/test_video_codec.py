"""Reading clips: which frame when, colours, rotation, alpha, sound, and files that are not as they should be."""

import subprocess
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from samples import clip, tone

from pipelines.codecs.video import Cut, film_in, fitted, plan, read_clip
from pipelines.errors import MediaError
from pipelines.media import Clip
from pipelines.settings import ImageSettings
from studio.export import save

SETTINGS = ImageSettings(prompt="x", seed=1)


def ffmpeg(*arguments):
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def counted(path, frames=30, rate=10, size="64x48", *options):
    """A film whose frame n has the grey 8 n."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=black:s={size}:r={rate}:d={frames / rate}"),
        *("-vf", "format=gray,geq=lum=8*N,format=yuv420p"),
        *("-frames:v", frames, "-c:v", "libx264", "-crf", "4", "-bf", "2", *options, path),
    )
    return path


def numbers(found):
    """Which frame of :func:`counted` each frame is."""
    return [round(float(frame[..., 0].mean()) / 8) for frame in found.frames]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return counted(tmp_path_factory.mktemp("films") / "counted.mp4")


# Which frames ---------------------------------------------------------------------------------------------------------


def test_every_frame_at_its_own_rate(film):
    found, notes = read_clip(film)
    assert found.rate == 10 and found.size == (64, 48) and numbers(found) == list(range(30)) and notes == ()
    assert found.sound is None and (found.frames[..., 3] == 255).all()


@pytest.mark.parametrize("start, end", [(0.5, 1.0), (2.2, 2.9), (0.04, 0.3), (1.0, None)])
def test_a_part_has_the_frames_that_are_seen_in_it(film, start, end):
    found, _ = read_clip(film, Cut(start, end))
    first = round(start * 10)
    assert numbers(found) == list(range(first, first + round(((end or 3.0) - start) * 10)))


def test_another_rate_shows_what_is_seen_at_each_moment(film):
    slow, notes = read_clip(film, Cut(rate=5))
    assert numbers(slow) == list(range(0, 30, 2)) and slow.rate == 5 and notes == ()
    fast, _ = read_clip(film, Cut(rate=20, end=1.0))
    assert numbers(fast) == [n // 2 for n in range(20)]


def test_only_so_many_frames_and_the_note_says_which(film):
    found, notes = read_clip(film, Cut(frames=7))
    assert numbers(found) == list(range(7))
    assert notes == ("counted.mp4: uses 7 frames from 0.0 s to 0.7 s of 3.0 s, 10 a second, 64 x 48 pixels: 0 MB",)


def test_240_frames_a_second_become_60(tmp_path):
    found, notes = read_clip(counted(tmp_path / "fast.mp4", 24, 240))
    assert found.rate == 60 and numbers(found) == [0, 4, 8, 12, 16, 20]
    assert notes == ("fast.mp4 has 240 frames a second; 60 of them are used",)


def test_frames_at_uneven_times_become_even(tmp_path):
    pictures = [Image.new("RGB", (16, 16), (40 * n, 0, 0)) for n in range(4)]
    path = tmp_path / "uneven.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 200], loop=0)
    found, _ = read_clip(path)
    assert found.rate == pytest.approx(10)
    assert [round(frame[..., 0].mean() / 40) for frame in found.frames] == [0, 1, 1, 1, 2, 3, 3]


def test_a_picture_without_times_plays_as_in_browsers(tmp_path):
    pictures = [Image.new("RGB", (16, 16), (40 * n, 0, 0)) for n in range(3)]
    pictures[0].save(tmp_path / "quick.gif", save_all=True, append_images=pictures[1:], duration=0, loop=0)
    assert read_clip(tmp_path / "quick.gif")[0].rate == 10


# What frames look like ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["webm", "webp", "gif", "mp4"])
def test_our_own_exports_come_back(tmp_path, ending):
    made = clip(rate=10, sound=tone(0.7))
    found, notes = read_clip(save(made, tmp_path / f"own.{ending}", SETTINGS))
    assert found.rate == pytest.approx(10) and len(found.frames) == 7 and notes == ()
    width, height = found.size
    assert (width, height) == ((48, 34) if ending == "mp4" else (47, 33))
    opaque = found.frames[3, 4:30, 26:46].astype(int) - made.frames[3, 4:30, 26:46]
    assert np.abs(opaque).mean() < 12
    if ending != "mp4":
        assert (found.frames[:, :, :14, 3] < 8).all() and (found.frames[:, :, 26:, 3] > 248).all()
    assert (found.sound is not None) == (ending in ("webm", "mp4"))


@pytest.mark.parametrize("spread", ["tv", "pc"])
@pytest.mark.parametrize(
    "matrix, size", [("bt709", "64x48"), ("smpte170m", "64x48"), (None, "64x48"), (None, "1280x720")]
)
def test_colours_are_read_as_the_film_says(tmp_path, spread, matrix, size):
    path = tmp_path / "red.mp4"
    # What a film does not say is told by its height: BT.601 below 720 lines, BT.709 from there on.
    used = matrix or ("bt709" if size == "1280x720" else "smpte170m")
    told = ("-colorspace", used) if matrix else ()
    scale = f"scale=out_color_matrix={used}:out_range={spread},format=yuv444p"
    if not matrix:
        scale += ",setparams=colorspace=unknown"
    colour = f"color=0xC81E28:s={size}:d=0.2:r=10,format=gbrp,{scale}"
    ffmpeg("-f", "lavfi", "-i", colour, "-c:v", "libx264", "-crf", "1", "-color_range", spread, *told, path)
    found = read_clip(path)[0].frames[0, 24, 32, :3].astype(int)
    assert np.abs(found - (200, 30, 40)).max() <= 4


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path, turn):
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=64x32:d=0.3:r=10,drawbox=0:0:8:8:white:fill"),
        *("-c:v", "libx264", "-crf", "4", tmp_path / "flat.mp4"),
    )
    path = tmp_path / "turned.mp4"
    ffmpeg("-i", tmp_path / "flat.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={turn}", path)
    found, _ = read_clip(path)
    assert found.size == ((32, 64) if turn != 180 else (64, 32)) == film_in(path).size
    expected = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        capture_output=True,
    ).stdout
    shown = np.frombuffer(expected, np.uint8).reshape(found.size[1], found.size[0])
    assert np.abs(found.frames[0, ..., 0].astype(int) - shown).mean() < 2
    assert shown[:8, :8].mean() < 50 and found.frames[0, ..., 0].max() > 200  # the corner went elsewhere


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    path = counted(tmp_path / "wide.mp4", 4, 10, "64x48", "-vf", "format=gray,geq=lum=8*N,format=yuv420p,setsar=2")
    found, _ = read_clip(path)
    assert found.size == (128, 48) == film_in(path).size


def test_a_smaller_side_keeps_the_shape_and_weighs_alpha(tmp_path):
    pixels = np.zeros((3, 40, 80, 4), np.uint8)
    pixels[:, :, 40:] = (255, 0, 0, 255)
    pixels[1, :4, 76:] = 0  # else they would be one and the same frame
    path = save(Clip(pixels, 10), tmp_path / "half.webp", SETTINGS)
    found, notes = read_clip(path, Cut(side=20))
    assert found.size == (20, 10) and "scaled to 20 x 10" in notes[0]
    seen = found.frames[found.frames[..., 3] > 64]
    assert (seen[:, 0] > 240).all() and (seen[:, 1:3] < 16).all()  # no dark fringe from what is transparent


def test_fitting_touches_centres_and_leaves_the_rest_transparent():
    frames, box = fitted(clip(frames=2, height=30, width=60), 64, 64)
    assert frames.shape == (2, 64, 64, 4) and box == (0, 16, 64, 32)
    assert not frames[:, :16].any() and not frames[:, 48:].any() and (frames[:, 20:44, 40:, 3] == 255).all()


# Sound ----------------------------------------------------------------------------------------------------------------


def test_sound_is_cut_where_the_pictures_are(tmp_path):
    sound = tone(3.0, 48_000, 1)
    sound.samples[:, 48_000:72_000] = 0  # silence from 1 s to 1.5 s
    frames = np.repeat(clip(frames=1).frames, 30, axis=0)
    path = save(Clip(frames, 10, sound), tmp_path / "heard.mp4", SETTINGS)
    found, _ = read_clip(path, Cut(0.5, 2.0))
    assert found.sound.seconds == pytest.approx(1.5, abs=0.002)
    loud = np.abs(found.sound.samples[0])
    rate = found.sound.sample_rate
    assert loud[: int(0.45 * rate)].max() > 0.3 and loud[int(0.56 * rate) : int(0.95 * rate)].max() < 0.02
    assert loud[int(1.05 * rate) :].max() > 0.3
    assert read_clip(path, Cut(sound=False))[0].sound is None


# Long, large and wrong ------------------------------------------------------------------------------------------------


def test_an_hour_costs_the_memory_of_its_used_frames(tmp_path):
    path = tmp_path / "hour.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=320x240:r=2:d=3600"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "20", path),
    )
    film = film_in(path)
    assert film.seconds == pytest.approx(3600)
    use = plan(film, Cut(3000, 3004))
    assert use.bytes == 8 * 320 * 240 * 4 and "8 frames from 3000.0 s to 3004.0 s of 3600.0 s" in use.sentence
    tracemalloc.start()
    found, _ = read_clip(path, Cut(3000, 3004))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.frames) == 8 and held < 4 * use.bytes
    with pytest.raises(MediaError, match=r"2211.8 MB?|at most 1000 MB; take \d+\.\d s of it or less"):
        read_clip(path)


def test_a_film_that_does_not_say_how_long_it_is(tmp_path, film):
    path = tmp_path / "live.webm"
    ffmpeg("-i", film, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-f", "webm", "-live", "1", path)
    assert film_in(path).seconds is None
    found, _ = read_clip(path)
    assert len(found.frames) == 30


def test_a_film_that_is_cut_short(tmp_path, film):
    whole = counted(tmp_path / "whole.mp4", 100, 10, "64x48", "-movflags", "+faststart", "-g", "5").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    found, notes = read_clip(tmp_path / "half.mp4")
    assert 20 < len(found.frames) < 90 and any("cut short" in note for note in notes)
    (tmp_path / "headless.mp4").write_bytes(film.read_bytes()[:600])
    with pytest.raises(MediaError, match="headless.mp4: damaged or cut short"):
        read_clip(tmp_path / "headless.mp4")


def test_no_frame_at_all(tmp_path, film):
    path = tmp_path / "none.mp4"
    ffmpeg("-i", film, "-frames:v", "0", "-f", "mp4", "-movflags", "+faststart", path)
    with pytest.raises(MediaError, match="none.mp4: "):
        read_clip(path)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(MediaError, match="empty.mp4: is empty"):
        read_clip(tmp_path / "empty.mp4")


def test_still_pictures_are_sent_where_they_belong(tmp_path):
    for name in ("one.gif", "one.png", "one.webp", "one.jpg"):
        Image.new("RGB", (20, 20), "teal").save(tmp_path / name)
        with pytest.raises(MediaError, match=f"{name}: is a still picture; edit it on the Image tab"):
            read_clip(tmp_path / name)


def test_sound_alone_is_sent_where_it_belongs(tmp_path):
    for name in ("song.wav", "song.flac", "song.ogg"):
        save(tone(), tmp_path / name, SETTINGS)
        with pytest.raises(MediaError, match=f"{name}: is sound alone"):
            read_clip(tmp_path / name)
    ffmpeg("-i", tmp_path / "song.wav", tmp_path / "song.m4a")
    with pytest.raises(MediaError, match="song.m4a: is sound alone"):
        read_clip(tmp_path / "song.m4a")


def test_8k_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "large.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=7680x4320:d=0.04:r=25", "-c:v", "mpeg4", path)
    with pytest.raises(MediaError, match="large.mp4: its frames are 7680 x 4320, 33 megapixels, at most 9"):
        read_clip(path)


def test_odd_sizes_stay_odd(tmp_path):
    path = tmp_path / "odd.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=51x37:d=0.3:r=10", "-c:v", "ffv1", path)
    assert read_clip(path)[0].size == (51, 37)


def test_the_content_decides_not_the_name(tmp_path, film):
    path = tmp_path / "clip.gif"
    path.write_bytes(film.read_bytes())
    found, notes = read_clip(path)
    assert len(found.frames) == 30 and notes == ("clip.gif ends in .gif but holds MP4; it is read as that",)
    (tmp_path / "text.mp4").write_text("hello, this is not a film at all")
    with pytest.raises(MediaError, match="text.mp4: not a clip that can be read"):
        read_clip(tmp_path / "text.mp4")


@pytest.mark.parametrize(
    "cut, told", [(Cut(5), "start: 5 s, but"), (Cut(1, 1), "end: must be after start"), (Cut(rate=900), "rate")]
)
def test_a_cut_outside_the_film_is_refused(film, cut, told):
    with pytest.raises(MediaError, match=told):
        read_clip(film, cut)
