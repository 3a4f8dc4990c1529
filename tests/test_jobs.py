"""The queue in the database: order, ownership, one outcome for each job, and what is left after a crash."""

import threading

import pytest

from pipelines.errors import SettingsError, StudioError
from pipelines.settings import ImageSettings
from studio.jobs import CRASHES, Jobs, Limits, Standing
from studio.store import Store


@pytest.fixture
def jobs(tmp_path):
    return Jobs(Store(tmp_path))


def asked(words, seed=1):
    return ImageSettings(prompt=words, seed=seed)


def queue(jobs, *words, owner="ann"):
    return [jobs.submit([asked(each)], owner)[0] for each in words]


def order(jobs, owner="ann"):
    return [job.settings.prompt for job in jobs.list(owner, ("running", "queued"))]


def end(jobs, job, worker, state, reason=None):
    with jobs.store.transaction() as db:
        return jobs.end(db, job, worker, state, reason)


def test_jobs_are_claimed_in_the_order_in_which_they_were_asked_for(jobs):
    queue(jobs, "one", "two")
    queue(jobs, "three", owner="bob")
    claimed = [jobs.claim("w") for _ in range(4)]
    assert [job and job.settings.prompt for job in claimed] == ["one", "two", "three", None]
    assert claimed[0].state == "running" and claimed[0].started and claimed[2].owner == "bob"


def test_a_submission_is_all_or_nothing(jobs):
    with pytest.raises(SettingsError, match="seed"):
        jobs.submit([asked("one"), asked("two", seed=None)], "ann")
    assert jobs.list("ann") == []
    first, second = jobs.submit([asked("one"), asked("two")], "ann", {"source": "abc"})
    assert (first.settings.prompt, second.settings.prompt) == ("one", "two")
    assert second.number == first.number + 1 and second.inputs == {"source": "abc"}


def test_moving_trades_only_the_owners_own_places(jobs):
    a1, _, a2 = queue(jobs, "a1"), queue(jobs, "b1", owner="bob"), queue(jobs, "a2", "a3")
    jobs.move(a2[1].id, "ann", a1[0].id)
    assert order(jobs) == ["a3", "a1", "a2"]
    assert [jobs.claim("w").settings.prompt for _ in range(4)] == ["a3", "b1", "a1", "a2"]


def test_moving_to_the_end_and_what_cannot_be_moved(jobs):
    first, second, third = queue(jobs, "one", "two", "three")
    jobs.move(first.id, "ann", None)
    assert order(jobs) == ["two", "three", "one"]
    jobs.move(third.id, "ann", third.id)
    assert order(jobs) == ["two", "three", "one"]
    jobs.claim("w")
    with pytest.raises(StudioError, match="still wait"):
        jobs.move(second.id, "ann", third.id)
    with pytest.raises(StudioError, match="still wait"):
        jobs.move(third.id, "bob", None)


def test_cancel_is_at_once_for_what_waits_and_a_flag_for_what_runs(jobs):
    queue(jobs, "one", "two")
    running = jobs.claim("w")
    waiting = jobs.list("ann", ("queued",))[0]
    assert jobs.cancel(waiting.id, "ann").state == "cancelled"
    with jobs.store.connect() as db:
        assert not jobs.stopping(db, running, "w")
        assert jobs.cancel(running.id, "ann").state == "running"
        assert jobs.stopping(db, running, "w")
    assert end(jobs, running, "w", "cancelled", "Stopped.")
    assert jobs.get(running.id, "ann").state == "cancelled"


def test_owners_see_and_stop_only_their_own(jobs):
    job = queue(jobs, "mine")[0]
    assert jobs.list("bob") == []
    with pytest.raises(StudioError, match="none called"):
        jobs.get(job.id, "bob")
    with pytest.raises(StudioError, match="none called"):
        jobs.cancel(job.id, "bob")
    with pytest.raises(StudioError, match="none called"):
        jobs.again(job.id, "bob")
    assert jobs.get(job.id, "ann").state == "queued"


def test_again_repeats_or_changes(jobs):
    job = jobs.submit([asked("one", seed=9)], "ann", {"source": "abc"})[0]
    same, other = jobs.again(job.id, "ann"), jobs.again(job.id, "ann", seed=10, prompt="two")
    assert same.settings == job.settings and same.inputs == job.inputs and same.id != job.id
    assert (other.settings.seed, other.settings.prompt) == (10, "two")


def test_a_pause_holds_back_one_owner(jobs):
    queue(jobs, "mine")
    jobs.pause("ann", True)
    assert jobs.paused("ann") and not jobs.paused("bob")
    assert jobs.claim("w") is None
    queue(jobs, "theirs", owner="bob")
    assert jobs.claim("w").settings.prompt == "theirs"
    jobs.pause("ann", False)
    assert jobs.claim("w").settings.prompt == "mine"


def test_limits_hold_per_owner(tmp_path):
    jobs = Jobs(Store(tmp_path), Limits(waiting=2, per_minute=3))
    queue(jobs, "one", "two")
    with pytest.raises(StudioError, match="at most 2 may"):
        queue(jobs, "three")
    queue(jobs, "one", owner="bob")
    for _ in range(2):
        jobs.cancel(jobs.list("ann", ("queued",))[0].id, "ann")
    queue(jobs, "three")
    with pytest.raises(StudioError, match="a minute"):
        queue(jobs, "four")


def test_progress_is_the_holders_alone(jobs):
    queue(jobs, "one")
    job = jobs.claim("w")
    with jobs.store.connect(durable=False) as db:
        jobs.report(db, job, "other", Standing(done=9))
        jobs.report(db, job, "w", Standing(3, 20, 1.5, 2, ["unknown word"]))
    held = jobs.get(job.id, "ann")
    assert (held.done, held.total, held.seconds_left, held.preview, held.notes) == (3, 20, 1.5, 2, ("unknown word",))
    assert not end(jobs, job, "other", "done")
    assert jobs.get(job.id, "ann").state == "running"


def test_a_job_that_crashes_its_worker_is_tried_again_and_then_given_up(jobs):
    queue(jobs, "bad", "good")
    for attempt in range(CRASHES):
        assert jobs.claim("w").settings.prompt == "bad"
        jobs.lost("w", "The model crashed.")
        assert len(jobs.list("ann", ("queued",))) == (2 if attempt + 1 < CRASHES else 1)
    failed = jobs.list("ann", ("failed",))[0]
    assert failed.reason == "The model crashed." and failed.attempts == CRASHES - 1
    assert jobs.claim("w").settings.prompt == "good"


def test_after_a_restart_what_ran_is_first_in_line_and_keeps_its_tries(jobs):
    queue(jobs, "one", "two")
    job = jobs.claim("w")
    assert jobs.recover() == 1
    assert order(jobs) == ["one", "two"] and jobs.get(job.id, "ann").attempts == 0
    assert not end(jobs, job, "w", "done")  # the old worker, should it still be there, has lost it
    jobs.cancel(jobs.claim("w2").id, "ann")
    assert jobs.recover() == 0
    assert jobs.get(job.id, "ann").state == "cancelled"


def test_forgetting_keeps_what_waits(jobs):
    queue(jobs, "one", "two")
    end(jobs, jobs.claim("w"), "w", "done")
    assert jobs.forget("ann") == 1 and order(jobs) == ["two"]
    assert queue(jobs, "three")[0].number == 3  # numbers name files: never used twice


def test_a_job_of_another_version_stops_nobody_elses(jobs):
    queue(jobs, "odd", owner="bob")
    with jobs.store.transaction() as db:
        db.execute("UPDATE jobs SET kind = 'hologram.generate'")
    queue(jobs, "mine")
    assert jobs.list("bob") == []
    assert jobs.claim("w").settings.prompt == "mine"
    with jobs.store.connect() as db:
        row = db.execute("SELECT state, reason FROM jobs WHERE owner = 'bob'").fetchone()
    assert row["state"] == "failed" and "Another version" in row["reason"]


def test_clearing_the_list_does_not_clear_the_count(tmp_path):
    jobs = Jobs(Store(tmp_path), Limits(waiting=9, per_minute=2))
    for job in queue(jobs, "one", "two"):
        jobs.cancel(job.id, "ann")
    assert jobs.forget("ann") == 2 and jobs.list("ann") == []
    with pytest.raises(StudioError, match="a minute"):
        queue(jobs, "three")


def test_many_at_once_lose_and_double_nothing(jobs):
    def ask(owner):
        for _ in range(5):
            jobs.submit([asked("x")], owner)

    taken, lock = [], threading.Lock()

    def work(name):
        while (job := jobs.claim(name)) is not None:
            with lock:
                taken.append(job.id)

    askers = [threading.Thread(target=ask, args=(f"p{i}",)) for i in range(6)]
    for thread in askers:
        thread.start()
    for thread in askers:
        thread.join()
    workers = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert len(taken) == 30 == len(set(taken))
