"""The sticker set: three emoji styles as 64 px premultiplied RGBA with names, tags and a dominant colour."""

import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.models.colours import dominant_hue
from pipelines.training.data.packages import CLDR, EMOJIBASE, FLUENT_3D, FLUENT_FLAT, NOTO

SIZE = 64
PACKAGES = (FLUENT_3D, FLUENT_FLAT, NOTO, EMOJIBASE, CLDR)
# emojibase groups: 1 people (three near-copies of each job), 8 symbols (signs and buttons); the rest count full.
GROUP_WEIGHT = {1: 0.3, 8: 0.15}
SKIN_TONE_WEIGHT = 0.03  # five copies of 300 hands and people would drown everything else


@dataclass(frozen=True)
class Item:
    """One picture of the set; ``hue`` in degrees or None, ``held_out`` is decided by base name."""

    name: str
    base: str
    style: str
    tags: tuple[str, ...]
    weight: float
    hue: float | None
    held_out: bool


@dataclass(frozen=True)
class StickerSet:
    """Pictures uint8 [N, 64, 64, 4], alpha premultiplied, and their items."""

    pictures: np.ndarray
    items: list[Item]

    def save(self, folder: Path) -> None:
        """Write ``stickers.npz`` and ``stickers.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "stickers.npz", pictures=self.pictures)
        (folder / "stickers.json").write_text(json.dumps([asdict(item) for item in self.items]))

    @classmethod
    def load(cls, folder: Path) -> "StickerSet":
        """Read what :meth:`save` wrote."""
        with np.load(folder / "stickers.npz", allow_pickle=False) as arrays:
            pictures = arrays["pictures"]
        raw = json.loads((folder / "stickers.json").read_text())
        return cls(pictures, [Item(**{**entry, "tags": tuple(entry["tags"])}) for entry in raw])

    def subset(self, held_out: bool) -> "StickerSet":
        """Only the held-out names, or only the others."""
        rows = [row for row, item in enumerate(self.items) if item.held_out == held_out]
        return StickerSet(self.pictures[rows], [self.items[row] for row in rows])


def is_held_out(base: str) -> bool:
    """One name in twenty, by a hash of the name: all styles and skin tones of it go together."""
    return zlib.crc32(base.encode()) % 20 == 7


def prepare(cache: Path) -> StickerSet:
    """Fetch the packages into ``cache`` and render every whitelisted picture."""
    roots = {package.name: package.fetch(cache) / "package" for package in PACKAGES}
    three_d = {key_of(path.stem): path for path in (roots[FLUENT_3D.name] / "assets").glob("*.webp")}
    flat, noto = (icons(roots[package.name]) for package in (FLUENT_FLAT, NOTO))
    pictures, items = [], []
    for entry, base in entries(roots[EMOJIBASE.name], roots[CLDR.name]):
        key = key_of(entry["hexcode"])
        if key not in three_d or key not in flat:  # the 3D package draws some code points that the original lacks
            continue
        sources = {"3d": Image.open(three_d[key]), "flat": _render(flat[key])}
        if key in noto:
            sources["cartoon"] = _render(noto[key])
        for style, image in sources.items():
            picture = premultiplied(image)
            weight = GROUP_WEIGHT.get(entry["group"], 1.0) * (SKIN_TONE_WEIGHT if "tone" in entry else 1.0)
            name = entry["label"].lower().replace(":", ",")
            hue = dominant_hue(picture)
            items.append(Item(name, base, style, tuple(entry["tags"]), weight, hue, is_held_out(base)))
            pictures.append(picture)
    return StickerSet(np.stack(pictures), items)


def premultiplied(image: Image.Image) -> np.ndarray:
    """``image`` as uint8 [64, 64, 4] with premultiplied alpha."""
    return np.asarray(image.convert("RGBA").convert("RGBa").resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def key_of(code: str) -> str:
    """Code points of a file name without the variation selector, as the three packages disagree on it."""
    return "-".join(part.lstrip("0") for part in code.lower().split("-") if part != "fe0f")


def icons(root: Path) -> dict[str, str]:
    """SVG text by code points of one iconify package."""
    drawn = json.loads((root / "icons.json").read_text())
    chars = json.loads((root / "chars.json").read_text())
    box = f"0 0 {drawn['width']} {drawn['height']}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}">'
    bodies = {name: icon["body"] for name, icon in drawn["icons"].items()}
    bodies |= {alias: bodies[entry["parent"]] for alias, entry in drawn.get("aliases", {}).items()}
    return {key_of(code): f"{head}{bodies[name]}</svg>" for code, name in chars.items() if name in bodies}


def _render(svg: str) -> Image.Image:
    import resvg_py

    # Twice the size: the downscale then smooths the edges of both vector styles like those of the 3D style.
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIZE, height=2 * SIZE))))


def entries(emojibase: Path, cldr: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """emojibase entries with merged tags, skin tones as entries of their own, each with its base name."""
    annotations = json.loads((cldr / "annotations/en/annotations.json").read_text())["annotations"]["annotations"]
    for entry in json.loads((emojibase / "en/data.json").read_text()):
        if "group" not in entry:  # regional indicators
            continue
        extra = annotations.get(entry["emoji"].replace("\ufe0f", ""), {}).get("default", [])
        entry["tags"] = sorted({tag.lower() for tag in (*entry.get("tags", []), *extra)} - {entry["label"].lower()})
        base = entry["label"].lower()
        yield entry, base
        for skin in entry.get("skins", []):
            yield {**skin, "tags": entry["tags"]}, base
