"""The library as the rest of the studio uses it. Every call but ``rebuild``, ``check`` and ``tidy`` is one owner's."""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Mask
from pipelines.settings import SamplingSettings
from studio.library import files, index, looks, places, stars, trash
from studio.library.asset import Asset, from_row, insert, read
from studio.library.search import NOT_A_MASK, Found, query, search
from studio.provenance import record
from studio.store import Store


class Library:
    """Files below the home folder and the assets table beside them; safe to use from several processes at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.home = store.home

    # --- results of jobs

    def plan(
        self, number: int, created: float, place: int, settings: SamplingSettings, owner: str = "", suffix: str = ".png"
    ) -> Path:
        """Where result ``place`` of job ``number`` goes: the same file whenever the job runs again.

        Args:
            number: the job's number.
            created: when the job was made, seconds since 1970.
            place: which of the job's results, from 0.
            settings: those of this result, its own seed filled in.
            owner: whose it is.
            suffix: ending of the file, with its dot.

        Raises:
            SettingsError: the seed is open.
            MediaError: nothing of this ending is kept.
            StudioError: not an owner's id.
        """
        return self.home / places.result(number, created, place, settings, owner, suffix)

    def add(self, db: sqlite3.Connection, asset: Asset, parents: Sequence[tuple[str, str]] = ()) -> None:
        """Enter a finished result inside the caller's transaction; ``parents`` are (role, id).

        A row of the same file is replaced: the run was repeated.
        """
        path = places.relative(self.home, asset.path)
        old = db.execute("SELECT id, starred FROM assets WHERE path = ?", (path,)).fetchone()
        if old is not None:
            db.execute("DELETE FROM assets WHERE id = ?", (old["id"],))
            db.execute("DELETE FROM lineage WHERE child = ?", (old["id"],))
        index.make_way(db, asset)
        starred = old is not None and old["id"] == asset.id and bool(old["starred"])
        insert(db, self.home, replace(asset, starred=starred), parents)

    def made_by(self, jobs: Sequence[str], owner: str) -> dict[str, tuple[Asset, ...]]:
        """What each of ``jobs`` has made and is not deleted, in the order of its places."""
        marks = ",".join("?" * len(jobs))
        found: dict[str, tuple[Asset, ...]] = {}
        with self.store.connect() as db:
            rows = db.execute(
                f"SELECT * FROM assets WHERE owner = ? AND trashed IS NULL AND job IN ({marks}) ORDER BY job, place",
                (owner, *jobs),
            )
            for row in rows:
                found[row["job"]] = (*found.get(row["job"], ()), from_row(self.home, row))
        return found

    # --- files from outside

    def bring_in(
        self,
        path: Path,
        name: str,
        owner: str,
        settings: SamplingSettings | None = None,
        *,
        medium: str | None = None,
        came: str = "import",
    ) -> Asset:
        """Keep a copy of a file, byte for byte; what the owner has already is not kept twice but comes back.

        Args:
            path: the file.
            name: what it is called; its ending says what it is.
            owner: whose it becomes.
            settings: what was found out about how it was made, where the file itself does not say it in our words.
            medium: where the name's ending alone does not tell: an animated picture is a video.
            came: ``mask`` for what was painted to say where an edit may change a picture.

        Raises:
            MediaError: not a kind of file that is kept, or damaged.
        """
        if medium not in {None, *places.MEDIA}:
            raise MediaError(f"medium: one of {', '.join(places.MEDIA)}, got {medium!r}")
        name = places.kept_name(name)
        medium = medium or places.SUFFIXES[Path(name).suffix.lower()]
        if looks.unreadable(path, medium):
            what = places.CALLED[medium]
            raise MediaError(f"{name}: not {what} that can be read, or damaged; save it again, or in another format")
        now, asset = time.time(), uuid4().hex
        target = self.home / places.arrival(came, asset, now, name, medium, owner)
        beside = self.home / places.RECORDS / f"{asset}.json"
        try:
            copy, sha256 = files.staged(path, target.parent)
        except OSError as error:
            raise MediaError(f"{name}: cannot be kept ({error.strerror or error})") from error
        try:
            with self.store.transaction() as db:
                had = self._again(db, copy, sha256, owner, masks=came == "mask")
                if had is None:
                    if settings is not None:  # read only where the file itself says nothing
                        files.write(beside, record(settings).encode())
                    files.move(copy, target)
                    had = read(self.home, places.relative(self.home, target)).asset
                    insert(db, self.home, had, ())
                return had
        except BaseException:
            target.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
            raise
        finally:
            copy.unlink(missing_ok=True)

    def keep_mask(self, mask: Mask | Mapping[int, Mask], owner: str) -> Asset:
        """Keep a mask, or those of a clip by frame, as a grey PNG that reads back the same, in steps of 1/255."""
        folder = self.home / places.RECORDS
        folder.mkdir(exist_ok=True)
        drawn = folder / f".mask-{uuid4().hex}.png"
        try:
            if isinstance(mask, Mask):
                Image.fromarray((mask.weights * 255 + 0.5).astype(np.uint8)).save(drawn, "PNG")
            else:
                from pipelines.video import save_masks

                save_masks(mask, drawn)
            return self.bring_in(drawn, "mask.png", owner, came="mask")
        finally:
            drawn.unlink(missing_ok=True)

    def _again(self, db: sqlite3.Connection, copy: Path, sha256: str, owner: str, *, masks: bool) -> Asset | None:
        """The asset that ``owner`` has of the same content, out of the trash and with its file in place."""
        row = db.execute(
            f"SELECT id, path FROM assets WHERE owner = ? AND sha256 = ? AND (? OR {NOT_A_MASK}) "
            "ORDER BY trashed IS NOT NULL LIMIT 1",
            (owner, sha256, masks),
        ).fetchone()
        if row is None:
            return None
        if not (self.home / row["path"]).exists():  # somebody removed it by hand: here it is again
            files.move(copy, self.home / row["path"])
        trash.restore(db, self.home, row["id"], owner)
        return self._one(db, row["id"], owner)

    # --- finding

    def search(
        self,
        owner: str,
        words: str = "",
        medium: str | None = None,
        model: str | None = None,
        since: float | None = None,
        until: float | None = None,
        starred: bool = False,
        imported: bool | None = None,
        trashed: bool = False,
        limit: int = 60,
        offset: int = 0,
    ) -> Found:
        """A page of the owner's assets, newest first.

        Args:
            owner: whose.
            words: beginnings of words in the prompt, the model's name or an import's name; all must be there.
            medium: image, video, audio, mesh or lipsync.
            model: exactly this one.
            since: not older, seconds since 1970.
            until: older than this, seconds since 1970.
            starred: only those with a star.
            imported: only imports, or only what was made; None for both. Masks are always left out.
            trashed: those in the trash instead.
            limit: on this page, 1000 at most.
            offset: how many to leave out before.
        """
        wanted = query(owner, words, {"medium": medium, "model": model}, since, until, starred, imported, trashed)
        with self.store.connect() as db:
            return search(db, self.home, wanted, limit, offset)

    def get(self, asset: str, owner: str) -> Asset | None:
        """One asset, deleted or not; None where the owner has none of this id."""
        with self.store.connect() as db:
            return self._one(db, asset, owner)

    def find(self, start: str, owner: str) -> tuple[Asset, ...]:
        """Assets whose id begins with ``start``, deleted or not; 10 at most."""
        with self.store.connect() as db:
            rows = db.execute(
                "SELECT * FROM assets WHERE owner = ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT 10",
                (owner, len(start), start),
            )
            return tuple(from_row(self.home, row) for row in rows)

    def parents(self, asset: str, owner: str) -> tuple[tuple[str, Asset], ...]:
        """What an asset was made from: (role, asset), as far as the owner still has it."""
        return self._related(asset, owner, "child", "parent")

    def children(self, asset: str, owner: str) -> tuple[tuple[str, Asset], ...]:
        """What was made from an asset: (role that it had, asset)."""
        return self._related(asset, owner, "parent", "child")

    def models(self, owner: str) -> tuple[str, ...]:
        """Names of the models that the owner's assets were made with."""
        with self.store.connect() as db:
            rows = db.execute(
                "SELECT DISTINCT model FROM assets WHERE owner = ? AND trashed IS NULL AND model != '' ORDER BY model",
                (owner,),
            )
            return tuple(row["model"] for row in rows)

    def _related(self, asset: str, owner: str, own: str, other: str) -> tuple[tuple[str, Asset], ...]:
        with self.store.connect() as db:
            if self._one(db, asset, owner) is None:
                return ()
            rows = db.execute(
                f"SELECT role, assets.* FROM lineage JOIN assets ON assets.id = {other} "
                f"WHERE {own} = ? AND owner = ? ORDER BY created DESC, role, assets.id",
                (asset, owner),
            )
            return tuple((row["role"], from_row(self.home, row)) for row in rows)

    def _one(self, db: sqlite3.Connection, asset: str, owner: str) -> Asset | None:
        row = db.execute("SELECT * FROM assets WHERE id = ? AND owner = ?", (asset, owner)).fetchone()
        return None if row is None else from_row(self.home, row)

    # --- changing

    def star(self, asset: str, on: bool, owner: str) -> None:
        """Give or take a star."""
        with self.store.transaction() as db:
            if self._one(db, asset, owner) is not None:
                stars.change(self.home, [asset], on=on)
                db.execute("UPDATE assets SET starred = ? WHERE id = ?", (int(on), asset))

    def delete(self, ids: Iterable[str], owner: str) -> tuple[str, ...]:
        """Put assets into the trash; returns those that went, for :meth:`restore` to undo."""
        with self.store.transaction() as db:
            marked = trash.mark(db, ids, owner)
        with self.store.transaction() as db:
            trash.finish(db, self.home)
        return tuple(marked)

    def restore(self, ids: Iterable[str], owner: str) -> tuple[str, ...]:
        """Bring assets back from the trash; returns those that came.

        Raises:
            StudioError: a file is gone; nothing is restored then.
        """
        with self.store.transaction() as db:
            return tuple(asset for asset in dict.fromkeys(ids) if trash.restore(db, self.home, asset, owner))

    def purge(self, owner: str | None, days: float = 30) -> int:
        """Remove for good what has been in the trash for ``days``; of everybody where ``owner`` is None."""
        with self.store.transaction() as db:
            return trash.purge(db, self.home, owner, days)

    # --- looking

    def thumbnail(self, asset: Asset, side: int = 256) -> Path:
        """A WebP that fits ``side`` x ``side`` pixels, made at its first use."""
        return looks.thumbnail(self.home, asset.path, asset.medium, asset.sha256, side)

    # --- keeping index and files equal

    def rebuild(self) -> int:
        """Make the index again from the files alone; returns how many assets there are.

        Ids, settings, parents, jobs, stars, names and the trash come back as they were; how long runs took does not,
        if the old index is gone.
        """
        return index.rebuild(self.store)

    def check(self) -> list[str]:
        """Differences between index and files, one sentence each; nothing where they agree."""
        return index.check(self.store)

    def fill(self) -> None:
        """Fill a new database from the files that lie beside it, if there are any."""
        with self.store.connect() as db:
            empty = db.execute("SELECT 1 FROM assets LIMIT 1").fetchone() is None
        if empty and next(files.walk(self.home), None) is not None:
            self.rebuild()

    def tidy(self) -> None:
        """Finish what a killed process left half done; meant for the start of a server. Cheap when there is nothing."""
        self.fill()
        with self.store.transaction() as db:
            trash.finish(db, self.home)
            index.adopt(db, self.home)
            index.agree_on_stars(db, self.home)
            for row in db.execute("SELECT id, path, sha256 FROM assets WHERE trashed IS NOT NULL").fetchall():
                if not (self.home / row["path"]).exists():  # its removal had begun
                    trash.forget(db, self.home, row["id"], row["sha256"])
        files.sweep(self.home)
