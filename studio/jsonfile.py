"""Small JSON files that are whole or not there: written beside their place, flushed, and moved over."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines.errors import StudioError

LIMIT = 1_000_000  # bytes: nothing that is kept this way comes near it


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` so that a reader, or a power cut, finds the old file or the new one.

    Raises:
        StudioError: the folder cannot be written.
    """
    held = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        held.replace(path)
    except OSError as error:
        with suppress(OSError):
            held.unlink()
        raise StudioError(f"{path.name}: could not be written ({error.strerror}); check the home folder") from error


def read_json(path: Path) -> Any:
    """The value in ``path``, or None where there is no file.

    Raises:
        StudioError: the file is too large or is not JSON.
    """
    try:
        if path.stat().st_size > LIMIT:
            raise StudioError(f"{path.name}: is larger than {LIMIT // 1000} kB; this is not a file of Eddyline")
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StudioError(f"{path.name}: is not readable JSON ({type(error).__name__}); mend or delete it") from error
