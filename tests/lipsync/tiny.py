"""Talking faces small enough for tests: untrained networks, a drawn face, a voice that hums."""

import numpy as np
import torch
from starters import shaken

from pipelines.backbone import BackboneConfig
from pipelines.lipsync import LipSyncPipeline
from pipelines.media import Picture, Sound
from pipelines.models.listener import ListenerConfig, ListenerModel, ListenerNetwork
from pipelines.models.mouth import MouthModel, MouthNetwork

MOUTH = BackboneConfig(channels=4, grid=(8, 8), patch=(8, 8), dim=32, depth=2, heads=2, bottleneck=16)
HEARS = BackboneConfig(
    channels=16, grid=(144,), patch=(2,), overlap=False, dim=32, depth=2, heads=2, bottleneck=16
)  # fmt: skip


def tiny_pipeline(seed=0, speech=None, nets=None):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mouth, listener = MouthNetwork(MOUTH), ListenerNetwork(ListenerConfig(HEARS, 16))
    return LipSyncPipeline(MouthModel(shaken(mouth, seed)), ListenerModel(shaken(listener, seed)), speech, nets)


def drawn_face(side=128):
    """A round face with a mouth at (.5, .7) of its side."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[x**2 + y**2 < 0.2] = (240, 200, 160, 255)
    for eye in (-0.15, 0.15):
        pixels[(x - eye) ** 2 + (y + 0.1) ** 2 < 0.003] = (30, 30, 30, 255)
    pixels[(abs(x) < 0.1) & (abs(y - 0.2) < 0.012)] = (120, 40, 40, 255)
    return Picture(pixels)


def hum(seconds, rate=24_000, level=0.2):
    """A buzzing tone that comes and goes three times a second."""
    t = np.arange(round(seconds * rate)) / rate
    wave = np.sign(np.sin(2 * np.pi * 140 * t)) * (0.5 - 0.5 * np.cos(2 * np.pi * 3 * t)) * level
    return Sound(wave.astype(np.float32)[None], rate)
