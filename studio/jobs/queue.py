"""The queue: every run is a job in the database before anything is computed, and stays one when it is over.

A job outlives the page that asked for it, the worker that runs it and the server that keeps it. Who runs a job holds it
under a worker's name; whoever lost it (after a crash, a cancel, a restart) can no longer report or finish it, so that
a job has one outcome.
"""

import json
import logging
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Any, Literal
from uuid import uuid4

from pipelines.errors import SettingsError, StudioError
from pipelines.settings import ANY_SETTINGS, SamplingSettings, kind_of
from studio.store import Store

log = logging.getLogger(__name__)
State = Literal["queued", "running", "done", "failed", "cancelled"]
WAITING: tuple[State, ...] = ("queued", "running")
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
CRASHES = 2  # times that a job may bring its worker down before it is given up


@dataclass(frozen=True)
class Limits:
    """How much one person may ask for at once."""

    waiting: int = 500
    per_minute: int = 600


@dataclass(frozen=True)
class Job:
    """One run: what was asked, where it stands, and what came of it.

    Attributes:
        number: counts up over all jobs; names the files.
        settings: what to run, seed resolved.
        inputs: role ("source", "mask") to asset id.
        position: order among the queued, over all owners.
        preview: counts the previews written; they lie in :meth:`Jobs.folder`.
        reason: why it failed or stopped, for its owner.
    """

    id: str
    number: int
    owner: str
    kind: str
    settings: SamplingSettings
    inputs: Mapping[str, str]
    state: State
    position: float
    created: float
    started: float | None = None
    finished: float | None = None
    attempts: int = 0
    cancel: bool = False
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    preview: int = 0
    notes: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether it has still to end."""
        return self.state in WAITING


@dataclass(frozen=True)
class Standing:
    """Progress that a worker reports."""

    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    preview: int = 0
    notes: Sequence[str] = field(default=())


class Jobs:
    """The queue in a store. Every call is a transaction of its own and safe beside other processes."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self.store, self.limits = store, limits or Limits()

    def folder(self, job: str) -> Path:
        """Where a job's previews lie while it waits and runs."""
        return self.store.home / ".jobs" / job

    # What an owner does ---------------------------------------------------------------------------------------------

    def submit(
        self, settings: Iterable[SamplingSettings], owner: str, inputs: Mapping[str, str] | None = None
    ) -> list[Job]:
        """Queue runs behind all others, all of them or none.

        Raises:
            SettingsError: a seed is not resolved.
            StudioError: the owner has too many jobs waiting, or asks too fast.
        """
        asked = list(settings)
        now = time.time()
        with self.store.transaction() as db:
            self._allow(db, owner, len(asked), now)
            last = db.execute("SELECT max(position) FROM jobs").fetchone()[0] or 0.0
            for index, each in enumerate(asked, start=1):
                if each.seed is None:
                    raise SettingsError("seed: is empty; a job needs one, so that it can be made again")
                values = (uuid4().hex, owner, kind_of(each), each.model_dump_json(), json.dumps(dict(inputs or {})))
                db.execute(
                    "INSERT INTO jobs (id, owner, kind, settings, inputs, position, created) VALUES (?,?,?,?,?,?,?)",
                    (*values, last + index, now),
                )
            rows = db.execute("SELECT * FROM jobs ORDER BY number DESC LIMIT ?", (len(asked),)).fetchall()
        return self.read(reversed(rows))

    def _allow(self, db: Connection, owner: str, more: int, now: float) -> None:
        waiting = db.execute(
            "SELECT count(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')", (owner,)
        ).fetchone()[0]
        if waiting + more > self.limits.waiting:
            raise StudioError(
                f"queue: {waiting} of your jobs are waiting and at most {self.limits.waiting} may; "
                "cancel some, or come back when they are done"
            )
        recent = db.execute("SELECT count(*) FROM jobs WHERE owner = ? AND created > ?", (owner, now - 60)).fetchone()
        if recent[0] + more > self.limits.per_minute:
            raise StudioError(f"queue: at most {self.limits.per_minute} jobs a minute; wait a moment and try again")

    def read(self, rows: Iterable[Row]) -> list[Job]:
        """Rows of the jobs table as jobs; those that another version wrote and this one cannot read are left out."""
        found = []
        for row in rows:
            try:
                found.append(_job(row))
            except (KeyError, ValueError, TypeError, StudioError) as error:
                log.debug("job %s is of another version (%s)", row["number"], error)
        return found

    def get(self, job: str, owner: str) -> Job:
        """One job of ``owner``.

        Raises:
            StudioError: there is no such job, or it is another person's.
        """
        with self.store.connect() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ? AND owner = ?", (job, owner)).fetchone()
        if row is None:
            raise StudioError(f"job: there is none called {job[:40]!r}; it may have been removed")
        return _job(row)

    def list(self, owner: str, states: Sequence[State] = (*WAITING, *ENDED), limit: int = 50) -> list[Job]:
        """Jobs of ``owner``: running, then queued in their order, then ended ones, the latest first."""
        marks = ",".join("?" * len(states))
        order = (
            "CASE state WHEN 'running' THEN 0 WHEN 'queued' THEN 1 ELSE 2 END, "
            "CASE WHEN state IN ('queued', 'running') THEN position ELSE -finished END"
        )
        with self.store.connect() as db:
            rows = db.execute(
                f"SELECT * FROM jobs WHERE owner = ? AND hidden = 0 AND state IN ({marks}) ORDER BY {order} LIMIT ?",
                (owner, *states, limit),
            ).fetchall()
        return self.read(rows)

    def ahead(self, jobs: Iterable[Job]) -> dict[str, int]:
        """For each queued job, how many jobs of anybody come before it."""
        with self.store.connect() as db:
            rows = db.execute("SELECT state, position FROM jobs WHERE state IN ('queued', 'running')").fetchall()
        line = sorted(-1.0 if row["state"] == "running" else row["position"] for row in rows)
        return {job.id: bisect_left(line, job.position) for job in jobs if job.state == "queued"}

    def move(self, job: str, owner: str, before: str | None) -> None:
        """Put a queued job before another of the same owner, or last.

        Owners trade only the places that they hold, so that nobody moves ahead of somebody else.

        Raises:
            StudioError: one of the two is not waiting any more.
        """
        with self.store.transaction() as db:
            rows = db.execute(
                "SELECT id, position FROM jobs WHERE owner = ? AND state = 'queued' ORDER BY position", (owner,)
            ).fetchall()
            order, places = [row["id"] for row in rows], [row["position"] for row in rows]
            if job not in order or (before is not None and before not in order):
                raise StudioError("job: only jobs that still wait can be moved")
            if job == before:
                return
            order.remove(job)
            order.insert(len(order) if before is None else order.index(before), job)
            db.executemany("UPDATE jobs SET position = ? WHERE id = ?", zip(places, order, strict=True))

    def cancel(self, job: str, owner: str) -> Job:
        """Stop a job: at once when it waits, at its next solver step when it runs."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ?, reason = 'Cancelled before it began.' "
                "WHERE id = ? AND owner = ? AND state = 'queued'",
                (time.time(), job, owner),
            )
            db.execute("UPDATE jobs SET cancel = 1 WHERE id = ? AND owner = ? AND state = 'running'", (job, owner))
        return self.get(job, owner)

    def again(self, job: str, owner: str, **changes: Any) -> Job:
        """Queue a job once more, with the same settings and inputs or with ``changes``."""
        held = self.get(job, owner)
        return self.submit([held.settings.with_(**changes)], owner, held.inputs)[0]

    def forget(self, owner: str) -> int:
        """Take ended jobs off the list; what they made stays, and so does their count. Returns how many."""
        with self.store.transaction() as db:
            return db.execute(
                "UPDATE jobs SET hidden = 1 WHERE owner = ? AND state IN ('done', 'failed', 'cancelled') "
                "AND hidden = 0",
                (owner,),
            ).rowcount

    def pause(self, owner: str, on: bool) -> None:
        """Hold back the owner's queued jobs, or let them go on; the running one finishes."""
        with self.store.transaction() as db:
            if on:
                db.execute("INSERT OR REPLACE INTO switches VALUES (?, '1')", (f"paused:{owner}",))
            else:
                db.execute("DELETE FROM switches WHERE name = ?", (f"paused:{owner}",))

    def paused(self, owner: str) -> bool:
        """Whether the owner's jobs are held back."""
        with self.store.connect() as db:
            return db.execute("SELECT 1 FROM switches WHERE name = ?", (f"paused:{owner}",)).fetchone() is not None

    # What a worker does ---------------------------------------------------------------------------------------------

    def claim(self, worker: str) -> Job | None:
        """Take the first job in line, or None when none waits."""
        first = (
            "SELECT * FROM jobs WHERE state = 'queued' AND 'paused:' || owner NOT IN (SELECT name FROM switches) "
            "ORDER BY position LIMIT 1"
        )
        with self.store.connect() as db:  # most calls find nothing: they must not take the write lock
            if db.execute(first).fetchone() is None:
                return None
        with self.store.transaction() as db:
            while (row := db.execute(first).fetchone()) is not None and not self.read([row]):
                reason = "Another version of this program asked for it, and this one does not know what it is."
                db.execute(
                    "UPDATE jobs SET state = 'failed', finished = ?, reason = ? WHERE id = ?",
                    (time.time(), reason, row["id"]),
                )
            if row is None:
                return None
            db.execute(
                "UPDATE jobs SET state = 'running', worker = ?, started = ?, done = 0, total = 0, seconds_left = NULL, "
                "preview = 0, notes = '[]', reason = NULL WHERE id = ?",
                (worker, time.time(), row["id"]),
            )
            return _job(db.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone())

    def report(self, db: Connection, job: Job, worker: str, standing: Standing) -> None:
        """Write progress through the worker's own connection; does nothing for a job that it holds no more."""
        db.execute(
            "UPDATE jobs SET done = ?, total = ?, seconds_left = ?, preview = ?, notes = ? WHERE id = ? AND worker = ?",
            (
                *(standing.done, standing.total, standing.seconds_left, standing.preview),
                *(json.dumps(list(standing.notes)), job.id, worker),
            ),
        )

    def stopping(self, db: Connection, job: Job, worker: str) -> bool:
        """Whether the worker is to let go of the job: cancelled, or taken from it."""
        row = db.execute(
            "SELECT cancel FROM jobs WHERE id = ? AND worker = ? AND state = 'running'", (job.id, worker)
        ).fetchone()
        return row is None or bool(row["cancel"])

    def end(self, db: Connection, job: Job, worker: str, state: State, reason: str | None = None) -> bool:
        """Inside a transaction: give a running job its outcome. False when the worker holds it no more."""
        return bool(
            db.execute(
                "UPDATE jobs SET state = ?, finished = ?, reason = ?, seconds_left = NULL, worker = NULL "
                "WHERE id = ? AND worker = ? AND state = 'running'",
                (state, time.time(), reason, job.id, worker),
            ).rowcount
        )

    # What the server does -------------------------------------------------------------------------------------------

    def recover(self) -> int:
        """Queue again what was running when the server went down; call it only while no worker runs."""
        with self.store.transaction() as db:
            # A stop that was asked for is kept: it must not run again.
            db.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ?, reason = 'Stopped.', worker = NULL "
                "WHERE state = 'running' AND cancel = 1",
                (time.time(),),
            )
            db.execute("DELETE FROM workers")
            return db.execute("UPDATE jobs SET state = 'queued', worker = NULL WHERE state = 'running'").rowcount

    def lost(self, worker: str, why: str) -> None:
        """A worker died by itself: its job is tried again, and given up when it brings workers down repeatedly."""
        with self.store.transaction() as db:
            held = db.execute("SELECT * FROM jobs WHERE worker = ? AND state = 'running'", (worker,)).fetchall()
            for row in held:
                if row["cancel"]:
                    self.end(db, _job(row), worker, "cancelled", "Stopped.")
                elif row["attempts"] + 1 >= CRASHES:
                    self.end(db, _job(row), worker, "failed", why)
                else:
                    db.execute(
                        "UPDATE jobs SET state = 'queued', worker = NULL, attempts = attempts + 1 WHERE id = ?",
                        (row["id"],),
                    )


def _job(row: Row) -> Job:
    values = dict(row)
    # From the program's own hand, but maybe an older version's: what that version knew is migrated.
    settings, _ = ANY_SETTINGS[values["kind"]].migrate(json.loads(values.pop("settings")))
    values["inputs"] = json.loads(values["inputs"])
    values["notes"] = tuple(json.loads(values["notes"]))
    values["cancel"] = bool(values["cancel"])
    del values["worker"], values["hidden"]
    return Job(settings=settings, **values)
