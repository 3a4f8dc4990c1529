"""Words that change, and an end that comes early, while a clip goes on: from the page to the run, through its folder.

What was said is written into the settings of the result, with the second at which it took over, so that the file says
how it came about and can be made again.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import SettingsError, StudioError
from pipelines.events import Done, Event, Piece
from pipelines.media import Clip
from pipelines.settings import SamplingSettings, VideoExtendSettings
from studio.jsonfile import read_json, write_json

ROLE = "reins"  # among a run's inputs: the folder
LONGEST = 200  # characters of the words that take over
_WORDS, _FINISH, _SETTLED = "words.json", "finish", "settled.json"


def say(folder: Path, prompt: str) -> None:
    """Let ``prompt`` take over from the next frames on.

    Raises:
        StudioError: it is empty or too long, or the run has ended.
    """
    words = " ".join(prompt.split())
    if not 0 < len(words) <= LONGEST:
        raise StudioError(f"prompt: 1 to {LONGEST} characters, got {len(words)}")
    if not folder.is_dir():
        raise StudioError("job: it does not run; start it, or let its result go on")
    before = read_json(folder / _WORDS) or {"number": 0}
    write_json(folder / _WORDS, {"number": before["number"] + 1, "prompt": words})


def finish(folder: Path) -> None:
    """Let the run end with what is there.

    Raises:
        StudioError: the run has ended.
    """
    if not folder.is_dir():
        raise StudioError("job: it does not run; start it, or let its result go on")
    (folder / _FINISH).touch()


def settled(settings: SamplingSettings, folder: Path) -> SamplingSettings:
    """``settings`` with what was said on the way, as the result keeps them."""
    try:
        changed = read_json(folder / _SETTLED)
        return settings if changed is None else settings.with_(**changed)
    except StudioError:  # more was said than settings hold: the result stands all the same
        return settings


class Reins:
    """One run's end of them."""

    def __init__(self, folder: Path | None, settings: VideoExtendSettings) -> None:
        self.folder, self.settings = folder, settings
        self._heard, self._said = 0, list[tuple[float, str]]()

    def steer(self, seconds: float) -> str | None:
        """Words that take over now, ``seconds`` after the clip; None where nothing new was said."""
        if self.folder is None:
            return None
        found = read_json(self.folder / _WORDS)
        if found is None or found["number"] == self._heard:
            return None
        self._heard = found["number"]
        self._said.append((seconds, str(found["prompt"])))
        return str(found["prompt"])

    def driven(self, events: Iterator[Event[Any]], clip: Clip, seed: int) -> Iterator[Event[Any]]:
        """``events`` of a run that lets ``clip`` go on, ended early where that was asked for."""
        made: list[np.ndarray] = []
        with closing(events):  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Done):
                    self._settle(None)
                    yield event
                    return
                yield event
                if isinstance(event, Piece):
                    made.append(event.item.frames)
                    if self.folder is not None and (self.folder / _FINISH).exists():
                        break
        self._settle(sum(len(part) for part in made) / clip.rate)
        whole = Clip(np.concatenate([clip.frames, *made]), clip.rate, clip.sound)
        yield Done((whole,), (seed,), 0, 0.0)

    def _settle(self, seconds: float | None) -> None:
        """Leave what was said, and how long it went on, for the result's settings."""
        if self.folder is None or (seconds is None and not self._said):
            return
        lines = [f"{at:.2f}: {words}" for at, words in [*self.settings.timeline[1:], *self._said]]
        changed: dict[str, Any] = {"changes": "\n".join(lines)} if lines else {}
        if seconds is not None:
            changed["seconds"] = seconds
        try:
            self.settings.with_(**changed)
        except SettingsError:
            changed.pop("changes", None)
        write_json(self.folder / _SETTLED, changed)
