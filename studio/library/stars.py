"""Which assets are starred, in a small file beside them, because nothing in a file itself can say so."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from studio.library import files, places


def read(home: Path) -> set[str]:
    """Ids of the starred assets; a missing or damaged file counts as none."""
    return told(home) or set()


def told(home: Path) -> set[str] | None:
    """Ids of the starred assets as the file tells them; None where it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        held = json.loads((home / places.STARS).read_text("utf-8"))
        if isinstance(held, list):
            return {str(asset) for asset in held}
    return None


def change(home: Path, ids: Iterable[str], *, on: bool) -> None:
    """Add or take away stars; the caller holds the database's write lock, so that no two do so at once."""
    before = read(home)
    after = before | set(ids) if on else before - set(ids)
    if after != before:
        files.write(home / places.STARS, json.dumps(sorted(after), indent=0).encode())
