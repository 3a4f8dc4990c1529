"""Reading a project from anywhere: nothing in it is believed before it is checked."""

import hashlib
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import MediaError
from studio.library import files, looks, places
from studio.project import manifest as manifests
from studio.project.manifest import MAX_ASSETS, Item, Manifest

MAX_ENTRIES = MAX_ASSETS + 100
MAX_TOTAL = 16_000_000_000  # bytes, unpacked
MAX_RATIO = 100  # unpacked to packed; media hardly pack at all
SLACK = 1_000_000  # bytes up to which the ratio does not matter
MAX_MANIFEST = 64_000_000  # bytes
KNOWN_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
PIECE = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """A checked archive and its manifest.

    Raises:
        MediaError: not a project, damaged, too large, or made to do harm.
    """
    with _told(path.name):
        archive = zipfile.ZipFile(path)
    with archive:
        with _told(path.name):
            _check(archive, path.name)
            held = _manifest(archive, path.name)
        yield archive, held


def unpack(archive: zipfile.ZipFile, held: Manifest, folder: Path, name: str) -> dict[str, Path]:
    """Write every listed file into ``folder`` under a temporary name; paths by asset id.

    Raises:
        MediaError: a file is not what the manifest says, is no media, or there is no room.
    """
    total = sum(item.bytes for item in held.assets)
    if total > shutil.disk_usage(folder).free:
        raise MediaError(f"{name}: needs {total / 1e6:.0f} MB, which are not free on this disk")
    return {item.id: _one(archive, item, folder, name) for item in held.assets}


def _one(archive: zipfile.ZipFile, item: Item, folder: Path, name: str) -> Path:
    suffix = Path(item.file).suffix.lower()
    if suffix not in places.SUFFIXES:
        raise MediaError(f"{name}: {item.file} is no media file; a project holds nothing else")
    path, counted, size = folder / f".{item.id}{suffix}", hashlib.sha256(), 0
    with path.open("xb") as out:
        with _told(name), archive.open(item.file) as source:
            while piece := source.read(PIECE):
                size += len(piece)
                if size > item.bytes:
                    break
                counted.update(piece)
                out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if size != item.bytes or counted.hexdigest() != item.sha256:
        raise MediaError(f"{name}: {item.file} is not the file that was exported; get the project again")
    if places.SUFFIXES[suffix] == item.medium and looks.unreadable(path, item.medium):
        raise MediaError(f"{name}: {item.file} is not {places.CALLED[item.medium]} that can be read")
    path.chmod(0o644)
    return path


def _check(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise MediaError(f"{name}: {len(entries)} entries, at most {MAX_ENTRIES}")
    if len({entry.filename for entry in entries}) < len(entries):
        raise MediaError(f"{name}: two entries have one name")
    if sum(entry.file_size for entry in entries) > MAX_TOTAL:
        raise MediaError(f"{name}: more than {MAX_TOTAL // 10**9} GB when unpacked")
    for entry in entries:
        if entry.file_size > SLACK + MAX_RATIO * entry.compress_size:
            raise MediaError(f"{name}: an entry unpacks to {entry.file_size // 10**6} MB, far more than media do")
        if not _plain(entry):
            raise MediaError(f"{name}: an entry's name leads out of the project, or it is no plain file")
        if entry.flag_bits & 1:
            raise MediaError(f"{name}: is locked with a password; unlock it first")
        if entry.compress_type not in KNOWN_PACKING:
            raise MediaError(f"{name}: packed in a way that projects are not")


def _plain(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a file or folder below the archive's own root, on every system."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    # orig_filename: what the archive says, before the zipfile module has made it harmless.
    parts = re.split(r"[/\\]", entry.orig_filename)
    inside = parts[0] != "" and ".." not in parts and not re.search(r"[\x00-\x1f:]", entry.orig_filename)
    return inside and kind in {0, stat.S_IFREG, stat.S_IFDIR}


def _manifest(archive: zipfile.ZipFile, name: str) -> Manifest:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if manifests.NAME not in entries:
        raise MediaError(f"{name}: not a project; there is no {manifests.NAME} in it")
    if entries[manifests.NAME].file_size > MAX_MANIFEST:
        raise MediaError(f"{name}: its {manifests.NAME} is larger than {MAX_MANIFEST // 10**6} MB")
    held = manifests.read(archive.read(manifests.NAME), name)
    for item in held.assets:
        if item.file not in entries:
            raise MediaError(f"{name}: {item.file} is listed but not in it")
        if entries[item.file].file_size != item.bytes:
            raise MediaError(f"{name}: {item.file} is not the file that was exported; get the project again")
    return held


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What reading an archive raises, in words for a person."""
    try:
        yield
    except FileNotFoundError:
        raise MediaError(f"{name}: no such file") from None
    except OSError as error:
        raise MediaError(f"{name}: cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise MediaError(f"{name}: not a project, or damaged; get it again") from error


def staging(home: Path) -> Path:
    """A new folder inside the home folder, so that files can be renamed into their places from it."""
    folder = home / places.INCOMING / os.urandom(8).hex()
    folder.mkdir(parents=True)
    files.settle(folder.parent)
    return folder
