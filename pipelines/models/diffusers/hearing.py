"""What LTX-2 hears of a sound that a clip follows: latents of its audio codec, and a network told that they are clean.

The frames that the codec reads are those of Lightricks' ``ltx-core`` (its ``AudioProcessor``): at the codec's own rate,
periodic Hann windows of 1024 samples centred on every hop, the wave mirrored at both ends, magnitudes under triangular
filters of area 1 on Slaney's mel scale up to half the rate, natural logarithm, nothing below 1e-5.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

WINDOW = 1024
FLOOR = 1e-5  # magnitude that silence is read as
_LINEAR, _BREAK = 200 / 3, 1000.0  # Slaney's scale: hertz a mel up to the break,
_STEP = math.log(6.4) / 27  # and from there on the logarithm of the ratio that one more mel is


@lru_cache(maxsize=2)
def filters(rate: int, bands: int) -> Tensor:
    """Triangular filters [bands, WINDOW // 2 + 1] for ``rate`` samples a second, each of area 1 over hertz."""
    top = rate / 2
    highest = _BREAK / _LINEAR + math.log(top / _BREAK) / _STEP if top > _BREAK else top / _LINEAR
    mels = torch.linspace(0, highest, bands + 2, dtype=torch.float64)
    above = _BREAK * torch.exp(_STEP * (mels - _BREAK / _LINEAR))
    points = torch.where(mels < _BREAK / _LINEAR, mels * _LINEAR, above)
    bins = torch.linspace(0, top, WINDOW // 2 + 1, dtype=torch.float64)
    rise = (bins - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    fall = (points[2:, None] - bins) / (points[2:] - points[1:-1])[:, None]
    area = (points[2:] - points[:-2])[:, None] / 2
    return (torch.minimum(rise, fall).clamp(min=0) / area).float()


def log_mel(wave: Tensor, rate: int, hop: int, bands: int) -> Tensor:
    """Frames [channels, N // hop + 1, bands] of ``wave`` [channels, N] at ``rate``; N is more than half a window."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(wave, WINDOW, hop, window=window, center=True, pad_mode="reflect", return_complex=True)
    return (filters(rate, bands) @ spectrum.abs()).clamp(min=FLOOR).log().transpose(1, 2)


def hearing_rate(pipeline: Any) -> int:
    """Samples a second that the audio codec reads."""
    return int(pipeline.audio_vae.config.sample_rate)


def heard(pipeline: Any, wave: Tensor, seconds: float) -> Tensor:
    """A sound as latents [1, channels, T, bands] of the audio codec, float32, as ``audio_latents`` of the pipeline.

    ``wave`` is [N] or [channels, N] at :func:`hearing_rate`, no shorter than ``seconds``, which say what T is, as the
    pipeline itself reckons. One channel is heard on both sides.
    """
    vae = pipeline.audio_vae
    said, weight = vae.config, next(vae.parameters())
    wave = torch.atleast_2d(wave)
    wave = wave.mean(0, keepdim=True) if said.in_channels == 1 else wave.expand(said.in_channels, -1)
    frames = log_mel(wave, said.sample_rate, said.mel_hop_length, said.mel_bins)[None]
    with torch.no_grad():
        found = vae.encode(frames.to(pipeline._execution_device, weight.dtype)).latent_dist.mode().float()
    count = round(seconds * (said.sample_rate / said.mel_hop_length / float(vae.temporal_compression_ratio)))
    assert found.shape[2] >= count, (found.shape, count)
    return found[:, :, :count]


@contextmanager
def told_clean(networks: Sequence[torch.nn.Module]) -> Iterator[None]:
    """Within it, and in the thread that entered it alone, ``networks`` are told that their sound has no noise.

    Both levels of it are 0: that of its tokens, and the one that attention between pictures and sound is modulated by,
    as Lightricks' own pipeline from sound does ("frozen").
    """
    here = threading.get_ident()  # the weights are shared: another run in another thread keeps its own levels

    def tell(network: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        if threading.get_ident() != here:
            return None
        clean = torch.zeros_like(kwargs["sigma"])
        return args, {**kwargs, "audio_timestep": clean, "audio_sigma": clean}

    hooks = [network.register_forward_pre_hook(tell, with_kwargs=True) for network in networks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
