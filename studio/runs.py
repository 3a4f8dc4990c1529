"""What a page runs: a pipeline loaded once, events turned into kept files, and files turned back into settings."""

import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from PIL import Image

from pipelines.errors import MediaError, StudioError
from pipelines.events import Done, Event
from pipelines.media import Mask, Picture
from pipelines.paths import assets
from pipelines.settings import ImageEditSettings, ImageSettings, SamplingSettings

if TYPE_CHECKING:
    from pipelines.image import ImagePipeline

log = logging.getLogger(__name__)
_loading = threading.Lock()
_pipelines: dict[str, "ImagePipeline"] = {}
_outputs: list[Path] = []
_numbers = count(1)
KEPT = 24  # results that a page holds on to


@dataclass(frozen=True)
class Result:
    """A finished picture: its file, the settings that make it again, and the picture and mask it came from."""

    path: Path
    settings: SamplingSettings
    size: tuple[int, int]
    run: str
    seconds: float | None = None
    source: Path | None = None
    mask: str | None = None
    example: bool = False

    @property
    def edited(self) -> bool:
        """Whether it was made from another picture."""
        return isinstance(self.settings, ImageEditSettings)


@dataclass(frozen=True)
class Session:
    """What one page has to show, newest first, and which of it is on the stage."""

    results: tuple[Result, ...] = ()
    picked: int = 0

    @property
    def result(self) -> Result | None:
        """The picture on the stage."""
        return self.results[self.picked] if self.picked < len(self.results) else None

    @property
    def together(self) -> tuple[tuple[int, Result], ...]:
        """The pictures made in one run with the picked one, each with its index."""
        shown = self.result
        return tuple((i, each) for i, each in enumerate(self.results) if shown and each.run == shown.run)

    def pick(self, index: int) -> "Session":
        """The same results with another one on the stage."""
        return replace(self, picked=min(max(index, 0), max(len(self.results) - 1, 0)))

    def add(self, results: tuple[Result, ...]) -> "Session":
        """Newer results in front; the oldest beyond what a page holds are let go."""
        return Session((*results, *self.results)[:KEPT], 0)


@dataclass(frozen=True)
class Kept:
    """Follows Done: the files that were written."""

    results: tuple[Result, ...]


@dataclass(frozen=True)
class Dropped:
    """A picture given to the page and what its file says about itself."""

    picture: Picture
    notes: tuple[str, ...] = ()
    settings: SamplingSettings | None = None
    unknown: dict[str, Any] = field(default_factory=dict)


def pipeline(model: str) -> "ImagePipeline":
    """The image pipeline of ``model``, loaded at its first use and shared by every page."""
    from pipelines.image import ImagePipeline  # brings in torch; a page that only shows has no need of it

    with _loading:
        if model not in _pipelines:
            _pipelines[model] = ImagePipeline.load(model)
        return _pipelines[model]


def make(settings: ImageSettings) -> Iterator[Event[Picture] | Kept]:
    """Generate, keep the files, and pass the events on."""
    yield from _keep(pipeline(settings.model).generate(settings), settings)


def edit(settings: ImageEditSettings, source: Path | None, mask: str | None) -> Iterator[Event[Picture] | Kept]:
    """Edit the picture in ``source`` where ``mask`` (a PNG data address, or nothing) is painted."""
    from studio.pictures import painted

    dropped = look(source)
    weights: Mask | None = painted(mask, dropped.picture.size)
    yield from _keep(pipeline(settings.model).edit(settings, dropped.picture, weights), settings, source, mask)


def again(result: Result) -> Iterator[Event[Picture] | Kept]:
    """The same once more with a new seed; an edit starts from its own source and mask again."""
    settings = result.settings.with_(seed=None)
    if isinstance(settings, ImageEditSettings):
        return edit(settings, result.source, result.mask)
    assert isinstance(settings, ImageSettings)
    return make(settings)


def look(path: Path | None) -> Dropped:
    """Read a picture that was given to the page, and the settings inside it if Eddyline made it.

    Raises:
        StudioError: there is no picture, or it cannot be read.
    """
    from pipelines.image import read_picture
    from studio.provenance import read_settings

    if path is None:
        raise StudioError("Picture: there is none yet; drop one above, or choose 'Use as source' below a result")
    picture, notes = read_picture(path)
    try:
        found = read_settings(path)
    except StudioError as error:
        return Dropped(picture, (*notes, f"Its settings could not be restored: {error}"))
    if found is None:
        return Dropped(picture, notes)
    return Dropped(picture, notes, found.settings, dict(found.unknown))


def examples() -> tuple[Result, ...]:
    """The shipped examples, newest first; a damaged one is left out rather than stopping the page."""
    from studio.provenance import read_settings

    made = []
    for path in sorted((assets() / "examples").glob("image-*.png"), reverse=True):
        try:
            with Image.open(path) as opened:  # the header alone: a page must stand before any model is loaded
                size = opened.size
            found = read_settings(path)
        except (StudioError, OSError) as error:
            log.warning("example %s left out: %s", path.name, error)
            continue
        if found is not None:
            made.append(Result(path, found.settings, size, path.name, example=True))
    return tuple(made)


def exports(result: Result) -> dict[str, Path]:
    """The picture in every format that can hold it, settings embedded; the PNG is the kept file, byte for byte."""
    from studio.export import FORMATS, save_picture

    with Image.open(result.path) as opened:  # not through the codec, which would bring torch to a page that only shows
        picture = Picture(np.array(opened.convert("RGBA")))
    made = {"png": result.path}
    for name in FORMATS:
        target = outputs() / f"{result.path.stem}.{name}"
        try:
            if name != "png" and not target.exists():
                save_picture(picture, target, result.settings, edited=result.edited)
            made.setdefault(name, target)
        except MediaError as error:
            log.warning("no %s of %s: %s", name, result.path.name, error)
    return made


def outputs() -> Path:
    """The folder of this process's results."""
    with _loading:
        if not _outputs:
            _outputs.append(Path(tempfile.mkdtemp(prefix="eddyline-")))
        return _outputs[0]


def _keep(
    events: Iterator[Event[Picture]],
    settings: SamplingSettings,
    source: Path | None = None,
    mask: str | None = None,
) -> Iterator[Event[Picture] | Kept]:
    """Pass events on and write the results; closing this closes the run at its next step."""
    try:
        for event in events:
            if isinstance(event, Done):
                # Kept first: whoever stops listening at Done must still find the files.
                kept = Kept(tuple(_written(event, settings, source, mask)))
                yield event
                yield kept
            else:
                yield event
    finally:
        if hasattr(events, "close"):
            events.close()


def _written(
    done: Done[Picture], settings: SamplingSettings, source: Path | None, mask: str | None
) -> Iterator[Result]:
    from studio.export import save_picture

    run = uuid4().hex
    if source is not None:  # uploads are cleared after a day; what a result came from must stay as long as the result
        kept = outputs() / f"source-{run}{source.suffix}"
        shutil.copyfile(source, kept)
        source = kept
    edited = isinstance(settings, ImageEditSettings)
    for picture, seed in zip(done.items, done.seeds, strict=True):
        # A picture of several is recorded as a run of one with its own seed: that is what makes it again.
        alone = {"seed": seed, "count": 1} if isinstance(settings, ImageSettings) else {"seed": seed}
        own = settings.with_(**alone)
        target = outputs() / f"{next(_numbers):05}-{seed}-{_plain(settings.model)}.png"
        path = save_picture(picture, target, own, edited=edited)
        yield Result(path, own, picture.size, run, done.seconds, source, mask)


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:40]
