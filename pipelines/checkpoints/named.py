"""Checkpoints that a person has chosen: short names for folders and hub ids, with how to load each.

They are kept in ``checkpoints.json`` of the studio's folder. Pages and servers run these and the catalogue's alone: a
name says nothing of this machine's folders, and nobody else can name a folder of it.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipelines.errors import ModelError

NAME = re.compile(r"^[A-Za-z0-9][\w .+-]{0,59}$")


@dataclass(frozen=True)
class Named:
    """One chosen checkpoint.

    Attributes:
        name: as settings say it.
        place: folder or hub id.
        medium: what it makes.
        load: overrides of its plan.
    """

    name: str
    place: str
    medium: str
    load: dict[str, str] = field(default_factory=dict)


def home() -> Path:
    """The studio's folder, by the same rule as the studio's own."""
    named = os.environ.get("EDDYLINE_HOME")
    return Path(named).expanduser() if named else Path.home() / "Eddyline"


def all_named() -> dict[str, Named]:
    """Those there are, by name; a damaged file counts as none."""
    try:
        held = json.loads((home() / "checkpoints.json").read_text("utf-8"))
        found = [Named(**entry) for entry in held]
    except (OSError, ValueError, TypeError):
        return {}
    return {each.name: each for each in found}


def add(chosen: Named) -> None:
    """Keep ``chosen``, in place of one of the same name.

    Raises:
        ModelError: it cannot be called that.
    """
    if not NAME.match(chosen.name):
        raise ModelError(f"name: letters, digits, spaces and . + - _, at most 60, got {chosen.name!r:.70}")
    _write({**all_named(), chosen.name: chosen})


def remove(name: str) -> Named:
    """Forget a name; the files stay.

    Raises:
        ModelError: there is none.
    """
    held = all_named()
    if name not in held:
        known = f"there are {', '.join(held)}" if held else "none was added"
        raise ModelError(f"model: {name!r:.80} was not added here; {known}")
    _write({key: each for key, each in held.items() if key != name})
    return held[name]


def _write(held: dict[str, Named]) -> None:
    path = home() / "checkpoints.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps([asdict(each) for each in held.values()], indent=1), "utf-8")
    os.replace(part, path)
