"""Making every file of a project again, and saying whether it came out the same."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import MediaError, StudioError
from pipelines.events import Done
from pipelines.settings import MAX_SEED, ImageEditSettings, ImageSettings, SamplingSettings
from studio.library import IMPORTED, Library
from studio.project.manifest import Item, Model
from studio.project.packing import export_project, model_card
from studio.project.unpacking import opened, unpack

if TYPE_CHECKING:
    from pipelines.image import ImagePipeline
    from pipelines.media import Picture


LOSSY = {".jpg", ".jpeg"}
BATCHES = range(2, 9)  # as many as ImageSettings.count makes together


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
        pipelines: dict[str, ImagePipeline] = {}
        for item in held.assets:
            if item.kind != IMPORTED:
                settings = item.settings
                model = then.get((item.medium, settings.model)) if settings else None
                parents = {role: paths.get(parent) for role, parent in item.parents}
                yield _judged(_Work(item, paths[item.id], parents, _other_weights(model)), pipelines)


def replay_assets(library: Library, ids: Iterable[str], owner: str) -> Iterator[Replayed]:
    """The same for assets of a library, and all that they were made from."""
    with TemporaryDirectory(prefix="eddyline-") as folder:
        yield from replay(export_project(library, ids, Path(folder) / "project.zip", owner))


def _judged(work: _Work, pipelines: "dict[str, ImagePipeline]") -> Replayed:
    item, settings = work.item, work.item.settings
    try:
        same, why = _compared(work.path, _again(work, settings, pipelines)[0])
        if not same and isinstance(settings, ImageSettings) and item.place < item.batch in BATCHES:
            # As the first time, with those beside it: batches of another size may round otherwise.
            first = (settings.seed or 0) - item.place
            together = settings.with_(seed=first % (MAX_SEED + 1), count=item.batch)
            if _compared(work.path, _again(work, together, pipelines)[item.place])[0]:
                same, why = True, f"same pixels, made as number {item.place + 1} of {item.batch} like the first time"
    except StudioError as error:
        return Replayed(item.file, None, f"cannot: {error}{work.warning}")
    return Replayed(item.file, same, why + work.warning)


def _again(
    work: _Work, settings: SamplingSettings | None, pipelines: "dict[str, ImagePipeline]"
) -> "tuple[Picture, ...]":
    from pipelines.image import ImagePipeline, read_mask_file, read_picture

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
    return done[-1].items


def _compared(path: Path, made: "Picture") -> tuple[bool, str]:
    from pipelines.image import read_picture

    kept, _ = read_picture(path)
    if kept.size != made.size:
        return False, f"different size: {made.size[0]} x {made.size[1]}, was {kept.size[0]} x {kept.size[1]}"
    now, then, lossy = made.pixels.astype(np.float64), kept.pixels.astype(np.float64), path.suffix in LOSSY
    if lossy:  # there the picture was laid on white
        now = np.concatenate([_over(now, 255.0), np.full_like(now[..., 3:], 255)], -1)
    unequal = int((now != then).any(-1).sum())
    if unequal == 0:
        return True, "same pixels"
    # As it is seen: the colour of a pixel that is nearly transparent may differ a lot and mean nothing.
    seen = np.abs(np.concatenate([_over(now, 0.0) - _over(then, 0.0), now[..., 3:] - then[..., 3:]], -1)).max()
    said = f"largest difference {math.ceil(seen)} of 255, {unequal} of {now[..., 0].size} pixels are not equal"
    return False, said + ("; JPEG never keeps pixels exactly" if lossy else "")


def _over(pixels: np.ndarray, ground: float) -> np.ndarray:
    """Colours [H, W, 3] of ``pixels`` [H, W, 4] on a grey ``ground``, whole numbers."""
    alpha = pixels[..., 3:] / 255
    return np.floor(pixels[..., :3] * alpha + ground * (1 - alpha) + 0.5)


def _other_weights(then: Model | None) -> str:
    """A remark where the weights here are not those that made the file."""
    if then is None or not then.weights:
        return ""
    now = model_card(then.medium, then.name).weights
    return "" if now == then.weights else "; made with other weights of this model than are here"
