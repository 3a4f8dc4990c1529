"""Texts of many lines as options: typed, from standard input, or from a file."""

import sys
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.errors import MediaError, SettingsError

MOST = 1_000_000  # bytes: far more than any setting takes, so that its own refusal can say how much too long it is


def settle(chosen: dict[str, Any], name: str, *, required: bool) -> None:
    """Put the text of option ``name`` in its place in ``chosen``, from wherever it is to come.

    Raises:
        SettingsError: it is given twice, or not at all though ``required``.
        MediaError: its file cannot be read as UTF-8.
    """
    typed, path, option = chosen.pop(name), chosen.pop(f"{name}_file"), f"--{name.replace('_', '-')}"
    if typed is not None and path is not None:
        raise SettingsError(f"{name}: is given twice, by {option} and {option}-file; choose one")
    if path is not None:
        chosen[name] = _read(path, f"{name}_file")
    elif typed == "-":
        chosen[name] = _decoded(sys.stdin.buffer, name, "standard input")
    elif typed is not None:
        chosen[name] = typed
    elif required:
        raise SettingsError(f"{name}: is missing; give {option}, {option}-file, or {option} - for standard input")


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            return _decoded(file, name, path.name)
    except OSError as error:
        raise MediaError(f"{name}: {path.name!r} cannot be read ({error.strerror or error})") from error


def _decoded(file: BinaryIO, name: str, where: str) -> str:
    data = file.read(MOST + 1)
    if len(data) > MOST:
        raise MediaError(f"{name}: {where} holds more than {MOST:,} bytes; shorten it")
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise MediaError(f"{name}: {where} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
