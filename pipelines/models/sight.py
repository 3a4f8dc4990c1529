"""What a picture shows: which kind of object, from where, and all of its recipe; or nothing that is known."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.models.filling import MEASURED
from pipelines.models.shapes import CHOICES, KINDS, MEASURES, PARTS, Recipe

SURE = 0.5  # probability from which on a kind counts as recognised
OPEN = 0.04  # probability from which on a kind beside the likeliest is held against the picture
CODE = 192  # of a picture
WAYS = 12  # to read one picture
SHADES = 3 * PARTS


@dataclass(frozen=True)
class Look:
    """Scores of kinds [B, 1 + kinds], 0 for nothing known, and of views [B, 1 + views], 0 for no known pose; and, for
    one kind, scores of each choice of a recipe [B, options], measures [B, MEASURES] and shades [B, PARTS, 3], both in
    [-1, 1].
    """

    kinds: Tensor
    views: Tensor
    choices: tuple[Tensor, ...]
    measures: Tensor
    shades: Tensor

    def best(self) -> Tensor:
        """The likeliest choices int64 [B, len(CHOICES) - 1]; none is left open."""
        return torch.stack([1 + scores[:, 1:].argmax(1) for scores in self.choices], dim=1)


class Sight(nn.Module):
    """Pictures [B, 4, 64, 64], premultiplied in [0, 1], to a :class:`Look`."""

    def __init__(self, views: int, width: int = 24) -> None:
        super().__init__()
        sizes = (4, width, 2 * width, 4 * width, 6 * width)
        layers: list[nn.Module] = []
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 2 * width, 1))
        self.neck = nn.Sequential(nn.Linear(2 * width * 16, CODE), nn.SiLU())
        self.kinds = nn.Linear(CODE, 1 + len(KINDS))
        self.views = nn.Linear(CODE, 1 + views)
        # Each kind has its own reading of the code: what a chair's back is to one, a mug's handle is to another.
        self.details = nn.Parameter(torch.randn(CHOICES[0], CODE + 1, sum(CHOICES[1:]) + MEASURES + SHADES) * 0.03)

    def forward(self, pictures: Tensor, kinds: Tensor | None = None) -> Look:
        """What ``pictures`` show; ``kinds`` [B] where they are known, else the likeliest."""
        code = self.neck(self.body(pictures).flatten(1))
        scores = self.kinds(code)
        chosen = scores.argmax(1) if kinds is None else kinds
        one = code.new_ones(len(code), 1)
        found = torch.bmm(torch.cat([code, one], dim=1)[:, None], self.details[chosen].to(code.dtype))[:, 0]
        choices, rest = found.split([sum(CHOICES[1:]), MEASURES + SHADES], dim=1)
        measures, shades = torch.tanh(rest).split([MEASURES, SHADES], dim=1)
        return Look(
            scores, self.views(code), choices.split(CHOICES[1:], dim=1), measures, shades.unflatten(-1, (PARTS, 3))
        )


@dataclass(frozen=True)
class Seen:
    """What one picture shows.

    Attributes:
        recipes: ways to read it, the likeliest first, each with the logarithm of its chance beside the first's; one of
            kind 0 where it is nothing that is known.
        sure: probability of the kind.
        second: the kind that is likeliest after it, and its probability.
        view: 0 for none of the known poses, else which.
    """

    recipes: dict[Recipe, float]
    sure: float
    second: tuple[int, float]
    view: int

    @property
    def recipe(self) -> Recipe:
        """The likeliest."""
        return next(iter(self.recipes))


def look(sight: Sight, picture: np.ndarray, kind: int = 0) -> Seen:
    """What ``picture``, float32 [64, 64, 4] premultiplied in [0, 1], shows; of ``kind`` where that is known.

    Where it is not, kinds that are nearly as likely as the first have their recipes too.
    """
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        found = sight(image)
        chances = torch.softmax(found.kinds[0], dim=0)
        first, second, third = (int(place) for place in chances.topk(3).indices)
        likely = [first, *(each for each in (second, third) if each and chances[each] >= OPEN)]
        recipes: dict[Recipe, float] = {}
        for each in [kind] if kind else likely if first else []:
            less = 0.0 if kind else float((chances[each] / chances[first]).log())
            read = _recipes(each, sight(image, torch.tensor([each])))
            recipes |= {recipe: chance + less for recipe, chance in read.items()}
    sure, view = float(chances[first]), int(found.views[0].argmax())
    return Seen(recipes or {Recipe(): 0.0}, sure, (second, float(chances[second])), view)


def _recipes(kind: int, found: Look) -> dict[Recipe, float]:
    """The likeliest recipe, and those that differ from it in one or two choices that are nearly as likely."""
    measures = tuple((float(value) + 1) / 2 for value in found.measures[0])
    colours = tuple((int(r), int(g), int(b)) for r, g, b in ((found.shades[0] + 1) * 127.5).round().clamp(0, 255))
    ways: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for scores in found.choices:
        chances, order = torch.log_softmax(scores[0, 1:], dim=0).sort(descending=True)
        options = list(zip(chances[:3].tolist(), (1 + order[:3]).tolist(), strict=True))
        ways = [(sum_ + chance, (*held, option)) for sum_, held in ways for chance, option in options]
        ways = sorted(ways, reverse=True)[: 4 * WAYS]
    made: dict[Recipe, float] = {}
    for chance, (shape, height, width, count, *features) in ways:
        recipe = Recipe(kind, shape, height, width, count, tuple(features), colours, measures)
        made.setdefault(recipe.fitted(len(MEASURED[KINDS[kind - 1].name])), chance - ways[0][0])
    return dict(list(made.items())[:WAYS])
