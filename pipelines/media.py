"""Media in memory, free of any file format."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pipelines.errors import MediaError


@dataclass(frozen=True)
class Picture:
    """A picture: ``pixels`` uint8 [H, W, 4], straight (not premultiplied) alpha."""

    pixels: np.ndarray

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 4:
            raise MediaError(f"picture: expected uint8 [H, W, 4], got {self.pixels.dtype} {self.pixels.shape}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Mask:
    """Where an edit may change a picture: float32 [H, W] in [0, 1], 0 outside."""

    weights: np.ndarray

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or not np.issubdtype(self.weights.dtype, np.floating):
            raise MediaError(f"mask: expected float [H, W], got {self.weights.dtype} {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and self.weights.min() >= 0 and self.weights.max() <= 1):
            raise MediaError("mask: weights must be between 0 and 1")


@dataclass(frozen=True)
class Word:
    """A word that is spoken from ``start`` to ``end`` seconds, as it was written."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Sound:
    """Sound: ``samples`` float32 [channels, N] in [-1, 1], mono or stereo, ``sample_rate`` of them a second.

    ``words`` says what is spoken in it and when, in order; empty where nobody knows.
    """

    samples: np.ndarray
    sample_rate: int
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        found = self.samples
        if found.dtype != np.float32 or found.ndim != 2 or found.shape[0] not in (1, 2) or not found.shape[1]:
            raise MediaError(f"sound: expected float32 [1 or 2 channels, N], got {found.dtype} {found.shape}")
        if not (np.isfinite(found).all() and abs(found).max() <= 1):
            raise MediaError("sound: samples must be between -1 and 1; scale them down")
        if not 1000 <= self.sample_rate <= 384_000:
            raise MediaError(f"sound: sample_rate must be between 1000 and 384000 Hz, got {self.sample_rate}")

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples.shape[1] / self.sample_rate


# The fifteen visemes that MPEG-4 and the programs after it know, by their usual names.
VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
CHANNELS = (*VISEMES, "jaw", "blink")


@dataclass(frozen=True)
class Visemes:
    """How a mouth moves: ``weights`` float32 [T, 17] in [0, 1], ``rate`` rows a second, columns as in ``CHANNELS``.

    The first fifteen columns are mouth shapes; ``jaw`` says how far the mouth is open and ``blink`` how far the eyes
    are closed. Where several faces have voices of their own, ``others`` are those after the first, from left to right;
    None is a face that is left alone.
    """

    weights: np.ndarray
    rate: float
    others: tuple["Visemes | None", ...] = ()

    def __post_init__(self) -> None:
        found = self.weights
        if found.dtype != np.float32 or found.ndim != 2 or found.shape[1] != len(CHANNELS) or not len(found):
            raise MediaError(f"visemes: expected float32 [T, {len(CHANNELS)}], got {found.dtype} {found.shape}")
        if not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1):
            raise MediaError("visemes: weights must be between 0 and 1")
        if not 0.1 <= self.rate <= 240:
            raise MediaError(f"visemes: rate must be between 0.1 and 240 rows a second, got {self.rate}")
        if any(other is not None and other.others for other in self.others):
            raise MediaError("visemes: the track of another face cannot have others of its own")

    @property
    def seconds(self) -> float:
        """How long the track lasts."""
        return len(self.weights) / self.rate


@dataclass(frozen=True)
class Clip:
    """Moving pictures: ``frames`` uint8 [T, H, W, 4], straight alpha, ``rate`` of them a second; ``sound`` if any.

    ``visemes`` says how the mouth in it moves, where that is known.
    """

    frames: np.ndarray
    rate: float
    sound: Sound | None = None
    visemes: Visemes | None = None

    def __post_init__(self) -> None:
        found = self.frames
        if found.dtype != np.uint8 or found.ndim != 4 or found.shape[3] != 4 or not found.size:
            raise MediaError(f"clip: expected uint8 [T, H, W, 4], got {found.dtype} {found.shape}")
        if not 0.1 <= self.rate <= 240:
            raise MediaError(f"clip: rate must be between 0.1 and 240 frames a second, got {self.rate}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    @property
    def seconds(self) -> float:
        """How long the pictures last."""
        return self.frames.shape[0] / self.rate


@dataclass(frozen=True)
class Mesh:
    """A surface of triangles.

    Attributes:
        vertices: float32 [V, 3], metres, +Y up, +Z front.
        faces: integers [F, 3], each a triangle's vertices, counter-clockwise seen from outside.
        colours: uint8 [V, 4] sRGB and alpha of the vertices, if any.
        uv: float32 [V, 2], place of each vertex on the texture, origin at its lower left, if any.
        texture: the picture that ``uv`` points into, if any.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None = None
    uv: np.ndarray | None = None
    texture: Picture | None = None

    def __post_init__(self) -> None:
        points, faces, count = self.vertices, self.faces, len(self.vertices)
        if points.dtype != np.float32 or points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise MediaError(f"mesh: expected finite float32 vertices [V, 3], got {points.dtype} {points.shape}")
        if not np.issubdtype(faces.dtype, np.integer) or faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
            raise MediaError(f"mesh: expected integer faces [F, 3], got {faces.dtype} {faces.shape}")
        if faces.min() < 0 or faces.max() >= count:
            raise MediaError(f"mesh: faces must name vertices 0 to {count - 1}, got {faces.min()} to {faces.max()}")
        if self.colours is not None and (self.colours.dtype != np.uint8 or self.colours.shape != (count, 4)):
            raise MediaError(f"mesh: expected uint8 colours [{count}, 4], got {self.colours.shape}")
        if self.uv is not None and not (self.uv.shape == (count, 2) and np.isfinite(self.uv).all()):
            raise MediaError(f"mesh: expected finite uv [{count}, 2], got {self.uv.shape}")
        if self.texture is not None and self.uv is None:
            raise MediaError("mesh: a texture needs uv; give both or neither")


Media: TypeAlias = Picture | Clip | Sound | Mesh
