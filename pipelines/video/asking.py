"""What a prompt asks for: the picture to show, and the score that it moves by."""

from dataclasses import dataclass, replace

import torch

from pipelines.models.motion import Score
from pipelines.models.verbs import Heard, Move, heard, perform, room
from pipelines.models.video import VideoModel

EXACT = 0.97  # a prompt that fits a name so well is that name, whatever verbs are in it
IDLE = (Move("float", amount=0.6),)  # where neither a verb nor a name says how to move


@dataclass(frozen=True)
class Motion:
    """How a prompt's picture moves.

    Attributes:
        said: what a person is told of it.
        room: share of the canvas that a picture drawn for it should take.
        moves: verbs; empty where ``learned`` has the motion.
        learned: one loop of a learned motion, and its length in seconds.
    """

    said: str
    room: float
    moves: tuple[Move, ...]
    learned: Score | None = None
    seconds: float = 0.0

    def score(self, frames: int, rate: float, *, loop: bool, amount: float = 1.0, start: float | None = None) -> Score:
        """The score of so many frames at ``rate`` a second; ``start`` as :func:`perform` takes it.

        ``amount`` is how far things move; whole turns and leaving the canvas know no more or less, only 0.
        """
        if not amount:
            return Score.still(frames)
        if self.learned is None:
            moves = [replace(move, amount=amount * move.amount) for move in self.moves]
            return perform(moves, frames, rate, loop=loop, start=start)
        length = self.learned.frames
        pace = length / self.seconds / rate  # frames of the learned loop to one of the clip
        if loop:
            pace = max(1, round(frames * pace / length)) * length / frames
        times = (start or 0.0) * rate * pace + torch.arange(frames) * pace
        return self.learned.resampled(times, loop=True).scaled(amount)


def read(model: VideoModel, prompt: str) -> Heard:
    """Part a prompt into picture and moves; names of the bank of pictures are never taken apart."""
    bank = model.pictures.bank

    def is_name(text: str) -> bool:
        return bank is not None and bank.look_up(text).fit >= EXACT

    return heard(prompt, is_name)


def motion_of(model: VideoModel, asked: Heard) -> Motion:
    """How what was asked for moves: by its verbs, or as its name does, or gently."""
    if asked.moves:
        verbs = ", ".join(dict.fromkeys(move.verb for move in asked.moves))
        return Motion(f"Moves by the words: {verbs}.", room(asked.moves), asked.moves)
    found = model.motions.look_up(asked.content) if model.motions is not None and asked.content else None
    if found is not None:
        assert model.motions is not None
        return Motion(
            f"Moves as learned from the animated sticker {found.name!r}.", 1.0, (), found.score, model.motions.seconds
        )
    return Motion("Nothing says how it moves; it floats gently.", 1.0, IDLE)
