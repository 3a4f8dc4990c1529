"""Clips without a model: what each tool makes of frames and sound, from Python and from the command line."""

import json

import numpy as np
import pytest
from samples import clip, probe, tone
from typer.testing import CliRunner

from pipelines.clips import ClipTools, tools
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done
from pipelines.media import Clip, Sound
from pipelines.settings import ClipEditSettings, VideoSettings
from studio.cli import app
from studio.export import save
from studio.export.loading import load
from studio.provenance import read_settings

MADE = VideoSettings(prompt="a square", seed=7)


def numbered(count=10, rate=10, sound=None):
    """Frame n is 10 n grey."""
    frames = np.zeros((count, 4, 6, 4), np.uint8)
    frames[..., 3] = 255
    frames[..., :3] = (np.arange(count) * 10)[:, None, None, None]
    return Clip(frames, rate, sound)


def numbers(found):
    return [round(float(frame[..., 0].mean()) / 10, 1) for frame in found.frames]


def ramp(seconds, rate=8000):
    """A sound that only rises, so that every moment of it is known."""
    return Sound(np.linspace(-0.9, 0.9, round(seconds * rate), dtype=np.float32)[None], rate)


def made(events):
    return next(event for event in events if isinstance(event, Done)).items[0]


# Frames and sound -----------------------------------------------------------------------------------------------------


def test_backwards_turns_frames_and_sound():
    found = tools.reversed_(numbered(sound=ramp(1)))
    assert numbers(found) == list(range(9, -1, -1))
    assert np.array_equal(found.sound.samples[0], ramp(1).samples[0, ::-1])


@pytest.mark.parametrize("speed, expected", [(2, [0, 2, 4, 6, 8]), (0.5, [n // 2 for n in range(20)]), (4, [0, 4])])
def test_speed_keeps_the_rate_and_takes_what_is_seen_then(speed, expected):
    found = tools.paced(numbered(), speed)
    assert found.rate == 10 and numbers(found)[: len(expected)] == expected


def test_what_changes_without_moving_fades_in_between():
    found = numbers(tools.paced(numbered(4), 0.5, smooth=True))
    assert found == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3, 3], abs=0.15)


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.7, 6])
def test_sound_keeps_its_pitch_at_another_speed(speed):
    found = tools.paced(Clip(numbered(20).frames, 10, tone(2.0, 22_050, 1)), speed).sound
    assert found.seconds == pytest.approx(2 / speed, abs=0.001)
    middle = found.samples[0, found.samples.shape[1] // 4 : found.samples.shape[1] * 3 // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * 22_050 / len(middle) == pytest.approx(440, rel=0.03)


def test_forth_and_back_doubles_no_end():
    found = tools.swung(numbered(5, sound=ramp(0.5)))
    assert numbers(found) == [0, 1, 2, 3, 4, 3, 2, 1]
    assert found.sound.seconds == pytest.approx(0.8)
    forth = found.sound.samples[0]
    assert np.array_equal(forth[:4000], ramp(0.5).samples[0]) and (np.diff(forth[4001:]) < 0).all()


def test_a_faded_loop_closes():
    around = np.concatenate([np.arange(10), np.arange(10)])  # a clip that returns half way
    frames = numbered().frames[around]
    found = tools.closed(Clip(frames, 10, tone(2.0, 8000, 1)), 0.5)
    assert len(found.frames) == 15 and found.sound.seconds == pytest.approx(1.5)
    assert numbers(found)[:10] == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    assert np.abs(np.diff([*numbers(found)[10:], numbers(found)[0]])).max() < 4  # the end comes near the beginning
    with pytest.raises(MediaError, match="fade: 3 s, but the clip lasts 2.00 s"):
        tools.closed(Clip(frames, 10), 3)


@pytest.mark.parametrize("speed", [0.5, 0.25, 0.4])
def test_frames_in_between_show_what_moves_on_its_way(speed):
    frames = np.zeros((6, 50, 70, 4), np.uint8)
    for number, frame in enumerate(frames):
        frame[15:35, 5 + 6 * number : 25 + 6 * number] = (250, 40, 30, 255)
    found = tools.paced(Clip(frames, 10), speed, smooth=True).frames
    assert len(found) == 6 / speed
    for place, frame in enumerate(found):
        seen = np.nonzero(frame[25, :, 3] > 128)[0]
        assert len(seen) == pytest.approx(20, abs=1)  # sharp: one square, not two faint ones
        assert seen[0] == pytest.approx(5 + 6 * min(place * speed, 5), abs=1.5)
        assert np.abs(frame[25, seen[10], :3].astype(int) - (250, 40, 30)).max() < 4
    assert np.array_equal(found[0], frames[0]) and np.array_equal(found[-1], frames[-1])


def larger(clip, times, way):
    settings = ClipEditSettings(enlarge=times, filter=way)
    (*told, done) = drained(tools.larger(clip, times, settings.filter))
    assert [event.done for event in told] == list(range(len(clip.frames)))
    return done


def drained(made):
    """What a generator yields, then what it returns."""
    while True:
        try:
            yield next(made)
        except StopIteration as end:
            yield end.value
            return


def test_repeating_and_enlarging():
    found = tools.repeated(numbered(3, sound=ramp(0.3)), 4)
    assert numbers(found) == [0, 1, 2] * 4 and found.sound.seconds == pytest.approx(1.2)
    square = larger(clip(frames=2), 3, "pixels")
    assert square.size == (141, 99) and np.array_equal(square.frames[:, ::3, ::3], clip(frames=2).frames)
    for way in ("lanczos", "redrawn"):
        smooth = larger(clip(frames=2), 4, way)
        assert smooth.size == (188, 132) and (smooth.frames[:, :, :56, 3] < 30).all()
    with pytest.raises(MediaError, match=r"repeat: .* MB, at most 1000"):
        tools.repeated(Clip(np.zeros((30, 1000, 1000, 4), np.uint8), 10), 50)


def test_a_sound_in_place_beside_and_again():
    beep = Sound(np.full((1, 2000), 0.5, np.float32), 8000)
    silent, own = numbered(10), numbered(10, sound=Sound(np.full((2, 8000), 0.75, np.float32), 8000))
    new = tools.voiced(own, beep, ClipEditSettings(sound="new")).sound
    assert new.seconds == 1 and np.allclose(new.samples[0, :2000], 0.5) and not new.samples[0, 2000:].any()
    again = tools.voiced(silent, beep, ClipEditSettings(sound="new", sound_fit="loop", sound_start=0.125)).sound
    assert np.allclose(again.samples, 0.5) and again.seconds == 1
    mixed = tools.voiced(own, beep, ClipEditSettings(sound="mix")).sound
    assert mixed.samples.shape == (2, 8000) and np.abs(mixed.samples).max() <= 1
    ratio = mixed.samples[0, 0] / mixed.samples[0, -1]
    assert ratio == pytest.approx(1.25 / 0.75, rel=1e-3)  # turned down together, not clipped
    with pytest.raises(MediaError, match="sound_start: 9 s, but the sound lasts 0.25 s"):
        tools.voiced(silent, beep, ClipEditSettings(sound="new", sound_start=9))


def test_all_of_it_in_one_run(tmp_path):
    path = save(numbered(20, sound=tone(2.0, 48_000, 1)), tmp_path / "a.webm", MADE)
    save(tone(5.0, 48_000, 2), tmp_path / "b.wav", MADE)
    settings = ClipEditSettings(
        start=0.5, end=1.5, reverse=True, speed=2, loop="swing", repeat=2, enlarge=2, sound="new"
    )
    assert settings.asked == (
        "cut, 0.5 s to 1.5 s, backwards, 2 times the speed, forth and back, 2 times, 2 times as large, another sound"
    )
    found = made(ClipTools().edit(settings, path, tmp_path / "b.wav"))
    assert found.size == (12, 8) and found.rate == pytest.approx(10)
    assert [round(n) for n in numbers(found)] == [14, 12, 10, 8, 6, 8, 10, 12] * 2
    assert found.sound.seconds == pytest.approx(1.6) and found.sound.samples.shape[0] == 2
    with pytest.raises(MediaError, match="sound: 'mix' needs a sound file"):
        list(ClipTools().edit(ClipEditSettings(sound="mix"), path))


def test_settings_that_contradict_each_other():
    with pytest.raises(SettingsError, match="start: must be before end, got 2"):
        ClipEditSettings(start=2, end=1)
    assert ClipEditSettings().asked == "copied"


# Command line ---------------------------------------------------------------------------------------------------------


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(part) for part in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return save(clip(rate=10, sound=tone(0.7)), tmp_path_factory.mktemp("films") / "a.webm", MADE)


def test_what_a_clip_is(film):
    assert "47 × 33 px" in run("video", "info", film) and "10 frames a second" in run("video", "info", film)
    told = json.loads(run("video", "info", film, "--json"))
    assert told["frames"] == 7 and told["sound"] and told["alpha"] and told["memory_bytes"] == 7 * 47 * 33 * 4


@pytest.mark.parametrize(
    "command, frames, seconds",
    [
        (("trim", "--start", "0.2", "--end", "0.5"), 3, 0.3),
        (("loop", "--times", "2"), 24, 2.4),
        (("loop", "--as", "fade", "--fade", "0.2"), 5, 0.5),
        (("reverse",), 7, 0.7),
        (("speed", "--times", "0.5", "--smooth"), 14, 1.4),
        (("enlarge", "--times", "2", "--by", "pixels"), 7, 0.7),
        (("sound",), 7, 0.7),
    ],
)
def test_tools_on_the_command_line(film, tmp_path, command, frames, seconds):
    out = tmp_path / "b.mp4"
    name, *options = command
    assert run("video", name, film, *options, "--out", out) == f"{out}\n"
    told = probe(out)
    (video,) = [stream for stream in told["streams"] if stream["codec_type"] == "video"]
    audio = [stream for stream in told["streams"] if stream["codec_type"] == "audio"]
    assert int(video["nb_read_frames"]) == frames and float(video["duration"]) == pytest.approx(seconds, abs=0.01)
    assert len(audio) == (0 if name == "sound" else 1)
    found = read_settings(out)
    assert found.kind == "clip.edit" and found.ai_mark  # what was made by a model stays marked


def test_a_film_that_nobody_made_gets_no_mark(tmp_path):
    import subprocess

    path = tmp_path / "own.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=32x32:d=1:r=10", "-pix_fmt", "yuv420p", str(path)],
        check=True,
    )
    run("video", "trim", path, "--end", "0.5", "--out", tmp_path / "cut.webm")
    found = read_settings(tmp_path / "cut.webm")
    assert found.kind == "clip.edit" and found.ai_mark is None


@pytest.mark.parametrize("ending", ["mp4", "webm", "gif", "webp", "zip"])
def test_a_tool_writes_every_format(film, tmp_path, ending):
    out = tmp_path / f"b.{ending}"
    run("video", "trim", film, "--end", "0.4", "--out", out)
    found = load(out)
    assert len(found.frames) == 4 and found.seconds == pytest.approx(0.4, abs=0.01)
    assert (found.sound is not None) == (ending in ("mp4", "webm", "zip"))
    assert (found.frames[:, :, :10, 3].max() < 30) == (ending != "mp4")


def test_refusals_say_what_to_do(film, tmp_path):
    out = tmp_path / "b.mp4"
    assert "start: 5 s, but a.webm lasts 0.70 s" in run("video", "trim", film, "--start", 5, "--out", out, code=2)
    assert "speed: " in run("video", "speed", film, "--times", 99, "--out", out, code=2)
    assert "must end in" in run("video", "reverse", film, "--out", tmp_path / "b.txt", code=2)
    assert "no such file" in run("video", "reverse", tmp_path / "gone.mp4", "--out", out, code=2)
    assert not out.exists()
