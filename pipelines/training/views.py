"""Views of prepared objects as pictures, in new colours at every draw."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from pipelines.models.mesh import PIXELS
from pipelines.models.shapes import COLOURS, PARTS
from pipelines.training.data.object_set import ObjectSet


def new_colours(held: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours [PARTS, 3] of an object drawn anew, and as they are told [PARTS, 4]: by name, or as they are.

    ``held`` is what it was drawn in, which is kept a third of the time.
    """
    names = np.array(list(COLOURS.values()), np.float32)
    told = held.astype(np.float32).copy()
    if rng.random() < 0.67:
        free = rng.random(PARTS) < 0.25
        told = np.where(free[:, None], rng.uniform(20, 245, (PARTS, 3)), names[rng.integers(len(names), size=PARTS)])
    actual = np.clip(told + rng.uniform(-14, 14, (PARTS, 3)), 0, 255).astype(np.float32)
    said = np.where(rng.random() < 0.5, told, actual) / 127.5 - 1
    return actual, np.concatenate([said, np.ones((PARTS, 1))], axis=1).astype(np.float32)


def pictures(
    objects: ObjectSet, rows: np.ndarray, view: np.ndarray, colours: np.ndarray, rng: np.random.Generator
) -> Tensor:
    """Views [B, 4, PIXELS, PIXELS] premultiplied, zeros where ``view`` is 0; a little off, as pictures are."""
    made = np.zeros((len(rows), objects.views.shape[-1], objects.views.shape[-1], 4), np.float32)
    for place in np.flatnonzero(view):
        part, light = objects.views[rows[place], view[place] - 1].astype(np.float32)
        tone = colours[place] * rng.uniform(0.85, 1.15) / 255
        lit = tone[np.clip(part - 1, 0, PARTS - 1).astype(int)] * (light / 127)[..., None] * (part > 0)[..., None]
        made[place] = np.concatenate([lit, (part > 0)[..., None]], axis=-1)
    turn = torch.zeros(len(rows), 2, 3)
    scale = torch.from_numpy(rng.uniform(0.95, 1.05, len(rows)).astype(np.float32))
    turn[:, 0, 0], turn[:, 1, 1] = scale, scale
    turn[:, :, 2] = torch.from_numpy(rng.uniform(-0.04, 0.04, (len(rows), 2)).astype(np.float32))
    where = affine_grid(turn, [len(rows), 4, PIXELS, PIXELS], align_corners=False)
    moved = grid_sample(torch.from_numpy(made).movedim(-1, 1), where, align_corners=False)
    return moved.clamp(0, 1)


def closer(pictures: Tensor, views: Sequence[int], rng: np.random.Generator) -> Tensor:
    """``pictures`` [B, 4, S, S] brought to one size round what they show, then a little off, in another light."""
    turn = torch.zeros(len(pictures), 2, 3)
    for place, solid in enumerate((pictures[:, 3] > 0.5).numpy()):
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        size = len(solid)
        x, y = (columns[0] + columns[-1] + 1) / size - 1, (rows[0] + rows[-1] + 1) / size - 1
        half = 1.12 * max(np.ptp(columns) + 1, np.ptp(rows) + 1) / size
        scale = half * rng.uniform(0.92, 1.12)
        flip = -1.0 if not views[place] and rng.random() < 0.5 else 1.0  # stickers look to either side
        turn[place] = torch.tensor(
            [[scale * flip, 0, x + rng.uniform(-0.05, 0.05) * half], [0, scale, y + rng.uniform(-0.05, 0.05) * half]]
        )
    where = affine_grid(turn, [len(pictures), 4, PIXELS, PIXELS], align_corners=False)
    pictures = grid_sample(pictures, where, align_corners=False)
    tone = torch.from_numpy(rng.uniform(0.8, 1.2, (len(pictures), 3, 1, 1)).astype(np.float32))
    return torch.cat([pictures[:, :3] * tone, pictures[:, 3:]], dim=1).clamp(0, 1)
