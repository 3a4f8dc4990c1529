"""A score: what sounds, and when."""

from dataclasses import dataclass, replace
from typing import NamedTuple


class Note(NamedTuple):
    """One note: when and how long in seconds, MIDI ``key``, ``velocity`` 1 to 127."""

    start: float
    seconds: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Score:
    """What is to be heard.

    Attributes:
        timbre: what sounds: "program 40" (General MIDI, 0 to 127), "kit 25" (a drum kit), "noise rain" or
            "recording bd_808"; "" where nothing is said of it.
        notes: what it plays, or when things happen in a noise; what has no pitch has the key 0. A recording is one note
            that lasts as long as it is heard.
        words: of :data:`pipelines.score.noises.MODIFIERS`, how a noise is.
    """

    timbre: str = ""
    notes: tuple[Note, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def played(self) -> bool:
        """Whether an instrument with notes plays it, so that its notes can be given to another."""
        return self.timbre.startswith("program")

    def later(self, seconds: float) -> "Score":
        """The same ``seconds`` later; below 0, earlier."""
        return replace(self, notes=tuple(note._replace(start=note.start + seconds) for note in self.notes))


NOTHING = Score()
