"""A wave by pitch: how much sounds at each third of a semitone, for finding the notes of a recording."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from pipelines.codecs.mel import SAMPLE_RATE

WINDOW = 4096  # samples, 171 ms: semitones of the middle octaves lie apart, lower ones show by their overtones
STRIDE = 1024  # samples of a row: 43 ms, four mel frames
LOWEST, BINS, PER_SEMITONE = 21, 288, 3  # from MIDI key 21 (27.5 Hz) up


def pitches(wave: Tensor) -> Tensor:
    """Log magnitudes [B, BINS, rows] of ``wave`` [B, N] at 24 kHz; row r is centred on sample 1024 r + 512."""
    missing = -wave.shape[-1] % STRIDE
    edge = (WINDOW - STRIDE) // 2
    padded = pad(wave, (edge, edge + missing))
    window = torch.hann_window(WINDOW, device=wave.device)
    magnitude = torch.stft(padded, WINDOW, STRIDE, window=window, center=False, return_complex=True).abs()
    return (_filters().to(magnitude) @ magnitude).clamp(min=1e-4).log() / 3


@lru_cache(maxsize=1)
def _filters() -> Tensor:
    """Triangles [BINS, WINDOW // 2 + 1] over log frequency, at least two spectral lines wide."""
    keys = LOWEST + torch.arange(-1, BINS + 1, dtype=torch.float64) / PER_SEMITONE
    hertz = 440 * 2 ** ((keys - 69) / 12)
    line = SAMPLE_RATE / WINDOW
    lines = torch.arange(WINDOW // 2 + 1, dtype=torch.float64) * line
    width = torch.maximum((hertz[2:] - hertz[:-2]) / 2, torch.tensor(line, dtype=torch.float64))
    shape = (1 - (lines - hertz[1:-1, None]).abs() / width[:, None]).clamp(min=0)
    return (shape / shape.sum(1, keepdim=True).clamp(min=1)).float()
