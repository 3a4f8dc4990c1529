"""What the machine has and what fits into it."""

import sys
from types import SimpleNamespace

import psutil
import pytest

from pipelines.catalogue import card
from pipelines.checkpoints import graphics, measured
from studio import machine as module
from studio.machine import Graphics, Machine, fits, machine, size

GB = 10**9
LAPTOP = Machine(cores=4, memory=16 * GB, free=8 * GB, disk=100 * GB)


def test_this_machine_is_described(tmp_path):
    here = machine(tmp_path / "not" / "made" / "yet")
    assert 1 <= here.cores and 0 < here.free <= here.memory <= psutil.virtual_memory().total and here.disk > 0
    assert size(here.memory) in here.sentence()


@pytest.mark.parametrize(("cores", "workers", "each"), [(1, 1, 1), (2, 1, 1), (8, 1, 7), (8, 3, 2), (2, 4, 1)])
def test_a_worker_leaves_a_core_to_the_browser(monkeypatch, cores, workers, each):
    monkeypatch.setattr(module, "_cores", lambda: cores)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 16)
    assert module.threads(workers) == each


def test_a_container_counts_its_own_part(monkeypatch, tmp_path):
    (tmp_path / "max").write_text("2000000000\n")
    (tmp_path / "now").write_text("500000000\n")
    monkeypatch.setattr(module, "_LIMITS", (str(tmp_path / "max"),))
    monkeypatch.setattr(module, "_USES", (str(tmp_path / "now"),))
    here = machine(tmp_path)
    assert here.memory == 2 * GB and here.free <= 1.5 * GB
    (tmp_path / "max").write_text("max\n")
    assert machine(tmp_path).memory == psutil.virtual_memory().total


def test_torch_is_asked_only_where_it_is_loaded(monkeypatch):
    cuda = SimpleNamespace(
        is_available=lambda: True, mem_get_info=lambda index: (60 * GB, 80 * GB), device_count=lambda: 1,
        get_device_name=lambda index: "Big Card",
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    here = machine()
    assert here.graphics == Graphics("Big Card", 80 * GB, 60 * GB) and here.room == 60 * GB
    assert "Big Card (80 GB)" in here.sentence()
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(graphics, "_built_for_cards", lambda: False)
    assert machine().graphics is None


def test_without_torch_the_drivers_own_tool_is_asked(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA Card, 24564, 20000'\necho 'Other, 8192, 8000'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(graphics, "_built_for_cards", lambda: True)
    monkeypatch.setattr(graphics, "_answer", (-100.0, ()))
    assert machine().graphics == Graphics("NVIDIA Card", 24564 << 20, 20000 << 20)
    means = measured()
    assert means.device == "cuda" and means.graphics == (20000 << 20, 8000 << 20)
    tool.write_text("#!/bin/sh\nexit 9\n")
    monkeypatch.setattr(graphics, "_answer", (-100.0, ()))
    assert machine().graphics is None and measured().device == "cpu"


def test_a_starter_fits_a_laptop():
    fit = fits(card("image-starter"), LAPTOP)
    assert fit.ok and fit.sentence == "Fits: it needs 400 MB of memory, 8.0 GB are free."


@pytest.mark.parametrize(
    "id, here, starts",
    [
        ("flux-1-dev", LAPTOP, "Too large for this machine: it needs 40 GB of memory, this machine has 16 GB."),
        ("flux-1-dev", Machine(4, 64 * GB, 60 * GB, 34 * GB), "Too large for this disk: it takes 34 GB, 34 GB are"),
        ("sana-1600m", LAPTOP, "Not now: it needs 11 GB of memory, 8.0 GB are free."),
        ("flux-1-dev", Machine(4, 64 * GB, 60 * GB, 90 * GB, Graphics("x", 24 * GB, 24 * GB)), "Too large for this m"),
    ],
)
def test_what_does_not_fit_says_why(id, here, starts):
    fit = fits(card(id), here)
    assert not fit.ok and fit.sentence.startswith(starts)


def test_a_lower_bound_is_not_sold_as_a_promise():
    fit = fits(card("longcat-audio-1b"), LAPTOP)
    assert fit.ok and fit.sentence.startswith("May fit: it needs at least 2.4 GB")


@pytest.mark.parametrize(
    "count, said",
    [
        (0, "0 kB"),
        (1500, "2 kB"),
        (32_440_000, "32 MB"),
        (999_000_000, "1.0 GB"),
        (9.96e9, "10 GB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_sizes_as_a_person_says_them(count, said):
    assert size(count) == said
