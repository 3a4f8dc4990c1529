"""Where a face is: its mouth, how it is turned, its eyes, and what can move it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.lipsync.plates import Plate

Engine = Literal["drawn", "photograph"]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Pen:
    """What a mouth is drawn with: colour in [-1, 1], and thickness of the line in widths of the mouth at rest."""

    ink: tuple[float, float, float]
    stroke: float


@dataclass(frozen=True)
class Face:
    """A face in one frame.

    Attributes:
        x: middle of the mouth from the left, pixels.
        y: middle of the mouth from the top, pixels.
        width: of the mouth at rest, pixels.
        roll: angle of the head in the picture, radians, clockwise.
        engine: what moves it.
        box: the head, pixels.
        eyes: middle and width of each eye (x, y, width), pixels; empty where they are not known.
        landmarks: float32 [468, 2], pixels, of a photograph.
        smile: how far the corners of a drawn mouth are up, from -1 to 1, whatever it says.
        pen: what a drawn mouth is drawn with; None where it is to be looked for in the frame.
        plate: the face without its mouth, where several frames have shown it.
    """

    x: float
    y: float
    width: float
    roll: float = 0.0
    engine: Engine = "drawn"
    box: Box | None = None
    eyes: tuple[tuple[float, float, float], ...] = ()
    landmarks: np.ndarray | None = None
    smile: float = 0.2
    pen: Pen | None = None
    plate: Plate | None = None

    def moved(self, x: float, y: float) -> "Face":
        """The same face somewhere else."""
        from dataclasses import replace

        return replace(self, x=x, y=y)

    def corners(self, room: float) -> Box:
        """The upright square that holds everything within ``room`` widths of the mouth, however the head is turned."""
        half = self.width * room / 2 * (abs(math.cos(self.roll)) + abs(math.sin(self.roll)))
        return Box(
            math.floor(self.x - half), math.floor(self.y - half), math.ceil(self.x + half) + 1,
            math.ceil(self.y + half) + 1,
        )  # fmt: skip
