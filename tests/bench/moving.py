"""Measures of moving pictures: flow by scikit-image, flicker, energy, loops. Frames are [T, 4, H, W] in [0, 1]."""

import numpy as np
import torch
from skimage.registration import optical_flow_ilk

from pipelines.models.motion import dense
from pipelines.models.verbs import VERBS, Move, perform

# Judged by how they move; of fading and flashing the flow says nothing, and what stands has none.
MOVING = tuple(verb for verb in VERBS if verb not in {"fade", "flash", "still"})


def frames_of(clip):
    """Premultiplied frames of a Clip."""
    rgba = torch.from_numpy(clip.frames.astype(np.float32) / 255).permute(0, 3, 1, 2)
    return torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)


def grey(frames):
    """Brightness over a mid grey, [T, H, W]."""
    light = frames[:, :3].mean(1) + 0.35 * (1 - frames[:, 3])
    return light.numpy()


def flow(frames):
    """Optical flow (x, y) from each frame to the next in pixels, [T - 1, 2, H, W]; iterative Lucas-Kanade."""
    light = grey(frames)
    found = [optical_flow_ilk(a, b, radius=5, num_warp=6) for a, b in zip(light, light[1:], strict=False)]
    return np.stack(found)[:, ::-1]  # skimage says (rows, columns)


def told_flow(score, size=64):
    """Flow that a score means, as :func:`flow`."""
    place = dense(score.field, (size, size)).numpy()  # what is seen at p comes from p + place
    pixel = 2 / size
    across, down = (np.gradient(place, pixel, axis=axis) for axis in (3, 2))
    a, b, c, d = 1 + across[:, 0], down[:, 0], across[:, 1], 1 + down[:, 1]
    step = np.diff(place, axis=0)
    det = (a * d - b * c)[:-1]
    det = np.where(np.abs(det) < 0.05, 0.05, det)
    x = -(d[:-1] * step[:, 0] - b[:-1] * step[:, 1]) / det
    y = -(a[:-1] * step[:, 1] - c[:-1] * step[:, 0]) / det
    return np.stack([x, y], 1) / pixel


def agreement(first, second, frames, limit=12.0):
    """Correlation (cosine) of two flows where ``frames`` show something, both cut at ``limit`` pixels; 0 if none."""
    inside = (frames[:-1, 3:] > 0.3).numpy()
    one, two = (np.where(inside, np.clip(each, -limit, limit), 0) for each in (first, second))
    size = np.sqrt((one**2).sum() * (two**2).sum())
    return float((one * two).sum() / size) if size > 1e-6 else 0.0


def judged_verb(frames, rate, loop=True):
    """The verb whose flow agrees best with that of ``frames``."""
    seen = flow(frames)
    best = {}
    for verb in MOVING:
        for side in (-1.0, 1.0):
            told = told_flow(perform([Move(verb, side=side)], len(frames), rate, loop=loop))
            best[verb] = max(best.get(verb, -1.0), agreement(seen, told, frames))
    return max(best, key=best.__getitem__)


def flicker(frames, along):
    """Mean absolute difference of each next frame, warped back along the flow ``along``, to the frame before.

    Over what is shown; ``along`` is the flow of a clip that is known to be steady: the source of an edit.
    """
    from torch.nn.functional import grid_sample

    size = frames.shape[-1]
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    places = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    moves = torch.from_numpy(np.ascontiguousarray(along)).float().permute(0, 2, 3, 1) * 2 / size
    back = grid_sample(frames[1:], places + moves, align_corners=False, padding_mode="border")
    inside = frames[:-1, 3:] > 0.3
    return float(((back - frames[:-1]).abs() * inside).sum() / (4 * inside.sum().clamp(min=1)))


def energy(frames):
    """Mean absolute difference of consecutive frames."""
    return float((frames[1:] - frames[:-1]).abs().mean())


def closure(frames):
    """Difference of the last frame to the first, over that of consecutive frames: 1 is a loop without a seam."""
    return float((frames[-1] - frames[0]).abs().mean()) / max(energy(frames), 1e-6)


def rms(first, second):
    """Root mean square difference, range 1."""
    return float((first - second).square().mean().sqrt())
