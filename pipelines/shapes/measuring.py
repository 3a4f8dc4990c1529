"""What is known of a mesh: counts, size, volume, and whether it is a solid."""

from dataclasses import dataclass

import numpy as np

from pipelines.media import Mesh
from pipelines.shapes.topology import Topology


@dataclass(frozen=True)
class Measured:
    """Figures of a mesh.

    Attributes:
        faces: triangles, degenerate ones included.
        vertices: as the file has them.
        corners: different places among them.
        size: extent along x, y and z, metres.
        area: of the surface, square metres.
        volume: enclosed, cubic metres; None where the surface is not closed.
        pieces: parts that hang together.
        genus: handles, 0 for a ball and 1 for a mug; None where the surface is not closed.
        watertight: whether it encloses a volume: every edge has two faces that agree on the outside.
        outward: whether the faces show their outside to the outside; None where the surface is not closed.
        open_edges: rims of holes.
        crowded_edges: edges of more than two faces.
        turned_edges: edges whose two faces disagree on the outside.
        flat_faces: triangles without an area.
        paint: ``texture``, ``vertex`` or empty.
        texture: its width and height in pixels, if any.
    """

    faces: int
    vertices: int
    corners: int
    size: tuple[float, float, float]
    area: float
    volume: float | None
    pieces: int
    genus: int | None
    watertight: bool
    outward: bool | None
    open_edges: int
    crowded_edges: int
    turned_edges: int
    flat_faces: int
    paint: str
    texture: tuple[int, int] | None = None


def measured(mesh: Mesh, topology: Topology | None = None) -> Measured:
    """The figures of ``mesh``; ``topology`` is its own, where it is known already."""
    topology = topology or Topology.of_mesh(mesh)
    doubled = np.linalg.norm(across(mesh), axis=1)
    closed = topology.watertight
    volume = enclosed(mesh) if closed else None
    low, high = bounds(mesh)
    longest = float((high - low).max())
    return Measured(
        faces=len(mesh.faces),
        vertices=len(mesh.vertices),
        corners=len(topology.places),
        size=(float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2])),
        area=float(doubled.sum() / 2),
        volume=None if volume is None else abs(volume),
        pieces=topology.pieces[0],
        genus=topology.genus,
        watertight=closed,
        outward=None if volume is None else volume > 0,
        open_edges=topology.open_edges,
        crowded_edges=topology.crowded_edges,
        turned_edges=topology.turned_edges,
        flat_faces=int((doubled <= 1e-12 * longest * longest).sum()),
        paint="texture" if mesh.texture is not None else "vertex" if mesh.colours is not None else "",
        texture=None if mesh.texture is None else mesh.texture.size,
    )


def bounds(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y, z of the vertices that faces use, float64 [3] each."""
    used = mesh.vertices[np.unique(mesh.faces)]
    return used.min(0).astype(float), used.max(0).astype(float)


def across(mesh: Mesh) -> np.ndarray:
    """Normal of each face, as long as twice its area, float64 [F, 3]."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(float) for corner in range(3))
    return np.cross(b - a, c - a)


def enclosed(mesh: Mesh) -> float:
    """Volume that the faces enclose, cubic metres; negative where they show their inside."""
    # About the middle: far from the origin the terms are large and cancel badly.
    middle = sum(bounds(mesh)) / 2
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] - middle for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
