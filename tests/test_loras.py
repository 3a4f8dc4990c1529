"""LoRA files and paths: what a person's own command may open, and what pages and servers may."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from test_checkpoints import checkpoint

from pipelines.checkpoints import loras
from pipelines.errors import ModelError
from pipelines.settings import ImageEditSettings, ImageSettings, VideoSettings
from studio import choosing
from studio.people import People
from studio.tabs import adding
from studio.workshop import Workshop


@pytest.fixture(autouse=True)
def own(home, monkeypatch):
    """The studio's folder, with no folder of LoRAs but its own."""
    monkeypatch.delenv("EDDYLINE_LORAS", raising=False)
    return home / "home"


def lora(path, **said):
    path.parent.mkdir(parents=True, exist_ok=True)
    layer = {"x.to_v.lora_A.weight": np.zeros((2, 4), np.float32), "x.to_v.lora_B.weight": np.zeros((4, 2), np.float32)}
    save_file(layer, path, metadata=said or None)
    return path


def test_a_file_is_dropped_says_what_it_is_for_and_is_found_by_name(own, tmp_path):
    path = lora(tmp_path / "up" / "ink.safetensors", base_model="FLUX.1-dev")
    assert loras.describe(path) == "ink: 1 layers, made for FLUX.1-dev"
    assert loras.keep(path) == "ink" and loras.held() == ["ink"] and loras.keep(path) == "ink"
    assert loras.keep(path, "Second ink") == "Second ink"
    found = loras.asked_for("ink:0.5, Second ink", anywhere=False)
    assert [(each.path, each.weight) for each in found] == [
        (own / "loras" / "ink.safetensors", 0.5), (own / "loras" / "Second ink.safetensors", 1.0)
    ]  # fmt: skip
    assert not list((own / "loras").glob("*.part"))


def test_what_is_no_lora_file_is_not_taken_in(own, tmp_path):
    good = lora(tmp_path / "ink.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"x.to_v.lora_A.weight": np.ones((2, 4), np.float32)}, other)
    save_file({"a.weight": np.zeros(2, np.float32)}, tmp_path / "whole.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"\0" * 40)
    (tmp_path / "ink.pt").write_bytes(b"\x80\x04")
    loras.keep(good)
    for name, called, said in (
        ("whole.safetensors", "", "holds no LoRA layers; it may be a whole model"),
        ("torn.safetensors", "", "is damaged or no safetensors file"),
        ("ink.pt", "", "is no safetensors file; others can run code"),
        ("other.safetensors", "ink", "there is another file called 'ink'; rename yours"),
        ("ink.safetensors", "a:b", "letters, digits, spaces"),
    ):
        with pytest.raises(ModelError, match=f"^lora: .*{said}"):
            loras.keep(tmp_path / name, called)
    assert loras.held() == ["ink"]


def test_a_command_may_name_a_path_a_server_may_not_and_does_not_say_what_is_there(own, tmp_path):
    here, absent = lora(tmp_path / "mine.safetensors"), tmp_path / "absent.safetensors"
    lora(own / "loras" / "ink.safetensors")
    lora(own / "apart.safetensors")
    assert loras.asked_for(str(here))[0].path == here
    told = set()
    for name in (str(here), str(absent), "../apart", "../apart.safetensors", "/etc/passwd"):
        with pytest.raises(ModelError, match="not a path") as error:
            loras.asked_for(name, anywhere=False)
        told.add(re.sub("got .*;", "got NAME;", str(error.value)))
    assert told == {"lora: name a file of the studio's folder, not a path, got NAME; there are ink"}
    with pytest.raises(ModelError, match="'apart' is not here; there are ink"):
        loras.asked_for("apart", anywhere=False)


def test_files_are_dropped_on_the_page_and_taken_away_again(own, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.uploads.get_upload_folder", lambda: str(tmp_path / "up"))
    ink = lora(tmp_path / "up" / "ink.safetensors", base_model="FLUX.1-dev")
    (tmp_path / "up" / "torn.safetensors").write_bytes(b"\0" * 40)
    outside = lora(tmp_path / "outside.safetensors")
    told, field = adding.kept([str(ink), str(tmp_path / "up" / "torn.safetensors"), str(outside)])
    for part in (
        "ink: 1 layers, made for FLUX.1-dev",
        "torn.safetensors is damaged",
        "was not uploaded here",
        "paper:0.6",
    ):
        assert part in told
    assert field is None and loras.held() == ["ink"]
    assert "&#x27;../x&#x27; is not here" in adding.taken_away("../x")[0] and loras.held() == ["ink"]
    assert "None is here yet" in adding.taken_away("ink")[0] and loras.held() == []


@pytest.mark.parametrize("shared", [False, True], ids=["local", "shared"])
def test_nothing_that_a_page_or_a_program_sends_opens_a_path(own, tmp_path, shared):
    file, folder = lora(tmp_path / "mine.safetensors"), checkpoint(tmp_path / "mine", "FluxPipeline")
    shop = Workshop.open(People(shared), own)
    for settings in (
        ImageSettings(prompt="a cat", lora=str(file)),
        ImageEditSettings(prompt="a dog", source_prompt="a cat", lora=f"{file}:0.5"),
        VideoSettings(prompt="a cat", lora="../mine"),
    ):
        with pytest.raises(ModelError, match="^lora: name a file of the studio's folder, not a path"):
            shop.submit([settings], "", {})
    for model in (str(folder), str(tmp_path / "absent"), "~/x"):
        with pytest.raises(ModelError, match="cannot be used here; there is: starter"):
            shop.submit([ImageSettings(prompt="a cat", model=model)], "", {})
    with shop.store.connect() as db:
        assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


def test_settings_by_themselves_look_at_no_folder(tmp_path, monkeypatch):
    from studio.commands.planning import suited

    folder = checkpoint(tmp_path / "mine", "FluxPipeline")
    chosen = {"prompt": "a cat", "model": str(folder)}
    assert suited(ImageSettings, chosen)["guidance"] == 3.5  # a command looks
    asked = []
    for name in ("is_dir", "is_file", "exists", "read_text", "open"):
        held = getattr(Path, name)
        monkeypatch.setattr(
            Path, name, lambda self, *more, held=held, **named: asked.append(str(self)) or held(self, *more, **named)
        )
    settings = ImageSettings(**chosen)
    choosing.suited(ImageSettings, str(folder))
    assert settings.guidance == ImageSettings(prompt="a cat", model="owner/name").guidance
    assert not [each for each in asked if str(folder) in each]
