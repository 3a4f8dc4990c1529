"""The command line, on the shipped starter where there is one: options, files, refusals."""

import inspect
import re
import sys
import types

import numpy as np
import pytest
import soundfile
from fake_runner import FakeSound, FakeSpeech, sentence, tone
from PIL import Image
from starters import any_picture
from typer.testing import CliRunner

from pipelines.models import registry
from pipelines.paths import assets
from pipelines.settings import (
    ImageEditSettings,
    ImageSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
)
from studio.cli import app
from studio.commands.options import settings_options
from studio.export.loading import load
from studio.jobs import runner
from studio.provenance import read_settings, read_words

KINDS = {
    ("generate", "image"): ImageSettings, ("edit", "image"): ImageEditSettings,
    ("generate", "speech"): SpeechSettings, ("edit", "speech"): SpeechEditSettings,
    ("generate", "sound"): SoundSettings, ("edit", "sound"): SoundEditSettings,
}  # fmt: skip
FIELDS = [(command, name) for command, kind in KINDS.items() for name in kind.model_fields if name != "version"]
SHIPPED = assets() / "weights" / registry.STARTERS["image", "starter"]


@pytest.fixture(autouse=True)
def starter(request, monkeypatch):
    """The shipped starter, or a small random one in a checkout without weights."""
    if not (SHIPPED / "config.json").exists():
        files, real = request.getfixturevalue("starter_files"), registry.starter_folder
        monkeypatch.setattr(registry, "starter_folder", lambda medium, name: real(medium, name) and files)


@pytest.fixture
def source(tmp_path):
    """A picture to edit, with every kind of pixel."""
    path = tmp_path / "source.png"
    Image.fromarray(any_picture(50, 30).pixels).save(path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def ran(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments):
    """What is written to stderr by a command that is refused."""
    result = run(*arguments)
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.output
    assert "Traceback" not in result.output and result.stdout == ""
    return result.stderr


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def make(out, *more):
    return ("generate", "image", "--prompt", "red apple", "--steps", 2, "--seed", 5, "--out", out, *more)


def change(source, out, *more):
    return ("edit", "image", source, "--prompt", "pear", "--steps", 2, "--seed", 5, "--out", out, *more)


@pytest.mark.parametrize("command", KINDS, ids=" ".join)
def test_every_setting_is_an_option(command):
    shown = ran(*command, "--help").output
    options = set(re.findall(r"--([a-z-]+)", shown))
    assert {name.replace("_", "-") for owner, name in FIELDS if owner == command} <= options
    assert "version" not in options
    words = re.sub(r"[\s│|]+", " ", shown)
    assert all(field.title in words for name, field in KINDS[command].model_fields.items() if name != "version")


@pytest.mark.parametrize("command, name", FIELDS)
def test_an_option_has_the_default_of_its_setting(command, name):
    (option,) = [p for p in settings_options(KINDS[command]) if p.name == name]
    field = KINDS[command].model_fields[name]
    assert option.default == (inspect.Parameter.empty if field.is_required() else field.default)


def test_a_command_without_words_shows_its_help():
    assert "generate" in run().output and "edit" in run().output
    assert all(noun in run("generate").output for noun in ("image", "speech", "sound"))


def test_each_file_of_a_batch_replays_by_itself(tmp_path):
    result = ran(*make(tmp_path / "deep" / "it.png", "--count", 3, "--style", "flat"))
    paths = [tmp_path / "deep" / name for name in ("it.png", "it-2.png", "it-3.png")]
    assert result.stdout.split() == [str(path) for path in paths]
    for index, path in enumerate(paths):
        settings = read_settings(path).settings
        assert settings == ImageSettings(prompt="red apple", steps=2, seed=5 + index, style="flat")
        again = tmp_path / f"again-{index}.png"
        ran("generate", "image", "--out", again, *as_options(settings))
        first, second = pixels_of(path).astype(int), pixels_of(again).astype(int)
        seen = first[..., 3] > 8  # under almost no alpha a step of colour is many steps
        assert np.abs(first - second)[seen].max() <= 1 and np.abs(first - second)[..., 3].max() <= 1


def as_options(settings):
    """``settings`` spelled out as options."""
    values = settings.model_dump(exclude={"version"}, exclude_none=True)
    return [part for name, value in values.items() for part in (f"--{name.replace('_', '-')}", value)]


def test_every_option_reaches_the_settings(tmp_path):
    settings = ImageSettings(
        **dict(prompt="dog", negative_prompt="cat", seed=9, steps=1, schedule="sway", shift=3.5, style="cartoon"),
        **dict(width=40, height=72, guidance=1.5, guidance_from=0.2, guidance_to=0.9, solver="euler"),
    )
    ran("generate", "image", "--out", tmp_path / "it.webp", *as_options(settings))
    assert read_settings(tmp_path / "it.webp").settings == settings
    assert pixels_of(tmp_path / "it.webp").shape == (72, 40, 4)


def test_a_seed_that_was_drawn_is_written_down(tmp_path):
    ran("generate", "image", "--prompt", "dog", "--steps", 1, "--out", tmp_path / "it.png")
    assert isinstance(read_settings(tmp_path / "it.png").settings.seed, int)


@pytest.mark.parametrize("method", ["flowedit", "rf-edit"])
def test_an_edit_leaves_everything_outside_the_mask(tmp_path, source, method):
    mask = np.zeros((30, 50), np.uint8)
    mask[8:20, 10:40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "it.png"
    ran(*change(source, out, "--mask", tmp_path / "mask.png", "--method", method, "--strength", 1, "--guidance", 2))
    before, after = pixels_of(source), pixels_of(out)
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert (after[mask > 0] != before[mask > 0]).any(-1).mean() > 0.3
    found = read_settings(out)
    assert found.settings == ImageEditSettings(
        prompt="pear", steps=2, seed=5, method=method, strength=1, guidance=2
    ) and found.ai_mark.startswith("composite")


def test_an_edit_without_change_returns_the_picture(tmp_path, source):
    ran(*change(source, tmp_path / "it.png", "--source-prompt", "pear", "--strength", 1))
    assert np.array_equal(pixels_of(tmp_path / "it.png"), pixels_of(source))


def test_notes_go_beside_the_results(tmp_path, source):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    result = ran(*change(tmp_path / "moving.gif", tmp_path / "it.png"))
    assert "note: moving.gif is animated" in result.stderr and result.stdout == f"{tmp_path / 'it.png'}\n"
    result = ran(*make(tmp_path / "other.png", "--negative-prompt", "x", "--style", "none", "--prompt", "red zyzzyva"))
    assert "zyzzyva" in result.stderr and "zyzzyva" not in result.stdout


def test_existing_files_are_left_alone_unless_told_otherwise(tmp_path):
    (tmp_path / "it-2.png").write_text("mine")
    assert refused(*make(tmp_path / "it.png", "--count", 2)).startswith("error: out: it-2.png exists")
    assert (tmp_path / "it-2.png").read_text() == "mine" and not (tmp_path / "it.png").exists()
    ran(*make(tmp_path / "it.png", "--count", 2, "--overwrite"))
    assert read_settings(tmp_path / "it-2.png").settings.seed == 6


BAD = {
    "steps": "0", "shift": "0", "count": "9", "width": "70", "height": "999", "guidance": "0.5", "guidance-from": "-1",
    "guidance-to": "2", "seed": "-1", "prompt": " ", "model": "best",
}  # fmt: skip
BAD_EDIT = {
    "strength": "1.5", "share-steps": "-1", "share-from": "2", "budget-mb": "0", "average": "9", "feather": "-1",
    "guidance": "nan",
}  # fmt: skip


@pytest.mark.parametrize("name, value", BAD.items())
def test_a_bad_value_is_one_line_that_names_its_setting(tmp_path, name, value):
    said = refused(*make(tmp_path / "it.png", f"--{name}", value))
    assert said.count("\n") == 1 and said.startswith(f"error: {name.replace('-', '_')}: ")
    assert value.strip() in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, value", BAD_EDIT.items())
def test_a_bad_value_of_an_edit_is_one_line_that_names_its_setting(tmp_path, source, name, value):
    said = refused(*change(source, tmp_path / "it.png", f"--{name}", value))
    assert said.count("\n") == 1 and said.startswith(f"error: {name.replace('-', '_')}: ") and value in said


@pytest.mark.parametrize(
    "name, value", [("solver", "magic"), ("style", "oil"), ("schedule", "x"), ("seed", "1.5"), ("steps", "many")]
)
def test_a_value_of_another_kind_is_refused_by_name(tmp_path, name, value):
    assert f"'--{name}'" in refused(*make(tmp_path / "it.png", f"--{name}", value))
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(tmp_path, source):
    assert "--prompt" in refused("generate", "image", "--out", tmp_path / "it.png")
    assert "--out" in refused("generate", "image", "--prompt", "x")
    assert "SOURCE" in refused("edit", "image", "--prompt", "x", "--out", tmp_path / "it.png").upper()
    assert "--colour" in refused(*make(tmp_path / "it.png", "--colour", "red"))


def test_files_that_cannot_be_used_are_named_in_one_line(tmp_path, source):
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (9, 9), 255).save(tmp_path / "small.png")
    Image.new("RGBA", (9, 9)).save(tmp_path / "clear.png")
    out = tmp_path / "it.png"
    cases = {
        "error: out: 'it.gif' must end in": make(tmp_path / "it.gif"),
        "error: text.png: not a picture": change(tmp_path / "text.png", out),
        "error: gone.png: no such file": change(tmp_path / "gone.png", out),
        "error: mask: small.png is (9, 9) pixels, the picture is (50, 30)": change(
            source, out, "--mask", tmp_path / "small.png"
        ),
        "error: picture: every pixel is transparent": change(tmp_path / "clear.png", out),
        "error: out: nothing can be written in 'text.png'": make(tmp_path / "text.png" / "it.png"),
    }
    for start, command in cases.items():
        said = refused(*command)
        assert said.startswith(start) and said.count("\n") == 1
    assert not out.exists()


# Sounds --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sounds(monkeypatch):
    """Pipelines of sound without a model."""
    for name in ("speech", "hibari"):
        monkeypatch.setitem(runner.KINDS, ("audio", name), lambda: FakeSpeech)
    monkeypatch.setitem(runner.KINDS, ("audio", "sound"), lambda: FakeSound)
    reading = types.SimpleNamespace(read_sound=lambda path: (load(path), (f"{path.name} was read",)))
    monkeypatch.setitem(sys.modules, "pipelines.speech", reading)


@pytest.fixture
def recording(tmp_path):
    soundfile.write(tmp_path / "in.wav", tone(3).samples.T, 24_000, subtype="FLOAT")
    return tmp_path / "in.wav"


def say(out, *more):
    return ("generate", "speech", "--seed", 7, "--out", out, *more)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_speech_is_written_with_its_settings_and_words(tmp_path, sounds, ending):
    out = tmp_path / f"hello.{ending}"
    result = ran(*say(out, "--text", "Hello there.", "--voice", "rms", "--speed", "1.2"))
    assert result.stdout == f"{out}\n"
    found = read_settings(out)
    assert found.settings == SpeechSettings(text="Hello there.", voice="rms", speed=1.2, seed=7)
    assert [word.text for word in found.words] == ["Hello", "there"] and found.ai_mark == "trainedAlgorithmicMedia"
    if ending == "wav":
        assert np.array_equal(load(out).samples, sentence("Hello there", 7).samples)


@pytest.mark.parametrize("ending, begin", [("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n\nNOTE")])
def test_subtitles_are_written_beside(tmp_path, sounds, ending, begin):
    out, words = tmp_path / "a.wav", tmp_path / f"a.{ending}"
    result = ran(*say(out, "--text", "Hello there.", "--subtitles", words))
    assert result.stdout.splitlines() == [str(out), str(words)]
    assert words.read_text("utf-8").startswith(begin) and "Hello there" in words.read_text("utf-8")
    assert refused(*say(tmp_path / "b.wav", "--text", "x", "--subtitles", tmp_path / "b.txt")).startswith(
        "error: subtitles: 'b.txt' must end in .srt, .vtt"
    )
    assert f"a.wav, a.{ending} exists" in refused(*say(out, "--text", "x", "--subtitles", words))
    assert not (tmp_path / "b.wav").exists()


def test_a_text_comes_from_a_file_or_from_standard_input(tmp_path, sounds):
    text = "Ünïcode, and\ntwo lines."
    (tmp_path / "text.txt").write_text("\ufeff" + text + "\n\n", "utf-8")
    ran(*say(tmp_path / "a.wav", "--text-file", tmp_path / "text.txt"))
    command = [str(part) for part in say(tmp_path / "b.wav", "--text", "-")]
    assert CliRunner().invoke(app, command, input=text.encode()).exit_code == 0
    assert read_settings(tmp_path / "a.wav").settings.text == read_settings(tmp_path / "b.wav").settings.text == text


def test_texts_that_cannot_be_taken_are_one_line(tmp_path, sounds):
    out, file = tmp_path / "a.wav", tmp_path / "text.txt"
    file.write_bytes(b"\xff\xfe\x00bad")
    long = tmp_path / "long.txt"
    long.write_text("word " * 10_000)
    huge = tmp_path / "huge.txt"
    huge.write_bytes(b"x" * 1_000_001)
    cases = {
        "error: text: is missing; give --text, --text-file, or --text - for": say(out),
        "error: text: is given twice, by --text and --text-file": say(out, "--text", "x", "--text-file", file),
        "error: text: is empty": say(out, "--text", "  "),
        "error: text: at most 20000 characters, got 49999; shorten it": say(out, "--text-file", long),
        "error: text_file: huge.txt holds more than 1,000,000 bytes": say(out, "--text-file", huge),
        "error: text_file: text.txt is not UTF-8 text": say(out, "--text-file", file),
        "error: text_file: 'gone.txt' cannot be read": say(out, "--text-file", tmp_path / "gone.txt"),
        f"error: text_file: {tmp_path.name!r} cannot be read": say(out, "--text-file", tmp_path),
        "error: speed: ": say(out, "--text", "x", "--speed", "9"),
        "error: out: 'a.png' must end in .wav, .flac, .ogg, .mp3": say(tmp_path / "a.png", "--text", "x"),
        "error: out: 'a.srt' must end in .wav": say(tmp_path / "a.srt", "--text", "x"),
    }
    for start, command in cases.items():
        said = refused(*command)
        assert said.startswith(start) and said.count("\n") == 1, said
    assert not out.exists()


def test_words_of_a_recording_are_changed(tmp_path, sounds, recording):
    out = tmp_path / "new.flac"
    result = ran(
        *("edit", "speech", recording, "--source-text", "Good morning.", "--text", "Good night.", "--seed", 4),
        *("--out", out, "--start", "0.1", "--end", "0.2"),
    )
    assert "note: in.wav was read" in result.stderr
    found = read_settings(out)
    assert found.settings == SpeechEditSettings(
        source_text="Good morning.", text="Good night.", seed=4, start=0.1, end=0.2
    ) and found.ai_mark.startswith("composite")
    assert load(out).seconds == 0.5


def test_an_edit_of_speech_made_here_knows_when_its_words_are_said(tmp_path, sounds):
    ran(*say(tmp_path / "a.wav", "--text", "One two."))
    edit = ("edit", "speech", tmp_path / "a.wav", "--source-text", "One two.", "--text", "Three.", "--seed", 1)
    ran(*edit, "--out", tmp_path / "b.wav")
    assert [word.text for word in read_words(tmp_path / "b.wav")] == ["One", "two", "Three."]


def test_what_a_recording_says_may_be_left_out_of_it(tmp_path, sounds, recording):
    edit = ("edit", "speech", recording, "--out", tmp_path / "b.wav")
    assert "error: source_text: is missing" in refused(*edit, "--text", "x")
    assert "SOURCE" in refused("edit", "speech", "--source-text", "x", "--out", tmp_path / "b.wav").upper()


def test_sounds_are_made_and_each_replays_by_itself(tmp_path, sounds):
    out = tmp_path / "rain.wav"
    ran(*("generate", "sound", "--prompt", "rain", "--seconds", 6, "--loop", "--count", 2, "--seed", 5, "--out", out))
    for seed, path in ((5, out), (6, tmp_path / "rain-2.wav")):
        assert read_settings(path).settings == SoundSettings(prompt="rain", seconds=6, loop=True, seed=seed)
        assert np.array_equal(load(path).samples, tone(seed, 12).samples)


def test_a_sound_becomes_another(tmp_path, sounds, recording):
    out = tmp_path / "new.ogg"
    edit = ("edit", "sound", recording, "--source-prompt", "piano", "--prompt", "strings", "--seed", 1, "--out", out)
    assert "note: a note of the run" in ran(*edit).stderr
    assert read_settings(out).settings == SoundEditSettings(source_prompt="piano", prompt="strings", seed=1)
    assert refused(*edit).startswith("error: out: new.ogg exists")


def test_a_file_is_converted_with_its_settings(tmp_path, sounds):
    kept = tmp_path / "a.wav"
    ran(*say(kept, "--text", "Hello there."))
    for ending in ("mp3", "srt", "vtt"):
        out = tmp_path / f"b.{ending}"
        assert ran("convert", kept, "--out", out).stdout == f"{out}\n"
    assert read_settings(tmp_path / "b.mp3").settings == read_settings(kept).settings
    assert "Hello there" in (tmp_path / "b.srt").read_text()
    ran("generate", "sound", "--prompt", "rain", "--seed", 1, "--out", tmp_path / "rain.wav")
    cases = {
        "error: out: it is not known what is said in this sound": (tmp_path / "rain.wav", tmp_path / "c.srt"),
        "error: out: b.mp3 exists": (kept, tmp_path / "b.mp3"),
        "error: gone.wav: no such file": (tmp_path / "gone.wav", tmp_path / "c.mp3"),
        "error: out: 'c.png' must end in .wav": (kept, tmp_path / "c.png"),
    }
    for start, (source, out) in cases.items():
        said = refused("convert", source, "--out", out)
        assert said.startswith(start) and said.count("\n") == 1, said
    assert not (tmp_path / "c.srt").exists()
