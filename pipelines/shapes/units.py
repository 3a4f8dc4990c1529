"""Units and axes of files that say neither: an STL is taken to be in millimetres with +Z up, as for printers."""

import numpy as np

MILLIMETRES = 1000.0


def printed(places: np.ndarray) -> np.ndarray:
    """Places [N, 3] in metres with +Y up, in millimetres with +Z up; float32."""
    x, y, z = places.astype(float).T * MILLIMETRES
    return np.stack([x, -z, y], axis=1).astype(np.float32)


def modelled(places: np.ndarray) -> np.ndarray:
    """The way back; float64 [N, 3]."""
    x, y, z = places.astype(float).T / MILLIMETRES
    return np.stack([x, z, -y], axis=1)
