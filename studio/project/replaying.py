"""Making every file of a project again, and saying whether it came out the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import MediaError, StudioError
from pipelines.events import Done
from pipelines.settings import ImageEditSettings, ImageSettings, SamplingSettings
from studio.library import IMPORTED, Library
from studio.project.manifest import Model
from studio.project.packing import export_project, model_card
from studio.project.unpacking import opened, unpack

if TYPE_CHECKING:
    from pipelines.image import ImagePipeline
    from pipelines.media import Picture


@dataclass(frozen=True)
class Replayed:
    """What became of one file.

    Attributes:
        file: its name in the project.
        same: whether every pixel came out equal; None where it could not be made again.
        why: one sentence on it.
    """

    file: str
    same: bool | None
    why: str


@dataclass(frozen=True)
class _Work:
    file: str
    path: Path
    settings: SamplingSettings | None
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
        pipelines: dict[str, ImagePipeline] = {}
        for item in held.assets:
            if item.kind != IMPORTED:
                settings = item.settings
                model = then.get((item.medium, settings.model)) if settings else None
                parents = {role: paths.get(parent) for role, parent in item.parents}
                work = _Work(item.file, paths[item.id], settings, parents, _other_weights(model))
                yield _judged(work, pipelines)


def replay_assets(library: Library, ids: Iterable[str], owner: str) -> Iterator[Replayed]:
    """The same for assets of a library, and all that they were made from."""
    with TemporaryDirectory(prefix="eddyline-") as folder:
        yield from replay(export_project(library, ids, Path(folder) / "project.zip", owner))


def _judged(work: _Work, pipelines: "dict[str, ImagePipeline]") -> Replayed:
    try:
        same, why = _compared(work.path, _again(work, pipelines))
    except StudioError as error:
        return Replayed(work.file, None, f"cannot: {error}{work.warning}")
    return Replayed(work.file, same, why + work.warning)


def _again(work: _Work, pipelines: "dict[str, ImagePipeline]") -> "Picture":
    from pipelines.image import ImagePipeline, read_mask_file, read_picture

    settings = work.settings
    if settings is None:
        raise MediaError("its settings are missing, or of a newer version")
    if not isinstance(settings, ImageSettings | ImageEditSettings):
        raise MediaError(f"{settings.MEDIUM} is not replayed yet, only pictures are")
    for role, parent in work.parents.items():
        if parent is None:
            raise MediaError(f"its {role} is not in the project")
    if settings.model not in pipelines:
        pipelines[settings.model] = ImagePipeline.load(settings.model)
    pipeline = pipelines[settings.model]
    if isinstance(settings, ImageSettings):
        events = pipeline.generate(settings)
    else:
        source, mask = work.parents.get("source"), work.parents.get("mask")
        if source is None:
            raise MediaError("its source is not named, so it is not known what was edited")
        picture, _ = read_picture(source)
        events = pipeline.edit(settings, picture, None if mask is None else read_mask_file(mask, picture.size))
    done = [event for event in events if isinstance(event, Done)]
    result: Picture = done[-1].items[0]
    return result


def _compared(path: Path, made: "Picture") -> tuple[bool, str]:
    from pipelines.image import read_picture

    kept, _ = read_picture(path)
    if kept.size != made.size:
        return False, f"different size: {made.size[0]} x {made.size[1]}, was {kept.size[0]} x {kept.size[1]}"
    now, lossy = made.pixels, path.suffix in {".jpg", ".jpeg"}
    if lossy:  # there the picture was laid on white
        alpha = now[..., 3:] / 255.0
        now = np.concatenate([now[..., :3] * alpha + 255 * (1 - alpha) + 0.5, np.full_like(alpha, 255)], -1)
    difference = np.abs(now.astype(np.int16) - kept.pixels).max(-1)
    if not difference.any():
        return True, "same pixels"
    share = (difference > 0).mean()
    said = f"largest difference {difference.max()} of 255, in {share:.1%} of the pixels"
    return False, said + ("; JPEG never keeps pixels exactly" if lossy else "")


def _other_weights(then: Model | None) -> str:
    """A remark where the weights here are not those that made the file."""
    if then is None or not then.weights:
        return ""
    now = model_card(then.medium, then.name).weights
    return "" if now == then.weights else "; made with other weights of this model than are here"
