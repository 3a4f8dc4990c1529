"""Clips on the stage: a player of our own, drawn by the page's script (``studio/look/clip.js``).

The HTML says which clip it is and what it belongs to; the script fetches its frames on one sheet
(``studio/frames.py``), plays them, steps through them and compares them with what was there before.
"""

import json
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.jobs import Job
from studio.language import Phrase, phrase, said, say
from studio.session import Result, Session
from studio.sources import named, source_named
from studio.stage import badge, clock, place, tile

GROWING = ("video.extend",)  # kinds of run whose pieces are watched as they come


class Clips:
    """The :class:`~studio.boards.Board` of clips."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """The picked result in its player, and those of the same run below it."""
        result = session.result
        if result is None:
            return '<div class="board empty"><p>' + say("Your clip will appear here.") + "</p></div>"
        together = session.together
        takes = "".join(tile(i, each, i == session.picked, self.tile(each)) for i, each in together)
        beside = f'<div class="takes" role="group" {said("aria-label", "Clips of this run")}>{takes}</div>'
        shown = player("stage", seen(result))
        return f'<div class="board moving">{shown}{beside if len(together) > 1 else ""}{badge(result)}</div>'

    def running(self, job: Job, folder: Path) -> str | None:
        """A player that fetches the pieces of a growing clip as they come, or the latest estimate of one."""
        so_far: dict[str, Any] = {"live": job.id, "run": job.id}
        if job.kind in GROWING:
            so_far["pieces"] = True
        if (folder / "preview-0.json").exists():
            so_far["preview"] = job.preview
        elif "pieces" not in so_far:
            return None
        return f'<div class="board moving running">{player("stage", so_far)}</div>'

    def facts(self, result: Result) -> list[Phrase | str]:
        """Width, height and how long it lasts; frames and rate are said by the player."""
        width, height = result.size
        length = [] if result.length is None else [phrase("{time} long", time=clock(result.length))]
        return [f"{width} × {height} px", *length]

    def tile(self, result: Result) -> str:
        """A few of its frames, moving; the first alone where its person wants less motion."""
        return moving(place(result, "thumbnail"))


def moving(address: str) -> str:
    """A thumbnail that moves, but not for those who asked their system for less motion."""
    still = f'<source media="(prefers-reduced-motion: reduce)" srcset="{address}?still">'
    return f'<picture>{still}<img loading="lazy" src="{address}" alt=""></picture>'


def player(where: str, clip: dict[str, Any]) -> str:
    """A player; ``where`` names it on the page, so that what it plays goes on when its HTML is written anew."""
    held = escape(json.dumps(clip), quote=True)
    return f'<eddy-clip data-where="{where}" data-clip="{held}"></eddy-clip>'


def seen(result: Result) -> dict[str, Any]:
    """What a player is told of a result."""
    before = source_named(result)
    # What a clip goes on from is its own beginning: there is nothing to compare.
    compared = before and result.settings.TASK == "edit"
    return {
        "run": result.run,
        "src": sheet_at(named(result)),
        "film": place(result),
        "repeat": bool(getattr(result.settings, "loop", True)),
        **({"before": sheet_at(before)} if compared else {}),
    }


def sheet_at(name: str) -> str:
    """Address of all frames of the clip that ``studio.sources`` calls so; empty where there is none."""
    return f"studio/frames?name={quote(name, safe='')}" if name else ""
