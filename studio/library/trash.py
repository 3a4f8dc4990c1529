"""Deleting with undo: the file moves, its row says where it is.

The order that makes this safe to kill: a row is marked before its file moves away, and unmarked after its file has
come back. So a file that is not where its row says belongs to a marked row and still lies at its old place, where
:func:`finish` finds it. Files move only while the database's one write lock is held.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from pipelines.errors import StudioError
from studio.library import files, looks, places, stars

DAY = 86_400


def mark(db: sqlite3.Connection, ids: Iterable[str], owner: str) -> list[str]:
    """Say that assets are deleted; :func:`finish`, in a later transaction, moves their files."""
    now, marked = time.time(), []
    for asset in dict.fromkeys(ids):
        row = db.execute(
            "SELECT path FROM assets WHERE id = ? AND owner = ? AND trashed IS NULL", (asset, owner)
        ).fetchone()
        if row is not None:
            moved = places.in_trash(row["path"], now)
            db.execute("UPDATE assets SET path = ?, trashed = ? WHERE id = ?", (moved, float(f"{now:.3f}"), asset))
            marked.append(asset)
    return marked


def finish(db: sqlite3.Connection, home: Path) -> None:
    """Move the files of deleted assets that are still at their old place."""
    for row in db.execute("SELECT path FROM assets WHERE trashed IS NOT NULL").fetchall():
        where, before = home / row["path"], _original(row["path"])
        if not where.exists() and (home / before).exists() and not _claimed(db, before):
            files.move_all(home / before, where)


def restore(db: sqlite3.Connection, home: Path, asset: str, owner: str) -> bool:
    """Bring one deleted asset back; False where there is no such deleted asset.

    Raises:
        StudioError: its file is gone.
    """
    row = db.execute(
        "SELECT path FROM assets WHERE id = ? AND owner = ? AND trashed IS NOT NULL", (asset, owner)
    ).fetchone()
    if row is None:
        return False
    where, before = home / row["path"], _original(row["path"])
    if where.exists():
        target = _free(db, home, before)
        files.move_all(where, home / target)
        _sweep(home, where.parent)
    elif (home / before).exists() and not _claimed(db, before):
        target = before
    else:
        raise StudioError(f"{Path(before).name}: its file is no longer in the trash")
    db.execute("UPDATE assets SET path = ?, trashed = NULL WHERE id = ?", (target, asset))
    return True


def purge(db: sqlite3.Connection, home: Path, owner: str | None, days: float) -> int:
    """Remove for good what was deleted more than ``days`` ago; of everybody where ``owner`` is None."""
    finish(db, home)
    rows = db.execute(
        "SELECT id, path, sha256 FROM assets WHERE trashed <= ? AND (? IS NULL OR owner = ?)",
        (time.time() - days * DAY, owner, owner),
    ).fetchall()
    for row in rows:
        for part in files.together(home / row["path"]) if (home / row["path"]).exists() else []:
            part.unlink(missing_ok=True)
        _sweep(home, (home / row["path"]).parent)
        masks = db.execute("SELECT parent FROM lineage WHERE child = ? AND role = 'mask'", (row["id"],)).fetchall()
        forget(db, home, row["id"], row["sha256"])
        for mask in masks:
            _drop_unused(db, home, mask["parent"])
    stars.change(home, [row["id"] for row in rows], on=False)
    return len(rows)


def forget(db: sqlite3.Connection, home: Path, asset: str, sha256: str) -> None:
    """Remove a row and what is kept beside the file; children still name it as their parent."""
    db.execute("DELETE FROM assets WHERE id = ?", (asset,))
    db.execute("DELETE FROM lineage WHERE child = ?", (asset,))
    (home / places.RECORDS / f"{asset}.json").unlink(missing_ok=True)
    if db.execute("SELECT 1 FROM assets WHERE sha256 = ?", (sha256,)).fetchone() is None:
        for path in looks.thumbnails_of(home, sha256):
            path.unlink(missing_ok=True)


def _drop_unused(db: sqlite3.Connection, home: Path, mask: str) -> None:
    """Remove a kept mask that nothing was made with any more: nobody would ever see it."""
    row = db.execute(
        "SELECT path, sha256 FROM assets WHERE id = ? AND path GLOB '*/mask-[0-9]*' "
        "AND NOT EXISTS (SELECT 1 FROM lineage WHERE parent = assets.id)",
        (mask,),
    ).fetchone()
    if row is not None:
        (home / row["path"]).unlink(missing_ok=True)
        forget(db, home, mask, row["sha256"])


def _original(path: str) -> str:
    return path.split("/", 2)[2]


def _claimed(db: sqlite3.Connection, path: str) -> bool:
    return db.execute("SELECT 1 FROM assets WHERE path = ?", (path,)).fetchone() is not None


def _free(db: sqlite3.Connection, home: Path, path: str) -> str:
    """``path``, or a name beside it where something else has taken it meanwhile."""
    wanted, number = Path(path), 1
    while (home / path).exists() or _claimed(db, path):
        number += 1
        path = wanted.with_stem(f"{wanted.stem}-{number}").as_posix()
    return path


def _sweep(home: Path, folder: Path) -> None:
    """Remove folders of the trash that have become empty."""
    with contextlib.suppress(OSError):  # not empty: the end
        while folder != home / places.TRASH:
            folder.rmdir()
            folder = folder.parent
