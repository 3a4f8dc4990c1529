"""Zips at the gate, projects and picture sequences: plain files, plain names, nothing that grows far when unpacked."""

import stat
import struct
import zipfile
from pathlib import PurePosixPath
from typing import Literal

from studio.intake.upload import Facts, Upload

PROJECT, SEQUENCE = "project.json", "sequence.json"  # what says, at the root, what the rest is
MAX_NAME = 240
_FREE = 10_000_000  # bytes up to which no ratio is looked at: silence and flat meshes shrink as far as bombs do
_NESTED = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst", ".jar")
_CODE = (".pkl", ".pt", ".pth", ".ckpt", ".npy", ".npz", ".joblib", ".py", ".pyc", ".exe", ".dll", ".so", ".sh", ".bat")
_PAGES = (".svg", ".svgz", ".html", ".htm", ".xhtml", ".xml", ".js", ".mjs")
_AGAIN = "make the project zip again"


def read_zip_facts(upload: Upload) -> tuple[Literal["project", "video"], Facts]:
    """Whether it is a project or a sequence of pictures, how many files there are and how large they become.

    Nothing is unpacked.

    Raises:
        MediaError: cut short, encrypted, larger than the limits, or with names or files that are not taken.
    """
    _check_directory(upload)
    upload.file.seek(0)
    try:
        with zipfile.ZipFile(upload.file) as archive:
            entries = archive.infolist()
    except Exception:  # damaged archives raise more than zipfile's own errors
        upload.cut_short()
    upload.check("files", len(entries), upload.limits.zip_entries, "split the project")
    names: set[str] = set()
    for entry in entries:
        _check_entry(upload, entry)
        if entry.filename.lower() in names:
            upload.refuse(f"{_shown(entry)}: is in it twice; {_AGAIN}")
        names.add(entry.filename.lower())
    _check_overlap(upload, entries)
    unpacked = sum(entry.file_size for entry in entries)
    upload.check("bytes when unpacked", unpacked, upload.limits.zip_bytes, "split the project")
    files = sum(not entry.is_dir() for entry in entries)
    if PROJECT in names:
        return "project", Facts(entries=files, unpacked=unpacked)
    if SEQUENCE in names:
        frames = sum(name.endswith(".png") for name in names)
        upload.check("frames", frames, upload.limits.frames, "cut it first")
        return "video", Facts(entries=files, unpacked=unpacked, frames=frames)
    upload.refuse(f"is a zip, but not a project: there is no {PROJECT} in it; unpack it and drop the files")


def _check_directory(upload: Upload) -> None:
    """Hold the size of the directory against the limit before the library makes an object of every entry."""
    reach = min(upload.size, 65_557)
    tail = upload.at(upload.size - reach, reach)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        upload.cut_short()
    entries, size = struct.unpack_from("<HI", tail, place + 10)
    wide = tail.rfind(b"PK\x06\x06", 0, place)
    if wide >= 0 and len(tail) - wide >= 48:
        wide_entries, wide_size = struct.unpack_from("<QQ", tail, wide + 32)
        entries, size = max(entries if entries != 0xFFFF else 0, wide_entries), wide_size
    upload.check("files", entries, upload.limits.zip_entries, "split the project")
    upload.check("bytes of its directory", size, 400 * upload.limits.zip_entries, "split the project")


def _check_entry(upload: Upload, entry: zipfile.ZipInfo) -> None:
    path, kind, shown = PurePosixPath(entry.filename), entry.external_attr >> 16, _shown(entry)
    lower = entry.filename.lower()
    if path.is_absolute() or ".." in path.parts or "\\" in entry.orig_filename or ":" in entry.filename:
        upload.refuse(f"{shown}: leads out of the project's folder; {_AGAIN}")
    if len(entry.filename) > MAX_NAME or not entry.filename.isprintable() or "\0" in entry.orig_filename:
        upload.refuse(f"{shown}: must be a printable name of at most {MAX_NAME} characters; {_AGAIN}")
    if stat.S_IFMT(kind) not in (0, stat.S_IFREG, stat.S_IFDIR):
        upload.refuse(f"{shown}: is a link or a device, only files are taken; {_AGAIN}")
    if entry.flag_bits & 0x2041:  # encrypted, strongly encrypted, or with a hidden directory
        upload.refuse(f"{shown}: is encrypted; make the zip without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        upload.refuse(f"{shown}: is compressed by method {entry.compress_type}, only deflate is read; {_AGAIN}")
    if lower.endswith(_NESTED):
        upload.refuse(f"{shown}: is an archive inside the archive; unpack it first")
    if lower.endswith(_CODE) or lower.endswith(_PAGES):
        upload.refuse(f"{shown}: can run as a program, so the archive is never opened; drop media and settings only")
    if entry.file_size > _FREE and entry.file_size > upload.limits.zip_ratio * max(entry.compress_size, 1):
        upload.refuse(
            f"{shown}: grows {entry.file_size // max(entry.compress_size, 1):,} times when unpacked, at most "
            f"{upload.limits.zip_ratio:,}; {_AGAIN}"
        )


def _check_overlap(upload: Upload, entries: list[zipfile.ZipInfo]) -> None:
    """Entries must lie one behind the other: in some bombs all of them share the same bytes."""
    end = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < end:
            upload.refuse(f"{_shown(entry)}: shares its bytes with another file; {_AGAIN}")
        end = entry.header_offset + 30 + len(entry.orig_filename) + entry.compress_size
    if end > upload.size:
        upload.cut_short()


def _shown(entry: zipfile.ZipInfo) -> str:
    return f"{entry.filename!r:.60}"
