"""What the draft of a recipe would look like, by rays through it: outline, light and part of every pixel.

Coarse and smooth in the recipe's measures: what a picture is held against when a recipe is looked for that shows it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from pipelines.codecs.mesh import NEAR
from pipelines.codecs.rendering import AMBIENT, DIRECT, LIGHT, SKY
from pipelines.models.basis import CELL, MARGIN, WINDOW
from pipelines.models.mesh import MeshModel, Told

REACH = 1.4  # of the unit cube that a ray passes
SOFT = 0.12  # of the band: how wide the edge of an outline is
COARSE = 2  # one in so many voxels along each axis says which part is there


@dataclass(frozen=True)
class Shape:
    """Drafts on grids: ``distance`` [B, S, S, S] over the band, and where ``parts`` [B, PARTS, 24, 24, 24] are."""

    distance: Tensor
    parts: Tensor

    def __getitem__(self, rows: Tensor) -> "Shape":
        return Shape(self.distance[rows], self.parts[rows])


@dataclass(frozen=True)
class Sketch:
    """Pictures [B, P, P] of shapes: ``outline`` 1 inside, ``light`` that falls there, and shares of ``parts``
    [B, P, P, PARTS]; the latter two mean something inside only.
    """

    outline: Tensor
    light: Tensor
    parts: Tensor


class Rays:
    """Rays through drafts, from one of the poses that the model knows.

    ``frame`` [B, 3] says which square of the view a picture shows: the logarithm of its size, and how far its middle
    lies to the right and up; all zero for the whole view, whose half is the unit.
    """

    def __init__(self, model: MeshModel, view: int, pixels: int, every: int = 1) -> None:
        """``pixels`` a side of what is looked at; the rays pass one in ``every`` voxels."""
        self.model, self.every = model, every
        self.depths = round(REACH * model.size / every)
        self.rotation = torch.tensor(model.config.views[view - 1]).reshape(3, 3)
        axis = (torch.arange(pixels) + 0.5) * 2 / pixels - 1
        down, right = torch.meshgrid(axis, axis, indexing="ij")
        self.across = torch.stack([right, -down], dim=-1)
        self.depth = (0.5 - (torch.arange(self.depths) + 0.5) / self.depths) * REACH  # the nearest first

    def shape(self, told: Told) -> Shape:
        """The drafts of ``told``, without blending at the seams of cells."""
        basis = self.model.network.basis
        shape, places = self.model.network.draft.parts(told)
        shape, places = shape.float() * basis.shape_spread.float(), places.float() * basis.colour_spread.float()
        distance = self._grid(shape[..., None, :], basis.shape_axes, basis.shape_mean, self.every)
        return Shape(distance[:, 0], self._grid(places, basis.colour_axes, basis.colour_mean, COARSE))

    def _grid(self, numbers: Tensor, axes: Tensor, mean: Tensor, every: int) -> Tensor:
        """Fields [B, C, S, S, S] at one in ``every`` voxels of numbers [B, cells, C, K]."""
        line = torch.arange(MARGIN, MARGIN + CELL, every)
        rows = ((line[:, None, None] * WINDOW + line[None, :, None]) * WINDOW + line).flatten()
        n, grid = len(line), self.model.config.backbone.grid
        cells = numbers @ axes[:, rows].float() + mean[rows].float()
        cells = cells.unflatten(3, (n, n, n)).unflatten(1, grid)  # [B, x, y, z, C, i, j, k]
        return cells.permute(0, 4, 1, 5, 2, 6, 3, 7).reshape(len(cells), -1, *(n * g for g in grid))

    def box(self, shape: Shape) -> Tensor:
        """Left, bottom, right and top [B, 4] of each shape in the view.

        A ball round a point inside that reaches the surface lies inside too: no need to look between the points.
        """
        points = shape.distance.shape[-1]
        axis = (torch.arange(points) + 0.5) / points - 0.5 - _offset(self.every, self.model)
        where = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1) @ self.rotation[:2].T
        reach = -shape.distance * (NEAR / self.model.size)
        sides = []
        for sign in (-1, 1):
            for k in range(2):
                far = torch.where(reach > 0, sign * where[..., k] + reach, -1.0)
                sides.append(sign * far.flatten(1).amax(1))
        return torch.stack(sides, dim=1) * (2 / self.model.config.extent)

    def sketch(self, shape: Shape, frame: Tensor) -> Sketch:
        """What pictures of ``shape`` in their ``frame`` show."""
        at = self.across * frame[:, :1, None, None].exp() + frame[:, None, None, 1:]
        at = at * (self.model.config.extent / 2)
        with torch.no_grad():  # where to look; what is found there alone has a slope
            along = self._distances(shape, _points(at, self.depth[None, :, None, None]))
            least = along.argmin(1)
            first = (along < 0).to(torch.uint8).argmax(1).clamp(min=1)
        there = self.depth[torch.stack([least, first - 1, first], dim=1)]
        nearest, before, after = self._distances(shape, _points(at, there)).unbind(1)
        share = (before / (before - after).clamp(min=1e-3)).clamp(0, 1)
        hit = _points(at, (self.depth[first - 1] - share * (REACH / self.depths))[:, None])
        parts = self._sampled(shape.parts, hit, COARSE)[:, :, 0].movedim(1, -1).clamp(0, 1)
        light = self._light(shape, hit)
        return Sketch(torch.sigmoid(-nearest / SOFT), light, parts / parts.sum(-1, keepdim=True).clamp(min=0.1))

    def _light(self, shape: Shape, hit: Tensor) -> Tensor:
        """Factor [B, P, P] on the colour at places ``hit`` [B, 1, P, P, 3] of the surface, as the renderer has it."""
        step = self.every / self.model.size * torch.eye(3)[:, None, None]
        around = self._distances(shape, torch.cat([hit + step, hit - step], dim=1))
        normal = normalize(around[:, :3] - around[:, 3:], dim=1, eps=1e-4)
        direct = torch.einsum("bkpq,k->bpq", normal, torch.tensor(LIGHT, dtype=torch.float32))
        return AMBIENT + DIRECT * direct.clamp(0, 1) + SKY * normal[:, 1].clamp(0, 1)

    def _distances(self, shape: Shape, camera: Tensor) -> Tensor:
        return self._sampled(shape.distance[:, None], camera, self.every)[:, 0]

    def _sampled(self, fields: Tensor, camera: Tensor, every: int) -> Tensor:
        """``fields`` [B, C, S, S, S] at places [B, D, P, P, 3] in the camera's frame: [B, C, D, P, P]."""
        world = camera @ self.rotation + _offset(every, self.model)
        return grid_sample(fields, 2 * world.flip(-1), padding_mode="border", align_corners=False)


def _points(at: Tensor, depth: Tensor) -> Tensor:
    """Places [B, D, P, P, 3] in the camera's frame of places ``at`` [B, P, P, 2] across and ``depth`` [B, D, P, P]."""
    shape = len(at), depth.shape[1], *at.shape[1:3]
    return torch.cat([at[:, None].expand(*shape, 2), depth.expand(shape)[..., None]], dim=-1)


def _offset(every: int, model: MeshModel) -> float:
    """A value of one in ``every`` voxels lies so far before the middle of those that it stands for."""
    return (every - 1) / 2 / model.size


def framing(box: Tensor, outline: np.ndarray) -> Tensor:
    """Frames [B, 3] in which shapes of ``box`` [B, 4] stand where ``outline`` [P, P] does."""
    rows, columns = np.flatnonzero((outline > 0.5).any(1)), np.flatnonzero((outline > 0.5).any(0))
    size = len(outline)
    low = np.array([columns[0] / size * 2 - 1, 1 - (rows[-1] + 1) / size * 2])
    high = np.array([(columns[-1] + 1) / size * 2 - 1, 1 - rows[0] / size * 2])
    wanted = torch.from_numpy(np.stack([low, high]).astype(np.float32))
    low_, high_ = box[:, :2], box[:, 2:]
    # One scale for both sides, between what the width and what the height ask for.
    scale = ((high_ - low_).clamp(min=0.05) / (wanted[1] - wanted[0])).log().mean(1, keepdim=True)
    middle = (low_ + high_) / 2 - wanted.mean(0) * scale.exp()
    return torch.cat([scale, middle], dim=1)
