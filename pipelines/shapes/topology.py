"""Which faces of a mesh meet where, whatever its file did to its vertices.

Files repeat a vertex for every normal, colour or place on a texture that it has there: a cube of 8 corners comes as 24.
What is asked here, whether a surface is closed and of how many pieces it is, is asked of the places alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.media import Mesh


@dataclass(frozen=True)
class Topology:
    """A mesh with equal places joined.

    Attributes:
        places: float32 [P, 3], each once.
        of: int [V], the place of each vertex of the mesh.
        faces: int [F, 3] into ``places``, faces of two equal corners left out.
        kept: int [F], which face of the mesh each of them is.
    """

    places: np.ndarray
    of: np.ndarray
    faces: np.ndarray
    kept: np.ndarray

    @classmethod
    def of_mesh(cls, mesh: Mesh) -> "Topology":
        """Join what lies at the same place, to the bit."""
        # -0.0 and 0.0 are one place.
        places, of = np.unique(mesh.vertices + np.float32(0), axis=0, return_inverse=True)
        faces = of.reshape(-1)[mesh.faces]
        a, b, c = faces.T
        kept = np.flatnonzero((a != b) & (b != c) & (c != a))
        return cls(places, of.reshape(-1), faces[kept], kept)

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ends [E, 2], faces at each [E], and how many more of them run one way than the other [E]."""
        starts, ends = self.faces.reshape(-1), np.roll(self.faces, -1, axis=1).reshape(-1)
        low, high = np.minimum(starts, ends), np.maximum(starts, ends)
        keys, which, counts = np.unique(low * len(self.places) + high, return_inverse=True, return_counts=True)
        runs = np.bincount(which.reshape(-1), np.where(starts < ends, 1.0, -1.0), len(keys)) if len(keys) else counts
        return np.stack([keys // len(self.places), keys % len(self.places)], axis=1), counts, runs

    @property
    def edges(self) -> np.ndarray:
        """Ends of every edge, once, int [E, 2]."""
        return self._edges[0]

    @property
    def open_edges(self) -> int:
        """Edges of one face alone: rims of holes."""
        return int((self._edges[1] == 1).sum())

    @property
    def crowded_edges(self) -> int:
        """Edges of more than two faces: no surface has those."""
        return int((self._edges[1] > 2).sum())

    @property
    def turned_edges(self) -> int:
        """Edges whose two faces do not agree on which side is outside."""
        _, counts, runs = self._edges
        return int(((counts == 2) & (runs != 0)).sum())

    @property
    def watertight(self) -> bool:
        """Whether every edge has two faces that agree on which side is outside."""
        _, counts, runs = self._edges
        return bool(len(counts)) and bool(((counts == 2) & (runs == 0)).all())

    @cached_property
    def pieces(self) -> tuple[int, np.ndarray]:
        """How many pieces there are, and which of them each face belongs to, int [F]."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        if not len(self.faces):
            return 0, np.zeros(0, int)
        a, b = self.edges.T
        size = len(self.places)
        joined = coo_matrix((np.ones(len(a), bool), (a, b)), (size, size))
        labels = connected_components(joined, directed=False)[1][self.faces[:, 0]]
        named, pieces = np.unique(labels, return_inverse=True)
        return len(named), pieces.reshape(-1)

    @property
    def genus(self) -> int | None:
        """Handles of all pieces together, by Euler's formula; None where the surface is not closed."""
        if not self.watertight:
            return None
        used = len(np.unique(self.faces))
        characteristic = used - len(self.edges) + len(self.faces)
        return (2 * self.pieces[0] - characteristic) // 2
