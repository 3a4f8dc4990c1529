"""Settings and other JSON at the gate, parsed within bounds."""

import json
from typing import Any

from pipelines.errors import MediaError, SettingsError
from pipelines.settings import ANY_SETTINGS, SamplingSettings
from studio.intake.upload import Upload


def parse_json(upload: Upload, raw: bytes) -> Any:
    """``raw`` as JSON.

    Raises:
        MediaError: it is not JSON, or lists and objects stand too deep inside one another.
    """
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        found = json.loads(text)
    except RecursionError:
        upload.refuse(_too_deep(upload))
    except UnicodeDecodeError:
        upload.refuse("its text is not UTF-8; save it again as UTF-8")
    except json.JSONDecodeError as error:
        upload.refuse(
            f"not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}; save or copy it again"
        )
    except ValueError:  # a number of thousands of digits
        upload.refuse("not JSON that can be read: a number in it is far too long; save it again")
    if depth_of(found, upload.limits.json_depth) > upload.limits.json_depth:
        upload.refuse(_too_deep(upload))
    return found


def depth_of(value: Any, limit: int) -> int:
    """How many lists and objects stand inside one another; stops counting above ``limit``."""
    level, depth = [value], 0
    while depth <= limit:
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            break
        depth += 1
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return depth


def read_preset(upload: Upload, found: Any) -> tuple[SamplingSettings, dict[str, Any]] | None:
    """Settings as this program writes them into files and presets, and the fields that it does not know.

    A preset need not say what to make; its settings then hold a dash.

    Returns:
        None when the JSON is something else.

    Raises:
        MediaError: it says that it is from this program, but cannot be used.
    """
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str) or "settings" not in found:
        return None
    kind, raw = found["kind"], found["settings"]
    if kind not in ANY_SETTINGS:
        upload.refuse(f"kind: {kind!r:.40} is not known; use one of {', '.join(ANY_SETTINGS)}, or update eddyline")
    if not isinstance(raw, dict):
        upload.refuse("settings: must be an object; save the preset again")
    filled = ANY_SETTINGS[kind].filled(raw) if is_preset(found) else raw
    try:
        settings, unknown = ANY_SETTINGS[kind].migrate(filled)
    except SettingsError as error:
        raise MediaError(f"{upload.label}: its settings cannot be used ({error})") from None
    named = ("kind", "settings", *(("eddyline", "name", "about") if is_preset(found) else ()))
    return settings, {**unknown, **{key: value for key, value in found.items() if key not in named}}


def is_preset(found: dict[str, Any]) -> bool:
    """Whether the JSON is a preset: a name for some settings, which may leave out what to make."""
    return found.get("eddyline") == "preset"


def _too_deep(upload: Upload) -> str:
    return f"lists and objects stand more than {upload.limits.json_depth} deep inside one another; make it flatter"
