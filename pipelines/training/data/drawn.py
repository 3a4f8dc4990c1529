"""Drawn faces made up on the spot, of which only what is around the mouth is drawn: every shape, any style, exact.

Lengths are in widths of the mouth at rest. All parameters of a face but its mouth's shape are in :class:`Drawing`, so
that one face can be drawn twice with different mouths. Families are ways of drawing; some are never trained on.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines.models.mouth import SIDE
from pipelines.models.mouth_draft import DROP, ROOM

TRAINED = ("round", "lips", "flat", "outline")
HELD_OUT = ("blocks", "corners")


@dataclass(frozen=True)
class Drawing:
    """Faces without their mouths: named numbers [B], and colours [B, 3] in [-1, 1]."""

    numbers: dict[str, Tensor]
    colours: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.numbers["scale"])

    def moved(self, generator: torch.Generator, amount: float) -> "Drawing":
        """The same faces, a little elsewhere and lit a little differently."""
        held = dict(self.numbers)
        for name, reach in (("x", 0.06), ("y", 0.06), ("roll", 0.06), ("scale", 0.05), ("light", 0.08)):
            held[name] = held[name] + amount * reach * (2 * torch.rand(len(self), generator=generator) - 1)
        return replace(self, numbers=held)


def drawings(count: int, generator: torch.Generator, families: tuple[str, ...] = TRAINED) -> Drawing:
    """Faces in random styles of ``families``."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    def chance(share: float) -> Tensor:
        return (torch.rand(count, generator=generator) < share).float()

    kind = torch.randint(len(families), (count,), generator=generator)
    of = {name: torch.zeros(count) for name in ("round", "lips", "flat", "outline", "blocks", "corners")}
    for index, name in enumerate(families):
        of[name] = (kind == index).float()
    block = of["blocks"] * between(0.11, 0.2)
    stroke = torch.maximum(between(0.04, 0.14), 1.05 * block)
    numbers = {
        "x": between(-0.06, 0.06), "y": between(-0.06, 0.06), "roll": between(-0.12, 0.12),
        "scale": between(0.88, 1.14),
        "light": between(-0.1, 0.1), "tilt": between(-3.14, 3.14), "shade": between(0, 0.35) * chance(0.6),
        "rx": between(1.1, 2.6), "ry": between(1.4, 2.6), "chin": between(0.65, 1.3),
        "edge": between(0.03, 0.1) * chance(0.6),
        "blush": between(0, 0.6) * chance(0.3), "nose": between(0.06, 0.25) * chance(0.7),
        "nose_y": between(-1.0, -0.45),
        "nose_line": chance(0.5), "beard": between(0.2, 1.0) * chance(0.12),
        "moustache": between(0.3, 0.6) * chance(0.1),
        "grain": between(0, 0.08) * chance(0.4), "stroke": stroke, "share": between(0.12, 0.42),
        "power": between(0.45, 1.0), "lip_up": between(0.06, 0.16) * of["lips"],
        "lip_down": between(0.08, 0.2) * of["lips"],
        "outlined": of["outline"] + (of["round"] + of["blocks"] + of["corners"]) * chance(0.5) * (1 - of["outline"]),
        "line": 1 - of["lips"] * chance(0.5), "corners": of["corners"], "block": block,
        "teeth_gaps": chance(0.15), "lower_teeth": chance(0.25), "gap": between(0.1, 0.22),
        "hide": chance(0.08), "hide_x": between(-0.9, 0.9), "hide_y": between(-0.3, 0.9), "hide_r": between(0.15, 0.5),
    }  # fmt: skip
    skin = 2 * torch.rand(count, 3, generator=generator) - 1
    human = torch.stack([between(-0.3, 1.0), between(-0.5, 0.8), between(-0.7, 0.6)], 1).sort(1, descending=True).values
    skin = torch.where(chance(0.5)[:, None] > 0, human, skin)
    skin = torch.where(chance(0.12)[:, None] > 0, torch.ones(count, 3), skin)  # ink on white
    dark = -1 + between(0, 0.5)[:, None] * torch.rand(count, 3, generator=generator)
    ink = torch.where(chance(0.7)[:, None] > 0, dark, (skin - 0.6).clamp(-1, 1))
    red = torch.stack([between(0.0, 1.0), between(-1, 0.0), between(-0.9, 0.2)], 1)
    cavity = torch.where(
        chance(0.6)[:, None] > 0, dark, torch.stack([between(-0.6, 0.3), between(-1, -0.6), between(-1, -0.5)], 1)
    )
    # A dark face's mouth is drawn in light ink where dark ink would not be seen.
    flip = ((skin.mean(1) < -0.5) & (chance(0.5) > 0))[:, None]
    darker = (skin - between(0.15, 0.5)[:, None] * torch.tensor([0.4, 1.0, 0.9])).clamp(-1, 1)
    colours = {
        "skin": skin, "ground": 2 * torch.rand(count, 3, generator=generator) - 1,
        "ink": torch.where(flip, (skin + 1.2).clamp(-1, 1), ink), "cavity": cavity,
        "lips": torch.where(chance(0.6)[:, None] > 0, red, darker),
        "teeth": 1 - between(0, 0.35)[:, None] * torch.tensor([0.3, 0.4, 1.0]),
        "tongue": torch.stack([between(0.3, 1.0), between(-0.5, 0.1), between(-0.4, 0.2)], 1),
        "blush": torch.stack([between(0.5, 1.0), between(-0.4, 0.3), between(-0.3, 0.3)], 1),
        "beard": -1 + between(0, 0.9)[:, None] * torch.rand(count, 3, generator=generator),
        "hide": 2 * torch.rand(count, 3, generator=generator) - 1,
    }  # fmt: skip
    return Drawing(numbers, colours)


def shapes(count: int, generator: torch.Generator) -> Tensor:
    """Mouth shapes [B, 5] as speech and rest make them: a third shut, the others open by any amount."""
    draw = torch.rand(count, 5, generator=generator)
    opened = torch.where(torch.rand(count, generator=generator) < 0.3, torch.zeros(count), draw[:, 0] ** 1.3)
    seen = (opened / 0.12).clamp(max=1)
    some = (torch.rand(count, 2, generator=generator) < 0.7).float()
    wide = torch.where(opened == 0, 0.4 * (2 * draw[:, 1] - 1), 2 * draw[:, 1] - 1)
    smile = (draw[:, 4] - 0.4) * 1.2
    return torch.stack([opened, wide, draw[:, 2] * seen * some[:, 0], draw[:, 3] * seen * some[:, 1], smile], 1)


def draw(faces: Drawing, shape: Tensor, grain: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, 64, 64] of ``faces`` with mouths of ``shape`` [B, 5], and where the mouths are [B, 1, 64, 64].

    ``grain`` [B, 1, 64, 64] is the paper's; pass the same for two pictures of a face.
    """
    n = {name: value[:, None, None] for name, value in faces.numbers.items()}
    u, v = _places(n)
    pixel = ROOM * n["scale"] / SIDE
    picture = _face(faces, n, u, v, pixel)
    block = n["block"]
    step = block.clamp(min=1e-3)
    bu = torch.where(block > 0, ((u / step).floor() + 0.5) * step, u)
    bv = torch.where(block > 0, ((v / step).floor() + 0.5) * step, v)
    picture, region = _mouth(faces, n, picture, bu, bv, pixel, shape)
    hidden = n["hide"] * _soft(n["hide_r"] - ((u - n["hide_x"]) ** 2 + (v - n["hide_y"]) ** 2).sqrt(), pixel)
    picture = _over(picture, faces.colours["hide"], hidden)
    region = region * (1 - hidden)
    light = n["light"] + n["shade"] * (u * n["tilt"].cos() + v * n["tilt"].sin()) / ROOM
    picture = picture + light[:, None]
    if grain is not None:
        picture = picture + grain * n["grain"][:, None]
    return picture.clamp(-1, 1), region[:, None]


def _places(n: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    line = ((torch.arange(SIDE) + 0.5) / SIDE * 2 - 1) * ROOM / 2
    y, x = line[None, :, None] * n["scale"], line[None, None, :] * n["scale"]
    cos, sin = n["roll"].cos(), n["roll"].sin()
    return cos * x + sin * y + n["x"], cos * y - sin * x + n["y"]


def _soft(depth: Tensor, pixel: Tensor) -> Tensor:
    """Coverage of pixels whose middles lie ``depth`` inside an edge."""
    return (depth / pixel + 0.5).clamp(0, 1)


def _over(picture: Tensor, colour: Tensor, cover: Tensor) -> Tensor:
    return picture + cover[:, None] * (colour[:, :, None, None] - picture)


def _face(faces: Drawing, n: dict[str, Tensor], u: Tensor, v: Tensor, pixel: Tensor) -> Tensor:
    colours = faces.colours
    picture = colours["ground"][:, :, None, None].expand(-1, -1, SIDE, SIDE)
    middle = n["chin"] - n["ry"]
    radius = ((u / n["rx"]) ** 2 + ((v - middle) / n["ry"]) ** 2).sqrt()
    depth = (1 - radius) * torch.minimum(n["rx"], n["ry"])
    picture = _over(picture, colours["ink"], _soft(depth + n["edge"], pixel) * (n["edge"] > 0))
    face = _soft(depth, pixel)
    picture = _over(picture, colours["skin"], face)
    for side in (-1, 1):
        away = ((u - 0.85 * side) ** 2 + (v + 0.3) ** 2).sqrt()
        picture = _over(picture, colours["blush"], face * n["blush"] * (1 - away / 0.35).clamp(0, 1))
    beard = n["beard"] * _soft(v - 0.1 - 0.5 * (u.abs() < 0.75).float() * (v < 0.55), pixel) * face
    picture = _over(picture, colours["beard"], beard)
    hair = (
        _soft(0.1 - (v + 0.26 - 0.12 * u**2).abs(), pixel)
        * _soft(n["moustache"] - u.abs(), pixel)
        * (n["moustache"] > 0)
    )
    picture = _over(picture, colours["beard"], hair)
    away = (u**2 + ((v - n["nose_y"]) / 0.8) ** 2).sqrt()
    dot = _soft(n["nose"] - away, pixel)
    stroke = _soft(0.035 - (away - n["nose"]).abs(), pixel) * (v > n["nose_y"])
    return _over(picture, colours["ink"], (n["nose"] > 0) * torch.where(n["nose_line"] > 0, stroke, 0.5 * dot))


def _mouth(
    faces: Drawing, n: dict[str, Tensor], picture: Tensor, u: Tensor, v: Tensor, pixel: Tensor, shape: Tensor
) -> tuple[Tensor, Tensor]:
    """``picture`` with mouths on it, and where they are."""
    colours = faces.colours
    opened, wide, teeth, tongue, smile = (part[:, None, None] for part in shape.unbind(1))
    width = (1 + torch.where(wide > 0, 0.25, 0.5) * wide) / 2
    s = u / width
    arch = torch.where(n["corners"] > 0, (1.6 * (1 - s.abs())).clamp(0, 1), (1 - s**2).clamp(min=0))
    bow = arch.clamp(min=1e-6) ** n["power"]
    rest = 0.4 * smile * width * (0.4 - s**2)
    height = DROP * opened
    upper, lower = rest - n["share"] * height * bow, rest + (1 - n["share"]) * height * bow
    ends = _soft(width * (1 - s.abs()), pixel)
    lips = _soft(torch.minimum(v - upper + n["lip_up"] * bow, lower + n["lip_down"] * bow - v), pixel) * ends
    lips = lips * (n["lip_up"] > 0)
    picture = _over(picture, colours["lips"], lips)
    inside = _soft(torch.minimum(v - upper, lower - v), pixel) * ends * (height / pixel / 0.7).clamp(0, 1)
    picture = _over(picture, colours["cavity"], inside)
    low = (1 - n["share"]) * height
    bed = low * (1.05 - 0.7 * tongue)
    hump = _soft((v - rest - bed) - 0.5 * (u / width.clamp(min=0.1)) ** 2 * height, pixel) * _soft(
        0.62 * width - u.abs(), pixel
    )
    picture = _over(picture, colours["tongue"], inside * hump * (tongue > 0.05))
    strip = n["gap"] * teeth * torch.minimum(height / 0.2, torch.ones(()))
    white = _soft(upper + strip - v, pixel) + n["lower_teeth"] * _soft(v - lower + 0.6 * strip, pixel)
    lines = 1 - n["teeth_gaps"] * _soft(0.02 - ((u / 0.16) % 1 - 0.5).abs() * 0.16, pixel)
    picture = _over(picture, colours["teeth"], inside * white.clamp(0, 1) * lines * (teeth > 0.05))
    half = n["stroke"] / 2
    seam = torch.minimum((v - upper).abs(), (v - lower).abs())
    shut = (1 - height / 0.06).clamp(0, 1)  # a mouth that is shut is a line, whoever draws it
    line = _soft(half - seam, pixel) * _soft(width * (1 - s.abs()) + half, pixel) * n["line"]
    line = line * torch.maximum(n["outlined"], shut)
    picture = _over(picture, colours["ink"], line)
    return picture, torch.maximum(torch.maximum(lips, inside), line)
