"""Making every file of a project again, and saying whether it came out the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.errors import MediaError, StudioError
from pipelines.events import Done
from pipelines.settings import MAX_SEED, SamplingSettings
from studio.jobs.runner import Runner
from studio.library import IMPORTED, Library
from studio.project.comparing import compared
from studio.project.manifest import Item, Model
from studio.project.packing import export_project, model_card
from studio.project.unpacking import opened, unpack

BATCHES = range(2, 9)  # as many as any settings' count makes together


@dataclass(frozen=True)
class Replayed:
    """What became of one file.

    Attributes:
        file: its name in the project.
        same: whether every pixel or sample came out equal; None where it could not be made again.
        why: one sentence on it.
    """

    file: str
    same: bool | None
    why: str


@dataclass(frozen=True)
class _Work:
    item: Item
    path: Path
    parents: dict[str, Path | None]
    warning: str


def replay(path: Path) -> Iterator[Replayed]:
    """Run everything that a project's models made once more, oldest first.

    Raises:
        MediaError: not a project, or damaged.
    """
    with TemporaryDirectory(prefix="eddyline-") as folder, opened(path) as (archive, held):
        paths = unpack(archive, held, Path(folder), path.name)
        then = {(model.medium, model.name): model for model in held.models}
        runner = Runner()
        for item in held.assets:
            if item.kind != IMPORTED:
                settings = item.settings
                model = then.get((item.medium, settings.model)) if settings else None
                parents = {role: paths.get(parent) for role, parent in item.parents}
                yield _judged(_Work(item, paths[item.id], parents, _other_weights(model)), runner)


def replay_assets(library: Library, ids: Iterable[str], owner: str) -> Iterator[Replayed]:
    """The same for assets of a library, and all that they were made from."""
    with TemporaryDirectory(prefix="eddyline-") as folder:
        yield from replay(export_project(library, ids, Path(folder) / "project.zip", owner))


def _judged(work: _Work, runner: Runner) -> Replayed:
    item, settings = work.item, work.item.settings
    try:
        if settings is None:
            raise MediaError("its settings are missing, or of a newer version")
        same, why = compared(work.path, _again(work, settings, runner)[0])
        if not same and "count" in type(settings).model_fields and item.place < item.batch in BATCHES:
            # As the first time, with those beside it: batches of another size may round otherwise.
            first = (settings.seed or 0) - item.place
            together = settings.with_(seed=first % (MAX_SEED + 1), count=item.batch)
            equal, said = compared(work.path, _again(work, together, runner)[item.place])
            if equal:
                same, why = True, f"{said}, made as number {item.place + 1} of {item.batch} like the first time"
    except StudioError as error:
        return Replayed(item.file, None, f"cannot: {error}{work.warning}")
    return Replayed(item.file, same, why + work.warning)


def _again(work: _Work, settings: SamplingSettings, runner: Runner) -> tuple[Any, ...]:
    inputs: dict[str, Path] = {}
    for role, parent in work.parents.items():
        if parent is None:
            raise MediaError(f"its {role} is not in the project")
        inputs[role] = parent
    if settings.TASK != "generate" and "source" not in inputs:
        raise MediaError("its source is not named, so it is not known what was edited")
    done = [event for event in runner.run(settings, inputs) if isinstance(event, Done)]
    return done[-1].items


def _other_weights(then: Model | None) -> str:
    """A remark where the weights here are not those that made the file."""
    if then is None or not then.weights:
        return ""
    now = model_card(then.medium, then.name).weights
    return "" if now == then.weights else "; made with other weights of this model than are here"
