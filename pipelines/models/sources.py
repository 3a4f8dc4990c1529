"""What a vocoder's spectra are made of, and how frames become samples: every part goes on where it stopped.

A frame is a complex spectrum [BINS] of WINDOW samples under a Hann window, centred on sample HOP * t + HOP / 2 as in
``pipelines.codecs.mel``. Each function takes the running state of one sound and the frames that are new, so that a
sound made in pieces is the sound made at once.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from pipelines.codecs.mel import HOP, SAMPLE_RATE, WINDOW

BINS = WINDOW // 2 + 1
OVERLAP = WINDOW // HOP
TOP = 11_400.0  # hertz; harmonics above it are left out
NOISE_BLOCK = 64  # frames of noise that are drawn together


@dataclass
class Running:
    """All that a sound in the making remembers: tails of layers by name, phases, and samples not yet finished.

    Attributes:
        last: no more frames follow, so the far edges are padded and everything comes out.
    """

    last: bool = False
    tails: dict[str, Tensor] = field(default_factory=dict)
    noise_at: int = 0
    skip: int = (WINDOW - HOP) // 2  # samples before the first frame's own
    trim: int = (WINDOW - HOP) // 2  # samples after the last frame's own


def reach(x: Tensor, name: str, before: int, after: int, running: Running) -> Tensor:
    """Frames [B, n + before + after, C] that n output frames look at, from new frames ``x`` [B, t, C].

    Beyond the ends of the sound lie zeros. Without ``running.last`` the output is ``after`` frames behind the input;
    where nothing is ready it has no frames.
    """
    held = running.tails.get(name)
    x = pad(x, (0, 0, before, 0)) if held is None else torch.cat([held, x], 1)
    if running.last:
        x = pad(x, (0, 0, 0, after))
    running.tails[name] = x[:, max(0, x.shape[1] - before - after) :]
    return x if x.shape[1] > before + after else x[:, :0]


@lru_cache(maxsize=1)
@torch.inference_mode(False)  # kept, and training may want it next
def hann() -> Tensor:
    """The window of every frame [WINDOW]."""
    return torch.hann_window(WINDOW)


def pulses(pitch: Tensor, voiced: Tensor, running: Running) -> Tensor:
    """Spectra [B, n, BINS] of a band-limited pulse train: harmonics below TOP, each peaking at ``voiced``.

    ``pitch`` and ``voiced`` are [B, t], in hertz and from 0 to 1, at the centres of frames, straight lines between
    them. The sum of cosines is closed: sum_{h <= H} cos h a = sin((H + 1/2) a) / (2 sin(a / 2)) - 1/2, and the
    harmonic that is about to leave fades instead of stopping. The output is two frames behind the input.
    """
    begun = "pulse.curve" in running.tails
    curve = torch.stack([pitch, voiced], 2)
    if not begun and curve.shape[1]:
        curve = torch.cat([curve[:, :1].expand(-1, 2, -1), curve], 1)
    if begun:
        curve = torch.cat([running.tails["pulse.curve"], curve], 1)
    if running.last:
        curve = torch.cat([curve, curve[:, -1:].expand(-1, 2, -1)], 1)
    if not curve.shape[1]:
        return pitch.new_zeros(pitch.shape[0], 0, BINS, dtype=torch.complex64)
    running.tails["pulse.curve"] = curve[:, -1:]
    share = (torch.arange(HOP, device=pitch.device) + 0.5) / HOP
    line = (curve[:, :-1, None] * (1 - share[:, None]) + curve[:, 1:, None] * share[:, None]).flatten(1, 2)
    hertz, level = line.unbind(2)
    start = running.tails.get("pulse.phase", hertz.new_zeros(len(hertz), 1, dtype=torch.float64))
    turns = (start + hertz.double().cumsum(1) / SAMPLE_RATE) % 1
    running.tails["pulse.phase"] = torch.cat([start, turns], 1)[:, -1:]
    wave = _pulse(turns, hertz) * level
    wave = torch.cat([running.tails.get("pulse.wave", wave[:, :0]), wave], 1)
    running.tails["pulse.wave"] = wave[:, max(0, wave.shape[1] - WINDOW + HOP) :]
    if wave.shape[1] < WINDOW:
        return pitch.new_zeros(pitch.shape[0], 0, BINS, dtype=torch.complex64)
    frames = wave.unfold(1, WINDOW, HOP) * (hann().to(wave) / (WINDOW / 4))
    return torch.fft.rfft(frames, dim=2)


def _pulse(turns: Tensor, hertz: Tensor) -> Tensor:
    angle = (2 * math.pi * turns).to(hertz.dtype)
    many = TOP / hertz.clamp(min=20)
    whole = many.floor()
    half = (angle / 2).sin()
    near = half.abs() < 1e-3
    body = ((whole + 0.5) * angle).sin() / torch.where(near, torch.ones_like(half), 2 * half)
    return torch.where(near, whole + 0.5, body) - 0.5 + (many - whole) * ((whole + 1) * angle).cos()


def partials(hertz: Tensor, level: Tensor, running: Running) -> Tensor:
    """Spectra [B, n, BINS] of oscillators at ``hertz`` [B, n, K], each with peak magnitude ``level`` [B, n, K].

    Additive synthesis by inverse Fourier transform (Rodet and Depalle 1992): an oscillator adds the main lobe of the
    Hann window round its frequency, and its phase is the running sum of its frequency, so that a steady tone stays
    whole from frame to frame.
    """
    hertz64 = hertz.double()
    former = running.tails.get("partial.hertz", hertz64[:, :1])
    spread = torch.arange(hertz.shape[2], device=hertz.device, dtype=torch.float64) * 0.618034
    start = running.tails.get("partial.phase", (spread % 1).expand(len(hertz), 1, -1))
    steps = (torch.cat([former, hertz64[:, :-1]], 1) + hertz64) * (HOP / 2 / SAMPLE_RATE)
    turns = (start + steps.cumsum(1)) % 1
    running.tails["partial.hertz"] = torch.cat([former, hertz64], 1)[:, -1:]
    running.tails["partial.phase"] = torch.cat([start, turns], 1)[:, -1:]
    angle = (2 * math.pi * turns).to(level.dtype)
    place = hertz / (SAMPLE_RATE / WINDOW)
    bins = place.floor().long()[..., None] + torch.arange(-1, 3, device=hertz.device)
    offset = place[..., None] - bins
    lobe = torch.sinc(offset) / (1 - offset.square()).where((offset.abs() - 1).abs() > 1e-4, torch.full_like(offset, 2))
    lobe = lobe.where((offset.abs() - 1).abs() > 1e-4, torch.full_like(offset, 0.5))
    lobe = lobe * (1 - 2 * (bins % 2)) * ((bins >= 0) & (bins < BINS)) * level[..., None]
    bins = bins.clamp(0, BINS - 1).flatten(2)
    parts = [
        lobe.new_zeros(*lobe.shape[:2], BINS).scatter_add(2, bins, (lobe * wave[..., None]).flatten(2))
        for wave in (angle.cos(), angle.sin())
    ]
    return torch.complex(*parts)


@lru_cache(maxsize=256)
def _noise_block(index: int) -> Tensor:
    generator = torch.Generator().manual_seed(0x5EA + index)
    return torch.randn(NOISE_BLOCK, BINS, 2, generator=generator)


def noise(frames: int, running: Running) -> Tensor:
    """The next ``frames`` of complex noise [1, frames, BINS], mean magnitude 1: the same for every sound."""
    first, last = running.noise_at // NOISE_BLOCK, (running.noise_at + frames) // NOISE_BLOCK
    drawn = torch.cat([_noise_block(index) for index in range(first, last + 1)])
    begin = running.noise_at - first * NOISE_BLOCK
    running.noise_at += frames
    return complex_noise(drawn[None, begin : begin + frames])


def complex_noise(normal: Tensor) -> Tensor:
    """Complex noise of mean magnitude 1 from standard normal numbers [..., 2]."""
    return torch.view_as_complex(normal / math.sqrt(math.pi / 2))


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _weight(count: int) -> Tensor:
    """By how much the windows of a sound of ``count`` frames add up to [1, n]."""
    return _added(hann().square().expand(1, count, -1), "", Running(last=True)).clamp(min=1e-8)


def overlap(spectra: Tensor, running: Running) -> Tensor:
    """Samples [B, n] made final by frames ``spectra`` [B, t, BINS]: windowed, added up, the weights divided out."""
    window, count = hann().to(spectra.device), spectra.shape[1]
    total = _added(torch.fft.irfft(spectra, WINDOW, dim=2) * window, "overlap.wave", running)
    if running.last and "overlap.weight" not in running.tails:  # all of a sound at once, as refining does many times
        weight = _weight(count).to(spectra.device)
    else:
        weight = _added(window.square().expand(1, count, -1), "overlap.weight", running).clamp(min=1e-8)
    wave = total / weight
    drop = min(running.skip, wave.shape[1])
    running.skip -= drop
    return wave[:, drop : wave.shape[1] - running.trim if running.last else None]


def _added(frames: Tensor, name: str, running: Running) -> Tensor:
    """Frames [B, t, WINDOW] added up one hop apart; what later frames still add to is kept in ``running``."""
    count = frames.shape[1]
    total = frames.new_zeros(frames.shape[0], count + OVERLAP - 1, HOP)
    for shift, piece in enumerate(frames.unflatten(2, (OVERLAP, HOP)).unbind(2)):
        total[:, shift : shift + count] += piece
    held = running.tails.get(name)
    if held is not None:
        total = total + pad(held, (0, 0, 0, total.shape[1] - held.shape[1]))
    done = total.shape[1] if running.last else count
    running.tails[name] = total[:, done:]
    return total[:, :done].flatten(1)
