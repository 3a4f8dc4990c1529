"""Between clips of any size and the model's canvas. Signals are [B, 4, T, H, W] in [-1, 1], premultiplied alpha."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from pipelines.codecs.image import Fit, to_picture, to_signal
from pipelines.errors import MediaError, ModelError
from pipelines.media import Clip, Mask, Picture, Sound
from pipelines.models.motion import Score, moved

LARGEST = 512  # pixels along the longer side of what is made of a person's picture


def to_clip(signal: Tensor, rate: float, sound: Sound | None = None) -> Clip:
    """``signal`` [4, T, H, W] as a clip.

    Raises:
        ModelError: it is not finite.
    """
    if not torch.isfinite(signal).all():
        raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
    return Clip(np.stack([to_picture(frame).pixels for frame in signal.unbind(1)]), rate, sound)


def on_canvas(clip: Clip, canvas: int) -> Tensor:
    """``clip`` on the model's canvas, [1, 4, T, canvas, canvas]."""
    return torch.stack([Fit(Picture(frame), canvas).signal()[0] for frame in clip.frames], dim=1)[None]


def unit(signal: Tensor) -> Tensor:
    """[4, T, H, W] in [-1, 1] as frames [T, 4, H, W] in [0, 1]."""
    return (signal.transpose(0, 1) + 1) / 2


@dataclass(frozen=True)
class Canvas:
    """A person's picture that moves: small on the model's canvas, and as large as it came, up to :data:`LARGEST`."""

    picture: Picture
    size: int
    largest: int = LARGEST

    @property
    def signal(self) -> Tensor:
        """The picture on the model's canvas, [1, 4, size, size]."""
        return self._fit.signal()

    @property
    def _fit(self) -> Fit:
        return Fit(self.large, self.size)

    @property
    def large(self) -> Picture:
        """The picture, scaled down to ``largest`` where it is larger."""
        width, height = self.picture.size
        longer = max(width, height)
        if longer <= self.largest:
            return self.picture
        size = (max(1, round(height * self.largest / longer)), max(1, round(width * self.largest / longer)))
        return to_picture(interpolate(to_signal(self.picture), size, mode="bilinear", antialias=True)[0].clamp(-1, 1))

    def clip(
        self, signal: Tensor, score: Score, rate: float, sound: Sound | None = None, *, first: bool = True
    ) -> Clip:
        """What the model made, ``signal`` [4, T, size, size], at the picture's size; ``first`` is the picture itself.

        The picture is moved by ``score`` at its own size, and changed by what the model changed of the moved picture
        on its canvas; where that is nothing, every pixel is the picture's.
        """
        large = self.large
        if large.size == (self.size, self.size):
            made = to_clip(signal, rate, sound)
            return Clip(np.stack([large.pixels, *made.frames[1:]]), rate, sound) if first else made
        frames = [
            large if first and not place else Fit(still, self.size).restore(made[None])
            for place, (still, made) in enumerate(zip(self._moved(large, score), signal.unbind(1), strict=True))
        ]
        return Clip(np.stack([frame.pixels for frame in frames]), rate, sound)

    def _moved(self, large: Picture, score: Score) -> list[Picture]:
        """``large``, on a square that the score moves, cut back to its own box."""
        width, height = large.size
        side = max(width, height)
        left, top = (side - width) // 2, (side - height) // 2
        square = pad(to_signal(large), [left, side - width - left, top, side - height - top], value=-1.0)
        found = []
        for frame in range(score.frames):  # one at a time: all at once would take gigabytes
            seen = moved((square[0] + 1) / 2, score.field[frame : frame + 1], score.opacity[frame : frame + 1])
            found.append(to_picture(seen[0, :, top : top + height, left : left + width] * 2 - 1))
        return found


Painted = Mask | Sequence[tuple[int, Mask]]


def painted(mask: Painted, clip: Clip) -> Tensor:
    """Weights [T, 1, H, W] of a mask that stands still, or of masks painted on some frames.

    Between two painted frames the shape passes from one into the other by signed distance to its edge; before the
    first and after the last it stands.

    Raises:
        MediaError: a mask is of another size than the clip, or on a frame that the clip does not have.
    """
    keys = [(0, mask)] if isinstance(mask, Mask) else sorted(mask, key=lambda each: each[0])
    count = len(clip.frames)
    for frame, each in keys:
        if each.weights.shape != clip.frames.shape[1:3]:
            raise MediaError(f"mask: is {each.weights.shape[::-1]} pixels, the clip is {clip.size}; make them equal")
        if not 0 <= frame < count:
            raise MediaError(f"mask: is painted on frame {frame}, the clip has frames 0 to {count - 1}")
    if not keys:
        raise MediaError("mask: is painted on no frame; paint one, or give none")
    if len(keys) == 1:
        return torch.from_numpy(keys[0][1].weights.astype(np.float32))[None, None].expand(count, -1, -1, -1).clone()
    places = [frame for frame, _ in keys]
    shapes = np.stack([_distance(each.weights) for _, each in keys])
    found = np.empty((count, *shapes.shape[1:]), np.float32)
    for frame in range(count):
        share = np.interp(frame, places, np.arange(len(keys)))
        low = min(int(share), len(keys) - 2)
        found[frame] = (1 - (share - low)) * shapes[low] + (share - low) * shapes[low + 1] > 0
    return torch.from_numpy(found)[:, None]


def _distance(weights: np.ndarray) -> np.ndarray:
    """Signed distance to the edge of what is painted, in pixels, positive inside."""
    from scipy.ndimage import distance_transform_edt

    inside = weights > 0
    if inside.all() or not inside.any():
        return np.full(weights.shape, float(sum(weights.shape)) * (1 if inside.any() else -1))
    return distance_transform_edt(inside) - distance_transform_edt(~inside)
