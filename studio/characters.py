"""The characters that ship, as lists and commands need them: read without the page, and without the pipeline."""

import json
from pathlib import Path

from pipelines.errors import MediaError
from pipelines.paths import assets
from studio.language import phrase

CHARACTER = "character:"
FOLDER = "characters"  # below the assets


def chosen(value: object) -> str:
    """The character that a value names, or nothing."""
    text = value if isinstance(value, str) else ""
    return text.removeprefix(CHARACTER) if text.startswith(CHARACTER) else ""


def portrait(name: str) -> Path:
    """The picture of a shipped character.

    Raises:
        MediaError: there is none of this name.
    """
    if name not in characters():
        raise MediaError(phrase("character: there is none of this name"))
    return assets() / FOLDER / f"{name}.webp"


def characters() -> dict[str, str]:
    """Names of the characters that ship and what a person reads; empty where they are missing or damaged.

    Read here and not through the pipeline, which would bring torch into the process of the page.
    """
    try:
        listed = json.loads((assets() / FOLDER / "characters.json").read_text("utf-8"))
        found = {str(each["name"]): str(each["title"]) for each in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: title for name, title in found.items() if (assets() / FOLDER / f"{name}.webp").is_file()}
