"""A smoother surface that keeps its volume: Taubin's two-step filter (1995), through trimesh."""

from dataclasses import replace

import numpy as np

from pipelines.media import Mesh
from pipelines.shapes.topology import Topology


def smoothed(mesh: Mesh, times: int) -> Mesh:
    """``mesh`` after so many passes; colours and texture stay where they are on its faces."""
    if times < 1:
        return mesh
    from trimesh import Trimesh
    from trimesh.smoothing import filter_taubin

    topology = Topology.of_mesh(mesh)
    # Lambda and nu as Taubin has them: one pass shrinks, the next grows back a little more.
    shape = Trimesh(topology.places.astype(float), topology.faces, process=False)
    filter_taubin(shape, lamb=0.5, nu=0.53, iterations=2 * times)
    moved = np.asarray(shape.vertices, np.float32)
    if not np.isfinite(moved).all():
        return mesh
    return replace(mesh, vertices=moved[topology.of])
