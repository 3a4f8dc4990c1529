"""How each medium looks on the stage. A medium brings one :class:`Board`; the view around it is the same for all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from studio.jobs import Job
from studio.language import Phrase
from studio.session import Result, Session


class Board(Protocol):
    """What differs between the media where results are shown."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """HTML of the stage: the picked result, or that there is none yet; ``fresh`` when its run ended this moment."""
        ...

    def running(self, job: Job, folder: Path) -> str | None:
        """HTML of what a running job has left in its folder so far; None while there is nothing to show."""
        ...

    def facts(self, result: Result) -> list[Phrase | str]:
        """What is measured of a result, for the line below it."""
        ...

    def tile(self, result: Result) -> str:
        """HTML of a result at the size of a thumb, without a name: its button has one."""
        ...


def told(board: Board, result: Result | None) -> Sequence[str]:
    """What a board whose files say how they were made (``board.told``) has to say of a result; else nothing."""
    said = getattr(board, "told", None)
    return () if said is None or result is None else said(result)
