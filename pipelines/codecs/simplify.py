"""Fewer triangles by quadric error (Garland and Heckbert 1997), closed surfaces staying closed."""

import numpy as np

from pipelines.media import Mesh


def simplified(mesh: Mesh, faces: int) -> Mesh:
    """``mesh`` with ``faces`` triangles, or as many as it has where those are fewer.

    Colours follow from the nearest vertex before; a texture is lost, so bake it again.
    """
    from fast_simplification import simplify
    from scipy.spatial import cKDTree

    if len(mesh.faces) <= faces:
        return mesh
    points, triangles = simplify(mesh.vertices, mesh.faces.astype(np.int32), target_count=faces, agg=3.0)
    points = np.ascontiguousarray(points, np.float32)
    colours = None
    if mesh.colours is not None:
        colours = mesh.colours[cKDTree(mesh.vertices).query(points)[1]]
    return Mesh(points, triangles.astype(np.int64), colours)
