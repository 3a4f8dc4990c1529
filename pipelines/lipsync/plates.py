"""What a drawn face looks like without its mouth, put together from frames in which the mouth is elsewhere.

One frame alone does not say what is behind an open mouth, nor which shade is the shadow of a lip. Where a face talks,
its frames together do: what one hides another shows, and what differs between them is of the mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from pipelines.models.mouth_draft import FAINT, SMALLEST, Manner, manner_of, places

ACROSS, ABOVE, BELOW = 1.1, 0.5, 0.95  # where a mouth and its shadow may be, widths at rest from the middle
FITS = 0.03  # mean difference elsewhere, of a range of 2, up to which two pictures show the same at the same place
OTHER = 0.01  # mean difference where mouths are, from which on two pictures say more than one
MOST = 20  # pictures that are kept of a face
OFTEN = 0.2  # of what is seen most often at a place: what is seen as often as that may be what is behind the others


@dataclass(frozen=True)
class Plate:
    """A face without its mouth, and the pictures that show it.

    Attributes:
        pixels: the picture around the mouth [3, S, S] in [-1, 1]; a guess where none has shown what is there.
        seen: where any picture has shown what is there [1, S, S].
        looks: the pictures that it was made of [N, 3, S, S], no two alike.
        hidden: where their mouths are [N, 1, S, S].
        guesses: what may be behind them, by each picture alone [N, 3, S, S].
    """

    pixels: Tensor
    seen: Tensor
    looks: Tensor
    hidden: Tensor
    guesses: Tensor

    @property
    def ready(self) -> bool:
        """Whether more than one picture speaks: one alone says nothing more than what stands out in it."""
        return len(self.looks) > 1


def plate_of(cuts: Sequence[Tensor], before: Plate | None = None) -> Plate | None:
    """What ``cuts`` [3, S, S] show of one face when each mouth is taken away, added to what was known ``before``.

    Pictures that do not lie as the first does are left out. None where nothing was shown.
    """
    if not cuts:
        return before
    if before is not None and (before.pixels.shape != cuts[0].shape or not _fits(before.pixels, cuts[0])):
        before = None  # the face has turned, or the scene has changed
    looks = [] if before is None else list(before.looks)
    hidden = [] if before is None else list(before.hidden)
    guesses = [] if before is None else list(before.guesses)
    reach, known = _reach(cuts[0].shape[-1]), len(looks)
    for one in cuts:
        if len(looks) == MOST:
            break
        apart = min((float((one - each).abs().mean(0)[reach].mean()) for each in looks), default=torch.inf)
        if apart > OTHER and (not looks or _fits(looks[0], one)):
            manner = manner_of(one[None])
            looks.append(one)
            hidden.append(max_pool2d(manner.old, 5, 1, 2)[0] > 0)
            guesses.append(manner.under[0])
    if before is not None and len(looks) == known:
        return before
    return _joined(torch.stack(looks), torch.stack(hidden), torch.stack(guesses))


def _joined(looks: Tensor, hidden: Tensor, guesses: Tensor) -> Plate:
    """The plate of ``looks`` [N, 3, S, S]: at each place what is seen most often, or else what is lighter than it.

    Shadows are darker than what they fall on.
    """
    open_to = ~hidden[:, 0]
    seen_by = torch.stack([((looks - one).abs().amax(1) < FAINT) & open_to for one in looks]).sum(1)
    count = torch.where(open_to, seen_by, 0)
    often = (count >= OFTEN * count.amax(0, keepdim=True)) & open_to
    best = looks.mean(1).masked_fill(~often, -torch.inf).argmax(0)
    pixels = looks.gather(0, best[None, None].expand(1, 3, -1, -1))[0]
    seen = open_to.any(0, keepdim=True)
    return Plate(torch.where(seen, pixels, guesses.median(0).values), seen, looks, hidden, guesses)


def bared(manner: Manner, picture: Tensor, plate: Plate) -> Manner:
    """How the mouth in ``picture`` [1, 3, S, S] is drawn, found by what differs from the plate.

    Where the picture does not lie as the plate does, ``manner`` is returned as it is.
    """
    import scipy.ndimage as shapes

    side = picture.shape[-1]
    behind, seen = plate.pixels[None], plate.seen[None]
    if behind.shape[-1] != side:
        behind = interpolate(behind, size=(side, side), mode="bilinear", align_corners=False)
        seen = interpolate(seen.float(), size=(side, side), mode="nearest") > 0
    if not _fits(behind[0], picture[0]):
        return manner
    differs = ((picture - behind).abs().amax(1, keepdim=True) > FAINT) & seen & _reach(side)
    labels, count = shapes.label(differs[0, 0].numpy(), np.ones((3, 3)))  # a shadow need not touch what casts it
    large = np.bincount(labels.ravel(), minlength=count + 1) >= SMALLEST
    large[0] = False
    old = max_pool2d(torch.maximum(manner.old, torch.from_numpy(large[labels])[None, None].float()), 3, 1, 1)
    return Manner(manner.ink, manner.stroke, old, torch.where(old > 0, behind, picture))


def _reach(side: int) -> Tensor:
    u, v = places(side)
    return (u.abs() < ACROSS) & (v > -ABOVE) & (v < BELOW)


def _fits(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures [3, S, S] agree where no mouth can be."""
    return one.shape == other.shape and float((one - other).abs().mean(0)[~_reach(one.shape[-1])].mean()) < FITS
