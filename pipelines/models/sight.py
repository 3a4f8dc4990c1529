"""What a picture shows: which kind of object, from where, and in which colours; or nothing that is known."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.models.shapes import KINDS, PARTS

SURE = 0.5  # probability from which on a kind counts as recognised


class Sight(nn.Module):
    """Pictures [B, 4, 64, 64], premultiplied in [0, 1], to scores of kinds, of views, and shades of the parts."""

    def __init__(self, views: int, width: int = 24) -> None:
        super().__init__()
        sizes = (4, width, 2 * width, 4 * width, 6 * width)
        layers: list[nn.Module] = []
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.neck = nn.Sequential(nn.Linear(sizes[-1] * 4, 192), nn.SiLU())
        self.kinds = nn.Linear(192, 1 + len(KINDS))  # 0: nothing that is known
        self.views = nn.Linear(192, 1 + views)  # 0: none of the known poses
        self.shades = nn.Linear(192, 3 * PARTS)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores [B, 1 + kinds] and [B, 1 + views], shades [B, PARTS, 3] in [-1, 1]."""
        found = nn.functional.adaptive_avg_pool2d(self.body(pictures), 2).flatten(1)
        code = self.neck(found)
        return self.kinds(code), self.views(code), self.shades(code).unflatten(-1, (PARTS, 3))


@dataclass(frozen=True)
class Seen:
    """What one picture shows.

    Attributes:
        kind: 1 + its place in KINDS; 0 where it is nothing that is known.
        sure: probability of it.
        view: 0 for none of the known poses, else which.
    """

    kind: int
    sure: float
    view: int


def look(sight: Sight, picture: np.ndarray) -> Seen:
    """What ``picture``, float32 [64, 64, 4] premultiplied in [0, 1], shows."""
    with torch.inference_mode():
        kinds, views, _ = sight(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    chances = torch.softmax(kinds[0], dim=0)
    best = int(chances.argmax())
    sure = float(chances[best])
    return Seen(best if sure >= SURE else 0, sure, int(views[0].argmax()))
