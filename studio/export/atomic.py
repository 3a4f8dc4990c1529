"""Files that are there whole or not at all, through crashes and power cuts."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import MediaError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Where to write what shall become ``path``: the same name in a hidden folder beside it.

    At the end everything written there, files that lie beside ``path`` included, is on the disk and then takes its
    place, ``path`` last; on any exception nothing does, and an old ``path`` stays as it was.

    Raises:
        MediaError: it cannot be written; says why.
    """
    folder = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
        yield folder / path.name
        for written in sorted(folder.iterdir(), key=lambda file: file.name == path.name):
            _sync(written)
            os.replace(written, path.parent / written.name)
        _sync(path.parent)
    except (OSError, ValueError, RuntimeError) as error:  # the last two: what a library says of sizes and rates
        reason = str(getattr(error, "strerror", None) or error).replace(f"{folder}{os.sep}", "")
        raise MediaError(f"out: {path.name} cannot be written ({reason})") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
