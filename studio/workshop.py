"""What all pages of one server share: the files, the queue, who is who, and who runs the jobs."""

import os
from dataclasses import dataclass
from pathlib import Path

from studio.executor import Executor, LocalExecutor
from studio.jobs import Jobs, Limits
from studio.library import Library
from studio.people import People
from studio.store import Store
from studio.watch import Watch


@dataclass(frozen=True)
class Workshop:
    """Made once a server, handed to every tab and route."""

    store: Store
    jobs: Jobs
    library: Library
    people: People
    watch: Watch
    executor: Executor

    @classmethod
    def open(cls, people: People, folder: Path | None = None, *, runner: str = "studio.runner:Runner") -> "Workshop":
        """Open the home folder; nothing runs before :meth:`start`.

        Raises:
            StudioError: the folder cannot be used.
        """
        store = Store(folder)
        jobs = Jobs(store, _limits(people.shared))
        executor = LocalExecutor(jobs, workers=_workers(), runner=runner)
        return cls(store, jobs, Library(store), people, Watch(jobs), executor)

    def start(self) -> None:
        """Begin to run what is queued."""
        self.watch.start()
        self.executor.start()

    def stop(self) -> None:
        """End; a job that runs is left to be run again."""
        self.executor.stop()
        self.watch.stop()


def _limits(shared: bool) -> Limits:
    # Alone on a machine the limits only stop a script that has run wild; on a host they keep the line short.
    usual = Limits(waiting=24, per_minute=60) if shared else Limits()
    return Limits(
        int(os.environ.get("EDDYLINE_MAX_WAITING") or usual.waiting),
        int(os.environ.get("EDDYLINE_MAX_PER_MINUTE") or usual.per_minute),
    )


def _workers() -> int:
    return max(1, int(os.environ.get("EDDYLINE_WORKERS") or 1))
