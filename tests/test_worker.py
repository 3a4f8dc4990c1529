"""Workers and the server around them: outcomes of jobs, accidents, kills. All in real processes, without a model."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from fake_runner import sentence, tone
from PIL import Image

from pipelines.events import Piece, Preview, Progress
from pipelines.settings import ImageEditSettings, ImageSettings, SoundSettings, SpeechSettings
from studio.jobs import Jobs, Standing
from studio.jobs.desk import Desk
from studio.jobs.executor import LocalExecutor
from studio.jobs.results import alone, drop_left, sweep
from studio.library import Library, files
from studio.machine import threads
from studio.people import People
from studio.provenance import read_settings
from studio.store import Store

TESTS = str(Path(__file__).parent)
FAKE = "fake_runner:FakeRunner"


@pytest.fixture(autouse=True)
def findable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, str(Path(TESTS).parent)]))


@pytest.fixture
def jobs(tmp_path):
    return Jobs(Store(tmp_path))


@pytest.fixture
def running(jobs):
    executor = LocalExecutor(jobs, runner=FAKE)
    executor.start()
    yield executor
    executor.stop()


def ask(jobs, words, owner="", inputs=None, **settings):
    return jobs.submit([ImageSettings(prompt=words, **{"seed": 7, "steps": 3, **settings})], owner, inputs)[0]


def ended(jobs, job, seconds=30):
    return until(lambda: (held := jobs.get(job.id, job.owner)) and not held.waiting and held, seconds)


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


def test_a_job_becomes_files_with_their_settings_in_the_library(jobs, running):
    job = ask(jobs, "an unknown kite", count=3)
    done = ended(jobs, job)
    assert (done.state, done.done, done.total, done.reason) == ("done", 3, 3, None)
    assert done.notes == ("Not in the vocabulary: unknown",) and done.preview >= 1
    made = Library(jobs.store).made_by([job.id], "")[job.id]
    assert [asset.seed for asset in made] == [7, 8, 9]
    assert [asset.place for asset in made] == [0, 1, 2]
    for asset in made:
        found = read_settings(asset.path)
        assert found.settings == alone(job.settings, asset.seed) and found.origin.id == asset.id
        assert found.origin.job == job.id
        assert asset.path.relative_to(jobs.store.home).parts[0] == "image"
    until(lambda: not jobs.folder(job.id).exists())  # a moment after the job is done
    assert Library(jobs.store).check() == []


def test_an_edit_knows_its_source(jobs, running, tmp_path):
    Image.new("RGB", (9, 9), "teal").save(tmp_path / "it.png")
    source = Library(jobs.store).bring_in(tmp_path / "it.png", "it.png", "")
    settings = ImageEditSettings(prompt="a boat", seed=3, steps=1)
    job = jobs.submit([settings], "", {"source": source.id})[0]
    assert ended(jobs, job).state == "done"
    library = Library(jobs.store)
    made = library.made_by([job.id], "")[job.id][0]
    assert [(role, parent.id) for role, parent in library.parents(made.id, "")] == [("source", source.id)]
    missing = jobs.submit([settings], "", {"source": "0" * 32})[0]
    assert "the file that this was to be made from is gone" in ended(jobs, missing).reason


def test_speech_is_heard_in_pieces_and_kept_whole_with_its_words(jobs, running, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.3")
    settings = SpeechSettings(text="One two. Three. Four.", seed=7, steps=1)
    job = jobs.submit([settings], "")[0]
    folder = jobs.folder(job.id)
    until(lambda: (folder / "piece-001.wav").exists())
    told = json.loads((folder / "piece-001.json").read_text())
    assert told == {"start": 0.25, "seconds": 0.25, "words": [{"text": "Three", "start": 0.0, "end": 0.25}]}
    samples, rate = soundfile.read(folder / "piece-000.wav", dtype="float32")
    assert rate == 24_000 and abs(samples - sentence("One two", 7).samples[0]).max() < 1 / 32_000
    assert jobs.get(job.id, "").preview >= 1
    done = ended(jobs, job)
    assert (done.state, done.preview) == ("done", 3)
    asset = Library(jobs.store).made_by([job.id], "")[job.id][0]
    assert asset.path.suffix == ".wav" and asset.medium == "audio"
    until(lambda: not folder.exists())


def test_each_of_several_sounds_replays_by_itself(jobs, running):
    job = jobs.submit([SoundSettings(prompt="rain", seed=7, steps=2, count=2)], "")[0]
    assert ended(jobs, job).state == "done"
    made = Library(jobs.store).made_by([job.id], "")[job.id]
    assert [(asset.seed, asset.settings.count) for asset in made] == [(7, 1), (8, 1)]
    assert [asset.path.suffix for asset in made] == [".wav", ".wav"]
    assert Library(jobs.store).check() == []


def test_a_desk_shows_sounds_as_sounds_and_forgets_a_crashed_attempt(tmp_path):
    desk = Desk(tmp_path)
    assert desk.take(Piece(tone(1))) and desk.take(Piece(tone(2)))
    assert desk.take(Preview((tone(3),)))
    assert not desk.take(Preview((tone(4),)))  # sooner than a page could show it
    names = {"preview-0.wav", "piece-000.json", "piece-000.wav", "piece-001.json", "piece-001.wav"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert desk.standing().preview == 3
    Desk(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_also_without_previews(tmp_path):
    desk = Desk(tmp_path)
    assert desk.take(Progress(1, 9, 3.0))
    assert not desk.take(Progress(2, 9, 2.0))
    assert desk.standing() == Standing(2, 9, 2.0)


@pytest.mark.parametrize(
    "words, said",
    [
        ("memory", "ran out of memory .64 GB.*Free now: .*B. Try it with How many 4, and run it again"),
        ("cuda", "ran out of memory .*Tried to allocate"),
        ("budget", "raise the budget"),
        ("bug", "Something went wrong inside .ZeroDivisionError: a bug"),
    ],
)
def test_an_error_fails_its_job_in_words_and_nothing_else(jobs, running, words, said):
    bad, good = ask(jobs, words, count=8), ask(jobs, "good")
    failed = ended(jobs, bad)
    assert failed.state == "failed"
    assert re.search(said, failed.reason)
    assert ended(jobs, good).state == "done"
    assert len(running.pids()) == 1


@pytest.mark.parametrize("words, said", [("segfault", "SIGSEGV"), ("killed", "memory ran out")])
def test_a_worker_that_dies_takes_only_its_job_along(jobs, running, words, said):
    bad, good = ask(jobs, words), ask(jobs, "good")
    left = jobs.folder("it-was-done-and-died")
    left.mkdir(parents=True)
    failed = ended(jobs, bad)
    assert failed.state == "failed" and said in failed.reason
    assert ended(jobs, good).state == "done"
    until(lambda: not left.exists() and not jobs.folder(bad.id).exists())


def test_what_a_killed_worker_was_writing_goes_and_nothing_else(jobs):
    day = jobs.store.home / "image" / "2026-11-28"
    paths = [day / "00003-1-starter.png", day / ".writing-ab" / "00003-1-starter.png"]
    mine, other = ([files.aside(path, worker * 32) for path in paths] for worker in "ab")
    exported = [*paths, day / ".writing-cd" / "out.png", day / ".00003.png"]  # done, or being written by the page
    for path in (*mine, *other, *exported):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    drop_left(jobs, "a" * 32)
    assert not any(path.exists() for path in mine) and all(path.exists() for path in (*other, *exported))
    sweep(Library(jobs.store), jobs)
    assert not any(path.exists() for path in other) and all(path.exists() for path in exported)


def test_a_cancel_ends_within_a_step(jobs, running, monkeypatch):
    job = ask(jobs, "slow", steps=200)
    until(lambda: jobs.get(job.id, "").done >= 5)
    asked = time.monotonic()
    jobs.cancel(job.id, "")
    stopped = ended(jobs, job)
    assert stopped.state == "cancelled" and time.monotonic() - asked < 1
    assert Library(jobs.store).search("").total == 0


def test_a_second_server_waits_and_takes_over(jobs, running):
    other = LocalExecutor(Jobs(jobs.store), runner=FAKE)
    until(running.pids)
    other.start()
    assert ended(jobs, ask(jobs, "one")).state == "done"
    assert other.pids() == []
    running.stop()
    try:
        assert ended(jobs, ask(jobs, "two")).state == "done"
        assert len(other.pids()) == 1
    finally:
        other.stop()


def test_a_worker_leaves_a_core_to_the_browser_unless_told_otherwise(jobs, monkeypatch):
    def told():
        executor = LocalExecutor(jobs, runner=FAKE)
        executor.start()
        try:
            (pid,) = until(executor.pids)
            return psutil.Process(pid).environ()["OMP_NUM_THREADS"]
        finally:
            executor.stop()

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert told() == str(threads())
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert told() == "5"


def test_the_worker_ends_with_its_server(tmp_path):
    server = _serve(tmp_path)
    jobs = Jobs(Store(tmp_path))
    pid = until(lambda: _workers(jobs))[0]
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    until(lambda: not _alive(pid))


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path):
    """The server is killed at twenty random moments of the run, every third time its worker first."""
    chance = random.Random(5)
    jobs = Jobs(Store(tmp_path))
    server = _serve(tmp_path)
    wanted = [ask(jobs, f"kite {n}", seed=n, steps=40, count=1 + n % 2) for n in range(20)]
    for kill in range(20):
        time.sleep(chance.uniform(0.05, 1.2))
        if kill % 3 == 0:
            for pid in _workers(jobs):
                _kill(pid)
        _kill(server.pid)
        server.wait()
        server = _serve(tmp_path)
    try:
        ends = [ended(jobs, job, 60) for job in wanted]
        assert [job.state for job in ends] == ["done"] * 20
        library = Library(jobs.store)
        found = library.search("", limit=100)
        assert found.total == sum(job.settings.count for job in wanted)
        assert sorted(asset.seed for asset in found.assets) == sorted(
            job.settings.seed + place for job in wanted for place in range(job.settings.count)
        )
        files = [path for path in (tmp_path / "image").rglob("*") if path.is_file()]
        assert {path for path in files} == {asset.path for asset in found.assets}
        for path in files:
            with Image.open(path) as opened:
                assert np.asarray(opened).shape == (64, 64, 4)
        assert library.check() == []
        until(lambda: not list((tmp_path / ".jobs").glob("*")))  # the last job's previews go after it is said done
    finally:
        _kill(server.pid)
        server.wait()


def _serve(home):
    """A real server process without its web page: queue, executor and worker, as ``ui.start`` starts them."""
    code = (
        "import time; from pathlib import Path; from studio.workshop import Workshop; from studio.people import People;"
        f"shop = Workshop.open(People(False), Path({str(home)!r}), runner={FAKE!r}); shop.start(); time.sleep(600)"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def _workers(jobs):
    with jobs.store.connect() as db:
        return [pid for (pid,) in db.execute("SELECT pid FROM workers") if _alive(pid)]


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_people_are_told_apart():
    assert People(False).owner(None) == ""
