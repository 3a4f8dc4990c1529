"""Hugging Face's ZeroGPU, where it is present: a GPU is lent to a decorated function of the server's own process.

There a worker process of ours would never be lent one, so jobs run in a thread of the server instead, each inside
``spaces.GPU`` for about as long as it will take. Asking for too long makes the Space refuse people with little quota
left, so the duration comes from the pace of past runs.
"""

import importlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from pipelines.events import Event
from studio.cost import Paces, estimate
from studio.jobs import Job, Jobs
from studio.jobs.results import sweep
from studio.library import Library

log = logging.getLogger(__name__)
LEAST, MOST = 10, 120  # seconds that a run may ask for
Run = Callable[[Job, dict[str, Path]], Iterator[Event[Any]]]


def present() -> bool:
    """Whether this is a Space on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true")


def lent(run: Run, paces: Paces) -> Run:
    """``run`` inside ZeroGPU's decorator."""
    spaces = importlib.import_module("spaces")

    def duration(job: Job, inputs: dict[str, Path]) -> int:
        return round(min(max(LEAST, 2 * estimate(job.settings, paces).seconds), MOST))

    def on_gpu(job: Job, inputs: dict[str, Path]) -> Iterator[Event[Any]]:
        yield from run(job, inputs)

    wrapped: Run = spaces.GPU(duration=duration)(on_gpu)
    return wrapped


class ThreadExecutor:
    """Runs jobs in a thread of this process; a model that crashes takes the server down, so it is for ZeroGPU alone."""

    def __init__(self, jobs: Jobs, runner: str) -> None:
        from studio.jobs.worker import Worker, made

        self.jobs = jobs
        self._lock = FileLock(jobs.store.home / ".server.lock", thread_local=False)
        self._worker = Worker(jobs.store, uuid4().hex, lent(made(runner), Paces(jobs.store.home)))
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the running job."""
        self._worker.ending.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._lock.is_locked:
            if self._worker.ending.is_set():
                return
            with suppress(Timeout):
                self._lock.acquire(timeout=0.2)
        with self._lock:
            self.jobs.recover()
            library = Library(self.jobs.store)
            sweep(library, self.jobs)
            library.tidy()
            self._worker.run_forever()
        self._lock.release()
