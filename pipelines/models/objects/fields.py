"""Drawings on grids, fine where the surface is: a coarse grid says where that can be."""

from dataclasses import dataclass

import numpy as np

from pipelines.models.objects.drawing import draw
from pipelines.models.shapes import Recipe

COARSEST = 24  # values a side of the grid that is drawn whole
REACH = 6.0  # steps of the grid from the surface in which it is drawn anew


@dataclass(frozen=True)
class Field:
    """An object on a grid of ``size`` values a side.

    ``distance`` float32 [S, S, S] is in steps of the grid, exact within a few of them from the surface, and ``part``
    int8 [S, S, S] is the nearest.
    """

    distance: np.ndarray
    part: np.ndarray

    @property
    def size(self) -> int:
        """Values a side."""
        return self.distance.shape[0]

    @classmethod
    def of(cls, recipe: Recipe, size: int, like: "Field | None" = None) -> "Field":
        """The object of a whole ``recipe``; where ``like``, of nearly the same, is far from its surface, as that is.

        ``size`` is :data:`COARSEST` times a power of two.
        """
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
        if like is None and size > COARSEST:
            like = cls.of(recipe, size // 2).enlarged()
        if like is None:
            rows = np.arange(size**3)
            distance, part = np.zeros(size**3, np.float32), np.zeros(size**3, np.int8)
        else:
            rows = np.flatnonzero(np.abs(like.distance) < REACH)
            distance, part = like.distance.ravel().copy(), like.part.ravel().copy()
        points = np.stack([axis[rows // size**2], axis[rows // size % size], axis[rows % size]], axis=1)
        drawn = draw(recipe, 0, points)  # a whole recipe leaves nothing to the seed
        distance[rows], part[rows] = drawn.distance * size, drawn.part
        return cls(distance.reshape((size,) * 3), part.reshape((size,) * 3))

    def enlarged(self) -> "Field":
        """Twice as many values a side, each eight times."""

        def twice(values: np.ndarray) -> np.ndarray:
            return values.repeat(2, 0).repeat(2, 1).repeat(2, 2)

        return Field(twice(self.distance) * 2, twice(self.part))
