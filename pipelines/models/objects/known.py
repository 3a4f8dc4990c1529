"""The bank of known objects: what the mesh starter was trained on, found by outline.

It holds no mesh. An object's number is the seed of its recipe, from which its drawing makes it again exactly; beside it
stand the outlines of its two known views, brought to one size, as principal components. Objects that were held out of
training are not in the bank.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.errors import ModelError
from pipelines.models.filling import completed
from pipelines.models.shapes import KINDS, Recipe
from pipelines.paths import assets

FILE = "objects.npz"
PIXELS = 32  # a side of an outline
COMPONENTS = 48


def recipe_of(seed: int) -> Recipe:
    """The whole recipe of object ``seed``: kinds in a shuffled order that repeats, so any stretch holds all of them."""
    turn = np.random.default_rng(seed // len(KINDS)).permutation(len(KINDS))
    return completed(Recipe(1 + int(turn[seed % len(KINDS)])), seed)


@dataclass(frozen=True)
class Known:
    """``seeds`` int32 [N], ``kinds`` uint8 [N], and ``codes`` int8 [N, views, K] of outlines.

    An outline [PIXELS^2] is about ``mean`` + (codes * ``steps``) @ ``axes``, of which the last are [K, PIXELS^2].
    """

    seeds: np.ndarray
    kinds: np.ndarray
    codes: np.ndarray
    steps: np.ndarray
    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, seeds: np.ndarray, kinds: np.ndarray, outlines: np.ndarray) -> "Known":
        """The bank of objects whose views have ``outlines`` [N, views, PIXELS, PIXELS] in [0, 1]."""
        rows = outlines.reshape(-1, PIXELS**2).astype(np.float32)
        mean = rows.mean(0).astype(np.float16)
        _, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
        axes = axes.T[::-1][:COMPONENTS].astype(np.float16)
        found = (rows - mean) @ axes.T.astype(np.float32)
        steps = (np.abs(found).max(0) / 127).astype(np.float32)
        codes = np.rint(found / steps).astype(np.int8).reshape(*outlines.shape[:2], -1)
        return cls(seeds.astype(np.int32), kinds.astype(np.uint8), codes, steps, mean, axes)

    @classmethod
    def load(cls, folder: Path | None = None) -> "Known":
        """Read what :meth:`save` wrote, by default what ships.

        Raises:
            ModelError: the file is missing or damaged.
        """
        path = (folder or assets() / "objects") / FILE
        try:
            with np.load(path, allow_pickle=False) as held:
                found = cls(**{name: held[name] for name in cls.__dataclass_fields__})
            if not len(found.seeds) == len(found.kinds) == len(found.codes):
                raise ValueError("its tables are of different lengths")
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"model: the bank of objects cannot be read ({error}); reinstall eddyline") from error
        return found

    def save(self, folder: Path) -> None:
        """Write it."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / FILE, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    def nearest(self, outline: np.ndarray, view: int, kinds: Collection[int], count: int) -> list[Recipe]:
        """Recipes of the ``count`` objects of ``kinds`` whose ``view``, 1 for the first, has the ``outline`` most like.

        ``outline`` is float32 [PIXELS, PIXELS] in [0, 1], the object in its middle.
        """
        axes = self.axes.astype(np.float32)
        wanted = axes @ (outline.ravel() - self.mean)
        rows = np.flatnonzero(np.isin(self.kinds, list(kinds)))
        gap = np.square(self.codes[rows, view - 1] * self.steps - wanted).sum(1)
        return [recipe_of(int(self.seeds[row])) for row in rows[gap.argsort()[:count]]]
