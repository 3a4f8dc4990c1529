"""Talking clips as files: picture and sound together, what a timeline is told of them, the command that makes them."""

import base64
import json
import shutil
import subprocess

import av
import numpy as np
import pytest
import soundfile
from fake_talks import FRAMES, Mouths, drawn, moved
from PIL import Image
from typer.testing import CliRunner

from pipelines.errors import MediaError
from pipelines.media import CHANNELS, Clip, Sound
from pipelines.settings import ANY_SETTINGS, LipSyncSettings, SpeechSettings
from studio import api, characters, talks
from studio.cli import app
from studio.cost import Paces, estimate, memory, scale, work
from studio.export import save
from studio.jobs import runner
from studio.provenance import read_notes, read_settings, read_visemes, read_words

HERTZ = 24_000
SETTINGS = LipSyncSettings(text="Good morning.", character="wren", seed=3)


def flashed(seconds=2.0, at=1.0, rate=25.0):
    """A clip that is white, and heard to click, at one moment alone."""
    frames = np.zeros((round(seconds * rate), 64, 64, 4), np.uint8)
    frames[..., 3] = 255
    frames[round(at * rate)] = 255
    samples = np.zeros((1, round(seconds * HERTZ)), np.float32)
    samples[0, round(at * HERTZ) : round(at * HERTZ) + 240] = 0.9
    return Clip(frames, rate, Sound(samples, HERTZ))


def talking(seconds=2.0):
    moments = np.arange(round(seconds * HERTZ)) / HERTZ
    wave = 0.3 * np.sin(2 * np.pi * 200 * moments) * (np.sin(2 * np.pi * moments) > 0)
    sound = Sound(wave.astype(np.float32)[None], HERTZ)
    track = moved(sound)
    return Clip(np.stack([drawn(row, "wren") for row in track.weights]), FRAMES, sound, track)


# Picture and sound ---------------------------------------------------------------------------------------------------


def started(path):
    """Seconds at which video and audio begin, by ffprobe where there is one, else by the library that it belongs to."""
    if shutil.which("ffprobe"):
        asked = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,start_time", "-of", "json", str(path)]
        told = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)["streams"]
        return {each["codec_type"]: float(each["start_time"]) for each in told}
    with av.open(str(path)) as film:
        return {each.type: float((each.start_time or 0) * each.time_base) for each in film.streams}


def moments(path):
    """When the picture is brightest and when the sound is loudest, by the times in the file."""
    seen, heard = [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            seen.append((frame.to_ndarray(format="gray").mean(), frame.time))
        film.seek(0)
        for frame in film.decode(audio=0):
            samples = np.abs(frame.to_ndarray().astype(np.float32)).max(axis=0)
            heard.append((samples.max(), frame.time + samples.argmax() / frame.sample_rate))
    return max(seen)[1], max(heard)[1]


@pytest.mark.parametrize("rate", [12.0, 25.0, 59.94])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_picture_and_sound_stand_together_in_one_file(tmp_path, ending, rate):
    path = save(flashed(rate=rate), tmp_path / f"it's a talk{ending}", SETTINGS)
    begins = started(path)
    assert set(begins) == {"video", "audio"} and abs(begins["video"] - begins["audio"]) < 1 / rate
    seen, heard = moments(path)
    assert seen == pytest.approx(1.0, abs=1 / rate)
    assert abs(seen - heard) < 1 / rate


# The timeline --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".webm", ".mp4"])
def test_a_timeline_is_told_what_is_in_the_file(tmp_path, ending):
    clip = talking()
    path = save(clip, tmp_path / f"a{ending}", SETTINGS)
    told = json.loads(talks.timeline(tmp_path, path, "ab" * 32).read_text("utf-8"))
    assert told["seconds"] == pytest.approx(2.0, abs=0.05) and told["rate"] == FRAMES
    weights = np.frombuffer(base64.b64decode(told["weights"]), np.uint8).reshape(-1, len(CHANNELS))
    assert np.abs(weights / 255 - clip.visemes.weights).max() < 0.003
    peaks = np.frombuffer(base64.b64decode(told["peaks"]), np.uint8) / 255
    assert peaks[10:40].max() == pytest.approx(0.3, abs=0.05)  # it sounds in the first half of each second
    assert peaks[62:95].max() < 0.03 and peaks[110:140].max() > 0.2


def test_the_strip_shows_each_part_of_the_clip(tmp_path):
    path = save(talking(), tmp_path / "a.webm", SETTINGS)
    told = json.loads(talks.timeline(tmp_path, path, "cd" * 32).read_text("utf-8"))
    with Image.open(talks.strip(tmp_path, path, "cd" * 32)) as image:
        strip = np.array(image.convert("RGBA"))
    each = strip.shape[1] // told["shots"]
    assert strip.shape[0] == talks.TALL and told["shots"] == 10
    assert strip[0, 0, 3] == 0  # as see-through as the clip
    dark = (strip[70:95, :, 0] < 130) & (strip[70:95, :, 3] > 200)
    lips = [dark[:, n * each : (n + 1) * each].sum() for n in range(told["shots"])]
    assert min(lips[1], lips[6]) > 3 * max(lips[3], lips[4])  # open where it sounds


def test_long_clips_are_looked_through_sparsely(tmp_path, monkeypatch):
    path = save(talking(), tmp_path / "a.mp4", SETTINGS)
    monkeypatch.setattr(talks, "SHORT", 0.5)
    with Image.open(talks.strip(tmp_path, path, "ef" * 32)) as image:
        assert image.size == (10 * talks.TALL, talks.TALL)
        assert np.array(image.convert("RGB")).std() > 20


def test_what_is_no_clip_has_no_timeline(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"not a clip")
    with pytest.raises(MediaError, match="'a.mp4' is neither MP4 nor WebM"):
        talks.timeline(tmp_path, tmp_path / "a.mp4", "00" * 32)
    (tmp_path / "b.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isom" + bytes(64))
    with pytest.raises(MediaError, match="'b.mp4' cannot be read; it is damaged"):
        talks.strip(tmp_path, tmp_path / "b.mp4", "11" * 32)


# Cost ----------------------------------------------------------------------------------------------------------------


def test_cost_grows_with_what_is_said_and_memory_does_not(tmp_path):
    recorded = LipSyncSettings()
    assert scale(recorded, 60.0) == 12 * scale(recorded, 5.0) and scale(recorded) == 1
    assert scale(LipSyncSettings(text="x" * 1400)) == 10 * scale(LipSyncSettings(text="x" * 140))
    assert memory(LipSyncSettings(text="x" * 14_000)) == memory(recorded)
    paces = Paces(tmp_path)
    paces.record(recorded, 10.0, 20.0)
    assert estimate(recorded, paces, length=20.0).seconds == pytest.approx(10.0)
    assert estimate(recorded, paces, length=40.0).seconds > 17
    assert work(SpeechSettings(text="x" * 70), 99.0) == work(SpeechSettings(text="x" * 70))


# Command line --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ships(tmp_path, monkeypatch):
    """Two characters, and a runner without a model."""
    folder = tmp_path / "assets" / "characters"
    folder.mkdir(parents=True)
    for name in ("wren", "moss"):
        Image.fromarray(drawn(np.zeros(17), name)).save(folder / f"{name}.webp")
    listed = [{"name": name, "title": name.title()} for name in ("wren", "moss", "gone")]
    (folder / "characters.json").write_text(json.dumps(listed))
    monkeypatch.setattr(characters, "assets", lambda: tmp_path / "assets")
    seen = []

    def run(self, settings, inputs):
        seen.append(inputs)
        job = type("Job", (), {"settings": settings if settings.seed is not None else settings.with_(seed=1)})
        return Mouths()(job, inputs)

    monkeypatch.setattr(runner.Runner, "run", run)
    return seen


def ran(*command, code=0):
    result = CliRunner().invoke(app, [str(part) for part in command])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def voice(tmp_path):
    path = tmp_path / 'it\'s my voice, "loud".wav'
    soundfile.write(path, talking(1.0).sound.samples.T, HERTZ)
    return path


def test_a_character_says_a_text(tmp_path, ships):
    out, track, words = (tmp_path / name for name in ("my talk.mp4", "track.json", "talk.srt"))
    told = ran(
        "lipsync", "character:wren", "--text", "Good morning.", "--voice", "rms", "--out", out, "--seed", 3,
        "--visemes", track, "--subtitles", words,
    )  # fmt: skip
    assert told.splitlines() == [str(out), str(words), str(track)] and ships == [{}]
    found = read_settings(out)
    assert found.settings == LipSyncSettings(text="Good morning.", voice="rms", character="wren", seed=3)
    assert found.ai_mark == "trainedAlgorithmicMedia"
    assert json.loads(track.read_text())["names"] == list(CHANNELS) and "Good morning." in words.read_text()
    assert [word.text for word in read_words(out)] == ["Good", "morning."] and read_visemes(out) is not None
    assert read_notes(out) == ("Drawn face: its mouth is painted anew. Given: nothing.",)


def test_a_face_and_a_recording_of_any_name(tmp_path, ships, voice):
    face = tmp_path / "a \"face\" of 'mine'.png"
    Image.fromarray(drawn(np.zeros(17))).save(face)
    out = tmp_path / 'talk "1".webm'
    ran("lipsync", face, voice, "--out", out, "--faces", "all", "--also", voice)
    assert ships == [{"source": face, "recording": voice, "recording_2": voice}]
    # What began as somebody's picture is marked as such.
    assert read_settings(out).ai_mark == "compositeWithTrainedAlgorithmicMedia"


def test_what_cannot_be_said_is_one_line(tmp_path, ships, voice):
    out, say = tmp_path / "a.mp4", ("--text", "Hello.")
    cases = {
        "face: 'nobody.png': no such file": ("nobody.png", *say),
        "character: there is no 'zed'; choose one of wren, moss": ("character:zed", *say),
        "character: there is no 'gone'": ("character:gone", *say),
        "recording: nothing to say; give a recording after the face, or --text": ("character:wren",),
        "text: is given beside a recording; leave one of the two out": ("character:wren", voice, *say),
        "recording: 'x.wav': no such file": ("character:wren", tmp_path / "x.wav"),
        "also: further voices are for further faces; add --faces all": ("character:wren", voice, "--also", voice),
        "character: 'wren' and 'moss' are both named": ("character:wren", *say, "--character", "moss"),
        "face: none is found in frames 1 to 25": ("character:wren", "--text", "nobody"),
        "visemes: 'track.txt' must end in .json": ("character:wren", *say, "--visemes", "track.txt"),
    }
    for start, command in cases.items():
        told = ran("lipsync", *command, "--out", out, code=2)
        assert told.startswith(f"error: {start}") and told.count("\n") == 1, told
    assert not out.exists()


def test_a_clip_of_few_frames_and_a_stereo_voice_through_the_real_pipeline(tmp_path, monkeypatch):
    from lipsync.tiny import drawn_face, hum, tiny_pipeline

    pipeline = tiny_pipeline()
    loads = type("Loads", (), {"load": classmethod(lambda cls, model: pipeline)})
    monkeypatch.setitem(runner.KINDS, ("lipsync", "starter"), lambda: loads)
    face, sound = tmp_path / "a 'slow' clip.mp4", tmp_path / 'both "sides".wav'
    save(Clip(np.stack([drawn_face(128).pixels] * 12), 12.0), face, SETTINGS)
    soundfile.write(sound, np.repeat(hum(1.0, 44_100).samples.T, 2, axis=1), 44_100)
    out, track = tmp_path / "talk.mp4", tmp_path / "track.json"
    mouth = ("--mouth-x", 0.5, "--mouth-y", 0.7, "--steps", 1, "--guidance", 1)
    ran("lipsync", face, sound, "--out", out, "--visemes", track, *mouth)
    assert any("12 frames a second, too few for a mouth" in note for note in read_notes(out))
    found = started(out)
    assert abs(found["video"] - found["audio"]) < 1 / 25
    told = json.loads(track.read_text("utf-8"))
    with av.open(str(out)) as film:
        assert film.streams.video[0].frames == told["frames"] and film.streams.video[0].average_rate == 25
        assert film.streams.audio[0].channels == 2


# HTTP ----------------------------------------------------------------------------------------------------------------


def test_the_endpoint_takes_a_face_and_voices_but_needs_none(tmp_path):
    from inspect import Parameter, signature

    found = signature(api.endpoint(None, ANY_SETTINGS["lipsync.generate"])).parameters
    for role in ("source", "recording", "recording_2", "recording_3", "recording_4"):
        assert found[role].default is None
    assert found["voice"].default == "heart" and found["text"].default == ""
    edit = signature(api.endpoint(None, ANY_SETTINGS["speech.edit"])).parameters
    assert edit["source"].default is Parameter.empty
