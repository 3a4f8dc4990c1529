"""``eddyline models``: the list, and honest refusals."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_checkpoints import checkpoint
from typer.testing import CliRunner

from pipelines.catalogue import cards
from studio.cli import app

ROOT = Path(__file__).parent.parent


def run(*arguments):
    return CliRunner().invoke(app, ["models", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.output, result.output
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ")
    return result.stderr


def test_the_list_names_every_model_with_its_licence():
    result = run("list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and [line.split()[0] for line in lines[: len(cards())]] == [
        each.id for each in cards()
    ]
    assert all(each.licence in line for each, line in zip(cards(), lines, strict=False))
    by_id = {line.split()[0]: line for line in lines[: len(cards())]}
    assert "ready" in by_id["image-starter"] and "34 MB" in by_id["image-starter"]
    assert "away" in by_id["flux-1-schnell"] and "about 34 GB" in by_id["flux-1-schnell"]
    assert "ready" in by_id["hibari"] and "audio" in by_id["hibari"]


def test_the_list_as_json():
    found = json.loads(run("list", "--json").stdout)
    assert [each["id"] for each in found] == [each.id for each in cards()]
    starter = found[0]
    assert starter["state"] == "ready" and starter["fits"] is True and starter["sizes_are"] == "measured"
    assert starter["on_disk_bytes"] == starter["disk_bytes"] > 30_000_000 and starter["download_bytes"] == 0
    flux = next(each for each in found if each["id"] == "flux-1-schnell")
    assert flux["commercial"] == "yes" and flux["sizes_are"] == "estimates"


def test_the_list_of_one_medium():
    found = json.loads(run("list", "--json", "--medium", "video").stdout)
    assert found and {each["medium"] for each in found} == {"video"}
    assert "medium: unknown medium 'smell'; choose one of image" in refused("list", "--medium", "smell")


@pytest.mark.parametrize("action, said", [("fetch", "nothing to fetch"), ("remove", "and stays")])
@pytest.mark.parametrize("model", ["image-starter", "speech-starter", "sound-starter"])
def test_starters_are_shipped(action, said, model):
    message = refused(action, model)
    assert "is shipped with Eddyline" in message and said in message


@pytest.mark.parametrize("action, said", [("fetch", "nothing to fetch"), ("remove", "and stays")])
def test_a_voice_in_a_package_comes_and_goes_with_it(action, said):
    message = refused(action, "hibari")
    assert "comes inside the Python package hibari-tts" in message and said in message


@pytest.mark.parametrize("action", ["fetch", "remove"])
def test_an_unknown_model_names_the_known(action):
    assert "unknown model 'best'; known are image-starter, speech-starter" in refused(action, "best")


def test_what_cannot_be_used_yet_is_not_downloaded(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "cannot be used in this version" in refused("fetch", "wan-2.2-s2v")
    assert "stay off-line" in refused("fetch", "flux-1-dev")
    assert "stay off-line" in refused("fetch", "owner/name")
    assert "not on this machine" in refused("remove", "flux-1-dev")


def test_a_plan_is_said_and_a_folder_gets_a_name(monkeypatch, tmp_path):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    said = run("plan", "flux-1-dev", "--load", "offload=group").stdout
    assert "FLUX.1 dev (FluxPipeline)" in said and "layers wait in memory" in said and "download:   34 GB" not in said
    assert "load: write name=value" in refused("plan", "flux-1-dev", "--load", "fast")
    folder = checkpoint(tmp_path / "mine", "WanPipeline")
    assert "Mine (Wan) can be chosen now" in run("add", str(folder), "--name", "Mine").stdout
    assert "Mine" in run("list").stdout and "was not added here; there are Mine" in refused("forget", "other")
    assert "its files stay" in run("forget", "Mine").stdout and folder.is_dir()
    assert "holds no model_index.json" in refused("add", str(tmp_path))


def test_a_copy_of_another_program_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--black-forest-labs--FLUX.1-dev"
    copy = folder / "snapshots" / "abc"
    copy.mkdir(parents=True)
    (copy / "model_index.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    assert "put there by another program and stays" in refused("remove", "flux-1-dev")
    assert copy.is_dir() and str(tmp_path.parent) not in run("remove", "flux-1-dev").output


def test_the_list_loads_neither_torch_nor_gradio():
    code = (
        "import sys; from typer.testing import CliRunner; from studio.cli import app\n"
        "assert CliRunner().invoke(app, ['models', 'list']).exit_code == 0\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'torch', 'gradio', 'diffusers'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
