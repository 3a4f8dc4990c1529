"""Sounds on the stage: a player of our own, drawn by the page's script (``studio/look/sound.js``).

The HTML says where a sound is and what it belongs to; the script fetches it, draws it and plays it. Not Gradio's
player: that one knows nothing of words, of pieces that come one after the other, or of a sound before its edit.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

from studio.jobs import Job
from studio.language import Phrase, phrase, said, say
from studio.session import Result, Session
from studio.stage import badge, clock, place, tile


class Sounds:
    """The :class:`~studio.boards.Board` of sounds."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """The picked result in its player, and those of the same run; fresh speech is heard where it was asked for."""
        result = session.result
        if result is None:
            return '<div class="board empty"><p>' + say("Your sound will appear here.") + "</p></div>"
        together = session.together
        takes = "".join(tile(i, each, i == session.picked, self.tile(each)) for i, each in together)
        beside = f'<div class="takes" role="group" {said("aria-label", "Sounds of this run")}>{takes}</div>'
        begin = {"fresh": True} if fresh and result.settings.SUBJECT == "speech" else {}
        shown = player("stage", {**heard(result), **begin})
        return f'<div class="board sound">{shown}{beside if len(together) > 1 else ""}{badge(result)}</div>'

    def running(self, job: Job, folder: Path) -> str | None:
        """A player that fetches the pieces of speech as they come, or the latest estimate of a sound."""
        so_far: dict[str, Any] = {"live": job.id, "run": job.id}
        if job.kind == "speech.generate":
            so_far["pieces"] = True  # the player waits for them by itself: through here they would be heard later
        elif (folder / "preview-0.wav").exists():
            so_far["preview"] = job.preview
        else:
            return None
        return f'<div class="board sound running">{player("stage", so_far)}</div>'

    def facts(self, result: Result) -> list[Phrase | str]:
        """How long it lasts; loudness, channels and rate are said by the player, which measures them."""
        return [] if result.length is None else [phrase("{time} long", time=clock(result.length))]

    def tile(self, result: Result) -> str:
        """Its waveform, as the library draws it."""
        return f'<img class="wave" src="{place(result, "thumbnail")}" alt="">'


def player(where: str, sound: dict[str, Any]) -> str:
    """A player; ``where`` names it on the page, so that what it plays goes on when its HTML is written anew."""
    held = escape(json.dumps(sound), quote=True)
    return f'<eddy-sound data-where="{where}" data-sound="{held}"></eddy-sound>'


def heard(result: Result) -> dict[str, Any]:
    """What a player is told of a result."""
    before = {"before": place(result, of_source=True), "before_words": place(result, "words", of_source=True)}
    return {
        "run": result.run,
        "src": place(result),
        "words": place(result, "words"),
        "repeat": bool(getattr(result.settings, "loop", False)),
        **(before if result.source is not None and result.source.exists() and before["before"] else {}),
    }
