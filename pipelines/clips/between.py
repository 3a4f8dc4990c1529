"""Frames between frames, moved along what moves: FFmpeg's motion interpolation (``minterpolate``)."""

from fractions import Fraction

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as AtEnd

LEAST = 64  # pixels along a side that motion is looked for in
BLOCK = 16  # sides are brought up to whole ones of these
# Blocks of 8 overlap, both ways are looked at, and parts of one object may go different ways.
OPTIONS = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:mb_size=8:search_param=16:scd=none"


def stretched(frames: np.ndarray, speed: float) -> np.ndarray:
    """Frames uint8 RGBA [T, H, W, 4] at ``speed`` below 1: round(T / speed) of them, the given ones where they fall.

    What moves is looked for in brightness over grey, by blocks; what appears or vanishes fades. The last frame stands
    to the end.
    """
    wanted = max(1, round(len(frames) / speed))
    pace = Fraction(speed).limit_denominator(1000)
    made = _interpolated(_solid(frames), 1 / pace)[:wanted]
    made += made[-1:] * (wanted - len(made))
    height, width = frames.shape[1:3]
    found = np.stack([_straight(frame[:height, :width]) for frame in made])
    for place in range(wanted):
        at = min(place * pace, Fraction(len(frames) - 1))
        if at.denominator == 1:
            found[place] = frames[int(at)]  # as it is: colours went through another space
    return found


def _solid(frames: np.ndarray) -> list[np.ndarray]:
    """Premultiplied over middle grey, padded with their edges, with alpha: uint8 [H, W, 4]; the last one thrice."""
    height, width = frames.shape[1:3]
    tall, wide = (max(LEAST, -(-side // BLOCK) * BLOCK) for side in (height, width))
    cover = frames[..., 3:] / np.float32(255)
    colour = (frames[..., :3] * cover + 128 * (1 - cover)).round().astype(np.uint8)
    pads = ((0, 0), (0, tall - height), (0, wide - width), (0, 0))
    padded = np.pad(np.concatenate([colour, frames[..., 3:]], axis=3), pads, mode="edge")
    return [*padded, padded[-1], padded[-1]]


def _straight(frame: np.ndarray) -> np.ndarray:
    """Back from what :func:`_solid` made of a frame."""
    cover = frame[..., 3:] / np.float32(255)
    colour = (frame[..., :3] - 128 * (1 - cover)) / np.maximum(cover, 1 / 255)
    return np.concatenate([colour.round().clip(0, 255).astype(np.uint8), frame[..., 3:]], axis=2)


def _interpolated(frames: list[np.ndarray], rate: Fraction) -> list[np.ndarray]:
    """Frames, one a second, at ``rate`` a second."""
    height, width = frames[0].shape[:2]
    graph = av.filter.Graph()
    form = av.VideoFormat("yuva444p", width, height)
    source = graph.add_buffer(width=width, height=height, format=form, time_base=Fraction(1, 1000))
    motion = graph.add("minterpolate", f"fps={rate}:{OPTIONS}")
    sink = graph.add("buffersink")
    source.link_to(motion)
    motion.link_to(sink)
    graph.configure()
    made: list[np.ndarray] = []
    for second, frame in enumerate([*frames, None]):
        graph.push(None if frame is None else _as_film(frame, 1000 * second))
        made += _waiting(graph)
    return made


def _as_film(frame: np.ndarray, milliseconds: int) -> av.VideoFrame:
    film = av.VideoFrame.from_ndarray(frame, format="rgba").reformat(format="yuva444p")
    film.pts, film.time_base = milliseconds, Fraction(1, 1000)
    return film


def _waiting(graph: "av.filter.Graph") -> list[np.ndarray]:
    found = []
    while True:
        try:
            found.append(graph.vpull().to_ndarray(format="rgba"))
        except (NothingYet, AtEnd):
            return found
