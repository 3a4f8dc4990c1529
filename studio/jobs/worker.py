"""The process that runs jobs: ``python -m studio.jobs.worker``, started and watched by the server.

It takes a job from the queue, runs it, writes the results beside their final names, and gives them those names in the
transaction that also says that the job is done. Killed at any moment it leaves either a job to run again or a finished
one. When the server dies, its end of the pipe closes and the worker ends with it.
"""

import argparse
import gc
import importlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import Cancelled, OutOfBudget, StudioError
from pipelines.events import Done, Event
from studio.cost import Paces
from studio.jobs import Job, Jobs, reins
from studio.jobs.desk import Desk
from studio.jobs.results import keep
from studio.library import Library
from studio.store import Store

log = logging.getLogger(__name__)
IDLE = 0.05  # seconds between looks at an empty queue
Run = Callable[[Job, dict[str, Path]], Iterator[Event[Any]]]


class Worker:
    """Runs jobs one after the other."""

    def __init__(self, store: Store, name: str, runner: Run) -> None:
        self.store, self.name, self.runner = store, name, runner
        self.ending = threading.Event()
        self.jobs, self.library, self.paces = Jobs(store), Library(store), Paces(store.home)

    def run_forever(self) -> None:
        """Take jobs until ``ending`` is set, or the process ends."""
        with self.store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO workers (id, pid) VALUES (?, ?)", (self.name, os.getpid()))
        # Models are loaded while nobody waits, rather than at the first run of each.
        warming: Iterator[None] = self.runner.warm() if hasattr(self.runner, "warm") else iter(())
        while not self.ending.is_set():
            self._obey()
            job = self.jobs.claim(self.name)
            if job is not None:
                self.run(job)
                self._tell()
            elif next(warming, self) is self:  # warm already
                time.sleep(IDLE)
            else:
                self._tell()

    def run(self, job: Job) -> None:
        """Run one claimed job to its outcome; nothing that goes wrong inside leaves this."""
        try:
            done, job = self._follow(job)
            keep(self.library, self.jobs, self.name, job, done)
            self.paces.record(job.settings, done.seconds, getattr(done.items[0], "seconds", None))
        except Cancelled:
            self._end(job, "cancelled", "Stopped.")
        except OutOfBudget as error:
            self._end(job, "failed", str(error))
        except StudioError as error:
            self._end(job, "failed", str(error).removeprefix("settings: "))
        except MemoryError as error:
            self._out_of_memory(job, error)
        except Exception as error:
            # Torch says "not enough memory" on a CPU and "out of memory" on a GPU, in a RuntimeError.
            if "memory" in str(error).lower() and isinstance(error, RuntimeError):
                self._out_of_memory(job, error)
            else:
                log.exception("job %s failed", job.number)
                self._end(job, "failed", f"Something went wrong inside ({type(error).__name__}: {error}).")
        finally:
            shutil.rmtree(self.jobs.folder(job.id), ignore_errors=True)

    def _follow(self, job: Job) -> tuple[Done[Any], Job]:
        """Run to the end, reporting on the way; returns what came of it, and the job with its notes.

        Raises:
            Cancelled: its owner stopped it, or it was taken from this worker.
        """
        inputs = {role: self._input(role, asset, job.owner) for role, asset in job.inputs.items()}
        folder = self.jobs.folder(job.id)
        desk = Desk(folder)
        if job.kind == "video.extend":  # it hears what is said while it runs
            folder.mkdir(parents=True, exist_ok=True)
            inputs[reins.ROLE] = folder
        with self.store.connect(durable=False) as db, closing(self.runner(job, inputs)) as events:  # type: ignore[type-var]
            for event in events:
                if self.jobs.stopping(db, job, self.name):
                    raise Cancelled("stopped")
                if isinstance(event, Done):
                    standing = desk.standing()
                    self.jobs.report(db, job, self.name, standing)
                    told = reins.settled(job.settings, folder)
                    return event, replace(job, notes=tuple(standing.notes), settings=told)
                if desk.take(event):
                    self.jobs.report(db, job, self.name, desk.standing())
        raise StudioError(f"{job.kind} ended without a result")

    def _input(self, role: str, asset: str, owner: str) -> Path:
        found = self.library.get(asset, owner)
        if found is None or not found.path.exists():
            raise StudioError(
                f"{role}: the file that this was to be made from is gone; choose another and run it again"
            )
        return found.path

    def _out_of_memory(self, job: Job, error: BaseException) -> None:
        from studio.cost import differences, memory, too_large
        from studio.machine import machine, size

        # What the error holds on to is most of the memory: let go of it before anything else is tried.
        error.__traceback__ = None
        if hasattr(self.runner, "unload"):
            self.runner.unload()
        gc.collect()
        room = machine(self.store.home).room
        # It ran out whatever was estimated: advise the next smaller settings even where these ought to fit.
        advice = too_large(job.settings, room, needed=max(memory(job.settings), int(room) + 1))
        said = f" ({str(error)[:160]})" if str(error) else ""
        smaller = (
            f"Try it with {differences(job.settings, advice.settings)}" if advice.settings else "Close other programs"
        )
        self._end(job, "failed", f"It ran out of memory{said}. Free now: {size(room)}. {smaller}, and run it again.")

    def _end(self, job: Job, state: Any, reason: str) -> None:
        with self.store.transaction() as db:
            self.jobs.end(db, job, self.name, state, reason)

    def _obey(self) -> None:
        """Load or let go of models as the Models tab asks."""
        with self.store.connect() as db:
            asked = db.execute("SELECT name, value FROM switches WHERE name LIKE 'model:%'").fetchall()
        for row in asked:
            medium, _, name = row["name"].removeprefix("model:").partition("/")
            try:
                if row["value"] == "load":
                    self.runner.load(medium, name)  # type: ignore[attr-defined]
                else:
                    self.runner.unload(medium, name)  # type: ignore[attr-defined]
                    gc.collect()
            except Exception as error:  # a request that cannot be met must not come back to every new worker
                log.warning("model %s/%s: %s", medium, name, error)
            with self.store.transaction() as db:
                db.execute("DELETE FROM switches WHERE name = ? AND value = ?", tuple(row))
        if asked:
            self._tell()

    def _tell(self) -> None:
        """Say which models are in memory."""
        if hasattr(self.runner, "loaded"):
            with self.store.connect(durable=False) as db:
                db.execute("UPDATE workers SET loaded = ? WHERE id = ?", (json.dumps(self.runner.loaded()), self.name))


def main() -> None:
    """Entry of the worker process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--runner", default="studio.jobs.runner:Runner", help="module:factory")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    Worker(Store(chosen.home), chosen.name, made(chosen.runner)).run_forever()


def made(runner: str) -> Run:
    """The runner that ``module:factory`` names."""
    module, _, factory = runner.partition(":")
    run: Run = getattr(importlib.import_module(module), factory)()
    return run


def _end_with_the_server() -> None:
    # Not sys.stdin.buffer: its lock, held here, would make an ordinary end of the process a crash.
    os.read(0, 1)  # returns when the other end closes, however the server went
    os._exit(0)


if __name__ == "__main__":
    main()
