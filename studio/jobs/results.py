"""From a finished run to files that stay: written aside, then named and indexed in one transaction."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import Cancelled
from pipelines.events import Done
from pipelines.settings import SamplingSettings
from studio.jobs import Job, Jobs
from studio.library import Asset, Library, files, made, result_id
from studio.provenance import Origin

# What each medium is kept as; other formats are made on export.
SUFFIX = {"image": ".png", "video": ".webm", "audio": ".wav", "mesh": ".glb", "lipsync": ".webm"}
NOTED = {"lipsync"}  # media whose files say how they were made: which of two engines moved the mouth, and why


def alone(settings: SamplingSettings, seed: int) -> SamplingSettings:
    """Settings of one result of several: its own seed and a count of one, which make it again by itself."""
    return settings.with_(seed=seed, **({"count": 1} if "count" in type(settings).model_fields else {}))


def how_made(settings: SamplingSettings, given: Mapping[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    """What a file says of how it was made, beside its settings: for :func:`studio.export.save`.

    Args:
        settings: what made it.
        given: what the run was made from, by role.
        notes: what the run had to say.
    """
    # Not only edits hold what is not ours: so does a face that is made to talk, and a clip with the sound it follows.
    edited = settings.TASK != "generate" or bool({"source", "sound"} & given.keys())
    return {"edited": edited, "notes": tuple(notes) if settings.MEDIUM in NOTED else ()}


def keep(library: Library, jobs: Jobs, worker: str, job: Job, done: Done[Any]) -> list[Asset]:
    """Write a job's results, index them and end the job; talking faces keep its notes.

    Raises:
        Cancelled: the worker holds the job no more; nothing of it is left.
    """
    finished, parents, suffix = time.time(), tuple(job.inputs.items()), SUFFIX[job.settings.MEDIUM]
    how = {**how_made(job.settings, job.inputs, job.notes), "sources": _sources(library, job)}
    staged: list[tuple[Path, Asset]] = []
    try:
        for place, (item, seed) in enumerate(zip(done.items, done.seeds, strict=True)):
            own = alone(job.settings, seed)
            target = library.plan(job.number, job.created, place, own, job.owner, suffix)
            # The same job writes the same files: a run repeated after a crash replaces what it had begun.
            origin = Origin(result_id(job.id, place), finished, parents, job.id, place)
            hidden = files.aside(target, worker)
            _write(item, hidden, own, origin, how)
            staged.append((hidden, replace(made(hidden, own, origin, job.owner, done.seconds), path=target)))
        with library.store.transaction() as db:
            if not jobs.end(db, job, worker, "done"):
                raise Cancelled("this worker holds the job no more")
            for hidden, asset in staged:
                # Inside the transaction: nobody else can finish this job between the name and the row.
                os.replace(hidden, asset.path)
                library.add(db, asset, parents)
    finally:
        for hidden, _ in staged:
            hidden.unlink(missing_ok=True)
    return [asset for _, asset in staged]


def sweep(library: Library, jobs: Jobs) -> None:
    """After a crash: remove what runs had begun and no row speaks of. Call it only while no worker runs."""
    with library.store.connect() as db:
        known = {row[0] for row in db.execute("SELECT path FROM assets")}
        suspects = db.execute(
            "SELECT * FROM jobs WHERE state IN ('queued', 'cancelled', 'failed') AND started NOT NULL"
        )
        begun = jobs.read(suspects)
    for job in begun:
        for place in range(getattr(job.settings, "count", 1)):
            own = alone(job.settings, (job.settings.seed or 0) + place)
            path = library.plan(job.number, job.created, place, own, job.owner, SUFFIX[job.settings.MEDIUM])
            if path.relative_to(library.store.home).as_posix() not in known:
                path.unlink(missing_ok=True)
    drop_left(jobs)


def drop_left(jobs: Jobs, worker: str = "") -> None:
    """Remove what a worker that has died, or all of them, was about to write, and previews of jobs that are over."""
    files.drop_aside(jobs.store.home, worker)
    drop_previews(jobs)


def drop_previews(jobs: Jobs) -> None:
    """Remove the previews of jobs that are over: a worker that died just after its job was done left them."""
    folders = list((jobs.store.home / ".jobs").glob("*"))  # listed first: a job that begins meanwhile keeps its own
    with jobs.store.connect() as db:
        waiting = {row[0] for row in db.execute("SELECT id FROM jobs WHERE state IN ('queued', 'running')")}
    for folder in folders:
        if folder.name not in waiting:
            shutil.rmtree(folder, ignore_errors=True)


def _sources(library: Library, job: Job) -> list[Path]:
    """Files that a job began from."""
    found = (library.get(asset, job.owner) for asset in job.inputs.values())
    return [asset.path for asset in found if asset is not None]


def _write(item: Any, path: Path, settings: SamplingSettings, origin: Origin, how: dict[str, Any]) -> None:
    from studio.export import save

    save(item, path, settings, origin=origin, **how)
