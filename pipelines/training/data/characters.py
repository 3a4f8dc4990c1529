"""The characters that ship: avatars under CC0, drawn once, with the places of mouth and eyes measured."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.training.data.mouths import Drawer, laid_on, measured, shape_from, style

SIDE = 320
GROUND = np.array([200, 214, 220])
# name, title, style, seed, mouth at rest, and who drew the style.
CHARACTERS = (
    ("wren", "Wren", "lorelei", "s0", "happy02", "Lorelei by Lisa Wischofsky, CC0 1.0"),
    ("juno", "Juno", "voxel-art", "s2", "smile", "Voxel Art by DiceBear, CC0 1.0"),
    ("moss", "Moss", "clay", "moss", "line", "Clay by DiceBear, CC0 1.0"),
    ("pip", "Pip", "critters", "s4", "tinySmile", "Critters by DiceBear, CC0 1.0"),
    ("fern", "Fern", "sprouts", "fern", "smile", "Sprouts by DiceBear, CC0 1.0"),
    ("otto", "Otto", "moods", "s1", "smile", "Moods by DiceBear, CC0 1.0"),
)


def _without(name: str, part: str) -> dict[str, Any]:
    raw = deepcopy(style(name))
    for variant in raw["components"][part]["variants"].values():
        variant["elements"] = []
    return raw


def _eyes(picture: np.ndarray, blind: np.ndarray) -> list[list[float]]:
    """Middle and width of each eye: what differs without eyes, left and right of its middle."""
    mask = np.abs(picture.astype(int) - blind).max(-1) > 24
    if not mask.any():
        return []
    columns = np.flatnonzero(mask.any(0))
    gaps = np.diff(columns)
    cut = columns[int(gaps.argmax())] + 1 if gaps.max(initial=1) > 1 else int(columns.mean())
    found = []
    for first, last in ((0, cut), (cut, mask.shape[1])):
        side = mask[:, first:last]
        if side.sum() < 8:
            continue
        rows, across = np.flatnonzero(side.any(1)), np.flatnonzero(side.any(0)) + first
        size = max(rows[-1] - rows[0], across[-1] - across[0]) + 1
        found.append([(across[0] + across[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2, 1.1 * float(size)])
    return found


def prepare_characters(folder: Path, side: int = SIDE) -> list[str]:
    """Draw the characters into ``folder``, with ``characters.json`` that says where their mouths and eyes are."""
    from dicebear import Style

    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name, title, of, seed, mouth, credit in CHARACTERS:
        drawer = Drawer(of)
        pixels = drawer.draw(seed, mouth, side)
        picture, bare = laid_on(pixels, GROUND), laid_on(drawer.draw(seed, None, side), GROUND)
        every = [measured(laid_on(drawer.draw(seed, each, side), GROUND), bare) for each in drawer.mouths]
        widths = [each.right - each.left for each in every if each is not None]
        stroke = min(each.thick for each in every if each is not None)
        rest = measured(picture, bare)
        assert rest is not None
        width = float(np.median(widths))
        drawer._whole = Style(_without(of, "eyes"))
        eyes = _eyes(picture, laid_on(drawer.draw(seed, mouth, side), GROUND))
        solid = pixels[..., 3] > 128
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        if solid.all():
            rows, columns = np.arange(side // 8, side - side // 8), np.arange(side // 8, side - side // 8)
        x, y = (rest.left + rest.right) / 2, (rest.top + rest.bottom) / 2
        listed.append({
            "name": name, "title": title, "credit": credit, "mouth": [x, y, width],
            "smile": round(shape_from(rest, width, stroke)[4], 3), "eyes": eyes,
            "head": [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(min(rows[-1] + 1, y + 2.5 * width))],
        })  # fmt: skip
        Image.fromarray(pixels).save(folder / f"{name}.webp", lossless=True, method=6)
    (folder / "characters.json").write_text(json.dumps(listed, indent=1) + "\n", "utf-8")
    return [each[0] for each in CHARACTERS]
