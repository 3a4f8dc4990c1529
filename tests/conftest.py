"""Fixtures that several test files share."""

import os
import tempfile

import pytest
import torch
from pages import browser, loops_closed, visit  # noqa: F401
from starters import random_starter, save_starter

# Whatever a test forgets to say, it must not touch the person's own folder.
os.environ["EDDYLINE_HOME"] = tempfile.mkdtemp(prefix="eddyline-test-")
# Tensors here are small: on a busy machine threads wait for one another twenty times longer than they work.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_starter():
    """A random starter of dim 32, depth 2; shared, so leave it as it is."""
    return random_starter()


@pytest.fixture(scope="session")
def starter_files(tiny_starter, tmp_path_factory):
    """Folder with the files of ``tiny_starter``; shared, so copy it before damaging it."""
    return save_starter(tiny_starter, tmp_path_factory.mktemp("starters") / "tiny")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder whose ``home`` is the studio's, with no checkpoint of this machine."""
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def pytest_terminal_summary(terminalreporter):
    """Why each test that was tried again had failed before: a test that fails now and then is worth mending."""
    for report in terminalreporter.stats.get("rerun", []):
        crash = getattr(report.longrepr, "reprcrash", None)
        why = f"{crash.path}:{crash.lineno}: {crash.message}" if crash else str(report.longrepr)
        terminalreporter.write_line(f"tried again: {report.nodeid}: {why[:600]}")
