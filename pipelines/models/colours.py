"""Colour names, dominant hues and repainting: how captions learn to name a colour."""

import numpy as np

# Hue in degrees of each colour word that captions and prompts use.
HUES = {"red": 0, "orange": 28, "yellow": 52, "green": 120, "teal": 175, "blue": 215, "purple": 272, "pink": 325}


def hue_saturation_value(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hue in degrees, saturation, value and alpha in [0, 1] of premultiplied uint8 [H, W, 4]."""
    rgba = picture.astype(np.float32) / 255
    alpha = rgba[..., 3]
    rgb = rgba[..., :3] / np.maximum(alpha, 1e-3)[..., None]
    high, low = rgb.max(-1), rgb.min(-1)
    spread = np.maximum(high - low, 1e-6)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    hue = np.where(
        high == red,
        (green - blue) / spread,
        np.where(high == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
    )
    return hue * 60 % 360, (high - low) / np.maximum(high, 1e-3), high, alpha


def dominant_hue(picture: np.ndarray) -> float | None:
    """The one hue of a picture in degrees, or None where it is grey or has several colours."""
    hue, saturation, value, alpha = hue_saturation_value(picture)
    solid = alpha > 0.5
    vivid = solid & (saturation > 0.35) & (value > 0.25)
    if vivid.sum() < 0.35 * max(solid.sum(), 1):
        return None
    angles = np.deg2rad(hue[vivid])
    mean = np.rad2deg(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())) % 360
    close = np.abs((hue[vivid] - mean + 180) % 360 - 180) < 30
    return float(mean) if close.mean() > 0.7 else None


def colour_name(hue: float) -> str:
    """The colour word nearest to ``hue`` degrees."""
    return min(HUES, key=lambda name: abs((hue - HUES[name] + 180) % 360 - 180))


def repaint(picture: np.ndarray, turn: float) -> np.ndarray:
    """Turn every hue of a premultiplied uint8 picture by ``turn`` degrees; saturation, value and alpha stay."""
    hue, saturation, value, alpha = hue_saturation_value(picture)
    sector = ((hue + turn) % 360 / 60)[..., None]
    # HSV to RGB without branches: each channel is the value less a clipped triangle wave of the hue.
    wave = (np.array([5.0, 3.0, 1.0]) + sector) % 6
    rgb = value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(wave, 4 - wave), 0, 1))
    rgba = np.concatenate([rgb * alpha[..., None], alpha[..., None]], -1)
    return (rgba * 255 + 0.5).clip(0, 255).astype(np.uint8)
