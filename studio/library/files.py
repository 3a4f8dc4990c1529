"""Files that appear whole or not at all, and finding those that are there."""

import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from studio.library import places

ABANDONED = 86_400  # seconds after which nobody writes to a temporary file any more


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def staged(source: Path, folder: Path) -> tuple[Path, str]:
    """A copy of ``source`` in ``folder`` under a temporary name, safely on disk, and its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=source.suffix.lower(), dir=folder)
    try:
        counted = hashlib.sha256()
        with os.fdopen(handle, "wb") as out, source.open("rb") as file:
            while piece := file.read(1 << 20):
                counted.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)  # mkstemp is private; a person's own files are not
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name), counted.hexdigest()


def write(path: Path, data: bytes) -> None:
    """Put ``data`` into ``path``: whoever reads sees the old content or all of the new one."""
    save(path, lambda out: out.write(data))


def save(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Make ``path`` hold what ``fill`` writes: all of it or nothing new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            fill(out)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)  # mkstemp is private; a person's own files are not
        move(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def move(source: Path, target: Path) -> None:
    """Rename within the home folder, so that the new name is there after a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    settle(target.parent)
    if source.parent != target.parent:
        settle(source.parent)


def move_all(source: Path, target: Path) -> None:
    """:func:`move` with what belongs to the file; the file itself last, so that it is never anywhere without them."""
    for part in together(source):
        move(part, target.with_name(target.name + part.name[len(source.name) :]))


def settle(folder: Path) -> None:
    """Ask the disk to keep the names in ``folder``; systems that cannot are left alone."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def walk(home: Path) -> Iterator[str]:
    """Paths below ``home`` of every file that is the library's, the trash included; links are not followed."""
    top = len(str(home)) + 1
    waiting = [str(root) for root in _roots(home)]
    while waiting:  # strings throughout: this is run over every file at each start
        with contextlib.suppress(FileNotFoundError), os.scandir(waiting.pop()) as found:
            for entry in found:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    relative = entry.path[top:].replace(os.sep, "/")
                    if places.parse(relative) is not None:
                        yield relative


def sweep(home: Path) -> None:
    """Remove temporary files and folders, hidden ones all, that a killed process left behind long ago."""
    oldest = time.time() - ABANDONED
    for root in [*_roots(home), home / places.THUMBS, home / places.RECORDS, home / places.INCOMING]:
        for folder, _, names in os.walk(root, topdown=False):
            inside = any(part.startswith(".") for part in Path(folder).relative_to(root).parts)
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    if (inside or name.startswith(".")) and path.lstat().st_mtime < oldest:
                        path.unlink()
            if inside or root.name == places.INCOMING:
                with contextlib.suppress(OSError):  # not empty, or in use
                    if os.stat(folder).st_mtime < oldest:
                        os.rmdir(folder)


def aside(path: Path, worker: str) -> Path:
    """Where a worker writes a result before it gets its name ``path``: hidden, and told apart by the worker."""
    return path.with_name(f".{path.stem}-{worker[:8]}{path.suffix}")


def drop_aside(home: Path, worker: str = "") -> None:
    """Remove what killed runs wrote :func:`aside`, of ``worker`` or of all; call it only once they run no more."""
    left = re.compile(rf"\.\d{{5,18}}-.*-{re.escape(worker[:8]) or '[0-9a-f]{8}'}\.\w+")
    for root in _roots(home):
        for folder, _, names in os.walk(root):
            found = [name for name in names if left.fullmatch(name)]
            for name in found:
                Path(folder, name).unlink(missing_ok=True)
            if found and Path(folder).name.startswith("."):  # export was writing there; see studio.export.atomic
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


def together(path: Path) -> list[Path]:
    """Files that belong to ``path`` and lie beside it (``x.obj.mtl``, ``x.stl.json``), and then ``path`` itself."""
    if path.suffix.lower() not in places.IN_PARTS:
        return [path]
    found = [p for p in path.parent.iterdir() if p.name.startswith(f"{path.name}.") and places.is_part(p.name)]
    return [*sorted(found), path]


def _roots(home: Path) -> list[Path]:
    tops = [home]
    for above in (home / places.TRASH, home / places.PEOPLE):
        if above.is_dir():
            tops += sorted(above.iterdir())
    for time_of in (home / places.TRASH).glob(f"*/{places.PEOPLE}/*"):
        tops.append(time_of)
    return [top / medium for top in tops for medium in places.MEDIA if (top / medium).is_dir()]
