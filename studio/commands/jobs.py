"""``eddyline jobs``: the queue of this machine's studio, looked at and steered from a terminal."""

import time
from typing import Annotated, Any

import typer

from pipelines.errors import StudioError
from studio.commands.output import say_json, spoken
from studio.jobs import WAITING, Job, Jobs
from studio.store import Store

jobs = typer.Typer(no_args_is_help=True, help="Look at and steer the queue.")
SHORT = 8  # digits of an id that are shown and are enough to name a job


@jobs.command("list")
@spoken
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Ended jobs too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
) -> None:
    """What runs and what waits, in order."""
    found = _jobs().list("", limit=limit) if everything else _jobs().list("", WAITING, limit)
    if as_json:
        say_json([_told(job) for job in found])
        return
    for job in found:
        words = " ".join(job.settings.asked.split())
        typer.echo(f"{job.id[:SHORT]}  {job.state:9}  {_standing(job):18}  {job.kind:15}  {words[:60]}")
    if not found:
        typer.echo("Nothing is running and nothing waits.")


@jobs.command()
@spoken
def cancel(job: Annotated[str, typer.Argument(help="Id as listed; its beginning is enough. Or 'all'.")]) -> None:
    """Cancel a job: at once when it waits, at its next step when it runs."""
    held = _jobs()
    waiting = held.list("", WAITING, 1000)
    chosen = waiting if job == "all" else [each for each in waiting if each.id.startswith(job)]
    if not chosen and job != "all":
        raise StudioError(f"job: none that waits or runs begins with {job[:40]!r}; see 'eddyline jobs list'")
    if len(chosen) > 1 and job != "all":
        raise StudioError(f"job: {len(chosen)} begin with {job[:40]!r}; give more of the id")
    for each in chosen:
        typer.echo(f"{each.id[:SHORT]}  {held.cancel(each.id, '').state}")


def _jobs() -> Jobs:
    return Jobs(Store())


def _standing(job: Job) -> str:
    if job.state == "running":
        return f"step {job.done} of {job.total}" if job.total else "starting"
    if job.finished and job.started:
        return f"took {job.finished - job.started:.1f} s"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))


def _told(job: Job) -> dict[str, Any]:
    names = ("id", "number", "kind", "state", "created", "started", "finished", "done", "total", "reason")
    return {name: getattr(job, name) for name in names} | {"settings": job.settings.model_dump(mode="json")}
