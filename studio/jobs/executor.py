"""Who runs the jobs of a store. Here: worker processes of this machine, watched and replaced.

The seam for anything else (a cluster, a rented GPU) is :class:`Executor`: something that claims jobs from the queue
through :class:`studio.jobs.Jobs` once it is started.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Protocol
from uuid import uuid4

from filelock import FileLock, Timeout

from studio.jobs import Jobs
from studio.jobs.results import drop_left, sweep
from studio.library import Library
from studio.machine import threads

log = logging.getLogger(__name__)
LOOK = 0.2  # seconds between looks at the workers
STEADY = 20  # seconds after which a worker counts as up
PATIENT = 3  # workers in a row that may end sooner before the next one is made to wait


class Executor(Protocol):
    """Runs what is queued, from ``start`` to ``stop``."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self) -> None:
        """End; a job that runs is left to be run again."""


class LocalExecutor:
    """Worker processes of this machine.

    One server a home folder runs the jobs; others that open the same folder show the queue, and take over when the
    first one goes.
    """

    def __init__(self, jobs: Jobs, *, workers: int = 1, runner: str) -> None:
        self.jobs, self.workers, self.runner = jobs, workers, runner
        self._lock = FileLock(jobs.store.home / ".server.lock", thread_local=False)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._begun, self._quick, self._rest = 0.0, 0, 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="executor", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the workers; a job that runs is left to be run again."""
        self._ending.set()
        self._thread.join()
        for process in self._running.values():
            process.terminate()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        self._running.clear()
        if self._lock.is_locked:
            self.jobs.recover()
            self._lock.release()

    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [process.pid for process in self._running.values()]

    def _watch(self) -> None:
        while not self._ending.is_set():
            try:
                if self._lock.is_locked or self._take_over():
                    self._look()
            except Exception:
                log.exception("the executor stumbled; it goes on")
            self._ending.wait(LOOK)

    def _take_over(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        again, library = self.jobs.recover(), Library(self.jobs.store)
        sweep(library, self.jobs)
        library.tidy()
        if again:
            log.warning("%d interrupted jobs are queued again", again)
        return True

    def _look(self) -> None:
        """Replace what has ended."""
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[name]
                assert process.stdin is not None
                process.stdin.close()
                log.warning("a worker ended (%s)", code)
                self.jobs.lost(name, _why(code))
                drop_left(self.jobs, name)
                self._note(code)
        while len(self._running) < self.workers and time.monotonic() >= self._rest:
            self._begin()
        if self._quick and time.monotonic() > self._begun + STEADY:
            self._quick = 0
            self._tell("")

    def _note(self, code: int) -> None:
        """A worker that ends soon after it began is replaced ever later, and the page says so."""
        self._quick = self._quick + 1 if time.monotonic() < self._begun + STEADY else 0
        if self._quick > PATIENT:
            self._rest = time.monotonic() + min(60.0, 0.5 * 2 ** (self._quick - PATIENT))
            self._tell(f"The model's process does not stay up (code {code}); the terminal says why.")

    def _tell(self, trouble: str) -> None:
        with self.jobs.store.transaction() as db:
            if trouble:
                db.execute("INSERT OR REPLACE INTO switches VALUES ('trouble', ?)", (trouble,))
            else:
                db.execute("DELETE FROM switches WHERE name = 'trouble'")

    def _begin(self) -> None:
        name, self._begun = uuid4().hex, time.monotonic()
        command = [sys.executable, "-m", "studio.jobs.worker", "--home", str(self.jobs.store.home), "--name", name]
        # Its standard input is a pipe that only this process holds: it closes when this process dies, however.
        self._running[name] = subprocess.Popen(
            [*command, "--runner", self.runner],
            stdin=subprocess.PIPE,
            env={"OMP_NUM_THREADS": str(threads(self.workers)), **os.environ, "PYTHONUNBUFFERED": "1"},
        )


def _why(code: int) -> str:
    if code in (-signal.SIGKILL, 137):
        return (
            "The system ended the model's process twice, most likely because memory ran out. "
            "Try fewer at once or a smaller size."
        )
    said = signal.Signals(-code).name if code < 0 else f"code {code}"
    return f"The model's process crashed twice ({said}); the job was given up. The rest of the studio goes on."
