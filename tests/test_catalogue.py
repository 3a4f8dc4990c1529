"""Model cards agree with what ships and with what can be loaded; nothing heavy is needed to read them."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from pipelines import catalogue
from pipelines.catalogue import MEDIA, Card, card, card_of, cards, installed, size_on_disk
from pipelines.checkpoints.known import KNOWN
from pipelines.errors import ModelError
from pipelines.models import registry
from pipelines.paths import assets
from pipelines.settings import ANY_SETTINGS
from studio.jobs.runner import KINDS

ROOT = Path(__file__).parent.parent


def test_starters_are_those_that_can_be_loaded():
    shipped = {(each.medium, each.model): each.folder for each in cards() if each.folder}
    assert shipped == registry.STARTERS and registry.LOADERS.keys() == registry.STARTERS.keys()


def test_everything_that_can_be_used_has_a_pipeline_and_the_settings_name_it():
    usable = {(each.medium, each.model) for each in cards() if each.usable}
    assert usable == KINDS.keys()
    kinds = [kind for kind in ANY_SETTINGS.values() if "model" in kind.model_fields]
    assert {(kind.MEDIUM, name) for kind in kinds for name in kind.STARTERS} == usable  # and all take checkpoints
    assert all((kind.MEDIUM, kind.model_fields["model"].default) in usable for kind in kinds)


def test_ids_and_settings_names_are_unique():
    everything = cards()
    assert len({each.id for each in everything}) == len({(e.medium, e.model) for e in everything}) == len(everything)
    assert len({each.repo for each in everything if each.repo}) == sum(not each.usable for each in everything)


@pytest.mark.parametrize("starter", [each for each in cards() if each.folder], ids=lambda each: each.id)
def test_a_starter_states_its_real_numbers(starter):
    own, *shared = [assets() / "weights" / name for name in (starter.folder, *starter.needs)]
    if not (own / "config.json").is_file():
        pytest.skip("a checkout without weights")
    assert starter.parameters * 1e9 == pytest.approx(counted(own), rel=0.01)
    assert (starter.helpers or 0) * 1e9 == pytest.approx(sum(map(counted, shared)), rel=0.01)
    files = [path for folder in (own, *shared) for path in folder.iterdir()]
    assert starter.disk_bytes == sum(path.stat().st_size for path in files) and starter.download_bytes == 0
    assert starter.state == "ready" and starter.licence in (own / "README.md").read_text()


def counted(folder):
    """Numbers in a folder of weights."""
    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as held:
            count += sum(held.get_tensor(name).numel() for name in held.keys())  # noqa: SIM118
    return count


@pytest.mark.parametrize("id", ["image-starter", "sound-starter"])
def test_what_an_edit_shares_is_stated(id):
    starter = card(id)
    path = assets() / "weights" / starter.folder / "config.json"
    if not path.is_file():
        pytest.skip("a checkout without weights")
    config = json.loads(path.read_text())["backbone"]
    assert starter.layers == config["depth"] and starter.value_bytes == math.prod(config["grid"]) * config["dim"] * 4


def test_starters_are_ready_and_the_others_can_be_fetched_or_are_planned(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert {each.state for each in cards() if each.fetchable} == {"away"}
    assert {each.id for each in cards() if each.state == "planned"} == {"wan-2.2-s2v"}
    assert {each.family for each in cards() if each.fetchable} <= KNOWN.keys()
    assert all(each.repo and each.memory_bytes > each.disk_bytes > 0 for each in cards() if not each.usable)
    assert card("image-starter").state == "ready" and cards()[0].id == "image-starter"


def test_a_voice_in_a_package_is_ready_with_it_and_counted_on_disk(monkeypatch):
    voice = card("hibari")
    assert voice.usable and voice.folder is None and not voice.steps and voice.capabilities == ("generate",)
    assert voice.state == "ready" and 10_000_000 < voice.disk_bytes < 40_000_000 and voice.download_bytes == 0
    assert card_of("audio", "hibari") is voice and all(each.steps for each in cards() if each is not voice)
    gone = voice.model_copy(update={"package": "no-such-package"})
    assert gone.state == "damaged" and size_on_disk(gone) == 0


def test_a_starter_without_its_files_is_damaged(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "assets", lambda: tmp_path)
    assert card("image-starter").state == "damaged" and size_on_disk(card("image-starter")) == 0


@pytest.mark.parametrize("medium", MEDIA)
def test_cards_of_a_medium(medium):
    assert cards(medium) == tuple(each for each in cards() if each.medium == medium)


def test_what_is_not_there_is_said_with_what_is():
    with pytest.raises(ModelError, match="unknown model 'best'; known are image-starter, .*, hibari, flux"):
        card("best")
    with pytest.raises(ModelError, match="unknown medium 'smell'; choose one of image, video"):
        cards("smell")
    assert card_of("image", "starter") is card("image-starter") and card_of("audio", "starter") is None


def test_a_copy_in_the_hub_cache_is_found_and_counted_once(monkeypatch, tmp_path):
    flux = card("flux-1-schnell")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert not installed(flux) and size_on_disk(flux) == 0
    folder = tmp_path / "models--black-forest-labs--FLUX.1-schnell"
    (folder / "blobs").mkdir(parents=True)
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "blobs" / "1").write_bytes(b"x" * 1000)
    (folder / "snapshots" / "abc" / "model.safetensors").symlink_to(folder / "blobs" / "1")
    assert not installed(flux) and flux.state == "away"  # it is on its way
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc" / "model_index.json").symlink_to(folder / "blobs" / "1")
    assert installed(flux) and size_on_disk(flux) == 1003 and flux.state == "here"


def test_the_distilled_model_that_cannot_be_turned_back_says_so():
    assert "invert" not in card("stable-audio-3").capabilities and "invert" in card("stable-audio-3-base").capabilities


def test_licences_that_forbid_or_limit_commerce_are_marked():
    marks = {each.id: each.commercial for each in cards()}
    assert marks["flux-1-dev"] == marks["f5-tts"] == "no"
    assert marks["hunyuan3d-2"] == marks["sd-3.5-large"] == "ask" and "EU" in card("hunyuan3d-2").note
    free = ("Apache-2.0", "MIT")
    assert all((each.commercial == "yes") == (each.licence in free) for each in cards())


def test_a_card_with_a_misspelt_field_is_refused():
    with pytest.raises(ValueError, match="licens"):
        Card(**{**card("image-starter").model_dump(), "licens": "MIT"})


@pytest.mark.parametrize("value, off", [("1", True), ("TRUE", True), ("0", False), ("", False)])
def test_offline_is_what_the_environment_says(monkeypatch, value, off):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert catalogue.offline() is off


def test_reading_cards_loads_nothing_heavy_and_opens_no_connection():
    code = (
        "import socket, sys; socket.socket.connect = None\n"
        "from pipelines.catalogue import cards, installed; [installed(c) for c in cards()]\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'torch', 'gradio', 'diffusers', 'huggingface_hub'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
