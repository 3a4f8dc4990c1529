"""What a file measures and what it looks like small; each medium has one function for either, where it has any yet."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from studio import moves
from studio.library import files, places, waves

MAX_PIXELS = 40_000_000
SIDES = range(16, 1025)
# Not every format of Pillow's: EPS runs a program, and others are rare enough to be no more than a risk.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")
GROUND, INK = (226, 232, 240, 255), (71, 85, 105, 255)


def measure(path: Path, medium: str) -> dict[str, Any]:
    """Sizes in pixels, frames, seconds, samples a second and channels, as far as they apply and can be found out."""
    return MEASURES[medium](path) if medium in MEASURES else {}


def unreadable(path: Path, medium: str) -> bool:
    """Whether nothing could be done with a file but keep it: what can be measured has a measure."""
    return medium in MEASURES and not measure(path, medium)


def thumbnail(home: Path, path: Path, medium: str, sha256: str, side: int) -> Path:
    """A WebP that fits ``side`` x ``side`` pixels, of clips a moving one, made at its first use.

    A damaged file gets a drawn stand-in.

    Named by the content's hash, so that it can never show another file, and equal content has one.
    """
    if side not in SIDES:
        raise ValueError(f"side: {SIDES.start} to {SIDES.stop - 1} pixels, got {side}")
    target = home / places.THUMBS / sha256[:2] / f"{sha256}-{side}.webp"
    if target.exists():
        return target
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow warns of odd files; what matters is what can be seen
            if medium in MOVING:
                seen = MOVING[medium](path, side)
            else:
                seen = [SIGHTS[medium](path, side) if medium in SIGHTS else drawn(medium, side)]
    except Exception:  # decoders raise whatever they like on damaged data
        seen = [drawn("damaged", side)]
    small, more = seen[0], seen[1:]
    moving = {"save_all": True, "append_images": more, "duration": moves.STANDS, "loop": 0} if more else {}
    files.save(target, lambda out: small.save(out, "WEBP", quality=85, method=2, **moving))
    return target


def standing(thumbnail: Path) -> Path:
    """The first frame of a thumbnail, beside it."""
    target = thumbnail.with_name(f"{thumbnail.stem}-still.webp")
    if not target.exists():
        with Image.open(thumbnail) as moving:
            first = moving.convert("RGBA")
        files.save(target, lambda out: first.save(out, "WEBP", quality=85, method=2))
    return target


def thumbnails_of(home: Path, sha256: str) -> list[Path]:
    """Every thumbnail of some content, and whatever else was made to show it."""
    return list((home / places.THUMBS / sha256[:2]).glob(f"{sha256}-*"))


def drawn(what: str, side: int) -> Image.Image:
    """A plain symbol for a medium that cannot be shown small."""
    image = Image.new("RGBA", (side, side), GROUND)
    pen = ImageDraw.Draw(image)

    def at(*points: float) -> list[float]:
        return [point * side for point in points]

    if what == "video":
        pen.polygon(at(0.38, 0.3, 0.38, 0.7, 0.72, 0.5), fill=INK)
    elif what == "audio":
        for index, height in enumerate((0.12, 0.28, 0.42, 0.2, 0.34, 0.16)):
            x = 0.25 + index * 0.1
            pen.rounded_rectangle(at(x, 0.5 - height / 2, x + 0.05, 0.5 + height / 2), side * 0.02, fill=INK)
    elif what == "mesh":
        corners = at(0.5, 0.22, 0.74, 0.36, 0.74, 0.64, 0.5, 0.78, 0.26, 0.64, 0.26, 0.36)
        pen.polygon(corners, outline=INK, width=max(1, side // 48))
        for x, y in ((0.26, 0.36), (0.74, 0.36), (0.5, 0.78)):
            pen.line(at(0.5, 0.5, x, y), fill=INK, width=max(1, side // 48))
    elif what == "lipsync":
        pen.ellipse(at(0.28, 0.2, 0.72, 0.8), outline=INK, width=max(1, side // 48))
        pen.ellipse(at(0.42, 0.58, 0.58, 0.7), fill=INK)
    else:
        pen.line(at(0.35, 0.35, 0.65, 0.65), fill=INK, width=max(1, side // 32))
        pen.line(at(0.65, 0.35, 0.35, 0.65), fill=INK, width=max(1, side // 32))
    return image


def _measure_picture(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            return {"width": image.width, "height": image.height, "frames": frames if frames > 1 else None}
    except Exception:  # decoders raise whatever they like on damaged data
        return {}


def _see_picture(path: Path, side: int) -> Image.Image:
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too many pixels")
        image.draft("RGB", (side, side))  # JPEG decodes at a fraction of its size
        if image.mode.startswith("I;16"):
            upright: Image.Image = image.point(lambda value: value / 257).convert("L")
        else:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
        upright.thumbnail((side, side))
        return upright


def _measure_mesh(path: Path) -> dict[str, Any]:
    from studio.provenance.reading import sniff

    # It has no pixels and no seconds. Its figures would take the whole of it: they are asked for when it is looked at.
    known = path.suffix.lower() == ".gltf" or sniff(path) in ("glb", "obj", "stl", "ply")
    return {"frames": None} if known else {}


def _see_mesh(path: Path, side: int) -> Image.Image:
    from pipelines.shapes.seeing import small
    from studio.export.loading import load_mesh

    return Image.fromarray(small(load_mesh(path)[0], side).pixels)


MEASURES: dict[str, Callable[[Path], dict[str, Any]]] = {
    **{"image": _measure_picture, "video": moves.measure, "lipsync": moves.measure, "audio": waves.measure},
    "mesh": _measure_mesh,
}
SIGHTS: dict[str, Callable[[Path, int], Image.Image]] = {
    **{"image": _see_picture, "audio": waves.see, "mesh": _see_mesh}
}
# Of these media a thumbnail moves: what is small on a shelf should say what the large one does.
MOVING: dict[str, Callable[[Path, int], list[Image.Image]]] = {"video": moves.see, "lipsync": moves.see}
