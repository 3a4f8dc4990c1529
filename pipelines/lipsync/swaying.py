"""Stills that live: eyes that blink and a head that moves a little, around whatever the mouth does."""

import math

import numpy as np
import torch
from torch.nn.functional import grid_sample

from pipelines.lipsync.blinking import DrawnEye, covered, eyes_of, shut
from pipelines.lipsync.faces import Box, Face
from pipelines.visemes import BLINK, JAW, Floats

AROUND = 0.75  # how far beyond the head its movement fades out, in heads
TURN, SHIFT = 0.035, 0.022  # radians, and heads, at full motion


class Life:
    """Blinks and head motion of a still, a function of the frame's number."""

    def __init__(
        self, still: np.ndarray, faces: list[Face], track: Floats, rate: float, motion: float, seed: int
    ) -> None:  # fmt: skip
        """``track`` [T, 17] says when the eyes of ``still`` blink and where the voice is, which the head follows."""
        self.faces, self.track = faces, track
        self.eyes = [eye for face in faces for eye in eyes_of(still, face)]
        self.sway = [_swaying(track, rate, motion, (seed, index)) for index in range(len(faces))]

    def __call__(self, number: int, frame: np.ndarray) -> np.ndarray:
        """Frame ``number`` with eyes and head where they are then."""
        row = min(number, len(self.track) - 1)
        lid = float(self.track[row, BLINK])
        for eye in self.eyes:
            frame = covered(frame, eye, lid) if isinstance(eye, DrawnEye) else shut(frame, eye, lid)
        for face, path in zip(self.faces, self.sway, strict=True):
            roll, across, down = path[row]
            if face.box is not None and (roll or across or down):
                frame = swayed(frame, face.box, float(roll), float(across), float(down))
        return frame


def _swaying(track: Floats, rate: float, motion: float, seed: tuple[int, int]) -> np.ndarray:
    """Turn and shift [T, 3] of a head: slow drift, and a nod that follows the voice."""
    count = len(track)
    if not motion:
        return np.zeros((count, 3))
    rng = np.random.default_rng((*seed, 5))
    times = np.arange(count) / rate
    drift = np.zeros((count, 3))
    for hertz in (0.11, 0.19, 0.31, 0.47):
        phase, size = rng.uniform(0, 2 * np.pi, 3), rng.normal(0, 1, 3) / (hertz * 8 + 0.6)
        drift += size * np.sin(2 * np.pi * hertz * times[:, None] + phase)
    window = max(1, round(0.35 * rate))
    voice = np.convolve(track[:, JAW], np.hanning(window + 2)[1:-1] / np.hanning(window + 2)[1:-1].sum(), "same")
    drift[:, 2] += 1.2 * voice
    drift -= drift[:1]
    # Begins and ends where it was, so that a clip can be looped or cut against its picture.
    ends = np.clip(np.minimum(times, times[::-1]) / 0.4, 0, 1)
    ease = (ends * ends * (3 - 2 * ends))[:, None]
    return np.asarray(motion * ease * drift * (TURN, SHIFT, SHIFT))


def swayed(frame: np.ndarray, head: Box, roll: float, across: float, down: float) -> np.ndarray:
    """``frame`` with the head turned by ``roll`` around its chin and shifted by parts of its size.

    Far from it nothing changes.
    """
    wide, high = head.right - head.left, head.bottom - head.top
    x, y = (head.left + head.right) / 2, (head.top + head.bottom) / 2
    reach = AROUND * max(wide, high)
    top, bottom = max(0, math.floor(y - high / 2 - reach)), min(frame.shape[0], math.ceil(y + high / 2 + reach))
    left, right = max(0, math.floor(x - wide / 2 - reach)), min(frame.shape[1], math.ceil(x + wide / 2 + reach))
    columns, rows = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    outside = np.hypot(
        np.maximum(np.abs(columns - x) - wide / 2, 0), np.maximum(np.abs(rows - y) - high / 2, 0)
    )  # fmt: skip
    weight = np.clip(1 - outside / reach, 0, 1)
    weight = weight * weight * (3 - 2 * weight)
    dx, dy = columns - x, rows - (head.bottom)
    move_x = weight * (across * wide - roll * dy)
    move_y = weight * (down * high + roll * dx)
    part = frame[top:bottom, left:right].astype(np.float32)
    part[..., :3] *= part[..., 3:] / 255  # colour under transparency must not bleed
    tall, broad = part.shape[:2]
    grid = np.stack([
        2 * (columns - left - move_x) / max(broad - 1, 1) - 1, 2 * (rows - top - move_y) / max(tall - 1, 1) - 1,
    ], -1)  # fmt: skip
    source = torch.from_numpy(part).permute(2, 0, 1)[None]
    made = grid_sample(source, torch.from_numpy(grid)[None], "bilinear", "border", align_corners=True)
    pixels = made[0].permute(1, 2, 0).numpy()
    pixels[..., :3] /= np.maximum(pixels[..., 3:], 1) / 255
    result = frame.copy()
    moved = np.hypot(move_x, move_y) > 0.02
    result[top:bottom, left:right][moved] = np.clip(pixels[moved] + 0.5, 0, 255).astype(np.uint8)
    return result
