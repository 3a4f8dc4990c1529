"""A linear basis for cells of a grid: principal components of windows that overlap, blended where they do."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

CELL = 12  # voxels a side of a cell
MARGIN = 2  # voxels by which its window reaches into each neighbour
WINDOW = CELL + 2 * MARGIN
FAR = 0.99  # distance over the band from which on there is nothing near


class Basis(nn.Module):
    """Fields [B, 4, S, S, S] to numbers [B, K, S/12, S/12, S/12] and back; K = shape + 3 colour.

    Distances have ``shape`` components of their own; the three colours share ``colour`` of theirs. Every window is
    projected on its components; on the way back the windows are added up under weights that sum to one everywhere.
    ``spread`` is what a number is divided by, so that each is of the order of one. Nothing here is trained by descent.
    """

    shape_mean: Tensor
    shape_axes: Tensor
    shape_spread: Tensor
    colour_mean: Tensor
    colour_axes: Tensor
    colour_spread: Tensor

    def __init__(self, shape: int, colour: int) -> None:
        super().__init__()
        points = WINDOW**3
        self.counts = (shape, colour)
        for name, count in (("shape", shape), ("colour", colour)):
            self.register_parameter(f"{name}_mean", _still(torch.zeros(points)))
            self.register_parameter(f"{name}_axes", _still(torch.eye(points)[:count].clone()))
            self.register_parameter(f"{name}_spread", _still(torch.ones(count)))

    @property
    def spread(self) -> Tensor:
        """What each of the K numbers is divided by, [K]."""
        return torch.cat([self.shape_spread, self.colour_spread.repeat(3)])

    def numbers(self, fields: Tensor) -> Tensor:
        """Numbers [B, K, *grid] of ``fields`` [B, 4, S, S, S]."""
        found = windows(fields)  # [B, 4, *grid, WINDOW^3]
        shape = (found[:, 0] - self.shape_mean) @ self.shape_axes.T / self.shape_spread
        colour = (found[:, 1:] - self.colour_mean) @ self.colour_axes.T / self.colour_spread
        # A window without a surface has no colour to tell: its numbers say nothing rather than what is far away.
        colour = colour * (found[:, :1].abs().amin(-1, keepdim=True) < FAR)
        return torch.cat([shape, *colour.unbind(1)], dim=-1).movedim(-1, 1)

    def fields(self, numbers: Tensor) -> Tensor:
        """Fields [B, 4, S, S, S] of ``numbers`` [B, K, *grid]."""
        first, each = self.counts
        rows = numbers.movedim(1, -1)
        shape = (rows[..., :first] * self.shape_spread) @ self.shape_axes + self.shape_mean
        colours = rows[..., first:].unflatten(-1, (3, each))
        colours = (colours * self.colour_spread) @ self.colour_axes + self.colour_mean
        return blended(torch.cat([shape[:, None], colours.movedim(-2, 1)], dim=1))

    def places(self, numbers: Tensor) -> Tensor:
        """Fields [B, P, S, S, S] of numbers [B, P, colour, *grid] of where each of P parts is."""
        rows = numbers.movedim(2, -1) * self.colour_spread
        return blended(rows @ self.colour_axes + self.colour_mean)


def _still(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def windows(fields: Tensor) -> Tensor:
    """Windows [B, C, *grid, WINDOW^3] of ``fields`` [B, C, S, S, S]; beyond the grid its border goes on."""
    flat = pad(fields.float(), [MARGIN] * 6, mode="replicate")
    for axis in (2, 3, 4):
        flat = flat.unfold(axis, WINDOW, CELL)
    return flat.flatten(5)


def blended(parts: Tensor) -> Tensor:
    """Fields [B, C, S, S, S] of windows [B, C, *grid, WINDOW^3], weighted where they overlap."""
    weighted = parts.unflatten(-1, (WINDOW,) * 3) * _weights(parts)
    total = _weights(parts).expand(1, 1, *parts.shape[2:5], *[WINDOW] * 3)
    return _added(weighted) / _added(total)  # at the grid's own border there is no neighbour to make up the one


def _added(parts: Tensor) -> Tensor:
    """Overlapping windows [B, C, g, g, g, w, w, w] added up to [B, C, s, s, s], one axis after the other."""
    for left in (3, 2, 1):  # axes of the grid, and as many of the window behind them, that are not yet joined
        parts = _joined(parts.movedim((2, 2 + left), (-2, -1)))
    return parts


def _joined(parts: Tensor) -> Tensor:
    """Overlapping windows [..., n, WINDOW] to a line [..., CELL n]."""
    *rest, count, _ = parts.shape
    body = parts[..., MARGIN : MARGIN + CELL].clone()
    body[..., 1:, :MARGIN] += parts[..., :-1, MARGIN + CELL :]
    body[..., :-1, CELL - MARGIN :] += parts[..., 1:, :MARGIN]
    return body.reshape(*rest, count * CELL)


def _weights(like: Tensor) -> Tensor:
    """Weights [WINDOW, WINDOW, WINDOW]: one in the middle, falling over the overlap; neighbours add up to one."""
    rise = (torch.arange(2 * MARGIN, dtype=torch.float32) + 0.5) / (2 * MARGIN)
    line = torch.cat([rise, torch.ones(WINDOW - 4 * MARGIN), rise.flip(0)]).to(like)
    return line[:, None, None] * line[None, :, None] * line[None, None, :]
