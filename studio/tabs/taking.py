"""How files and results get from one place of the page to the tab that is for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.settings import SamplingSettings, kind_of
from studio.intake import Taken, take
from studio.language import phrase
from studio.session import Result

if TYPE_CHECKING:
    from studio.view import ResultView

Updates = dict[Any, Any]
# What is said when a file brings its settings back, by their kind.
BACK = {
    "image.generate": "Made by {by}: its settings are back in Make.",
    "image.edit": "Made by {by}: its settings are back in Edit.",
    "speech.generate": "Made by {by}: its settings are back in Speak.",
    "speech.edit": "Made by {by}: its settings are back in Edit speech.",
    "sound.generate": "Made by {by}: its settings are back in Make sound.",
    "sound.edit": "Made by {by}: its settings are back in Edit sound.",
    "lipsync.generate": "Made by {by}: its settings are back in Lip-sync.",
    "video.generate": "Made by {by}: its settings are back in Make.",
    "video.edit": "Made by {by}: its settings are back in Edit.",
    "video.extend": "Made by {by}: its settings are back in Extend.",
    "clip.edit": "Made by {by}: its settings are back in Cut and loop.",
    "mesh.generate": "Made by {by}: its settings are back in Make.",
    "mesh.edit": "Made by {by}: its settings are back in Edit.",
    "shape.edit": "Made by {by}: its settings are back in Tools.",
}


@dataclass(frozen=True)
class Given:
    """A file that a person gave: where it is, what it says of itself, and what they should know about it."""

    path: Path
    taken: Taken
    settings: SamplingSettings | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Taker:
    """A tab that takes things of one medium.

    Attributes:
        medium: which.
        parts: every component that the two functions may update.
        use: a result of the library as settings, or as source: (result, as_source) -> updates.
        give: a dropped file as source, with the settings that it holds.
        view: where its results are shown.
        takes: what it does with results of other media that are sent to it, by their medium.
    """

    medium: str
    parts: list[Any]
    use: Callable[[Result, bool], Updates]
    give: Callable[[Given], Updates]
    view: "ResultView | None" = None
    takes: Mapping[str, Callable[[Result], Updates]] = field(default_factory=dict)


def look(path: Path) -> Given:
    """Pass a file through the gate.

    Raises:
        MediaError: it is refused; the message says why and what to do.
    """
    taken = take(path, path.name)
    notes = list(taken.notes)
    if taken.settings is not None and kind_of(taken.settings) in BACK:
        notes.append(phrase(BACK[kind_of(taken.settings)], by=taken.studio or "Eddyline"))
    if taken.unknown and taken.provenance is not None:
        notes.append(phrase("Not known to this version: {names}.", names=", ".join(sorted(taken.unknown))))
    return Given(path, taken, taken.settings, tuple(notes))
