"""A run of the command line: what settings say is made and written."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from pipelines.errors import MediaError
from pipelines.settings import SamplingSettings
from studio.commands.planning import ASKED, recorded


def run_settings(
    settings: SamplingSettings,
    out: Path,
    overwrite: bool,
    inputs: Mapping[str, Path | None] | None = None,
    subtitles: Path | None = None,
    visemes: Path | None = None,
) -> None:
    """Make what ``settings`` say and write it into ``out``.

    Its words go into ``subtitles``, the movement of its mouth into ``visemes``, where they are given.
    """
    from studio.export import format_of

    count = getattr(settings, "count", 1)
    paths = [out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}") for index in range(count)]
    format_of(out, settings.MEDIUM)
    beside = {"subtitles": subtitles, "visemes": visemes}
    extra = {field: path for field, path in beside.items() if path is not None}
    for field, path in extra.items():
        format_of(path, {"visemes": "track"}.get(field, field), field)
    writable([*paths, *extra.values()], overwrite)

    from studio.jobs.runner import Runner  # after what costs nothing to refuse

    given = {role: path for role, path in (inputs or {}).items() if path is not None}
    runner = Runner(may_fetch=True, asked=ASKED.get())
    _finish(runner.run(settings, given), recorded(settings), paths, list(extra.values()), given)


def writable(paths: Sequence[Path], overwrite: bool) -> None:
    """Refuse, before anything is made, what could not be written.

    Raises:
        MediaError: a file exists and is not to be replaced, or its folder takes no files.
    """
    taken = [path.name for path in paths if path.exists()]
    if taken and not overwrite:
        raise MediaError(f"out: {', '.join(taken)} exists; choose another name or add --overwrite")
    for path in paths:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):  # said now, not after minutes of work
            raise MediaError(f"out: nothing can be written in {folder.name!r}; choose another folder")


def _finish(
    events: Iterator[Any],
    settings: SamplingSettings,
    paths: Sequence[Path],
    extra: Sequence[Path],
    given: Mapping[str, Path],
) -> None:
    """Show progress on stderr, then write the results and print their paths.

    ``extra`` are files for what else is known of the first result; ``given`` is what the run was made from, by role.
    """
    from pipelines.events import Done, Note, Progress
    from studio.export import save
    from studio.jobs.results import alone, how_made

    live, notes = sys.stderr.isatty(), []
    for event in events:
        if isinstance(event, Note):
            notes.append(event.text)
            typer.echo(f"note: {event.text}", err=True)
        elif isinstance(event, Progress) and live:
            left = "" if event.seconds_left is None else f", {event.seconds_left:.1f} s left "
            typer.echo(f"\r{event.done}/{event.total}{left}", err=True, nl=event.done == event.total)
        elif isinstance(event, Done):
            how = how_made(settings, given, notes)
            for path, item, seed in zip(paths, event.items, event.seeds, strict=True):
                typer.echo(save(item, path, alone(settings, seed), sources=list(given.values()), **how))
            for path in extra:
                typer.echo(save(event.items[0], path, alone(settings, event.seeds[0]), **how))
