"""Fewer faces, by quadric error (Garland and Heckbert 1997), through fast-simplification."""

from collections.abc import Iterator

import numpy as np

from pipelines.errors import SettingsError
from pipelines.media import Mesh
from pipelines.shapes.painting import repainted
from pipelines.shapes.topology import Topology

FEWEST = 4  # faces of a tetrahedron, the least that encloses anything
TRIES = 6


def simplified(mesh: Mesh, faces: int) -> Mesh:
    """``mesh`` with ``faces`` faces; with as many as it has where that is fewer.

    A closed surface has an even number of faces: an odd one asked for becomes the next lower. Where the shape allows
    no more steps (many small pieces, each of which keeps four faces) more are left. Colours are carried over from the
    nearest place of the old surface; a texture is baked anew.

    Raises:
        SettingsError: fewer than four faces are asked for.
    """
    if faces < FEWEST:
        raise SettingsError(f"faces: at least {FEWEST}, got {faces}")
    if len(mesh.faces) <= faces:
        return mesh
    topology = Topology.of_mesh(mesh)
    closed = topology.watertight
    wanted = faces - faces % 2 if closed else faces
    places, corners = topology.places.astype(float), topology.faces.astype(np.int32)
    best: tuple[np.ndarray, np.ndarray] | None = None
    for points, found in _collapsed(places, corners, wanted):
        thin = Mesh(points, found)
        # A step may close a handle on itself; other paths to the same number do not.
        whole = not closed or Topology.of_mesh(thin).watertight
        if best is None or (whole and abs(len(found) - wanted) < abs(len(best[1]) - wanted)):
            best = (points, found)
        if whole and len(found) == wanted:
            best = (points, found)
            break
    assert best is not None
    return repainted(Mesh(*best), mesh)


def _collapsed(places: np.ndarray, corners: np.ndarray, wanted: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points and faces of several ways to about ``wanted`` faces, the finest first."""
    import fast_simplification

    for attempt in range(TRIES):
        points, found = places, corners
        # It goes in rounds and may stop short of the number, or jump past it.
        for _ in range(4):
            if len(found) <= wanted:
                break
            points, found = fast_simplification.simplify(
                points, np.ascontiguousarray(found, np.int32), target_count=wanted, agg=4.0 + 1.5 * attempt
            )
            points, found = _clean(np.asarray(points), np.asarray(found))
        yield points.astype(np.float32), found.astype(np.int64)


def _clean(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without faces of two equal corners, without vertices that no face uses."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    used, faces = np.unique(faces, return_inverse=True)
    return points[used], faces.reshape(-1, 3)
