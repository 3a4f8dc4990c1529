"""A tiny F5-TTS on the disk, as its publisher lays one out: weights under the published names, and a vocabulary."""

import torch
from safetensors.torch import save_file

from pipelines.models.f5tts.network import F5Config, F5Network

ENTRIES = [" ", *map(chr, range(33, 127)), "é", "zhong1", "guo2"]
SHAPE = {"dim": 32, "depth": 2, "heads": 2, "inner": 64, "text": 16, "convolutions": 1}


def values(shape, place):
    """Numbers that look random and are the same everywhere."""
    count = torch.Size(shape).numel()
    wave = torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + 0.37 * place) * 43758.5453
    return (0.6 * (wave - wave.floor()) - 0.3).reshape(shape).float()


def weights(version="v1"):
    """Weights of the tiny network by its own names."""
    config = F5Config(len(ENTRIES), **SHAPE, padded=version == "v1", rotated=None if version == "v1" else 1)
    names = F5Network(config).state_dict()
    return {name: values(names[name].shape, place) for place, name in enumerate(sorted(names))}


def save(folder, version="v1"):
    """Write one into a folder of ``folder``; returns that."""
    place = folder / ("F5TTS_v1_Base" if version == "v1" else "F5TTS_Base")
    place.mkdir(parents=True)
    beside = {"ema_model.mel_spec.mel_stft.spectrogram.window": torch.ones(8), "initted": torch.ones(1)}
    held = {f"ema_model.transformer.{name}": value for name, value in weights(version).items()}
    rotary = {"ema_model.transformer.rotary_embed.inv_freq": torch.ones(32)}
    save_file(held | rotary | beside, place / "model_1250000.safetensors")
    (place / "vocab.txt").write_text("\n".join(ENTRIES) + "\n", "utf-8")
    return place
