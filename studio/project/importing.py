"""A project into the library: all of it or nothing, ids kept where they are free."""

import json
import shutil
import sqlite3
from pathlib import Path

from pipelines.errors import MediaError
from studio.library import Asset, Library, files, index, places, trash
from studio.library.asset import IMPORTED, Entry, from_row, insert, link, read
from studio.project.manifest import Item, Manifest
from studio.project.unpacking import opened, staging, unpack
from studio.provenance import read_settings


def import_project(library: Library, path: Path, owner: str) -> tuple[Asset, ...]:
    """Bring the files of a project into the library as ``owner``'s; returns all of them, oldest first.

    What the owner has already is not doubled. An id that is somebody else's here is replaced, the same each time.

    Raises:
        MediaError: not a project, damaged, too large, or made to do harm; nothing is kept then.
    """
    places.below(owner)
    with opened(path) as (archive, held):
        folder = staging(library.home)
        try:
            unpacked = unpack(archive, held, folder, path.name)
            return _enter(library, held, unpacked, owner)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _enter(library: Library, held: Manifest, unpacked: dict[str, Path], owner: str) -> tuple[Asset, ...]:
    masks = {parent for item in held.assets for role, parent in item.parents if role == "mask"}
    masks -= {parent for item in held.assets for role, parent in item.parents if role != "mask"}
    arrived: list[Path] = []
    try:
        with library.store.transaction() as db:
            entries: list[Entry] = []
            assets = []
            for item in held.assets:
                asset, known = _identity(db, item, owner)
                if known is not None:
                    assets.append(_still_there(db, library.home, known, unpacked[item.id], owner))
                    continue
                came = "shared" if item.kind != IMPORTED else "mask" if item.id in masks else "import"
                entry = _place(library.home, item, asset, came, unpacked[item.id], owner, arrived)
                insert(db, library.home, entry.asset, ())
                entries.append(entry)
                assets.append(entry.asset)
            owners = {row["id"]: row["owner"] for row in db.execute("SELECT id, owner FROM assets")}
            for entry in entries:
                link(db, entry.asset.id, index.parents_here(entry, owners))
            return tuple(assets)
    except BaseException:
        for path in arrived:
            path.unlink(missing_ok=True)
        raise


def _identity(db: sqlite3.Connection, item: Item, owner: str) -> tuple[str, sqlite3.Row | None]:
    """The id that an item gets here, and the row that it already has."""
    asset = item.id
    while True:
        row = db.execute("SELECT * FROM assets WHERE id = ?", (asset,)).fetchone()
        if row is None:
            return asset, None
        if row["owner"] == owner and row["sha256"] == item.sha256:
            return asset, row
        asset = places.stand_in(asset, owner)


def _still_there(db: sqlite3.Connection, home: Path, row: sqlite3.Row, unpacked: Path, owner: str) -> Asset:
    if not (home / row["path"]).exists():
        files.move(unpacked, home / row["path"])
    trash.restore(db, home, row["id"], owner)
    return from_row(home, db.execute("SELECT * FROM assets WHERE id = ?", (row["id"],)).fetchone())


def _place(home: Path, item: Item, asset: str, came: str, unpacked: Path, owner: str, arrived: list[Path]) -> Entry:
    name = places.kept_name(item.name or Path(item.file).name)
    if Path(name).suffix.lower() != unpacked.suffix:
        raise MediaError(f"{item.file}: its name says another kind of file; the project is damaged")
    target = places.arrival(came, asset, item.created, name, item.medium, owner)
    if item.record is not None and read_settings(unpacked) is None:
        beside = home / places.RECORDS / f"{asset}.json"
        origin = {"id": item.id, "created": item.created, "parents": item.parents, "job": "", "place": 0}
        held = item.record if came != "shared" else {**item.record, "asset": origin}
        arrived.append(beside)
        files.write(beside, json.dumps(held, ensure_ascii=False).encode())
    arrived.append(home / target)
    files.move(unpacked, home / target)
    return read(home, target)
