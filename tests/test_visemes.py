"""The viseme track: what it may hold, that it survives every film format, and its JSON with ARKit's names."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import MediaError
from pipelines.media import CHANNELS, VISEMES, Clip, Sound, Visemes, Word
from pipelines.settings import ImageSettings
from studio.export import convert, save
from studio.export.loading import load
from studio.export.visemes import ARKIT, arkit
from studio.exports import exported, titles
from studio.provenance import read_settings, read_visemes, read_words, texts
from studio.provenance.records import MAX_RECORD, TRACK, record, visemes_in

RATE, FRAMES, HERTZ = 25.0, 30, 24_000
SETTINGS = ImageSettings(prompt="a talking cat", seed=1)
WORDS = (Word("Good", 0.1, 0.4), Word("morning.", 0.4, 1.0))


def track(frames=FRAMES, seed=0):
    """Weights in steps of 1/255, as a record holds them."""
    rows = np.random.default_rng(seed).integers(0, 256, (frames, len(CHANNELS)))
    return Visemes((rows / 255).astype(np.float32), RATE)


def talking(words=WORDS, visemes=None):
    seconds = FRAMES / RATE
    moments = np.arange(round(seconds * HERTZ)) / HERTZ
    sound = Sound((0.3 * np.sin(2 * np.pi * 220 * moments)).astype(np.float32)[None], HERTZ, words)
    frames = np.full((FRAMES, 32, 32, 4), 255, np.uint8)
    frames[:, 8:24, 8:24, 0] = np.linspace(0, 255, FRAMES)[:, None, None]
    return Clip(frames, RATE, sound, visemes or track())


def test_a_track_refuses_what_is_none():
    with pytest.raises(MediaError, match=r"visemes: expected float32 \[T, 17\], got float64"):
        Visemes(np.zeros((3, 17)), RATE)
    with pytest.raises(MediaError, match=r"got float32 \(3, 15\)"):
        Visemes(np.zeros((3, 15), np.float32), RATE)
    with pytest.raises(MediaError, match="between 0 and 1"):
        Visemes(np.full((3, 17), 1.5, np.float32), RATE)
    with pytest.raises(MediaError, match="rows a second, got 0"):
        Visemes(np.zeros((3, 17), np.float32), 0)
    assert track().seconds == FRAMES / RATE and len(VISEMES) == 15


@pytest.mark.parametrize("ending", [".webm", ".mp4", ".zip", ".gif", ".webp"])
def test_films_keep_track_and_words(tmp_path, ending):
    path = save(talking(), tmp_path / f"it's a face{ending}", SETTINGS)
    kept = read_visemes(path)
    assert kept.rate == RATE and np.array_equal(kept.weights, track().weights)
    assert read_words(path) == WORDS
    assert read_settings(path).visemes.rate == RATE


def test_a_film_loaded_again_still_has_them(tmp_path):
    found = load(save(talking(), tmp_path / "a.webm", SETTINGS))
    assert found.sound.words == WORDS and np.array_equal(found.visemes.weights, track().weights)
    again = convert(convert(tmp_path / "a.webm", tmp_path / "b.mp4"), tmp_path / "c.webm")
    assert np.array_equal(read_visemes(again).weights, track().weights) and read_words(again) == WORDS


def test_every_voice_has_its_track_in_files_and_in_json(tmp_path):
    second = Visemes(np.ascontiguousarray(track().weights[::-1]), RATE)
    clip = talking(visemes=replace(track(), others=(None, second)))
    path = convert(save(clip, tmp_path / "a.webm", SETTINGS), tmp_path / "b.mp4")
    alone, kept = read_visemes(path).others
    assert alone is None and np.array_equal(kept.weights, second.weights)
    held = json.loads(convert(path, tmp_path / "c.json").read_text())
    assert held["others"][0] is None
    assert np.allclose(held["others"][1]["weights"], second.weights, atol=0.001)
    assert len(held["others"][1]["arkit"][0]) == len(held["arkit"]["names"])
    with pytest.raises(MediaError, match="cannot have others"):
        Visemes(track().weights, RATE, (replace(second, others=(None,)),))


def test_frames_of_a_sequence_do_not_repeat_the_whole_track(tmp_path):
    import zipfile

    path = save(talking(), tmp_path / "a.zip", SETTINGS)
    with zipfile.ZipFile(path) as pack:
        pack.extract("00003.png", tmp_path)
    held = json.loads(texts(tmp_path / "00003.png")["eddyline"])
    assert "visemes" not in held and "words" not in held and held["settings"]["prompt"] == "a talking cat"


def test_an_hour_of_talking_fits_into_a_record():
    rng = np.random.default_rng(0)
    moves = np.abs(np.cumsum(rng.normal(0, 0.05, (90_000, 17)), axis=0)) % 1
    held = record(SETTINGS, visemes=Visemes(np.where(moves > 0.6, moves, 0).astype(np.float32), RATE))
    assert len(held) < MAX_RECORD
    assert len(visemes_in(json.loads(held)).weights) == 90_000


@pytest.mark.parametrize(
    "bad", ["not base64!", "AAAA", 3, None, {"weights": "eJw="}, {"rate": "x", "weights": ""}, "text"]
)
def test_a_damaged_track_is_none(bad):
    held = json.loads(record(SETTINGS, visemes=track()))
    held[TRACK] = bad if isinstance(bad, dict) else {"rate": 25, "weights": bad}
    assert visemes_in(held) is None


def test_json_names_every_channel_and_arkit_shape(tmp_path):
    held = json.loads(save(talking(), tmp_path / "track.json", SETTINGS).read_text("utf-8"))
    assert held["names"] == list(CHANNELS) and held["frames"] == FRAMES and held["rate"] == RATE
    assert np.allclose(held["weights"], track().weights, atol=5e-4)
    names, rows = held["arkit"]["names"], np.array(held["arkit"]["weights"])
    assert {"jawOpen", "mouthPucker", "mouthFunnel", "mouthSmileLeft", "eyeBlinkLeft", "eyeBlinkRight"} <= set(names)
    assert np.allclose(rows[:, names.index("jawOpen")], track().weights[:, CHANNELS.index("jaw")], atol=5e-4)
    assert np.array_equal(rows[:, names.index("eyeBlinkLeft")], rows[:, names.index("eyeBlinkRight")])
    assert held["words"] == [["Good", 0.1, 0.4], ["morning.", 0.4, 1.0]]
    assert held["eddyline"]["settings"]["prompt"] == "a talking cat"
    assert held["DigitalSourceType"].endswith("trainedAlgorithmicMedia")


def test_arkit_shapes_add_up_and_stay_in_range():
    weights = np.zeros((2, 17), np.float32)
    weights[0, CHANNELS.index("U")] = 1
    weights[1, [CHANNELS.index("O"), CHANNELS.index("CH")]] = 1
    names, rows = arkit(Visemes(weights, RATE))
    assert rows[0, names.index("mouthPucker")] == pytest.approx(ARKIT["U"]["mouthPucker"])
    assert rows[1, names.index("mouthFunnel")] == 1  # .7 and .6
    assert rows.min() >= 0 and rows.max() <= 1


def test_a_clip_without_a_track_says_so(tmp_path):
    clip = Clip(talking().frames, RATE)
    with pytest.raises(MediaError, match="it is not known how a mouth in this clip moves"):
        save(clip, tmp_path / "a.json", SETTINGS)
    with pytest.raises(MediaError, match="it is not known what is said"):
        save(clip, tmp_path / "a.srt", SETTINGS)


def test_downloads_of_a_talking_clip(tmp_path):
    path = save(talking(), tmp_path / "a.webm", SETTINGS)
    assert list(titles("lipsync", path)) == [".mp4", ".webm", ".gif", ".webp", ".zip", ".srt", ".vtt", ".json"]
    assert list(titles("video")) == [".mp4", ".webm", ".gif", ".webp", ".zip"]
    silent = save(Clip(talking().frames, RATE), tmp_path / "b.webm", SETTINGS)
    assert ".json" not in titles("lipsync", silent) and ".srt" not in titles("lipsync", silent)
    assert "morning." in exported(tmp_path, path, ".vtt").read_text("utf-8")
    assert json.loads(exported(tmp_path, path, ".json").read_text("utf-8"))["frames"] == FRAMES
