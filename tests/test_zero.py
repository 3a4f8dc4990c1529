"""ZeroGPU, as far as it can be had here: a stand-in for its package records how it was asked."""

import sys
import time
import types

import pytest
from fake_runner import FakeRunner  # noqa: F401

from pipelines.settings import ImageSettings
from studio.jobs import Jobs, zero
from studio.people import People
from studio.store import Store
from studio.workshop import Workshop


@pytest.fixture
def asked(monkeypatch):
    """Durations that were asked for."""
    durations = []

    def gpu(duration):
        def wrap(function):
            def call(*given):
                durations.append(duration(*given))
                return function(*given)

            return call

        return wrap

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    return durations


def test_a_job_runs_inside_the_decorator_for_about_as_long_as_it_takes(asked, tmp_path):
    shop = Workshop.open(People(True), tmp_path, runner="fake_runner:FakeRunner")
    assert isinstance(shop.executor, zero.ThreadExecutor)
    quick, slow = (ImageSettings(prompt="x", seed=1, steps=20, count=count) for count in (1, 8))
    jobs = shop.jobs.submit([quick, slow], "ann")
    shop.paces.record(quick, 6.0)  # as past runs say
    shop.start()
    try:
        end = time.monotonic() + 30
        while any(shop.jobs.get(job.id, "ann").waiting for job in jobs):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        shop.stop()
    assert [shop.jobs.get(job.id, "ann").state for job in jobs] == ["done", "done"]
    assert zero.LEAST < asked[0] < asked[1] <= zero.MOST


def test_elsewhere_there_is_none_of_it(monkeypatch, tmp_path):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not zero.present()
    assert isinstance(Workshop.open(People(False), tmp_path).jobs, Jobs) and Store(tmp_path)
