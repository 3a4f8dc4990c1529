"""The vocoder: log-mel frames to a waveform, at once or as they come.

A ConvNeXt trunk over frames (Vocos, arXiv 2306.00814) steers four sources whose spectra are summed and inverted:
a pulse train at the fundamental frequency that the network reads from the frames, through complex gains (a harmonic
prior, as in Wavehax, arXiv 2411.06807, and iSTFTNet, arXiv 2203.02395), for voices; one oscillator a mel band, which
keeps its phase, for chords; noise; and a free spectrum of magnitudes and phases, for attacks. All magnitudes are read
off the frames and only corrected by the network, so it follows any loudness and silence stays silent. What comes out
is then refined until its own frames are the frames it was asked for (``pipelines.models.refining``).

Zero padding is replaced by the tail of the earlier frames when frames come in pieces (cached convolution, RAVE,
arXiv 2111.05011), and phases and noise go on, so pieces add up to the whole.
"""

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pipelines.codecs.mel import BANDS, CENTRE, HOP, SAMPLE_RATE, SILENCE, SPREAD, WINDOW, bands_of, filters
from pipelines.errors import ModelError
from pipelines.models import sources
from pipelines.models.refining import AHEAD, Refiner
from pipelines.models.sources import BINS, Running, reach
from pipelines.models.weights import load_config, load_weights

PITCH_LOW, PITCH_STEP, PITCH_BINS = 45.0, 20.0, 288  # hertz of the lowest, cents apart, how many: up to 1,250 Hz
BLOCK = 32  # frames that go through the network together
SIDE = 3  # frames to each side that a convolution looks at


@dataclass(frozen=True)
class VocoderConfig:
    """Size of the network: ``dim`` channels, ``depth`` blocks, each ``expand`` times as wide inside."""

    dim: int = 256
    depth: int = 8
    expand: int = 3

    @property
    def delay(self) -> int:
        """Frames by which a stream runs behind what was pushed."""
        return SIDE * (self.depth + 1) + 2


class Controls(NamedTuple):
    """How the sources of frames [B, t, ...] sound."""

    harmonic: Tensor  # complex gains [B, t, BINS] of the pulse train
    noise: Tensor  # gains [B, t, BINS]
    free: Tensor  # complex spectra [B, t, BINS]
    partial_hertz: Tensor  # [B, t, BANDS]
    partial_level: Tensor  # peak magnitudes [B, t, BANDS]


@lru_cache(maxsize=1)
def band_peaks() -> Tensor:
    """Hertz [BANDS] at which each mel band peaks."""
    top = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    return 700 * (10 ** (torch.linspace(0, top, BANDS + 2)[1:-1] / 2595) - 1)


def pitch_of(logits: Tensor) -> Tensor:
    """Hertz [...] from ``logits`` [..., PITCH_BINS]: the mean over the likeliest class and its neighbours, in cents."""
    places = torch.arange(PITCH_BINS, device=logits.device)
    best = logits.argmax(-1, keepdim=True)
    near = logits.masked_fill((places - best).abs() > 4, -torch.inf).softmax(-1)
    return PITCH_LOW * 2 ** ((near * places).sum(-1) * (PITCH_STEP / 1200))


@lru_cache(maxsize=1)
def _layout() -> tuple[Tensor, Tensor, Tensor]:
    """Weights [BANDS, BINS] from bands to bins, log of each filter's area [BANDS], and band peaks in hertz [BANDS]."""
    bank = filters().clone()
    area = bank.sum(1).log()
    bank[0, 0] = bank[-1, -1] = 1  # the outermost bins belong to no filter
    return bank / bank.sum(0), area, band_peaks()


class Block(nn.Module):
    """One ConvNeXt block over time: depthwise convolution, norm, two pointwise layers, scaled residual."""

    def __init__(self, dim: int, expand: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.kernel = nn.Parameter(torch.randn(2 * SIDE + 1, dim) / math.sqrt(2 * SIDE + 1))
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, dim * expand)
        self.narrow = nn.Linear(dim * expand, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.2))

    def forward(self, x: Tensor, running: Running) -> Tensor:
        """Frames [B, t, dim] to frames [B, n, dim]."""
        seen = reach(x, self.name, SIDE, SIDE, running)
        count = max(0, seen.shape[1] - 2 * SIDE)
        mixed = sum(seen[:, tap : tap + count] * weight for tap, weight in enumerate(self.kernel))
        return seen[:, SIDE : SIDE + count] + self.scale * self.narrow(gelu(self.widen(self.norm(mixed))))


class Head(nn.Module):
    """Trunk features and the frames they stand for to :class:`Controls`."""

    SIZES = (BINS, BINS, BINS, BINS, 1, BANDS, BANDS, BANDS)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, sum(self.SIZES))
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            self.out.bias.zero_()
            _, _, free, _, _, _, _, partial = self.out.bias.split(self.SIZES)
            # The free spectrum and the oscillators begin faint: pulses and noise explain most of a voice.
            free.fill_(-3.0)
            partial.fill_(-3.0)

    def forward(self, features: Tensor, latent: Tensor) -> Controls:
        """``features`` [B, t, dim], ``latent`` [B, t, BANDS]."""
        out = self.out(self.norm(features)).float()
        with torch.autocast(out.device.type, enabled=False):  # logarithms of loudness need every digit
            return self._controls(out, latent)

    def _controls(self, out: Tensor, latent: Tensor) -> Controls:
        level, turn, free, free_turn, place, hiss, shift, tone = out.split(self.SIZES, 2)
        to_bins, area, peaks = (part.to(latent) for part in _layout())
        bands = latent * SPREAD + CENTRE
        base = (bands - area) @ to_bins
        # Counted from the middle of the window, where a click would have phase 0, and moved by a predicted delay.
        lag = free_turn + math.pi * torch.arange(BINS, device=latent.device) * (1 + place.tanh())
        spacing = torch.diff(peaks, prepend=peaks.new_zeros(1))
        return Controls(
            torch.polar(_loud(level, base), turn),
            _loud(hiss @ to_bins, base),
            torch.polar(_loud(free, base), lag),
            (peaks + 1.5 * spacing * shift.tanh()).clamp(min=1.0),
            _loud(tone, bands),
        )


def _loud(correction: Tensor, base: Tensor) -> Tensor:
    """Magnitude near the logarithm ``base``: silence is never corrected into sound, nor sound beyond full scale."""
    return (base + 6 * (correction / 6).tanh()).clamp(max=7).exp()


class VocoderNetwork(nn.Module):
    """The network that is trained: frames to controls, and controls to sound."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear((2 * SIDE + 1) * BANDS, config.dim)
        self.blocks = nn.ModuleList([Block(config.dim, config.expand, f"block.{i}") for i in range(config.depth)])
        self.listen = nn.Sequential(nn.LayerNorm(config.dim), nn.Linear(config.dim, PITCH_BINS + 1))
        self.head = Head(config.dim)

    def trunk(self, latent: Tensor, running: Running) -> Tensor:
        """Features [B, n, dim] of frames ``latent`` [B, t, BANDS]; behind by all but two frames of the delay."""
        # Padding is silence: the same as frames that are silent.
        seen = reach(latent - SILENCE, "embed", SIDE, SIDE, running)
        count = max(0, seen.shape[1] - 2 * SIDE)
        taps = [seen[:, tap : tap + count] + SILENCE for tap in range(2 * SIDE + 1)]
        x: Tensor = self.embed(torch.cat(taps, 2))
        for block in self.blocks:
            x = block(x, running)
        return x

    def pitch(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of pitch [B, t, PITCH_BINS] and of being voiced [B, t]."""
        out: Tensor = self.listen(features).float()
        return out[..., :-1], out[..., -1]

    def sound(self, controls: Controls, source: Tensor, noise: Tensor, running: Running) -> Tensor:
        """Spectra [B, t, BINS] from controls, the pulse train's spectra and complex noise of the same shape."""
        tones = sources.partials(controls.partial_hertz, controls.partial_level, running)
        return source * controls.harmonic + controls.free + tones + noise * controls.noise


class Vocoder:
    """A trained vocoder: normalised log-mel [B, 100, T] to waveform [B, 256 T] at 24 kHz, always the same one."""

    def __init__(self, network: VocoderNetwork) -> None:
        self.network = network.eval().requires_grad_(False)
        # Frames wait for their block, for those that the network looks at, and to be refined, which takes blocks, too;
        # samples wait for the frames that they overlap.
        frames = network.config.delay + 2 * BLOCK + AHEAD
        self.delay_seconds = (frames * HOP + (WINDOW - HOP) // 2) / SAMPLE_RATE

    def __call__(self, latent: Tensor) -> Tensor:
        """Waveform float32 [B, 256 T] of ``latent`` [B, BANDS, T].

        Raises:
            ModelError: the frames have another shape, are not finite, or there are none.
        """
        latent = _checked(latent)
        sounds = []
        for one in latent:
            stream = self.stream()
            sounds.append(torch.cat([stream.push(one[None]), stream.finish()]))
        return torch.stack(sounds)

    def stream(self) -> "VocoderStream":
        """Begin a sound that is made as its frames come."""
        return VocoderStream(self.network)


class VocoderStream:
    """A sound in the making; what ``push`` and ``finish`` return, end to end, is bit for bit what is made at once.

    Frames go through the network in blocks of BLOCK however they come: sums of floats depend on the shapes that they
    are made in, and a pitch that is off in its last digit is heard as another phase a minute later.
    """

    def __init__(self, network: VocoderNetwork) -> None:
        self._network, self._running, self._refine = network, Running(), Refiner(BLOCK)
        self._waiting = torch.zeros(1, BANDS, 0)

    def push(self, latent: Tensor) -> Tensor:
        """Samples [n] that are final after frames ``latent`` [1, BANDS, t]; they lag behind by the delay.

        Raises:
            ModelError: the frames are not what they should be, or the sound is finished.
        """
        latent = _checked(latent)
        if len(latent) != 1:
            raise ModelError(f"latent: a stream takes one sound, got a batch of {len(latent)}; open a stream for each")
        if self._running.last:
            raise ModelError("latent: this sound is finished; begin another stream")
        self._waiting = torch.cat([self._waiting.to(latent), latent], 2)
        whole = self._waiting.shape[2] // BLOCK * BLOCK
        blocks, self._waiting = self._waiting[:, :, :whole].split(BLOCK, 2), self._waiting[:, :, whole:]
        return torch.cat([self._waiting.new_zeros(0), *(self._step(block) for block in blocks if whole)])

    def finish(self) -> Tensor:
        """The samples [n] that were still held back; none where nothing was pushed.

        Raises:
            ModelError: the sound is finished already.
        """
        if self._running.last:
            raise ModelError("latent: this sound is finished; begin another stream")
        self._running.last = True
        begun = bool(self._running.tails) or self._waiting.shape[2] > 0
        return self._step(self._waiting) if begun else self._waiting.new_zeros(0)

    @torch.no_grad()
    def _step(self, latent: Tensor) -> Tensor:
        network, running = self._network, self._running
        features = network.trunk(latent.mT, running)
        # The pulse train looks two frames ahead, so all else waits for it.
        pitch, voiced = network.pitch(features)
        source = sources.pulses(pitch_of(pitch), voiced.sigmoid(), running)
        count = source.shape[1]
        waiting = reach(features, "features", 0, 2, running)[:, :count]
        frames = reach(latent.mT, "latent", 0, network.config.delay, running)[:, :count]
        if not count:
            return latent.new_zeros(0)
        controls = network.head(waiting, frames)
        spectra = network.sound(controls, source, sources.noise(count, running), running)
        final = self._refine(spectra, bands_of(frames), last=running.last)
        return sources.overlap(final, running)[0] if final.shape[1] else latent.new_zeros(0)


def _checked(latent: Tensor) -> Tensor:
    if latent.ndim != 3 or latent.shape[1] != BANDS or not latent.shape[2]:
        raise ModelError(f"latent: expected [batch, {BANDS}, frames >= 1], got {list(latent.shape)}")
    latent = latent.float()
    if not latent.isfinite().all():
        raise ModelError("latent: holds values that are not finite; the model that made the frames went wrong")
    return latent.clamp(min=SILENCE)


def load_vocoder(folder: Path) -> Vocoder:
    """The vocoder whose weights and ``config.json`` lie in ``folder``.

    Raises:
        ModelError: something is missing or damaged, or the folder holds another kind of model.
    """
    config = load_config(folder)
    if config.get("kind") != "vocoder":
        raise ModelError(f"model: {folder.name!r} holds a model of kind {config.get('kind')!r}, expected 'vocoder'")
    try:
        network = VocoderNetwork(VocoderConfig(**config["vocoder"]))
        network.load_state_dict(load_weights(folder))
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(
            f"model: {folder.name!r} does not fit its config.json ({error}); reinstall eddyline"
        ) from error
    return Vocoder(network)


def described(config: VocoderConfig) -> dict[str, Any]:
    """``config.json`` of a vocoder of this size."""
    return {"kind": "vocoder", "vocoder": asdict(config)}
