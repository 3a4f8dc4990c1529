"""An entry of the library: what one file is, measured from the file itself and read from its record."""

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.errors import MediaError, StudioError
from pipelines.settings import ANY_SETTINGS, SamplingSettings, kind_of
from studio.library import files, looks, places
from studio.provenance import Origin, Provenance, read_settings

IMPORTED = "imported"
LONGEST_TITLE = 1000  # characters: a prompt whole, the beginning of a text to speak
COLUMNS = (
    *("id", "owner", "medium", "kind", "path", "name", "settings", "prompt", "model", "seed", "created", "sha256"),
    *("bytes", "width", "height", "frames", "seconds", "sample_rate", "channels", "took", "starred", "trashed"),
    *("job", "place"),
)
Parents = tuple[tuple[str, str], ...]  # role ("source", "mask" ...) and id


@dataclass(frozen=True)
class Asset:
    """One file of the library.

    Attributes:
        id: 32 hex digits.
        owner: whose it is; empty on a machine of one person.
        medium: image, video, audio, mesh or lipsync.
        kind: what made it, a key of ``ANY_SETTINGS``, or ``imported``.
        path: where the file is now, absolute.
        name: what an imported file was called.
        record: the settings as JSON, or None.
        created: seconds since 1970.
        sha256: of the file's bytes.
        bytes: size of the file.
        width: in pixels; None where it does not apply or is not known, as for all down to channels.
        height: in pixels.
        frames: of a video.
        seconds: how long it plays.
        sample_rate: of a sound, samples a second.
        channels: of a sound.
        took: seconds that the run took; known only until the index is rebuilt.
        trashed: when it was deleted, seconds since 1970; None while it is there.
        job: id of the job that made it, or None.
        place: which of the job's results it is.
    """

    id: str
    owner: str
    medium: str
    kind: str
    path: Path
    name: str
    record: str | None
    prompt: str
    model: str
    seed: int | None
    created: float
    sha256: str
    bytes: int
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    seconds: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    took: float | None = None
    starred: bool = False
    trashed: float | None = None
    job: str | None = None
    place: int | None = None

    @cached_property
    def settings(self) -> SamplingSettings | None:
        """The settings that made it; None when there are none that this version can read."""
        try:
            held = json.loads(self.record or "null")
            return ANY_SETTINGS[held["kind"]].migrate(held["settings"])[0]
        except (ValueError, KeyError, TypeError, AttributeError, StudioError):
            return None

    @property
    def imported(self) -> bool:
        """Whether it was brought in rather than made here."""
        return self.kind == IMPORTED

    @property
    def title(self) -> str:
        """What to call it in a list: its prompt, or the name it came with, or its file's name; long texts are cut."""
        found = self.prompt or self.name or self.path.name
        return found if len(found) <= LONGEST_TITLE else found[:LONGEST_TITLE].rstrip() + "\u2026"

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) in pixels, where it has any."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: no path of the machine, settings as an object."""
        held = {name: getattr(self, name) for name in COLUMNS if name not in {"path", "settings", "owner"}}
        settings = json.loads(self.record)["settings"] if self.record else None
        return {**held, "title": self.title, "file": self.path.name, "settings": settings}


def from_row(home: Path, row: sqlite3.Row) -> Asset:
    """The entry that a row of the assets table holds."""
    values = {name: row[name] for name in COLUMNS}
    record = values.pop("settings")
    return Asset(
        **{**values, "path": home / values["path"], "starred": bool(values["starred"])},
        record=None if record is None else str(record),
    )


def insert(db: sqlite3.Connection, home: Path, asset: Asset, parents: Sequence[tuple[str, str]]) -> None:
    """Write one entry and what it was made from."""
    values = {
        **{name: getattr(asset, name) for name in COLUMNS if name not in {"path", "settings"}},
        "path": places.relative(home, asset.path),
        "settings": asset.record,
        "starred": int(asset.starred),
    }
    names = ", ".join(COLUMNS)
    marks = ", ".join(f":{name}" for name in COLUMNS)
    db.execute(f"INSERT INTO assets ({names}) VALUES ({marks})", values)
    link(db, asset.id, parents)


def link(db: sqlite3.Connection, child: str, parents: Sequence[tuple[str, str]]) -> None:
    """Write what ``child`` was made from: (role, id)."""
    db.executemany(
        "INSERT OR IGNORE INTO lineage (child, parent, role) VALUES (?, ?, ?)",
        [(child, parent, role) for role, parent in parents],
    )


def made(path: Path, settings: SamplingSettings, origin: Origin, owner: str = "", took: float | None = None) -> Asset:
    """The entry of a result that is on disk under the path that was planned for it.

    Raises:
        MediaError: the file cannot be read.
    """
    return _asset(
        path, owner, settings.MEDIUM, kind_of(settings), _record(settings, {}), settings,
        id=origin.id, created=origin.created, took=took, job=origin.job or None,
        place=origin.place if origin.job else None,
    )  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What a file alone says: the asset, the parents that its record names, and how its id was found.

    Attributes:
        asset: the entry; its stars are not known here.
        parents: as recorded, where it was made.
        original: where it is or was before it was deleted, below the home folder.
        came: ``import``, ``mask``, ``shared`` or empty.
        changed: seconds since 1970 of the file's last change.
        stat: size and times, to notice that the file was replaced.
    """

    asset: Asset
    parents: Parents
    original: str
    came: str
    changed: float
    stat: tuple[int, int, int]


def read(home: Path, relative: str) -> Entry:
    """Make the entry of a file from its place, its record and its bytes.

    Raises:
        OSError: the file is gone or cannot be read.
        MediaError: the file cannot be measured.
    """
    place = places.parse(relative)
    if place is None:
        raise MediaError(f"{Path(relative).name}: not a file of the library")
    path = home / relative
    stat = path.stat()
    found = _provenance(home, path, place.id)
    # What was brought in stays an import, even where it says that this program made it.
    origin = _usable(found.origin) if found and place.came in {"", "shared"} else None
    kept = found is not None and (origin is not None or place.came == "shared")
    record = _record(found.settings, found.unknown) if found else None
    asset = _asset(
        path, place.owner, place.medium, found.kind if found and kept else IMPORTED, record,
        found.settings if found else None,
        id=place.id or (origin.id if origin else "") or places.derived("file", place.original),
        created=origin.created if origin else place.created or round(stat.st_mtime, 3),
        name="" if kept else place.name or path.name,
        trashed=place.trashed,
        job=origin.job if origin and origin.job and not place.came else None,
        place=origin.place if origin and origin.job and not place.came else None,
    )  # fmt: skip
    identity = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return Entry(asset, origin.parents if origin else (), place.original, place.came, stat.st_mtime, identity)


def _usable(origin: Origin | None) -> Origin | None:
    """``origin`` if it can be a row: a file may claim anything."""
    if origin is None or not places.ID.fullmatch(origin.id):
        return None
    fits = math.isfinite(origin.created) and abs(origin.place) < 2**31
    return origin if fits else None


def _asset(
    path: Path,
    owner: str,
    medium: str,
    kind: str,
    record: str | None,
    settings: SamplingSettings | None,
    *,
    id: str,
    created: float,
    name: str = "",
    took: float | None = None,
    trashed: float | None = None,
    job: str | None = None,
    place: int | None = None,
) -> Asset:
    try:
        measured = looks.measure(path, medium)
        return Asset(
            id, owner, medium, kind, path, name, record,
            prompt=settings.asked if settings else "", model=settings.model if settings else "",
            seed=settings.seed if settings else None, created=created, sha256=files.digest(path),
            bytes=path.stat().st_size, took=took, trashed=trashed, job=job, place=place, **measured,
        )  # fmt: skip
    except OSError as error:
        raise MediaError(f"{path.name}: cannot be read ({error.strerror or error})") from error


def _record(settings: SamplingSettings, unknown: dict[str, Any]) -> str:
    held = {"kind": kind_of(settings), "settings": {**settings.model_dump(mode="json"), **unknown}}
    return json.dumps(held, ensure_ascii=False)


def _provenance(home: Path, path: Path, asset: str) -> Provenance | None:
    """The record in a file, or the one kept beside for it; a record that cannot be used counts as none."""
    try:
        found = read_settings(path)
    except MediaError:
        return None
    if found is not None or not asset:
        return found
    try:
        held = json.loads((home / places.RECORDS / f"{asset}.json").read_text("utf-8"))
        settings, unknown = ANY_SETTINGS[held["kind"]].migrate(held["settings"])
        origin = held.get("asset")
        if origin is not None:
            parents = tuple((str(role), str(parent)) for role, parent in origin["parents"])
            origin = Origin(str(origin["id"]), float(origin["created"]), parents)
        return Provenance(held["kind"], settings, unknown, None, origin)
    except (OSError, ValueError, KeyError, TypeError, StudioError):
        return None
