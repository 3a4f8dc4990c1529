"""Masks: where an edit may change the signal. Weight 0 returns the source exactly, weight 1 the edit exactly."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d, max_pool2d, pad


def blend(source: Tensor, edited: Tensor, mask: Tensor) -> Tensor:
    """``source`` where ``mask`` is 0, ``edited`` where it is 1, a mixture between; exact at both ends.

    Works on floats and on the solver's int64 fixed point, where the mixture is rounded.
    """
    if source.dtype == torch.int64:
        move = (edited - source).double() * mask.double()
        mixed = source + move.round().to(torch.int64)
    else:
        mixed = source + (edited - source) * mask.to(source.dtype)
    return torch.where(mask == 0, source, torch.where(mask == 1, edited, mixed))


def feathered(mask: Tensor, radius: float) -> Tensor:
    """Soften ``mask`` [B, 1, H, W] inward over about ``radius`` pixels; what was 0 stays exactly 0."""
    if radius <= 0:
        return mask
    reach = max(1, math.ceil(radius / 2))
    # Erode by half the radius and blur over the other half: 0 at the border of the mask, 1 at ``radius`` inside it.
    # Beyond the picture counts as inside, so that its own border is not softened.
    eroded = pad(mask, [reach] * 4, value=1.0)
    for window in ((2 * reach + 1, 1), (1, 2 * reach + 1)):  # separable, like the blur
        eroded = -max_pool2d(-eroded, window, stride=1)
    taps = torch.arange(-reach, reach + 1, dtype=mask.dtype, device=mask.device)
    kernel = torch.exp(-0.5 * (taps / (reach / 2)).square())
    kernel = (kernel / kernel.sum())[None, None]
    soft = eroded
    for _ in range(2):  # separable: one axis, then the other
        rows = pad(soft, [reach, reach, 0, 0], mode="replicate").flatten(0, 2)[:, None]
        soft = conv1d(rows, kernel).reshape(*soft.shape).transpose(-1, -2)
    return torch.where(mask == 0, mask, torch.minimum(soft.clamp(0, 1), mask))


def composite(source: Tensor, edited: Tensor, mask: Tensor | None) -> Tensor:
    """The edited signal with everything outside ``mask`` taken from ``source`` as it is."""
    return edited if mask is None else blend(source, edited, mask)
