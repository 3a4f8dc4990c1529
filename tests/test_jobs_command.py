"""``eddyline jobs`` on a queue: what it lists, what it cancels, what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from pipelines.settings import ImageSettings, SpeechSettings
from studio.cli import app
from studio.jobs import Jobs
from studio.store import Store


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path))
    return Jobs(Store())


def run(*words, code=0):
    done = CliRunner().invoke(app, ["jobs", *words])
    assert done.exit_code == code, done.output
    return done.output


def ask(jobs, *words):
    return [jobs.submit([ImageSettings(prompt=each, seed=1)], "")[0] for each in words]


def test_what_waits_is_listed_in_order(jobs):
    assert "nothing waits" in run("list")
    ask(jobs, "one", "two")
    jobs.claim("w")
    lines = run("list").splitlines()
    assert ["running" in lines[0], "one" in lines[0], "queued" in lines[1], "two" in lines[1]] == [True] * 4
    told = json.loads(run("list", "--json"))
    assert [job["settings"]["prompt"] for job in told] == ["one", "two"] and told[0]["state"] == "running"


def test_speech_is_listed_by_what_it_says_on_one_line(jobs):
    jobs.submit([SpeechSettings(text="Good\nmorning, " + "and so on " * 500, seed=1)], "")
    (line,) = run("list").splitlines()
    assert "speech.generate" in line and "Good morning, and so on" in line and len(line) < 120


def test_a_job_is_cancelled_by_the_beginning_of_its_id(jobs):
    first, second, third = ask(jobs, "one", "two", "three")
    assert "cancelled" in run("cancel", first.id[:8])
    assert jobs.get(first.id, "").state == "cancelled"
    assert run("cancel", "all").count("cancelled") == 2
    assert "three" in run("list", "--all") and jobs.get(third.id, "").state == "cancelled"
    assert "see 'eddyline jobs list'" in run("cancel", second.id[:8], code=2)
    assert run("cancel", "all") == ""
