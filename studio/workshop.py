"""What all pages of one server share: the files, the queue, who is who, and who runs the jobs."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import OutOfBudget, SettingsError, StudioError
from pipelines.media import Mask
from pipelines.settings import SamplingSettings
from studio import choosing
from studio.cost import Paces, memory, too_large
from studio.jobs import Job, Jobs, Limits, zero
from studio.jobs.executor import Executor, LocalExecutor
from studio.jobs.watch import Watch
from studio.library import Library
from studio.machine import machine
from studio.people import People
from studio.store import Store

RUNNER = "studio.jobs.runner:Runner"  # module:factory of what runs jobs


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
    def open(
        cls, people: People, folder: Path | None = None, *, runner: str = "studio.jobs.runner:Runner"
    ) -> "Workshop":
        """Open the home folder; nothing runs before :meth:`start`.

        Raises:
            StudioError: the folder cannot be used.
        """
        store = Store(folder)
        jobs = Jobs(store, _limits(people.shared))
        executor: Executor = LocalExecutor(jobs, workers=number("EDDYLINE_WORKERS", 1), runner=runner)
        if zero.present():
            executor = zero.ThreadExecutor(jobs, runner)
        return cls(store, jobs, Library(store), people, Watch(jobs), executor)

    @property
    def paces(self) -> Paces:
        """How fast past runs were here."""
        return Paces(self.store.home)

    def loaded(self) -> set[tuple[str, str]]:
        """(medium, name) of every model in the workers' memory."""
        with self.store.connect() as db:
            rows = db.execute("SELECT loaded FROM workers").fetchall()
        return {tuple(name.split("/", 1)) for row in rows for name in json.loads(row["loaded"])}

    def trouble(self) -> str:
        """Why no worker stays up, or nothing."""
        with self.store.connect() as db:
            row = db.execute("SELECT value FROM switches WHERE name = 'trouble'").fetchone()
        return str(row["value"]) if row else ""

    def submit(self, settings: Sequence[SamplingSettings], owner: str, inputs: Mapping[str, str]) -> list[Job]:
        """Queue runs, all of them or none.

        Raises:
            ModelError: there is no such model, or this version cannot run it.
            OutOfBudget: one of them could never fit into this machine's memory; the message says what would.
            StudioError: the owner has too many jobs waiting, or asks too fast.
        """
        here = machine(self.store.home)
        most = here.graphics.memory if here.graphics else here.memory
        for each in settings:
            choosing.usable(each)
            planned = choosing.takes_checkpoints(type(each)) and each.checkpoint  # parts of it may wait elsewhere
            if not planned and memory(each) > most:
                raise OutOfBudget(str(too_large(each, most).sentence))
        return self.jobs.submit(settings, owner, inputs)

    def keep(self, path: Path, owner: str, medium: str | None = None) -> str:
        """Id of a file in what ``owner`` keeps; brought in where it is not there yet.

        Raises:
            MediaError: not a kind of file that is kept, or damaged.
        """
        return Library(self.store).bring_in(path, path.name, owner, medium=medium).id

    def keep_mask(self, mask: Mask | Mapping[int, Mask], owner: str) -> str:
        """Id of a painted mask, or of those of a clip by frame, in what ``owner`` keeps."""
        return Library(self.store).keep_mask(mask, owner).id

    def load(self, medium: str, name: str) -> None:
        """Have the workers load a model; see :meth:`_ask`."""
        self._ask(medium, name, "load")

    def unload(self, medium: str, name: str) -> None:
        """Have the workers let go of a model; see :meth:`_ask`."""
        self._ask(medium, name, "unload")

    def _ask(self, medium: str, name: str, act: str, seconds: float = 60) -> None:
        """Ask the workers for something about a model, and wait until it is done.

        Raises:
            StudioError: they were busy for so long; it will still be done.
        """
        with self.store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO switches VALUES (?, ?)", (f"model:{medium}/{name}", act))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.store.connect() as db:
                left = db.execute("SELECT 1 FROM switches WHERE name = ?", (f"model:{medium}/{name}",)).fetchone()
            if left is None:
                return
            time.sleep(0.1)
        raise StudioError(f"model: the workers are busy; {name} follows when the running job is done")

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
    return Limits(number("EDDYLINE_MAX_WAITING", usual.waiting), number("EDDYLINE_MAX_PER_MINUTE", usual.per_minute))


def number(name: str, usual: int) -> int:
    """A whole number above 0 from the environment.

    Raises:
        SettingsError: it is something else.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 10**9):
        raise SettingsError(f"{name}: must be a whole number above 0, got {text!r:.40}")
    return int(text)
