"""Meshes without a model: read from any file, measured, mended, thinned, hollowed, painted.

Everything works on :class:`pipelines.media.Mesh`: metres, +Y up, +Z front, as glTF has it. What the geometry itself
needs is done by trimesh, fast-simplification, scikit-image and xatlas; they are imported when they are used.
"""

from pipelines.shapes.measuring import Measured, measured
from pipelines.shapes.mending import mended, watertight
from pipelines.shapes.painting import Paint, textured
from pipelines.shapes.reading import read_mesh
from pipelines.shapes.thinning import simplified
from pipelines.shapes.tools import work_on
from pipelines.shapes.volume import hollowed, remeshed

__all__ = [
    "Measured",
    "Paint",
    "hollowed",
    "measured",
    "mended",
    "read_mesh",
    "remeshed",
    "simplified",
    "textured",
    "watertight",
    "work_on",
]
