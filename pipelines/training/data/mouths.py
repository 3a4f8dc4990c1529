"""Avatars whose mouths come in variants (DiceBear, styles under CC0): the same face with one mouth and another.

What each mouth does is measured where the picture differs from that of the face without a mouth. Whole styles are held
out. ``prepare`` needs the packages dicebear-core, dicebear-styles and resvg-py.
"""

import io
import json
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from pipelines.errors import StudioError
from pipelines.models.mouth import SIDE
from pipelines.models.mouth_draft import DROP, ROOM
from pipelines.training.data.packages import Package

PACKAGES = (
    Package(
        "pypi", "dicebear-core", "10.7.0",
        "2e7d0fd81224aab41bf12b8042b9c73bd00472f7cd469480837e06ea73f47d88", "MIT", "draws avatars",
    ),
    Package(
        "pypi", "dicebear-styles", "10.6.0",
        "5a5b0b9c534d133fa06f1dd29f280139995965b32b08c5635a69cc6afc30930d", "CC0-1.0 (the styles used)",
        "avatars with mouth variants",
    ),
)  # fmt: skip
TRAINED = (
    *("lorelei", "lorelei-neutral", "pixel-art", "pixel-art-neutral", "clay", "moods", "sprouts", "thumbs"),
    *("voxel-art", "cameo", "line-face"),
)
HELD_OUT = ("notionists", "notionists-neutral", "critters", "cutouts")
AVATARS = 14
DRAWN = 320  # pixels of an avatar as it is measured
KEPT, WIDE = 112, 3.6  # pixels of what is kept around a mouth, and its side in widths of the mouth at rest
DIFFERS = 24  # of 255, in any channel


@dataclass(frozen=True)
class MouthSet:
    """Faces with their mouths.

    Attributes:
        pictures: uint8 [N, 112, 112, 3]; the mouth in the middle, 3.6 of its widths across.
        shapes: float32 [N, 5] as :data:`pipelines.visemes.SHAPE`, measured.
        avatars: (style, held out, row without a mouth, first row with one, rows with one) of each face.
    """

    pictures: np.ndarray
    shapes: np.ndarray
    avatars: tuple[tuple[str, bool, int, int, int], ...]

    @classmethod
    def load(cls, folder: Path) -> "MouthSet":
        """Read what :func:`prepare` wrote.

        Raises:
            StudioError: the folder holds no such data.
        """
        try:
            held = np.load(folder / "mouths.npz", allow_pickle=False)
            avatars = json.loads((folder / "avatars.json").read_text())
        except FileNotFoundError as error:
            raise StudioError(f"data: {error.filename} is missing; run the command prepare first") from None
        return cls(held["pictures"], held["shapes"], tuple((s, bool(h), *rest) for s, h, *rest in avatars))

    def subset(self, held_out: bool) -> "MouthSet":
        """Only the styles held out, or only the others."""
        kept = tuple(avatar for avatar in self.avatars if avatar[1] == held_out)
        return MouthSet(self.pictures, self.shapes, kept)


def style(name: str) -> dict[str, Any]:
    """A style as DiceBear ships it.

    Raises:
        StudioError: the package is not installed.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return dict(
            json.loads(
                Path(str(distribution("dicebear-styles").locate_file(f"dicebear_styles/{name}.json"))).read_text()
            )
        )
    except PackageNotFoundError:
        raise StudioError("data: dicebear-styles is missing; pip install 'eddyline[train]'") from None


class Drawer:
    """Draws avatars of one style, with any of its mouths or with none."""

    def __init__(self, name: str) -> None:
        from dicebear import Style

        raw = style(name)
        bare = deepcopy(raw)
        for variant in bare["components"]["mouth"]["variants"].values():
            variant["elements"] = []
        self.name, self.mouths = name, tuple(raw["components"]["mouth"]["variants"])
        self._whole, self._bare = Style(raw), Style(bare)

    def draw(self, seed: str, mouth: str | None, side: int = DRAWN) -> np.ndarray:
        """An avatar uint8 [side, side, 4]; None leaves the mouth out."""
        import resvg_py
        from dicebear import Avatar

        wanted = {"seed": seed, "mouthVariant": [mouth or self.mouths[0]], "mouthProbability": 100}
        svg = Avatar(self._bare if mouth is None else self._whole, wanted).to_string()
        data = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def laid_on(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] on a plain ground, uint8 [H, W, 3]."""
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return (pixels[..., :3] * alpha + colour * (1 - alpha) + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Measured:
    """A mouth as it is drawn: its box in pixels, thickness, curve, and shares of white and pink."""

    left: int
    right: int
    top: int
    bottom: int
    thick: float
    curve: float
    white: float
    pink: float


def measured(picture: np.ndarray, bare: np.ndarray) -> Measured | None:
    """What of ``picture`` [H, W, 3] differs from the same face without a mouth; None for nothing."""
    mask = np.abs(picture.astype(int) - bare).max(-1) > DIFFERS
    columns = np.flatnonzero(mask.any(0))
    if mask.sum() < 6 or len(columns) < 3:
        return None
    rows = np.flatnonzero(mask.any(1))
    first, last = mask.argmax(0)[columns], len(mask) - 1 - mask[::-1].argmax(0)[columns]
    middle, s = (first + last) / 2, np.linspace(-1, 1, len(columns))
    inside = picture[mask].astype(int)
    dark = (inside.max(1) < 110).mean()
    white = (inside.min(1) > 205).mean() if (bare[mask].min(1) > 205).mean() < 0.5 else 0.0
    pink = ((inside[:, 0] > inside[:, 1] + 40) & (inside[:, 0] > 150)).mean() if dark > 0.2 else 0.0
    return Measured(
        int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1,
        float(np.quantile(last - first + 1, 0.85)), float(np.polyfit(s, middle, 2)[0]), float(white), float(pink),
    )  # fmt: skip


def shape_from(mouth: Measured, width: float, stroke: float) -> tuple[float, ...]:
    """What a mouth does, for a face whose mouth is ``width`` wide at rest and whose lines are ``stroke`` thick."""
    opened = float(np.clip((mouth.thick - 1.2 * stroke) / (DROP * width), 0, 1))
    ratio = (mouth.right - mouth.left) / width - 1
    seen = min(1.0, opened / 0.12)
    return (
        opened, float(np.clip(ratio / (0.25 if ratio > 0 else 0.5), -1, 1)), min(1.0, 2 * mouth.white) * seen,
        min(1.0, 2 * mouth.pink) * seen, float(np.clip(-mouth.curve / (0.2 * width), -1, 1)),
    )  # fmt: skip


def faces(name: str, avatars: int) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Kept pictures [1 + M, 112, 112, 3], the first without a mouth, and shapes [1 + M, 5] of avatars of a style."""
    drawer = Drawer(name)
    for number in range(avatars):
        seed = f"{name}-{number}"
        ground = np.random.default_rng(zlib.crc32(seed.encode())).integers(0, 256, 3)
        bare = laid_on(drawer.draw(seed, None), ground)
        drawn = [laid_on(drawer.draw(seed, mouth), ground) for mouth in drawer.mouths]
        found = [(picture, mouth) for picture in drawn if (mouth := measured(picture, bare)) is not None]
        if len(found) < 3:
            continue
        width = float(np.median([mouth.right - mouth.left for _, mouth in found]))
        stroke = min(mouth.thick for _, mouth in found)
        x = float(np.median([(mouth.left + mouth.right) / 2 for _, mouth in found]))
        y = float(np.median([mouth.top + stroke for _, mouth in found]))
        half = WIDE * width / 2
        box = (x - half, y - half, x + half, y + half)
        colour = tuple(int(c) for c in ground)
        kept = [
            np.asarray(Image.fromarray(each).transform(
                (2 * KEPT, 2 * KEPT), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC, fillcolor=colour
            ).resize((KEPT, KEPT), Image.Resampling.BOX))
            for each in (bare, *(picture for picture, _ in found))
        ]  # fmt: skip
        shapes = [(0.0,) * 5, *(shape_from(mouth, width, stroke) for _, mouth in found)]
        yield np.stack(kept), np.array(shapes, np.float32), seed


def prepare(folder: Path, avatars: int = AVATARS) -> dict[str, int]:
    """Draw every style into ``folder``; returns how many pictures of each."""
    pictures, shapes, rows, made, begin = [], [], [], {}, 0
    for name in (*TRAINED, *HELD_OUT):
        made[name] = 0
        for kept, shape, _ in faces(name, avatars):
            pictures.append(kept)
            shapes.append(shape)
            rows.append([name, name in HELD_OUT, begin, begin + 1, len(kept) - 1])
            begin += len(kept)
            made[name] += len(kept)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "mouths.npz", pictures=np.concatenate(pictures), shapes=np.concatenate(shapes))
    (folder / "avatars.json").write_text(json.dumps(rows))
    return made


@dataclass(frozen=True)
class Pairs:
    """Faces with two mouths each: ``source`` and ``target`` [B, 3, 64, 64], the ``shape`` [B, 5] of the target's
    mouth, and ``matte`` [B, 1, 64, 64], where either mouth is.
    """

    source: Tensor
    target: Tensor
    shape: Tensor
    matte: Tensor


def sampled(faces: MouthSet, count: int, rng: np.random.Generator, apart: Tensor) -> Pairs:
    """Random faces in random poses; where ``apart`` [B] is 1 the source's pose and light differ a little."""
    rows = np.zeros((3, count), int)
    for index in range(count):
        _, _, without, first, many = faces.avatars[rng.integers(len(faces.avatars))]
        shut = first + np.flatnonzero(faces.shapes[first : first + many, 0] == 0)
        wanted = int(rng.choice(shut)) if len(shut) and rng.random() < 0.25 else first + int(rng.integers(many))
        rows[:, index] = without, first + int(rng.integers(many)), wanted
    pictures = torch.from_numpy(faces.pictures[rows]).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    pictures = _recoloured(pictures, rng)
    theta, flipped = _poses(count, rng)
    grid = affine_grid(theta, [count, 3, SIDE, SIDE], align_corners=False)
    other = theta + 0.03 * apart[:, None, None] * torch.from_numpy(rng.uniform(-1, 1, (count, 2, 3)).astype(np.float32))
    elsewhere = affine_grid(other, [count, 3, SIDE, SIDE], align_corners=False)
    bare, old, target = (grid_sample(part, grid, "bilinear", "border", align_corners=False) for part in pictures)
    source = grid_sample(pictures[1], elsewhere, "bilinear", "border", align_corners=False)
    light = (
        0.06 * torch.from_numpy(rng.uniform(-1, 1, (count, 1, 1, 1)).astype(np.float32)) * apart[:, None, None, None]
    )
    changed = torch.maximum((old - bare).abs(), (target - bare).abs()).amax(1, keepdim=True)
    return Pairs(
        (source + light).clamp(-1, 1), target, torch.from_numpy(faces.shapes[rows[2]]), (changed > 0.12).float()
    )


def _poses(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Affine maps [B, 2, 3] from what is shown to what is kept, half of them mirrored."""
    scale = ROOM / WIDE * rng.uniform(0.88, 1.14, count)
    roll, flip = rng.uniform(-0.12, 0.12, count), np.where(rng.random(count) < 0.5, -1.0, 1.0)
    shift = rng.uniform(-0.03, 0.03, (2, count))
    theta = np.stack([
        np.stack([scale * np.cos(roll) * flip, -scale * np.sin(roll) * flip, shift[0]], -1),
        np.stack([scale * np.sin(roll), scale * np.cos(roll), shift[1]], -1),
    ], 1)  # fmt: skip
    return torch.from_numpy(theta.astype(np.float32)), torch.from_numpy(flip.astype(np.float32))


def _recoloured(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """``pictures`` [3, B, 3, H, W] with each face in other colours."""
    count = pictures.shape[1]
    made = pictures.clone()
    for index in range(count):
        if rng.random() < 0.35:
            made[:, index] = made[:, index][:, rng.permutation(3)]
    gain = torch.from_numpy(rng.uniform(0.6, 1.0, (1, count, 3, 1, 1)).astype(np.float32))
    lift = torch.from_numpy(rng.uniform(-1, 1, (1, count, 3, 1, 1)).astype(np.float32)) * (1 - gain)
    plain = torch.from_numpy((rng.random((1, count, 1, 1, 1)) < 0.4).astype(np.float32))
    return made * plain + (made * gain + lift) * (1 - plain)
