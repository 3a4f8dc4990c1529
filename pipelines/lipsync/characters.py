"""The characters that ship: small pictures whose mouth and eyes are known."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.codecs.image import read_picture
from pipelines.errors import ModelError
from pipelines.lipsync.faces import Box, Face
from pipelines.media import Picture
from pipelines.paths import assets


@dataclass(frozen=True)
class Character:
    """A face that ships.

    Attributes:
        name: as settings say it.
        title: what a person reads.
        path: its picture.
        credit: who drew it and under which licence.
        face: where its mouth and eyes are.
    """

    name: str
    title: str
    path: Path
    credit: str
    face: Face

    def picture(self) -> Picture:
        """Its picture, with transparency."""
        return read_picture(self.path)[0]


@lru_cache(maxsize=1)
def characters() -> dict[str, Character]:
    """Every shipped character by name; read from ``assets/characters``, without torch.

    Raises:
        ModelError: the list is damaged.
    """
    folder = assets() / "characters"
    try:
        listed = json.loads((folder / "characters.json").read_text("utf-8")) if folder.is_dir() else []
        return {each["name"]: _made(each, folder) for each in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"characters: the list of shipped characters is damaged ({error}); reinstall eddyline"
        ) from error


def _made(each: dict[str, Any], folder: Path) -> Character:
    x, y, width = each["mouth"]
    eyes = tuple((float(left), float(top), float(wide)) for left, top, wide in each["eyes"])
    face = Face(x, y, width, box=Box(*each["head"]), eyes=eyes, smile=float(each["smile"]))
    return Character(each["name"], each["title"], folder / f"{each['name']}.webp", each["credit"], face)


def character(name: str) -> Character:
    """One of them.

    Raises:
        ModelError: there is none of this name; the message names those there are.
    """
    known = characters()
    if name not in known:
        raise ModelError(
            f"character: there is no {name!r}; choose one of {', '.join(known) or 'none, they are missing'}"
        )
    return known[name]
