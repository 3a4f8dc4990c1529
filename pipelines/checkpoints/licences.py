"""The licence gate: what a checkpoint's licence says and where to read it, accepted once before anything is fetched."""

import json
import os
import time
from typing import Any

from pipelines.checkpoints.found import Checkpoint
from pipelines.checkpoints.named import home
from pipelines.errors import ModelError

COMMERCIAL = {
    "yes": "commercial use allowed",
    "no": "no commercial use",
    "ask": "commercial use under conditions that the licence states",
}


def lines(found: Checkpoint) -> list[str]:
    """What there is to accept, for people."""
    place = f"https://huggingface.co/{found.repo}"
    if found.card is None:
        return [f"{found.repo} has a licence of its own, which is not known here. Read it: {place}"]
    card = found.card
    told = [f"{card.title} is under the licence: {card.licence} ({COMMERCIAL[card.commercial]}). Read it: {place}"]
    return told + ([card.note] if card.note else [])


def accept(found: Checkpoint) -> None:
    """Remember that the licence was read and accepted here."""
    path = home() / "licences.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(
        json.dumps({**_read(), str(found.repo): {"accepted": time.strftime("%Y-%m-%d")}}, indent=1), "utf-8"
    )
    os.replace(part, path)


def accepted(found: Checkpoint) -> bool:
    """Whether it was."""
    return str(found.repo) in _read()


def require(found: Checkpoint) -> None:
    """Refuse to go on without.

    Raises:
        ModelError: it says what the licence is and how to accept it.
    """
    if not accepted(found):
        text = " ".join(lines(found))
        raise ModelError(f"model: {text} Then accept it with: eddyline models fetch {found.name} --accept-licence")


def _read() -> dict[str, Any]:
    try:
        held = json.loads((home() / "licences.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
