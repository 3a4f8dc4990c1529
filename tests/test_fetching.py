"""Downloads from the Models page and from commands: the licence first, then progress, stopping, and going on."""

import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.catalogue import card
from pipelines.checkpoints import fetching as hub
from pipelines.checkpoints import find, licences
from pipelines.errors import ModelError
from studio.cli import app
from studio.fetching import Fetches
from studio.tabs import fetching

FAKE = str(Path(__file__).parent / "fake_fetch.py")
SANA = card("sana-1600m")


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """A studio's folder and a cache of its own, and no network."""
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "_asked", lambda found, work: pytest.fail("the network was tried"))
    return tmp_path / "hub"


def waited(fetches, state):
    end = time.monotonic() + 30
    while (standing := fetches.of(SANA)) is None or standing.state != state:
        assert time.monotonic() < end, standing
        time.sleep(0.02)
    return standing


def test_nothing_is_fetched_before_its_licence_is_accepted():
    with pytest.raises(ModelError) as error:
        hub.fetch(find("flux-1-dev"))
    for part in ("FLUX.1 dev Non-Commercial", "no commercial use", "https://huggingface.co/black-forest-labs/FLUX.1-dev",
                 "eddyline models fetch flux-1-dev --accept-licence"):  # fmt: skip
        assert part in str(error.value)
    assert "does not cover the EU" in " ".join(licences.lines(find("hunyuan-video-1.5")))
    assert "a licence of its own, which is not known here" in " ".join(licences.lines(find("owner/name")))
    licences.accept(find("flux-1-dev"))
    assert licences.accepted(find("black-forest-labs/FLUX.1-dev")) and not licences.accepted(find("owner/name"))


def test_a_command_shows_the_licence_and_asks(monkeypatch):
    asked = CliRunner().invoke(app, ["models", "fetch", "flux-1-dev"])  # nobody at a keyboard: not accepted
    assert asked.exit_code == 2 and "FLUX.1 dev Non-Commercial" in asked.output and not licences._read()
    monkeypatch.setattr(hub, "_asked", lambda found, work: (_ for _ in ()).throw(ModelError("model: no network")))
    given = CliRunner().invoke(app, ["models", "fetch", "flux-1-dev", "--accept-licence"])
    assert given.exit_code == 2 and "no network" in given.output and licences.accepted(find("flux-1-dev"))


def test_a_download_says_how_far_it_is_stops_and_goes_on(apart):
    fetches = Fetches((sys.executable, FAKE, str(apart)))
    offered = fetching.Offered(fetches)
    assert 'data-act="ask"' in offered.html(SANA) and "accept" not in offered.html(SANA)
    question = fetching.Offered(fetches, SANA.id).html(SANA)
    for part in ("NVIDIA", "It sets conditions for commercial use.", SANA.repo, "9.1 GB", 'data-act="accept"'):
        assert part in question
    assert fetching.act(fetches, SANA.id, "accept") == "SANA 1.6B is being fetched. You can go on working."
    assert licences.accepted(find(SANA.model)) and fetches.busy
    while not (standing := waited(fetches, "running")).here:
        time.sleep(0.02)
    assert standing.total == 4_000_000 and 0 < standing.here < standing.total
    assert 'max="4000000"' in offered.html(SANA) and 'data-act="stop"' in offered.html(SANA)
    assert "Stopped" in fetching.act(fetches, SANA.id, "stop")
    stopped = waited(fetches, "stopped")
    assert stopped.here < 4_000_000 and card(SANA.id).state == "away"
    fetches.start(SANA)
    assert waited(fetches, "done").here == 4_000_000 and card(SANA.id).state == "here" and not fetches.busy


def test_a_download_that_fails_says_why(apart):
    fetches = Fetches((sys.executable, FAKE, str(apart), "fail"))
    fetches.start(SANA)
    assert waited(fetches, "failed").reason == "model: no route to the hub; check the network"
    assert "no route to the hub" in fetching.Offered(fetches).html(SANA)


def test_a_click_that_was_made_up_fetches_nothing(apart, monkeypatch):
    fetches = Fetches((sys.executable, FAKE, str(apart)))
    for id, action in (("image-starter", "accept"), ("nothing", "accept"), ("wan-2.2-s2v", "accept")):
        assert fetching.act(fetches, id, action).startswith("That did not work.")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "stay off-line" in fetching.act(fetches, SANA.id, "accept")
    assert not fetches.busy and not licences._read()


def test_the_process_that_fetches_says_errors_in_a_line(capsys):
    from pipelines.checkpoints.__main__ import main

    assert main("flux-1-dev") == 2 and capsys.readouterr().err.count("\n") == 1
