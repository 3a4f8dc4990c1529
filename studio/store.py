"""Where everything is kept: one folder of plain files, and one SQLite database beside them.

Jobs and assets share a database so that "this job is done" and "these are its results" become true in the same
transaction. The rows of assets can be made again from the files alone; those of jobs cannot.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import StudioError

SCHEMA = 2
_TABLES = """
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- counts up and names the files: never used twice
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,                        -- key of pipelines.settings.ANY_SETTINGS
  settings TEXT NOT NULL,                    -- JSON, seed resolved
  inputs TEXT NOT NULL DEFAULT '{}',         -- JSON: role -> asset id, or name of a file in the job's folder
  state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  position REAL NOT NULL,                    -- order among the queued
  attempts INTEGER NOT NULL DEFAULT 0,
  cancel INTEGER NOT NULL DEFAULT 0,
  worker TEXT,                               -- who runs it
  created REAL NOT NULL,
  started REAL,
  finished REAL,
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  seconds_left REAL,
  preview INTEGER NOT NULL DEFAULT 0,        -- counts previews written
  notes TEXT NOT NULL DEFAULT '[]',
  hidden INTEGER NOT NULL DEFAULT 0,         -- taken off the list by its owner
  reason TEXT                                -- why it failed or stopped, in words for the owner
);
CREATE INDEX jobs_queue ON jobs (state, position);
CREATE INDEX jobs_owner ON jobs (owner, created);
CREATE TABLE workers (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, loaded TEXT NOT NULL DEFAULT '[]');
CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE assets (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  medium TEXT NOT NULL,                      -- image, video, audio, mesh, lipsync
  kind TEXT NOT NULL,                        -- key of ANY_SETTINGS, or 'imported'
  path TEXT NOT NULL UNIQUE,                 -- below the home folder, with forward slashes
  name TEXT NOT NULL DEFAULT '',             -- what an imported file was called
  settings TEXT,                             -- JSON, or NULL for an import without any
  prompt TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  seed INTEGER,
  created REAL NOT NULL,                     -- seconds since 1970
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  width INTEGER, height INTEGER, frames INTEGER, seconds REAL, sample_rate INTEGER, channels INTEGER,
  took REAL,                                 -- seconds that the run took
  starred INTEGER NOT NULL DEFAULT 0,
  trashed REAL,                              -- when it was deleted; NULL while it is there
  job TEXT,
  place INTEGER,                             -- which of the job's results
  UNIQUE (job, place)
);
CREATE INDEX assets_owner ON assets (owner, trashed, created);
CREATE TABLE lineage (child TEXT NOT NULL, parent TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (child, parent, role));
CREATE INDEX lineage_parent ON lineage (parent);
CREATE VIRTUAL TABLE words USING fts5 (prompt, model, name, content='assets', content_rowid='row');
CREATE TRIGGER words_in AFTER INSERT ON assets BEGIN
  INSERT INTO words (rowid, prompt, model, name) VALUES (new.row, new.prompt, new.model, new.name);
END;
CREATE TRIGGER words_out AFTER DELETE ON assets BEGIN
  INSERT INTO words (words, rowid, prompt, model, name) VALUES ('delete', old.row, old.prompt, old.model, old.name);
END;
"""
# What makes a database of each older version one of the next.
_CHANGES = {1: "ALTER TABLE assets ADD COLUMN sample_rate INTEGER;\nALTER TABLE assets ADD COLUMN channels INTEGER;\n"}


def home() -> Path:
    """The folder where results live: ``EDDYLINE_HOME``, or ``Eddyline`` in the person's own folder."""
    named = os.environ.get("EDDYLINE_HOME")
    return Path(named).expanduser().absolute() if named else Path.home() / "Eddyline"


class Store:
    """The home folder and its database; cheap to make, one connection a thread of use.

    Raises:
        StudioError: the folder cannot be written, or a newer version wrote the database.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.home = (folder or home()).absolute()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with self.transaction() as db:
                found = db.execute("PRAGMA user_version").fetchone()[0]
                changes = [_TABLES] if found == 0 else [_CHANGES[version] for version in range(found, SCHEMA)]
                for statement in (each for change in changes for each in _statements(change)):
                    db.execute(statement)
                if changes:
                    db.execute(f"PRAGMA user_version = {SCHEMA}")
        except (OSError, sqlite3.DatabaseError) as error:
            raise StudioError(f"home: {self.home.name!r} cannot be used ({error}); set EDDYLINE_HOME") from error
        if found > SCHEMA:
            raise StudioError(
                f"home: written by a newer version (format {found}, this reads {SCHEMA}); update eddyline"
            )

    @contextmanager
    def connect(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection that commits each statement by itself; rows come as :class:`sqlite3.Row`.

        ``durable`` waits for the disk at every commit; without it a power cut may lose the last ones, which is right
        for progress.
        """
        db = sqlite3.connect(self.home / "studio.sqlite", timeout=30, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            yield db
        finally:
            db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection inside one write transaction: committed at the end, rolled back on any exception."""
        with self.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Single statements of ``script``; a trigger's body holds semicolons of its own."""
    held = ""
    for line in script.splitlines():
        held += line + "\n"
        if sqlite3.complete_statement(held):
            yield held
            held = ""
