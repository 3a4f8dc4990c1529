"""The queue as every page of a server sees it: read once, when it changed, however many look on."""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence

from studio.jobs import Job, Jobs

log = logging.getLogger(__name__)
EVERY = 0.05  # seconds between looks for a change
REMEMBERED = 120  # seconds that an ended job stays in sight


class Watch:
    """A thread that follows the jobs table; reading from it touches no disk."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._jobs: dict[str, Job] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        self._thread.join()

    def job(self, job: str, owner: str) -> Job:
        """One job as it stands.

        Raises:
            StudioError: there is no such job, or it is another person's.
        """
        held = self._jobs.get(job)
        return held if held is not None and held.owner == owner else self.jobs.get(job, owner)

    def waiting(self, owner: str, kinds: Sequence[str]) -> list[Job]:
        """The owner's jobs of these kinds that have still to end: running first, then in order."""
        mine = [job for job in self._jobs.values() if job.owner == owner and job.waiting and job.kind in kinds]
        return sorted(mine, key=lambda job: (job.state != "running", job.position))

    def ahead(self, job: Job) -> int:
        """How many jobs, of anybody, come before this one."""
        return sum(
            other.state == "running" or (other.state == "queued" and other.position < job.position)
            for other in list(self._jobs.values())
            if other.id != job.id
        )

    def _follow(self) -> None:
        with self.jobs.store.connect(durable=False) as db:
            version = None
            while not self._ending.is_set():
                try:
                    # Moves when any other connection has committed; costs next to nothing.
                    found = db.execute("PRAGMA data_version").fetchone()[0]
                    if found != version:
                        self._jobs = self._read(db)
                        version = found
                except Exception:
                    log.exception("the queue could not be read; trying again")
                self._ending.wait(EVERY)

    def _read(self, db: sqlite3.Connection) -> dict[str, Job]:
        rows = db.execute(
            "SELECT * FROM jobs WHERE state IN ('queued', 'running') OR finished > ?", (time.time() - REMEMBERED,)
        ).fetchall()
        return {job.id: job for job in self.jobs.read(rows)}
