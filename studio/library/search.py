"""Finding entries: words, filters, pages."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.library.asset import IMPORTED, Asset, from_row

MAX_WORDS = 64
MAX_LETTERS = 64  # of a word that count
MAX_PAGE = 1000
_ORDER = "created DESC, place, id"
# Masks are shown beside what they were used for, not by themselves.
NOT_A_MASK = f"NOT (kind = '{IMPORTED}' AND path GLOB '*/mask-[0-9]*')"


@dataclass(frozen=True)
class Found:
    """A page of entries, and how many there are on all pages together."""

    assets: tuple[Asset, ...]
    total: int


def search(db: sqlite3.Connection, home: Path, query: "Query", limit: int, offset: int) -> Found:
    """The page of a query's results that begins at ``offset``."""
    limit, offset = min(max(limit, 0), MAX_PAGE), max(offset, 0)
    rows = db.execute(
        f"SELECT * FROM assets WHERE row IN (SELECT row {query.text} ORDER BY {_ORDER} LIMIT ? OFFSET ?) "
        f"ORDER BY {_ORDER}",  # whole rows are read of one page alone, not to sort them all
        [*query.values, limit, offset],
    ).fetchall()
    total = offset + len(rows)
    if len(rows) == limit or (offset and not rows):  # else this is the last page, and there is nothing to count
        total = db.execute(f"SELECT count(*) {query.text}", query.values).fetchone()[0]
    return Found(tuple(from_row(home, row) for row in rows), total)


@dataclass(frozen=True)
class Query:
    """SQL from ``FROM`` to the last condition, and the values of its marks."""

    text: str
    values: list[Any]


def query(
    owner: str,
    words: str,
    equal: dict[str, str | None],
    since: float | None,
    until: float | None,
    starred: bool,
    imported: bool | None,
    trashed: bool,
) -> Query:
    """The query of a search; ``equal`` holds columns that must have a value, None for any."""
    values: list[Any] = [owner]
    where = ["owner = ?", f"trashed IS {'NOT ' if trashed else ''}NULL", NOT_A_MASK]
    match, signs = _words(words)
    tables = "assets"
    if match:
        # CROSS: the few rows that have the words first, not all of the owner's.
        tables = "(SELECT rowid AS hit FROM words WHERE words MATCH ?) CROSS JOIN assets ON row = hit"
        values.insert(0, match)
    for sign in signs:
        where.append("instr(prompt || ' ' || name, ?)")
        values.append(sign)
    pairs: Iterable[tuple[str, Any]] = [
        *((f"{column} = ?", value) for column, value in equal.items()),
        ("created >= ?", since),
        ("created < ?", until),
        ("starred = ?", 1 if starred else None),
        (f"(kind = '{IMPORTED}') = ?", None if imported is None else int(imported)),
    ]
    for text, value in pairs:
        if value is not None:
            where.append(text)
            values.append(value)
    return Query(f"FROM {tables} WHERE {' AND '.join(where)}", values)


def _words(text: str) -> tuple[str, list[str]]:
    """A query of FTS5 for the words in ``text``, each the beginning of one, and signs (emoji) that FTS5 does not index.

    Quoted words hold no operators, so nothing that a person types can be a malformed query.
    """
    chunks = [chunk[:MAX_LETTERS] for chunk in text.replace("\x00", " ").split()[:MAX_WORDS]]
    chunks = [chunk.encode("utf-8", "ignore").decode() for chunk in chunks]  # half a surrogate pair is no text
    words = [chunk for chunk in chunks if any(letter.isalnum() for letter in chunk)]
    signs = [chunk for chunk in chunks if not chunk.isascii() and not any(letter.isalnum() for letter in chunk)]
    quoted = ('"' + word.replace('"', '""') + '"*' for word in words)
    return " ".join(quoted), signs
