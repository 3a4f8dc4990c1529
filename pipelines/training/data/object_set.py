"""Objects as the mesh starter is trained on them: grids and views without colours, which are given at every draw anew.

``prepare`` draws procedural objects of all kinds; every twentieth is held out. What is kept of an object is its signed
distances, the part nearest to every point, and two views of known pose as part and light of every pixel.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines.codecs.mesh import BAND, SIZE, Grid, places, to_mesh
from pipelines.codecs.rendering import View, seen
from pipelines.models.filling import MEASURED, stream
from pipelines.models.framing import framed
from pipelines.models.objects.drawing import draw
from pipelines.models.objects.known import PIXELS as OUTLINE
from pipelines.models.objects.known import Known, recipe_of
from pipelines.models.shapes import FEATURES, KINDS, MEASURES, PARTS, Recipe

VIEWS = (View(0, 15), View(35, 25))  # front and three-quarter: what "view" may say of a picture
PIXELS = 128  # of the views as kept; twice what the network sees
HELD_OUT = 20  # one object in so many
NUMBERS = 5 + FEATURES


@dataclass(frozen=True)
class ObjectSet:
    """``distance`` int8 [N, S, S, S] (127 is ``BAND`` voxels), ``part`` uint8 of the same shape, ``views`` uint8
    [N, 2, 2, PIXELS, PIXELS] (1 + part, 0 for none; light, 127 is 1), ``numbers`` int64 [N, 5 + FEATURES] of the
    recipe, ``colours`` uint8 [N, PARTS, 3] that it was drawn in, and ``seeds`` [N].

    ``measures`` float32 [N, MEASURES, 2] of the recipe follow from the seeds: in [-1, 1], and 1 where there is one.
    """

    distance: np.ndarray
    part: np.ndarray
    views: np.ndarray
    numbers: np.ndarray
    colours: np.ndarray
    seeds: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> "ObjectSet":
        """What :func:`prepare` has written so far; the large arrays stay on disk until they are looked at."""
        held = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__dataclass_fields__}
        done = json.loads((folder / "progress.json").read_text())["done"]
        return cls(**{name: array[:done] for name, array in held.items()})

    @cached_property
    def measures(self) -> np.ndarray:
        """Of every object; zeros for what is not procedural."""
        found = np.zeros((len(self.seeds), MEASURES, 2), np.float32)
        for row in np.flatnonzero(self.seeds >= 0):
            for place, name in enumerate(MEASURED[KINDS[self.numbers[row, 0] - 1].name]):
                found[row, place] = 2 * stream(int(self.seeds[row]), name).random() - 1, 1
        return found

    def rows(self, *, held_out: bool) -> np.ndarray:
        """Rows of one share."""
        return np.flatnonzero((np.arange(len(self.seeds)) % HELD_OUT == HELD_OUT - 1) == held_out)

    def recipe(self, row: int) -> Recipe:
        """The whole recipe of an object, in the colours that it was drawn in."""
        kind, shape, height, width, count, *features = (int(n) for n in self.numbers[row])
        parts = len(KINDS[kind - 1].parts) if kind else PARTS
        colours = [tuple(int(v) for v in c) if p < parts else None for p, c in enumerate(self.colours[row])]
        measures = [(float(v) + 1) / 2 if known else None for v, known in self.measures[row]]
        return Recipe(kind, shape, height, width, count, tuple(features), tuple(colours), tuple(measures))  # type: ignore[arg-type]

    def grid(self, row: int, colours: np.ndarray | None = None) -> Grid:
        """The grid of an object, in other ``colours`` [PARTS, 3] where given."""
        shades = self.colours[row] if colours is None else colours
        distance = self.distance[row].astype(np.float32) * (BAND / 127)
        return Grid(distance, shades[np.minimum(self.part[row], PARTS - 1)].astype(np.uint8))


def prepare(folder: Path, count: int = 9000, first: int = 0) -> int:
    """Draw ``count`` objects into ``folder``, or go on where an earlier call stopped; returns how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {
        "distance": (np.int8, (SIZE,) * 3), "part": (np.uint8, (SIZE,) * 3),
        "views": (np.uint8, (len(VIEWS), 2, PIXELS, PIXELS)), "numbers": (np.int64, (NUMBERS,)),
        "colours": (np.uint8, (PARTS, 3)), "seeds": (np.int64, ()),
    }  # fmt: skip
    progress = folder / "progress.json"
    done = json.loads(progress.read_text())["done"] if progress.exists() else 0
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "r+" if done else "w+", kind, (count, *shape))
        for name, (kind, shape) in shapes.items()
    }
    points = places(SIZE).reshape(-1, 3)
    for row in range(done, count):
        for name, value in _object(first + row, points).items():
            arrays[name][row] = value
        if row % 50 == 49 or row == count - 1:
            for array in arrays.values():
                array.flush()
            progress.write_text(json.dumps({"done": row + 1}))
    return count


def prepare_known(objects: ObjectSet, folder: Path) -> int:
    """Write the bank of all objects that are trained on into ``folder``; returns how many."""
    rows = objects.rows(held_out=False)
    outlines = np.stack([[outline_of(view) for view in objects.views[row]] for row in rows])
    Known.of(objects.seeds[rows], objects.numbers[rows, 0], outlines).save(folder)
    return len(rows)


def outline_of(view: np.ndarray) -> np.ndarray:
    """The outline [32, 32] of a prepared view [2, S, S], what it shows brought to one size."""
    solid = np.repeat((view[0] > 0).astype(np.float32)[..., None], 4, axis=-1)
    return framed(solid)[..., 3].reshape(OUTLINE, 2, OUTLINE, 2).mean((1, 3))


def _object(seed: int, points: np.ndarray) -> dict[str, np.ndarray]:
    drawn = draw(recipe_of(seed), seed, points)
    shape = (SIZE,) * 3
    distance = np.clip(drawn.distance * SIZE, -BAND, BAND).reshape(shape).astype(np.float32)
    part = drawn.part.reshape(shape).astype(np.uint8)
    colours = np.zeros((PARTS, 3), np.uint8)
    for place, colour in enumerate(drawn.recipe.colours):
        colours[place] = colour or (0, 0, 0)
    return {
        "distance": np.rint(distance * (127 / BAND)).astype(np.int8), "part": part, "views": views_of(distance, part),
        "numbers": drawn.recipe.numbers(), "colours": colours, "seeds": np.int64(seed),
    }  # fmt: skip


def views_of(distance: np.ndarray, part: np.ndarray) -> np.ndarray:
    """:attr:`ObjectSet.views` of one object."""
    told = np.repeat(part[..., None], 3, axis=-1)  # the part travels as a colour, which vertices take without mixing
    mesh = to_mesh(Grid(distance, told), pieces=None)
    assert mesh.colours is not None
    pictures = np.zeros((len(VIEWS), 2, PIXELS, PIXELS), np.uint8)
    for place, view in enumerate(VIEWS):
        face, light = seen(mesh, view, PIXELS)
        of = mesh.colours[mesh.faces[face, 0], 0]
        pictures[place, 0] = np.where(face >= 0, of + 1, 0)
        pictures[place, 1] = np.clip(np.rint(light * 127), 0, 255)
    return pictures
