"""A plain drawing of a new mouth over an old one, which the painter of mouths starts from.

The old mouth is what stands out from the skin where a mouth should be. It is filled with the skin around it, and the
new one is drawn in its ink and with its stroke. Lengths are in widths of the mouth at rest; pictures may have any side.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

ROOM = 2.4  # side of the picture, in widths of the mouth at rest
DROP = 0.5  # height of a mouth that is fully open, in widths at rest
SHARE = 0.27  # of it, by which the upper lip rises
STANDS_OUT = 0.2  # from the skin, of a range of 2: what is nearer to it is skin
FAINT, SHADOW = 0.06, 0.16  # what of a mouth's surroundings belongs to it: how far from the skin, and how wide
STROKE = (0.035, 0.08, 0.28)  # least, usual and greatest thickness of a line
BESIDE = (0.25, 0.4)  # how far beyond a mouth, down and across, what belongs to it may be
SMALLEST = 3  # pixels of what may be a part of a mouth
BINS = 12  # to a channel, in which the commonest colour is looked for
TEETH, TONGUE = (0.95, 0.93, 0.9), (0.75, -0.3, -0.2)

Mask = NDArray[np.bool_]
Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Manner:
    """How the mouths of pictures are drawn, and where they are.

    Attributes:
        ink: what they are drawn in [B, 3] in [-1, 1].
        stroke: thickness of their line [B].
        old: 1 where they are [B, 1, S, S].
        under: the pictures without them [B, 3, S, S].
    """

    ink: Tensor
    stroke: Tensor
    old: Tensor
    under: Tensor


def places(side: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Across and down [side, side] of each pixel from the middle."""
    line = ((torch.arange(side, device=device) + 0.5) / side - 0.5) * ROOM
    return line[None, :].expand(side, side), line[:, None].expand(side, side)


@lru_cache(maxsize=8)
def _zones(side: int) -> tuple[np.ndarray, Mask, Mask, Mask]:
    """How near the middle each pixel is, where mouths are, where they must reach, and the edge [side, side]."""
    u, v = (each.numpy() for each in places(side))
    near = np.exp(-(u**2 + v**2) / 0.5)
    edge = np.abs(v) + 0 * u > ROOM / 2 - 1.1 * ROOM / side
    within = (np.abs(u) < 1.0) & (v > -0.36) & (v < 0.8)
    return near, within, (np.abs(u) < 0.5) & (v > -0.2) & (v < 0.3), edge


def manner_of(source: Tensor) -> Manner:
    """How the mouths in ``source`` [B, 3, S, S] in [-1, 1] are drawn."""
    found = [_looked(each) for each in source.float().cpu().numpy()]
    skin, ink, stroke, old, other = (
        torch.from_numpy(np.stack(each).astype(np.float32)).to(source.device) for each in zip(*found, strict=True)
    )
    return Manner(ink, stroke, old[:, None], _uncovered(source.float(), skin, old[:, None], other > 0))


def _looked(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.float32, Mask, Mask]:
    """Skin [3], ink [3], stroke, where the mouth is and what lies around the face [S, S], in a picture [3, S, S]."""
    side = picture.shape[-1]
    near, *_ = _zones(side)
    skin = commonest(picture, near)
    away = picture - skin[:, None, None]
    stands_out = np.abs(away).max(0)
    core, other = _mouth(stands_out, away.mean(0) < 0)
    if core.sum() < 3:
        ink = np.clip(skin - np.where(skin.mean() > -0.5, 1.0, -1.0), -1, 1)
        return skin, ink, np.float32(STROKE[1]), core, other
    # Darker counts for more: teeth stand out as well, but are not what a mouth is drawn in.
    weight = (stands_out - 0.5 * away.mean(0))[core]
    ink = picture[:, core][:, weight >= np.quantile(weight, 0.6)].mean(1)
    return skin, ink, np.float32(_stroke(core, ROOM / side)), _grown(core, other, stands_out), other


def _grown(core: Mask, other: Mask, stands_out: np.ndarray) -> Mask:
    """A mouth with its soft edge, and with what is faint and hangs together with it: its shadow or its glow."""
    import scipy.ndimage as shapes

    side, square = len(core), np.ones((3, 3))
    whole = shapes.binary_fill_holes(core)
    other = shapes.binary_dilation(other, square, 2) & ~whole
    near = shapes.binary_dilation(whole, square, round(side * SHADOW / ROOM)) & ~other
    faint = (stands_out > FAINT) & (stands_out < 2 * STANDS_OUT) & near
    grown = shapes.binary_dilation(whole, square, max(2, round(side / 40)))
    grown |= shapes.binary_dilation(shapes.binary_propagation(grown & faint, mask=faint), square)
    return np.asarray(grown & ~other)


def _stroke(core: Mask, pixel: float) -> float:
    """Thickness of the line that a mouth [S, S] is drawn with; the usual one for a mouth that is no line."""
    import scipy.ndimage as shapes

    depth = shapes.distance_transform_edt(np.pad(core, 1))[1:-1, 1:-1][core]
    thick = float(2 * depth[depth >= np.quantile(depth, 0.9)].mean() - 1)
    if thick * pixel > STROKE[2] or core.sum() < 2.5 * thick**2:
        return STROKE[1]
    return max(STROKE[0], thick * pixel)


def _uncovered(source: Tensor, skin: Tensor, old: Tensor, other: Tensor) -> Tensor:
    """``source`` [B, 3, S, S] without its mouths ``old`` [B, 1, S, S]: skin, or what else is next to them.

    Skin goes on smoothly; what is no skin but touches the mouth, such as an eye, goes on to half way, unless it lies
    around the face, ``other`` [B, S, S].
    """
    import scipy.ndimage as shapes

    alike = ((source - skin[:, :, None, None]).abs().amax(1, keepdim=True) < STANDS_OUT).float()
    smooth = filled(source, old, alike * (1 - old), skin)
    made = []
    for picture, plain, hole, same in zip(
        source, smooth, old[:, 0].cpu().numpy() > 0, (alike[:, 0] > 0) | other, strict=True
    ):
        if not hole.any() or hole.all():
            made.append(picture)
            continue
        rows, columns = shapes.distance_transform_edt(hole, return_distances=False, return_indices=True)
        nearest = picture[:, rows, columns]
        made.append(torch.where(same[rows, columns], plain, nearest))
    joined = torch.stack(made)
    blurred = avg_pool2d(joined, 3, 1, 1, count_include_pad=False)
    soft = avg_pool2d(old, 3, 1, 1, count_include_pad=False)
    return joined + soft * (blurred - joined)


def commonest(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The commonest colour [3] of a picture [3, S, S], what is near the middle counting for more."""
    level = ((picture + 1) * (BINS / 2)).astype(int).clip(0, BINS - 1)
    votes = np.bincount(((level[0] * BINS + level[1]) * BINS + level[2]).ravel(), weight.ravel(), BINS**3)
    cube = np.pad(votes.reshape(BINS, BINS, BINS), 1)
    # Two neighbouring bins together: a colour at their border is one colour.
    around = np.lib.stride_tricks.sliding_window_view(cube, (3, 3, 3)).sum((3, 4, 5))
    best = np.array(np.unravel_index(int((cube[1:-1, 1:-1, 1:-1] + 0.1 * around).argmax()), around.shape))
    alike = np.abs(level - best[:, None, None]).max(0) <= 1
    return np.asarray(np.median(picture[:, alike], axis=1), np.float32)


def _mouth(stands_out: np.ndarray, dark: Mask) -> tuple[Mask, Mask]:
    """The mouth [S, S], and what is none.

    A mouth hangs together, is darker or lighter than the skin, and lies where a mouth should. What lies in its box
    belongs to it, such as teeth. What reaches the edge of the picture is an outline, or the ground behind a chin. Where
    a mouth touches one of them by what is hardly seen, a shadow, they come apart at a higher threshold.
    """
    near, within, seed, _ = _zones(stands_out.shape[0])
    best, main, finest = 0.0, None, 0
    parts: list[tuple[int, Slices, Mask]] = []
    for step in range(3):
        for box, part, share in _parts(stands_out > STANDS_OUT * 2**step, dark):
            parts.append((step, box, part))
            score = share**3 * 0.85**step * float((stands_out[box] * near[box])[part].sum())
            if score > best and (part & seed[box]).any():
                best, main, finest = score, box, step
    found, differs = np.zeros_like(dark), stands_out > STANDS_OUT
    if main is None:  # it hangs together with something else: what of that lies in the middle
        found = differs & seed & (stands_out > 2 * STANDS_OUT)
        return found, differs & ~found & ~within
    down, across = (round(part / ROOM * len(dark)) for part in BESIDE)
    for step, box, part in parts:
        beside, most = ((down, across), 0.7) if step >= finest else ((0, 0), 0.95)
        if _lies_in(part, box, main, beside) > most * part.sum():
            found[box] |= part
    return found, differs & ~found & _joined_to_edge(differs & ~found)


def _lies_in(part: Mask, box: Slices, main: Slices, beside: tuple[int, int]) -> int:
    """How many of a part's pixels lie in ``main`` or at most ``beside`` it, pixels down and across."""
    inside = np.ones(part.shape, bool)
    for axis, away in enumerate(beside):
        places = np.arange(box[axis].start, box[axis].stop)
        inside &= np.expand_dims((places >= main[axis].start - away) & (places < main[axis].stop + away), 1 - axis)
    return int((part & inside).sum())


def _parts(differs: Mask, dark: Mask) -> Iterator[tuple[Slices, Mask, float]]:
    """What hangs together in one tone and may be of a mouth: box, pixels in it, and the share where mouths are."""
    import scipy.ndimage as shapes

    _, within, _, edge = _zones(differs.shape[0])
    for tone in (differs & dark, differs & ~dark):
        labels, count = shapes.label(tone, np.ones((3, 3)))
        size, inside = (np.bincount(each.ravel(), minlength=count + 1) for each in (labels, labels * within))
        fits = (size >= SMALLEST) & (inside >= 0.6 * size)
        fits[labels[edge]] = False
        boxes = shapes.find_objects(labels)
        for index in np.flatnonzero(fits[1:]):
            yield boxes[index], labels[boxes[index]] == index + 1, float(inside[index + 1] / size[index + 1])


def _joined_to_edge(mask: Mask) -> Mask:
    """Of a mask the parts that reach the edge of the picture."""
    import scipy.ndimage as shapes

    *_, edge = _zones(mask.shape[0])
    labels, count = shapes.label(mask, np.ones((3, 3)))
    reach = np.zeros(count + 1, bool)
    reach[labels[edge]] = True
    reach[0] = False
    return np.asarray(reach[labels])


def filled(picture: Tensor, hole: Tensor, known: Tensor, plain: Tensor) -> Tensor:
    """``picture`` [B, C, S, S] with ``hole`` [B, 1, S, S] filled smoothly from where ``known`` is above 0.

    Pull and push (Gortler et al., The Lumigraph, 1996): averages of what is known, coarser where nothing is near, and
    ``plain`` [B, C] where nothing is known at all.
    """
    values, weights = [picture * known], [known]
    while values[-1].shape[-1] > 1:
        size = (values[-1].shape[-1] + 1) // 2
        values.append(interpolate(values[-1], size=(size, size), mode="area"))
        weights.append(interpolate(weights[-1], size=(size, size), mode="area"))
    some = (weights[-1] > 0).float()
    made = values[-1] / weights[-1].clamp(min=1e-6) * some + plain[:, :, None, None] * (1 - some)
    for value, weight in zip(values[-2::-1], weights[-2::-1], strict=True):
        made = interpolate(made, size=value.shape[-2:], mode="bilinear", align_corners=False)
        made = made * (1 - weight) + value
    return picture + hole * (made - picture)


def sketch(shape: Tensor, side: int, stroke: Tensor | float = STROKE[1]) -> Tensor:
    """A plain drawing of mouths of ``shape`` [B, 5]: inside, teeth, tongue and line [B, 4, side, side], each 0 to 1.

    It stands where the mouth does in the picture, so that the network need not learn geometry from five numbers.
    ``stroke`` [B] is how thick the line is.
    """
    u, v = places(side, shape.device)
    opened, wide, teeth, tongue, smile = (part[:, None, None] for part in shape.float().unbind(1))
    line = torch.as_tensor(stroke, dtype=torch.float32, device=shape.device).reshape(-1, 1, 1)
    pixel = ROOM / side
    width = (1 + torch.where(wide > 0, 0.25, 0.5) * wide) / 2
    s = u / width
    bow = (1 - s**2).clamp(min=1e-6) ** 0.7
    rest, height = 0.4 * smile * width * (0.4 - s**2), DROP * opened
    upper, lower = rest - SHARE * height * bow, rest + (1 - SHARE) * height * bow
    ends = _cover(width * (1 - s.abs()), pixel)
    inside = _cover(torch.minimum(v - upper, lower - v), pixel) * ends * (height / pixel / 0.7).clamp(0, 1)
    half = line / 2 * (1 - 0.4 * (opened / 0.2).clamp(max=1))  # inward, lest a small opening be all line
    white = inside * (5 * teeth - 0.75).clamp(0, 1) * _cover(upper + half + 0.16 * teeth - v, pixel)
    bed = rest + (1 - SHARE) * height * (1 - 0.75 * tongue)
    flesh = (
        inside * (tongue > 0.05) * _cover(v - bed - 0.5 * s**2 * height, pixel) * _cover(0.62 * width - u.abs(), pixel)
    )
    # Across the line, not down: else it is thin where it is steep. Round ends close it.
    away = torch.minimum((v - upper).abs(), (v - lower).abs()) / (1 + (0.8 * smile * s) ** 2).sqrt()
    beyond, above = u.abs() - width, v + 0.24 * smile * width
    end = torch.hypot(beyond, above)
    away = torch.where(beyond < 0.8 * smile * above, torch.minimum(away, end), end)
    # Outward it keeps its thickness: what is seen of a mouth grows as it opens, and never shrinks.
    outside = (v < upper) | (v > lower) | (beyond > 0)
    return torch.stack([inside, white, flesh, _cover(torch.where(outside, line / 2, half) - away, pixel)], 1)


def draft(
    source: Tensor, shape: Tensor, told: Tensor, manner: Manner | None = None
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A first guess: colours [B, 3, S, S] and matte [B, 1, S, S], both in [-1, 1].

    Args:
        source: the frames as they are [B, 3, S, S].
        shape: what the mouths should do [B, 5].
        told: [B]; where it is 0 no new mouth is drawn.
        manner: how mouths are drawn in them; looked for where it is not given.
    """
    if manner is None:
        manner = manner_of(source)
    side = source.shape[-1]
    soft = avg_pool2d(manner.old, 3, 1, 1, count_include_pad=False)
    colour = source + soft * (manner.under - source)
    ink = manner.ink
    bright = (ink.mean(1, keepdim=True) > -0.35).to(ink)
    cavity = ink - bright * (0.35 * (ink + 1))
    parts = sketch(shape, side, manner.stroke) * told[:, None, None, None].to(source)
    white, flesh = source.new_tensor(TEETH), source.new_tensor(TONGUE)
    for part, paint in zip(
        parts.split(1, dim=1), (cavity, white.expand_as(ink), flesh.expand_as(ink), ink), strict=True
    ):
        colour = colour + part * (paint[:, :, None, None] - colour)
    fresh = max_pool2d(parts.amax(1, keepdim=True), 3, 1, 1)
    return colour, 2 * torch.maximum(soft, fresh) - 1


def _cover(depth: Tensor, pixel: float) -> Tensor:
    """Coverage of pixels whose middles lie ``depth`` inside an edge."""
    return (depth / pixel + 0.5).clamp(0, 1)
