"""The database beside the files: made once, refused when newer, whole or unchanged."""

import sqlite3

import pytest

from pipelines.errors import StudioError
from studio.store import Store, home


def test_the_home_folder_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    monkeypatch.delenv("EDDYLINE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / "Eddyline"


def test_a_failed_transaction_leaves_nothing_behind(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError), store.transaction() as db:
        db.execute("INSERT INTO switches VALUES ('paused', '1')")
        1 / 0  # noqa: B018
    with Store(tmp_path).connect() as db:
        assert db.execute("SELECT count(*) FROM switches").fetchone()[0] == 0
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_newer_database_is_refused(tmp_path):
    Store(tmp_path)
    with sqlite3.connect(tmp_path / "studio.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StudioError, match="newer version"):
        Store(tmp_path)


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_is_in_it(tmp_path):
    Store(tmp_path)
    with sqlite3.connect(tmp_path / "studio.sqlite") as db:
        db.execute(
            "INSERT INTO assets (id, owner, medium, kind, path, created, sha256, bytes, prompt) "
            "VALUES ('a', '', 'audio', 'imported', 'audio/x.wav', 1, 'f', 9, 'kite')"
        )
        for column in ("sample_rate", "channels"):
            db.execute(f"ALTER TABLE assets DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Store(tmp_path).connect() as held:
        row = held.execute("SELECT * FROM assets").fetchone()
        assert (row["id"], row["sample_rate"], row["channels"]) == ("a", None, None)
        assert held.execute("PRAGMA user_version").fetchone()[0] == 2
        assert held.execute("SELECT count(*) FROM words WHERE words MATCH 'kite'").fetchone()[0] == 1
    Store(tmp_path)  # and once more changes nothing


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioError, match="EDDYLINE_HOME"):
        Store(tmp_path / "file" / "below")
