"""Small random starters, and pictures with every kind of pixel."""

from dataclasses import replace

import numpy as np
import torch

from pipelines.backbone import BackboneConfig
from pipelines.media import Picture
from pipelines.models.network import NetworkConfig
from pipelines.models.starter import StarterModel
from pipelines.models.weights import save_weights
from pipelines.training.recipes import image_network

TINY = BackboneConfig(channels=4, grid=(8, 8), patch=(8, 8), dim=32, depth=2, heads=2, bottleneck=16)


def shaken(module, seed=0, std=0.15):
    """``module`` with noise on every weight that starts at zero, so that what should have an effect has one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.copy_(std * torch.randn(parameter.shape, generator=generator))
    return module


def random_starter(seed=0, **changes):
    """A starter of few weights, all of them random."""
    network, tokenizer = image_network(NetworkConfig(replace(TINY, **changes)), seed)
    return StarterModel(shaken(network, seed), tokenizer, "tiny")


def save_starter(model, folder):
    """Write ``model`` as the shipped starters are written."""
    config = model.network.config
    described = {"kind": "image", "backbone": config.backbone.to_dict(), "text_length": config.text_length}
    save_weights(dict(model.network.named_parameters()), described, folder)
    return folder


def any_picture(width, height, seed=0):
    """Random pixels of random transparency; a third is opaque and a third transparent with colour beneath."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    kind = rng.integers(0, 3, (height, width))
    pixels[..., 3] = np.where(kind == 0, 255, np.where(kind == 1, 0, pixels[..., 3]))
    return Picture(pixels)
