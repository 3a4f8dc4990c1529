"""The command line, on the shipped starter where there is one: options, files, refusals."""

import inspect
import re

import numpy as np
import pytest
from PIL import Image
from starters import any_picture
from typer.testing import CliRunner

from pipelines.models import registry
from pipelines.paths import assets
from pipelines.settings import ImageEditSettings, ImageSettings
from studio.cli import app, settings_options
from studio.provenance import read_settings

KINDS = {"generate": ImageSettings, "edit": ImageEditSettings}
FIELDS = [(task, name) for task, kind in KINDS.items() for name in kind.model_fields if name != "version"]
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


@pytest.mark.parametrize("task", KINDS)
def test_every_setting_is_an_option(task):
    shown = ran(task, "image", "--help").output
    options = set(re.findall(r"--([a-z-]+)", shown))
    assert {name.replace("_", "-") for owner, name in FIELDS if owner == task} <= options
    assert "version" not in options
    words = re.sub(r"[\s│|]+", " ", shown)
    assert all(field.title in words for name, field in KINDS[task].model_fields.items() if name != "version")


@pytest.mark.parametrize("task, name", FIELDS)
def test_an_option_has_the_default_of_its_setting(task, name):
    (option,) = [p for p in settings_options(KINDS[task]) if p.name == name]
    field = KINDS[task].model_fields[name]
    assert option.default == (inspect.Parameter.empty if name == "prompt" else field.default)


def test_a_command_without_words_shows_its_help():
    assert "generate" in run().output and "edit" in run().output
    assert "image" in run("generate").output


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
