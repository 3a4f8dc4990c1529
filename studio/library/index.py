"""The library's index made again from the files alone, and held against them."""

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pipelines.errors import MediaError
from studio.library import files, places, stars, trash
from studio.library.asset import Asset, Entry, Parents, insert, read
from studio.store import Store

log = logging.getLogger(__name__)


def rebuild(store: Store) -> int:
    """Make the assets table again from the files; returns how many there are.

    The files are read before the database is locked; those that changed meanwhile are read again under the lock.
    """
    entries = _read_all(store.home, files.walk(store.home), {})
    with store.transaction() as db:
        trash.finish(db, store.home)
        entries = _read_all(store.home, files.walk(store.home), entries)
        took = {row["id"]: (row["sha256"], row["took"]) for row in db.execute("SELECT id, sha256, took FROM assets")}
        db.execute("DELETE FROM assets")
        db.execute("DELETE FROM lineage")
        starred = stars.read(store.home)
        for asset, parents in settled(entries.values()):
            sha256, seconds = took.get(asset.id, ("", None))
            known = seconds if sha256 == asset.sha256 else None
            insert(db, store.home, replace(asset, took=known, starred=asset.id in starred), parents)
        db.execute("INSERT INTO words (words) VALUES ('rebuild')")
        _count_on(db, entries)
    return len(entries)


def settled(entries: Iterable[Entry]) -> list[tuple[Asset, Parents]]:
    """Entries with one id each, oldest first, and parents under the ids that they have here.

    Of files that claim the same id the one whose name holds it has it, else the newest; the others get an id that
    follows from their place, and no longer count as the job's result.
    """
    first_choice = sorted(entries, key=lambda e: (bool(e.came), e.changed, e.asset.path.as_posix()), reverse=True)
    ids: set[str] = set()
    results: set[tuple[str, int | None]] = set()
    kept: list[tuple[Asset, Entry]] = []
    for entry in first_choice:
        asset = entry.asset
        if asset.id in ids:
            asset = replace(asset, id=places.derived("copy", asset.id, entry.original), job=None, place=None)
        if asset.job is not None and (asset.job, asset.place) in results:
            asset = replace(asset, job=None, place=None)
        ids.add(asset.id)
        if asset.job is not None:
            results.add((asset.job, asset.place))
        kept.append((asset, entry))
    owners = {asset.id: asset.owner for asset, _ in kept}
    kept.sort(key=lambda pair: (pair[0].created, pair[0].id))
    return [(asset, parents_here(entry, owners)) for asset, entry in kept]


def parents_here(entry: Entry, owners: Mapping[str, str]) -> Parents:
    """Parents of an entry; one from another machine names ids that may have become others on arrival."""
    if entry.came != "shared":
        return entry.parents
    return tuple((role, places.known_as(parent, entry.asset.owner, owners)) for role, parent in entry.parents)


def make_way(db: sqlite3.Connection, asset: Asset) -> None:
    """Let ``asset`` have its id and its place among the job's results.

    A copy made by hand may have been taken for the result while that was being made again; it gets the id that a
    rebuild would give it.
    """
    for row in db.execute(
        "SELECT id, path FROM assets WHERE id = ? OR (job = ? AND place = ?)", (asset.id, asset.job, asset.place)
    ).fetchall():
        place = places.parse(row["path"])
        other = places.derived("copy", row["id"], place.original if place else row["path"])
        db.execute("UPDATE assets SET id = ?, job = NULL, place = NULL WHERE id = ?", (other, row["id"]))
        db.execute("UPDATE lineage SET child = ? WHERE child = ?", (other, row["id"]))


def adopt(db: sqlite3.Connection, home: Path) -> int:
    """Enter files that came from outside but whose row was never written, because the program was killed between."""
    known = {row["path"] for row in db.execute("SELECT path FROM assets")}
    found = [relative for relative in files.walk(home) if relative not in known]
    lost = [relative for relative in found if (place := places.parse(relative)) and place.came]
    entries = _read_all(home, lost, {}).values()
    owners = {row["id"]: row["owner"] for row in db.execute("SELECT id, owner FROM assets")}
    new = [entry for entry in entries if entry.asset.id not in owners]
    owners |= {entry.asset.id: entry.asset.owner for entry in new}
    starred = stars.read(home)
    for entry in new:
        asset = replace(entry.asset, starred=entry.asset.id in starred)
        insert(db, home, asset, parents_here(entry, owners))
    return len(new)


def agree_on_stars(db: sqlite3.Connection, home: Path) -> None:
    """Let the index say of stars what the file does, which is written first: a kill may have come between.

    A file that is missing or damaged is made again from the index.
    """
    starred = stars.told(home)
    if starred is None:
        stars.change(home, [row["id"] for row in db.execute("SELECT id FROM assets WHERE starred")], on=True)
        return
    held = {row["id"] for row in db.execute("SELECT id FROM assets WHERE starred")}
    for asset in held ^ starred:
        db.execute("UPDATE assets SET starred = ? WHERE id = ?", (int(asset in starred), asset))


def check(store: Store) -> list[str]:
    """What differs between index and files, one sentence each; nothing where they agree."""
    said = []
    starred = stars.read(store.home)
    with store.connect() as db:
        rows = {row["path"]: row for row in db.execute("SELECT id, path, sha256, starred FROM assets ORDER BY path")}
        present = set(files.walk(store.home))
    for path, row in rows.items():
        if bool(row["starred"]) != (row["id"] in starred):
            said.append(f"star: index and file disagree about {path}")
        try:
            if files.digest(store.home / path) != row["sha256"]:
                said.append(f"changed: {path} is not what it was when it was entered")
        except OSError:
            said.append(f"missing: {path} is in the index but not in the folder")
    said += [f"extra: {path} is in the folder but not in the index" for path in sorted(present - rows.keys())]
    return said


def _read_all(home: Path, found: Iterable[str], known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Entries by path; of ``known`` ones only those whose file changed are read again."""
    entries = {}
    for relative in found:
        try:
            stat = (home / relative).stat()
            before = known.get(relative)
            fresh = before is None or before.stat != (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            entries[relative] = read(home, relative) if before is None or fresh else before
        except (OSError, MediaError) as error:
            log.warning("%s left out of the library: %s", Path(relative).name, error)
    return entries


def _count_on(db: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Let the next job have a number above all that files are named by, or it would overwrite one of them."""
    places_of = [place for path in paths if (place := places.parse(path)) and not place.came]
    highest = max((places.job_number(place.original) for place in places_of), default=0)
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    if row is None:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', ?)", (highest,))
    elif row["seq"] < highest:
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'jobs'", (highest,))
