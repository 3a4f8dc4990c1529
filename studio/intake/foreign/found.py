"""What was found of another studio's settings, and careful readings of its values."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TEXT = 4_000_000  # characters worth parsing


@dataclass(frozen=True)
class Foreign:
    """Settings of another studio, in its own ranges.

    Attributes:
        studio: who wrote them.
        prompt: what was asked for.
        negative_prompt: what was to be kept away.
        seed: of the noise; up to 64 bits, None where it was not written or random.
        steps: of the sampler.
        guidance: classifier-free guidance scale.
        size: (width, height) in pixels.
        model: name of the checkpoint.
        sampler: as the studio calls it.
        everything: all that was read, by the studio's own names.
    """

    studio: str
    prompt: str = ""
    negative_prompt: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    size: tuple[int, int] | None = None
    model: str = ""
    sampler: str = ""
    everything: dict[str, Any] = field(default_factory=dict)


def objects(texts: Mapping[str, str], *keys: str) -> Iterator[dict[str, Any]]:
    """The JSON objects among the texts under ``keys``, in their order."""
    for key in keys:
        found = parsed(texts.get(key, ""))
        if isinstance(found, dict):
            yield found


def parsed(text: str) -> Any:
    """``text`` as JSON, or None; a name before it (``workflow:{...}``, as in EXIF) is passed over."""
    text = re.sub(r"\A\s*(?i:prompt|workflow|parameters)\s*:\s*(?=[{\[])", "", text[:MAX_TEXT])
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def whole(value: Any) -> int | None:
    """A whole number however it is written, or None."""
    number = real(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**64 else None
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value):
        return int(value)
    return int(number) if number is not None and number.is_integer() and abs(number) < 2**64 else None


def real(value: Any) -> float | None:
    """A finite number however it is written, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def words(value: Any) -> str:
    """A text, or nothing."""
    return value.strip() if isinstance(value, str) else ""


def pair(width: Any, height: Any) -> tuple[int, int] | None:
    """(width, height) where both are whole numbers above 0."""
    found = whole(width), whole(height)
    return (found[0], found[1]) if found[0] and found[1] and min(found[0], found[1]) > 0 else None


def size_of(text: Any) -> tuple[int, int] | None:
    """(width, height) of a text like ``512x768``."""
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*[xX*]\s*([0-9]{1,6})\s*", text) if isinstance(text, str) else None
    return pair(found[1], found[2]) if found else None


def stem(model: Any) -> str:
    """A checkpoint's name without folders, address and extension."""
    name = words(model).replace("\\", "/").split("/")[-1]
    return re.sub(r"\.(safetensors|sft|ckpt|pt|pth|gguf|bin)\Z", "", name, flags=re.IGNORECASE)
