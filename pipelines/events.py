"""What a running pipeline says, in order: notes, progress, previews and finished pieces, then one Done."""

from dataclasses import dataclass
from typing import Generic, TypeVar

MediaT = TypeVar("MediaT")


@dataclass(frozen=True)
class Note:
    """Something the person should know: unknown words, a fallback that was asked for, a first frame taken."""

    text: str


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` steps; ``seconds_left`` is None until it can be estimated."""

    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class Preview(Generic[MediaT]):
    """The clean estimate so far, one item a sample."""

    items: tuple[MediaT, ...]


@dataclass(frozen=True)
class Piece(Generic[MediaT]):
    """A finished part of the result, to be played at once; all pieces in order are the whole, bit for bit.

    ``Done`` may differ from their sum in loudness alone, which is known only at the end.
    """

    item: MediaT


@dataclass(frozen=True)
class Done(Generic[MediaT]):
    """Results, the seed of each, model calls used and seconds taken."""

    items: tuple[MediaT, ...]
    seeds: tuple[int, ...]
    calls: int
    seconds: float


Event = Note | Progress | Preview[MediaT] | Piece[MediaT] | Done[MediaT]
