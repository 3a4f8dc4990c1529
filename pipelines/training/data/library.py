"""The furniture library of Sweet Home 3D: 820 models with names, sizes and a licence for each.

Those in the public domain teach the starter to read pictures: they are shown, never named, so that what words make
stays exact. Those under CC-BY are kept apart, in a folder of their own, and only measured with.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.codecs.mesh import BAND, Grid, to_grid
from pipelines.errors import StudioError
from pipelines.media import Mesh
from pipelines.models.shapes import PARTS
from pipelines.training.data.object_set import NUMBERS, views_of
from pipelines.training.data.packages import Package

FURNITURE = Package(
    "debian", "sweethome3d-furniture", "1.8-1",
    "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668", "CC0-1.0 and CC-BY-3.0, per item",
    "175 public-domain models, shown as pictures; 645 CC-BY models to measure with",
)  # fmt: skip
# Archive -> licence, as the package's copyright file has it.
LICENCES = {
    "BlendSwap-CC-0": "CC0-1.0", "BlendSwap-CC-BY": "CC-BY-3.0", "KatorLegaz": "CC-BY-3.0-US",
    "Reallusion": "CC-BY-3.0-US", "Scopia": "CC-BY-3.0",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One model of the library: what it is called, who made it, under which licence, and its mesh upon asking."""

    name: str
    creator: str
    licence: str
    archive: Path
    path: str

    def mesh(self) -> Mesh:
        """The model with a colour for every material, +Y up."""
        with zipfile.ZipFile(self.archive) as archive:
            return _read_obj(archive, self.path)


def items(package: Path) -> Iterator[Item]:
    """Every model of the unpacked package."""
    for path in sorted(package.glob("usr/share/sweethome3d/furniture/*.sh3f")):
        with zipfile.ZipFile(path) as archive:
            said = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
            known = set(archive.namelist())
        rows: dict[str, dict[str, str]] = {}
        for key, number, value in re.findall(r"^(name|creator|model)#(\d+)=(.*)$", said, re.M):
            rows.setdefault(number, {})[key] = value.strip()
        for row in rows.values():
            model = row.get("model", "").lstrip("/")
            if model in known and model.endswith(".obj"):
                yield Item(row["name"], row.get("creator", ""), LICENCES[path.stem], path, model)


def prepare_library(cache: Path, folder: Path, *, free: bool = True) -> int:
    """Put the library on grids in ``folder``: the public domain where ``free``, else what is under CC-BY.

    Writes the arrays of :class:`pipelines.training.data.object_set.ObjectSet`, with negative seeds, and ``items.json``
    with name, creator and licence of each.
    """
    chosen = [item for item in items(FURNITURE.fetch(cache)) if (item.licence == "CC0-1.0") == free]
    rows: dict[str, list[np.ndarray]] = {}
    told: list[dict[str, str]] = []
    for item in chosen:
        try:
            held = _object(item, -1 - len(told))
        except (StudioError, ValueError, KeyError) as error:
            print(f"left out {item.name}: {error}")
            continue
        told.append({"name": item.name, "creator": item.creator, "licence": item.licence, "path": item.path})
        for name, value in held.items():
            rows.setdefault(name, []).append(value)
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in rows.items():
        np.save(folder / f"{name}.npy", np.stack(values))
    (folder / "items.json").write_text(json.dumps(told, indent=1))
    (folder / "progress.json").write_text(json.dumps({"done": len(told)}))
    return len(told)


def _object(item: Item, seed: int) -> dict[str, np.ndarray]:
    grid = to_grid(item.mesh())
    solid = float((grid.distance < 0).mean())
    if not 0.003 < solid < 0.6:
        raise StudioError(f"{solid:.1%} of its cube is solid, which is no object to learn from")
    part, colours = _parts(grid)
    return {
        "distance": np.rint(grid.distance * (127 / BAND)).astype(np.int8), "part": part,
        "views": views_of(grid.distance, part), "numbers": np.zeros(NUMBERS, np.int64), "colours": colours,
        "seeds": np.asarray(seed, np.int64),
    }  # fmt: skip


def _parts(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Which of four colours is nearest to each value's own, and the colours [PARTS, 3], the commonest first."""
    near = np.abs(grid.distance) < 1
    sample = Image.fromarray(grid.colour[near][None]).quantize(PARTS, Image.Quantize.MEDIANCUT, kmeans=2)
    palette = np.asarray(sample.getpalette(), np.uint8)[: 3 * PARTS]
    shades = np.zeros((PARTS, 3), np.uint8)
    shades[: len(palette) // 3] = palette.reshape(-1, 3)
    away = np.stack([((grid.colour.astype(int) - shade) ** 2).sum(-1) for shade in shades.astype(int)])
    part = away.argmin(0).astype(np.uint8)
    order = np.argsort(-np.bincount(part[near], minlength=PARTS))
    return np.argsort(order).astype(np.uint8)[part], shades[order]


def _read_obj(archive: zipfile.ZipFile, path: str) -> Mesh:
    """Vertices, triangles, and the diffuse colour of each one's material."""
    text = archive.read(path).decode("latin-1")
    shades = _materials(archive, path, text)
    points: list[list[float]] = []
    corners: dict[tuple[int, str], int] = {}
    faces: list[list[int]] = []
    material = ""
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "v":
            points.append([float(value) for value in rest.split()[:3]])
        elif word == "usemtl":
            material = rest.strip()
        elif word == "f":
            named = [int(corner.split("/")[0]) for corner in rest.split()]
            rows = [(n - 1 if n > 0 else len(points) + n) for n in named]
            held = [corners.setdefault((row, material), len(corners)) for row in rows]
            faces += [[held[0], held[k], held[k + 1]] for k in range(1, len(held) - 1)]
    if not faces:
        raise StudioError("no faces")
    grey = (200, 200, 200)
    colours = np.array([(*shades.get(material, grey), 255) for _, material in corners], np.uint8)
    return Mesh(np.array(points, np.float32)[[row for row, _ in corners]], np.array(faces, np.int64), colours)


def _materials(archive: zipfile.ZipFile, path: str, text: str) -> dict[str, tuple[int, int, int]]:
    """Diffuse colour of every material; of a textured one, the mean of its picture."""
    shades: dict[str, tuple[int, int, int]] = {}
    beside = path.rpartition("/")[0]
    for library in re.findall(r"^mtllib +(.+?)\s*$", text, re.M):
        name = f"{beside}/{library}".lstrip("/")
        if name not in archive.namelist():
            continue
        material = ""
        for line in archive.read(name).decode("latin-1").splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "newmtl":
                material = rest.strip()
            elif word == "Kd":
                shades[material] = tuple(int(round(255 * min(1, float(v)))) for v in rest.split()[:3])  # type: ignore[assignment]
            elif word == "map_Kd":
                picture = f"{beside}/{rest.split()[-1]}".lstrip("/")
                if picture in archive.namelist():
                    held = (
                        Image.open(io.BytesIO(archive.read(picture)))
                        .convert("RGB")
                        .resize((1, 1), Image.Resampling.BOX)
                    )
                    shades[material] = held.getpixel((0, 0))  # type: ignore[assignment]
    return shades
