"""Talking clips on the stage: the clip with its sound, before and after, and below it a timeline.

The timeline shows frames, waveform, the movement of the mouth and the words over one ruler; the page's script draws it
(``studio/look/talk.js``) from what ``studio/talks.py`` finds in the file.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from pipelines.settings import LipSyncSettings
from studio.boards.clips import moving
from studio.jobs import Job
from studio.language import Phrase, phrase, said, say
from studio.pictures import address
from studio.prompts import words_of
from studio.provenance import read_notes
from studio.session import Result, Session
from studio.stage import badge, clock, place

CLIPS = (".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v")


class Talks:
    """The :class:`~studio.boards.Board` of talking clips."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """The picked result in its player, over its timeline; a fresh one is played where it was asked for."""
        result = session.result
        if result is None:
            return '<div class="board empty"><p>' + say("Your talking clip will appear here.") + "</p></div>"
        shown = scene(place(result), words_of(result.settings), _before(result))
        held = timeline(place(result, "timeline"), place(result, "strip"), fresh=fresh)
        return f'<div class="board talk">{shown}{held}{badge(result)}</div>'

    def running(self, job: Job, folder: Path) -> str | None:
        """The latest frame of a running job."""
        shown = folder / "preview-0.png"
        try:
            image = f'<img class="after" src="{address(shown)}" {said("alt", "Preview")}>' if shown.exists() else ""
        except OSError:
            return None  # the job ended this moment and its previews with it
        return f'<div class="board talk running"><div class="talker">{image}</div></div>' if image else None

    def facts(self, result: Result) -> list[Phrase | str]:
        """Width and height, and how long it lasts."""
        width, height = result.size
        length = [] if result.length is None else [phrase("{time} long", time=clock(result.length))]
        return [f"{width} × {height} px", *length]

    def told(self, result: Result) -> Sequence[str]:
        """Which engine moved the mouth and why, and what else the run had to say."""
        return read_notes(result.path)

    def tile(self, result: Result) -> str:
        """A frame of it."""
        return moving(place(result, "thumbnail"))


def scene(address: str, words: str, before: str = "") -> str:
    """A clip, and with it what it was made from, which stays hidden until it is asked for."""
    named = escape(words, quote=True)
    clip = f'<video class="after" src="{address}" playsinline preload="auto" aria-label="{named}"></video>'
    return f'<div class="talker">{before}{clip}</div>'


def timeline(address: str, strip: str, *, fresh: bool = False) -> str:
    """The player of a clip: its buttons and its timeline."""
    told: dict[str, Any] = {"timeline": address, "frames": strip, **({"fresh": True} if fresh else {})}
    return f'<eddy-talk data-told="{escape(json.dumps(told), quote=True)}"></eddy-talk>'


def _before(result: Result) -> str:
    settings = result.settings
    if isinstance(settings, LipSyncSettings) and settings.character:
        return f'<img class="source" src="studio/characters/{settings.character}" {said("alt", "Before")}>'
    found, where = result.source, place(result, of_source=True)
    if found is None or not where or not found.exists():
        return ""
    if found.suffix.lower() in CLIPS:
        return f'<video class="source" src="{where}" muted playsinline {said("aria-label", "Before")}></video>'
    return f'<img class="source" src="{where}" {said("alt", "Before")}>'
