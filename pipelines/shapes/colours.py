"""Colours as files and light have them."""

import numpy as np


def linear(colours: np.ndarray) -> np.ndarray:
    """Colours uint8 sRGB as glTF wants those of vertices: uint16, linear light; 16 bits lose none of the 256 steps."""
    share = colours / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    light[:, 3] = share[:, 3]
    return np.round(light * 65535).astype(np.uint16)


def from_linear(light: np.ndarray) -> np.ndarray:
    """The way back: linear light in [0, 1] to uint8 sRGB."""
    share = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    share[:, 3] = light[:, 3]
    return np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)
