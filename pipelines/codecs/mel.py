"""Sound as log-mel frames, the signal that the audio models work on.

24 kHz mono, Hann windows of 1024 samples every 256 (93.75 frames a second), 100 bands of O'Shaughnessy's mel scale from
0 to 12 kHz, natural logarithm of the magnitude, shifted and scaled to about unit variance: the layout of F5-TTS and
Vocos (arXiv 2306.00814). Frame t is centred on sample 256 t + 128, so that N frames stand for exactly 256 N samples.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

SAMPLE_RATE = 24_000
WINDOW = 1024
HOP = 256
BANDS = 100
FRAME_RATE = SAMPLE_RATE / HOP
FLOOR = 1e-5  # magnitude that silence is read as
CENTRE, SPREAD = -4.0, 3.5  # of the logarithm, over speech and music
SILENCE = (math.log(FLOOR) - CENTRE) / SPREAD  # value of every band of a silent frame


@lru_cache(maxsize=1)
def filters() -> Tensor:
    """Triangular filters [BANDS, WINDOW // 2 + 1] that peak at 1, equally wide on the mel scale."""
    top = _mel(SAMPLE_RATE / 2)
    points = 700 * (10 ** (torch.linspace(0, top, BANDS + 2, dtype=torch.float64) / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    rise = (bins - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    fall = (points[2:, None] - bins) / (points[2:] - points[1:-1])[:, None]
    return torch.minimum(rise, fall).clamp(min=0).float()


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def frames_of(samples: int) -> int:
    """Frames that cover ``samples``, the last one perhaps in part."""
    return -(-samples // HOP)


def spectrum(wave: Tensor) -> Tensor:
    """Complex short-time spectrum [B, WINDOW // 2 + 1, T] of ``wave`` [B, N], one frame a hop; N is rounded up."""
    missing = frames_of(wave.shape[-1]) * HOP - wave.shape[-1]
    edge = (WINDOW - HOP) // 2
    padded = pad(wave, (edge, edge + missing))
    window = torch.hann_window(WINDOW, device=wave.device)
    return torch.stft(padded, WINDOW, HOP, window=window, center=False, return_complex=True)


def mel_of(magnitude: Tensor) -> Tensor:
    """Normalised log-mel [B, BANDS, T] of magnitudes [B, WINDOW // 2 + 1, T]."""
    bands = filters().to(magnitude) @ magnitude
    return (bands.clamp(min=FLOOR).log() - CENTRE) / SPREAD


def mel(wave: Tensor) -> Tensor:
    """Normalised log-mel [B, BANDS, T] of ``wave`` [B, N] at 24 kHz in [-1, 1]."""
    return mel_of(spectrum(wave).abs())


def bands_of(latent: Tensor) -> Tensor:
    """Magnitude of each band [B, BANDS, T] behind a normalised log-mel."""
    return (latent * SPREAD + CENTRE).exp()
