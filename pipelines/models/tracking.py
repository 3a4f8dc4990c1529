"""Reading a score off a clip: the smooth field that carries its key frame into every other frame."""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from pipelines.models.motion import LATTICE, Score, centres, dense

# (pixels a cell, iterations, step): affine on blurred frames, then the lattice on finer ones.
AFFINE = (4, 30, 0.05)
LATTICES = ((4, 16, 0.03), (2, 22, 0.015))
STIFF = 0.6  # weight of the bending of the field against the difference of the pictures
STEADY = 0.05  # weight of sudden changes from frame to frame


def track(frames: Tensor, key: int = 0) -> Score:
    """Score that moves ``frames[key]`` to each of ``frames`` [T, 4, H, W] in [0, 1], premultiplied alpha.

    The fit minimises the squared difference to the moved key frame, on blurred frames first, over affine maps and then
    over a bending lattice (coarse-to-fine registration, Lucas and Kanade 1981; free-form deformations, Rueckert et al.
    1999). What appears, vanishes or changes colour is beyond it.
    """
    return track_many(frames[None], key)[0]


def track_many(clips: Tensor, key: int = 0) -> list[Score]:
    """:func:`track` for clips of one shape, [B, T, 4, H, W], at once."""
    count, frames = clips.shape[:2]
    lattice = torch.linspace(-1, 1, LATTICE)
    points = torch.stack(torch.meshgrid(lattice, lattice, indexing="xy"))  # [2, L, L], (x, y)
    plane = torch.cat([points, torch.ones(1, LATTICE, LATTICE)]).flatten(1)  # [3, L * L]
    affine = torch.zeros(count * frames, 2, 3)
    field = torch.zeros(count * frames, 2, LATTICE**2)
    with torch.enable_grad():
        affine = _fitted(clips, key, affine, lambda free: free @ plane, AFFINE)
        rigid = affine @ plane
        for stage in LATTICES:
            field = _fitted(clips, key, field, lambda free: rigid + free, stage, bends=True)
    found = (rigid + field).unflatten(-1, (LATTICE, LATTICE)).unflatten(0, (count, frames))
    found = found - found[:, key : key + 1]  # the key frame is where it is
    return [Score(each, torch.ones(frames)) for each in found]


def _fitted(
    clips: Tensor, key: int, free: Tensor, field_of: Callable[[Tensor], Tensor], stage: tuple[int, int, float],
    bends: bool = False,
) -> Tensor:  # fmt: skip
    """``free`` [B * T, ...] after descent, where ``field_of`` makes the lattice [B * T, 2, L * L] of it."""
    cell, rounds, rate = stage
    count, frames = clips.shape[:2]
    small = _blurred(clips.flatten(0, 1), cell)
    keys = small.unflatten(0, (count, frames))[:, key, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
    rows, columns = small.shape[-2:]
    places, spread = centres((rows, columns)), _spread(rows, columns)
    free = free.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([free], lr=rate, betas=(0.8, 0.95))
    for turn in range(rounds):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - turn / rounds)
        field = field_of(free)
        moves = (field @ spread).transpose(1, 2).unflatten(1, (rows, columns))
        seen = grid_sample(keys, places + moves, align_corners=False)
        loss = (seen - small).square().sum(1).mean((1, 2)).sum()
        if bends:
            loss = loss + STIFF * _bending(free.unflatten(-1, (LATTICE, LATTICE))).sum()
        by_clip = field.unflatten(0, (count, frames))
        loss = loss + STEADY * (by_clip[:, 1:] - by_clip[:, :-1]).square().mean((2, 3)).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return free.detach()


@lru_cache(maxsize=8)
def _spread(rows: int, columns: int) -> Tensor:
    """Weights [L * L, rows * columns] of the lattice's points at the cells of a canvas."""
    units = torch.eye(LATTICE**2).reshape(-1, 1, LATTICE, LATTICE).expand(-1, 2, -1, -1)
    return dense(units, (rows, columns))[:, 0].flatten(1)


def _bending(field: Tensor) -> Tensor:
    """Mean square of the differences between neighbouring points [N, 2, L, L], per frame."""
    across = (field[..., 1:] - field[..., :-1]).square().mean((1, 2, 3))
    return across + (field[..., 1:, :] - field[..., :-1, :]).square().mean((1, 2, 3))


def _blurred(pictures: Tensor, cell: int) -> Tensor:
    """Pictures at one pixel a ``cell``, slightly smooth, so that near misses still pull."""
    small = avg_pool2d(pictures, cell) if pictures.shape[-1] >= 4 * cell else pictures
    return avg_pool2d(small, 3, 1, 1)
