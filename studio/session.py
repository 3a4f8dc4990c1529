"""What one page shows: the last results, which of them is on the stage, and which jobs it follows."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.settings import (
    ImageSettings,
    LipSyncSettings,
    SamplingSettings,
    ShapeEditSettings,
    SoundSettings,
    VideoSettings,
)
from studio.library import Asset, Library

KEPT = 24  # results that a page holds on to; the library has them all
# What stands in for the settings of a file that was brought in: it says nothing.
UNTOLD: dict[str, SamplingSettings] = {
    "image": ImageSettings.model_validate({"prompt": "picture"}),
    "audio": SoundSettings.model_validate({"prompt": "sound"}),
    "video": VideoSettings.model_validate({"prompt": "clip"}),
    "mesh": ShapeEditSettings(),
    "lipsync": LipSyncSettings.model_validate({"text": "clip"}),
}


@dataclass(frozen=True)
class Result:
    """A finished file as a page shows it: its settings, and what it was made from.

    ``seconds`` is how long its run took, ``length`` how long it plays; ``size`` is (0, 0) where there are no pixels.
    """

    path: Path
    settings: SamplingSettings
    size: tuple[int, int]
    run: str
    id: str = ""
    seconds: float | None = None
    length: float | None = None
    source: Path | None = None
    source_id: str = ""
    mask: Path | None = None
    starred: bool = False
    example: bool = False
    told: bool = True  # whether the settings are those that made it
    given: tuple[tuple[str, Path, str], ...] = ()  # role, file and id of everything that its run was given

    @property
    def edited(self) -> bool:
        """Whether it was made from something else."""
        return self.settings.TASK != "generate"

    @classmethod
    def of(cls, asset: Asset, library: Library) -> "Result":
        """An asset of the library as a result; what was brought in gets settings that say nothing."""
        parents = dict(library.parents(asset.id, asset.owner))
        source, mask = parents.get("source"), parents.get("mask")
        return cls(
            asset.path,
            asset.settings or UNTOLD.get(asset.medium, UNTOLD["image"]),
            (asset.width or 0, asset.height or 0),
            asset.job or asset.id,
            asset.id,
            asset.took,
            asset.seconds,
            source.path if source else None,
            source.id if source else "",
            mask.path if mask else None,
            starred=asset.starred,
            told=asset.settings is not None,
            given=tuple((role, parent.path, parent.id) for role, parent in parents.items()),
        )


@dataclass(frozen=True)
class Session:
    """What one page has to show, newest first, and which of it is on the stage."""

    results: tuple[Result, ...] = ()
    picked: int = 0

    @property
    def result(self) -> Result | None:
        """The result on the stage."""
        return self.results[self.picked] if self.picked < len(self.results) else None

    @property
    def together(self) -> tuple[tuple[int, Result], ...]:
        """The results made in one run with the picked one, each with its index."""
        shown = self.result
        return tuple((i, each) for i, each in enumerate(self.results) if shown and each.run == shown.run)

    def pick(self, index: int) -> "Session":
        """The same results with another one on the stage."""
        return replace(self, picked=min(max(index, 0), max(len(self.results) - 1, 0)))

    def add(self, results: tuple[Result, ...]) -> "Session":
        """Newer results in front; the oldest beyond what a page holds are let go."""
        fresh = {each.id for each in results}
        older = tuple(each for each in self.results if not each.id or each.id not in fresh)
        return Session((*results, *older)[:KEPT], 0)

    def without(self, asset: str) -> "Session":
        """The same without one result."""
        return Session(tuple(each for each in self.results if each.id != asset), 0)

    def starred(self, asset: str, on: bool) -> "Session":
        """The same with one result's star set."""
        marked = tuple(replace(each, starred=on) if each.id == asset else each for each in self.results)
        return replace(self, results=marked)


class Pages:
    """Which follower serves which open page, what it still has to show, and whether its person looks elsewhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, int] = {}
        self._todo: dict[str, list[str]] = {}
        self._elsewhere: set[str] = set()
        self._count = itertools.count(1)

    def begin(self, page: str, jobs: Sequence[str]) -> int:
        """A follower starts; the one before it, if any, is to end, and what it had to show is shown first."""
        with self._lock:
            self._tokens[page] = next(self._count)
            self._todo[page] = [*self._todo.get(page, []), *jobs]
            self._elsewhere.discard(page)
            return self._tokens[page]

    def holds(self, page: str, token: int) -> bool:
        """Whether this follower still serves the page."""
        return self._tokens.get(page) == token

    def served(self, page: str) -> bool:
        """Whether any follower serves the page."""
        return page in self._tokens

    def current(self, page: str) -> str | None:
        """The job that the page shows."""
        return next(iter(self._todo.get(page, [])), None)

    def also(self, page: str, job: str) -> str:
        """One more job to show."""
        with self._lock:
            self._todo.setdefault(page, []).append(job)
        return job

    def finish(self, page: str, job: str) -> None:
        """A job has been shown to its end."""
        with self._lock:
            self._todo[page] = [each for each in self._todo.get(page, []) if each != job]

    def look_away(self, page: str) -> None:
        """The person picked an older result: previews are not to push it off the stage."""
        with self._lock:
            if page in self._tokens:
                self._elsewhere.add(page)

    def look_back(self, page: str) -> None:
        """A new run begins to be shown."""
        with self._lock:
            self._elsewhere.discard(page)

    def elsewhere(self, page: str) -> bool:
        """Whether the person looks at something else."""
        return page in self._elsewhere

    def end(self, page: str, token: int) -> None:
        """A follower has ended; one that was taken over from leaves everything to its successor."""
        with self._lock:
            if self._tokens.get(page) == token:
                del self._tokens[page]
                self._todo.pop(page, None)
                self._elsewhere.discard(page)
