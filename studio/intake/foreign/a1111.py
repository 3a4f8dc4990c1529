r"""AUTOMATIC1111, Forge and those that write like them.

Grammar: the prompt over any number of lines, ``Negative prompt: `` and any number of lines, then one line of pairs
``Steps: 20, Sampler: Euler a, ...``. A value that holds a comma, colon or line break is a JSON string; newer programs
also write lists and objects as they are. Some extensions append lines of their own, each ``Name: text``.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from studio.intake.foreign.found import MAX_TEXT, Foreign, real, size_of, stem, whole, words

_PLACES = ("parameters", "usercomment", "comment", "imagedescription", "description")
_NEGATIVE = "Negative prompt:"
_KEY = re.compile(r"\s*([A-Za-z][^:,\n\"{}\[\]]{0,60}):\s*")
MAX_BROKEN = 20  # values that look like JSON and are none; each takes as long as the line
_DECODER = json.JSONDecoder()


def read_a1111(texts: Mapping[str, str]) -> Foreign | None:
    """The settings, or None where no text follows the grammar."""
    for key in _PLACES:
        found = parse_parameters(texts.get(key, ""))
        if found is not None:
            return found
    return None


def parse_parameters(text: str) -> Foreign | None:
    """One text in the grammar, or None where it has no line of pairs."""
    lines = text[:MAX_TEXT].replace("\r\n", "\n").split("\n")
    place = next((n for n in range(len(lines) - 1, -1, -1) if re.match(r"\s*Steps:\s*[0-9]", lines[n])), None)
    if place is None:
        return None
    values = parse_pairs(lines[place])
    if len(values) < 2:
        return None
    start = next((n for n in range(place) if lines[n].lstrip().startswith(_NEGATIVE)), place)
    negative = "\n".join(lines[start:place]).strip().removeprefix(_NEGATIVE)
    for line in lines[place + 1 :]:
        name, _, value = line.partition(":")
        if value.strip() and len(name) <= 60:
            values.setdefault(name.strip(), value.strip())
    return Foreign(
        studio="Forge" if re.match(r"f[0-9]|forge|neo", words(values.get("Version"))) else "AUTOMATIC1111",
        prompt="\n".join(lines[:start]).strip(),
        negative_prompt=negative.strip(),
        seed=_seed(values.get("Seed")),
        steps=whole(values.get("Steps")),
        guidance=real(values.get("CFG scale", values.get("CFG Scale"))),
        size=size_of(values.get("Size")),
        model=stem(values.get("Model")),
        sampler=words(values.get("Sampler")),
        everything=values,
    )


def parse_pairs(line: str) -> dict[str, Any]:
    """``Key: value, Key: "quoted, value", Key: [{...}]`` as a dictionary; the first of two equal keys counts."""
    values: dict[str, Any] = {}
    place = broken = 0
    while found := _KEY.match(line, place):
        start = found.end()
        value, place = None, start
        if line[start : start + 1] in ('"', "[", "{") and broken < MAX_BROKEN:
            try:
                value, place = _DECODER.raw_decode(line, start)
            except (ValueError, RecursionError):
                broken += 1  # not JSON after all: it ends at the next comma
        if place == start:
            comma = line.find(",", start)
            place = len(line) if comma < 0 else comma
            value = line[start:place].strip()
        values.setdefault(found[1].strip(), value)
        comma = line.find(",", place)
        if comma < 0:
            break
        place = comma + 1
    return values


def _seed(value: Any) -> int | None:
    seed = whole(value)
    return seed if seed is not None and seed >= 0 else None  # -1 asks for a random one
