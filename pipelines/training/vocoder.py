"""How the vocoder is trained: a spectral energy distance, and the pitch and the partials that it is told.

The distance is the generalised energy distance of Gritsenko et al. (arXiv 2008.01160): two sounds y, y' are made with
different noise, and the loss is d(x, y) + d(x, y') - d(y, y'). A plain spectral loss is least where the noise of the
output is replaced by its median, which buzzes; this one is least where noise is as noisy as it should be, so no
adversary is needed to learn that.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, conv2d, pad

from pipelines.codecs import mel as frames
from pipelines.codecs.mel import HOP, SAMPLE_RATE, WINDOW
from pipelines.models import sources
from pipelines.models.sources import BINS, Running
from pipelines.models.vocoder import (
    PITCH_BINS,
    PITCH_LOW,
    PITCH_STEP,
    VocoderConfig,
    VocoderNetwork,
    band_peaks,
    described,
    pitch_of,
)
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.voices import PACKAGES, Floats, Voices
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import half_where_fast
from pipelines.training.trainer import Trainer, TrainSettings

SHARES = {"hibari": 0.5, "flite": 0.16, "music": 0.2, "samples": 0.05, "glides": 0.09}
WINDOWS = (2048, 1024, 512, 256, 128)
QUIET = 1e-4  # magnitude, of full scale, below which nobody hears a difference
CONTEXT = 2  # frames beside a segment that its frames overlap
SETTINGS = TrainSettings(steps=12_000, warmup=200, decay=0.4, muon_rate=0.0, adam_rate=1e-3, ema=0.998)


def new_network(config: VocoderConfig, seed: int) -> VocoderNetwork:
    """An untrained network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        return VocoderNetwork(config)


def vocoder(
    data: Path, run: Path, *, steps: int | None = None, config: VocoderConfig | None = None, **segments: int
) -> tuple[Trainer, VocoderNetwork]:
    """The vocoder on the takes in ``data``; ``run`` is the folder to train in or to resume.

    ``segments`` are the ``length`` and ``batch`` of :class:`Segments`, where they should be others.
    """
    settings = SETTINGS.lasting(steps)
    network = new_network(config or VocoderConfig(), settings.seed)
    objective = VocoderObjective(Segments(Voices.load(data), seed=settings.seed, **segments), settings.seed)
    return Trainer(network, lambda _, step: objective(network, step), settings, run), network


@dataclass(frozen=True)
class Batch:
    """Segments: ``wave`` [B, T * HOP], frames ``latent`` [B, T, BANDS], ``pitch`` [B, T], 0 unvoiced, -1 unknown."""

    wave: Tensor
    latent: Tensor
    pitch: Tensor


@dataclass(frozen=True)
class Segments:
    """Draws random segments of ``length`` frames by (seed, step), each source by its share."""

    voices: Voices
    length: int = 64
    batch: int = 12
    seed: int = 0

    def __call__(self, step: int) -> Batch:
        """The batch of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        names = [name for name in SHARES if name in self.voices.spans]
        shares = np.array([SHARES[name] for name in names])
        waves, pitches = [], []
        for name in rng.choice(names, self.batch, p=shares / shares.sum()):
            sound, pitch = self._segment(str(name), rng)
            loudest = max(float(np.abs(sound).max()), 1e-3)
            waves.append(sound * min(10 ** rng.uniform(-1.2, 0.3), 0.98 / loudest))
            pitches.append(pitch)
        wave = torch.from_numpy(np.stack(waves)).float()
        latent = _roughened(frames.mel(wave)[:, :, CONTEXT:-CONTEXT].mT, rng)
        return Batch(wave[:, CONTEXT * HOP : -CONTEXT * HOP], latent, torch.from_numpy(np.stack(pitches)))

    def _segment(self, name: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
        spans = self.voices.spans[name]
        weights = np.array([count for _, count in spans], dtype=float)
        start, count = spans[rng.choice(len(spans), p=weights / weights.sum())]
        wanted = self.length + 2 * CONTEXT
        offset = int(rng.integers(0, count - wanted + 1)) if count >= wanted else 0
        begin, end = start + offset, start + offset + min(wanted, count)
        wave = np.asarray(self.voices.waves[begin * HOP : end * HOP], np.float32) / 32767
        pitch = self.voices.pitch[begin:end]
        missing = wanted - len(pitch)
        return np.pad(wave, (0, missing * HOP)), np.pad(pitch, (0, missing))[CONTEXT:-CONTEXT]


def _roughened(latent: Tensor, rng: np.random.Generator) -> Tensor:
    """Frames [B, T, BANDS] a little blurred and noisy, as a model that generates them makes them."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    many = len(latent)
    kernel = torch.tensor([0.25, 0.5, 0.25])
    soft = conv2d(pad(latent[:, None], (1, 1, 1, 1), "replicate"), (kernel[:, None] * kernel)[None, None])[:, 0]
    blur = 0.5 * torch.rand(many, 1, 1, generator=generator) * (torch.rand(many, 1, 1, generator=generator) < 0.4)
    grain = 0.06 * torch.rand(many, 1, 1, generator=generator) * (torch.rand(many, 1, 1, generator=generator) < 0.5)
    rough = torch.lerp(latent, soft, blur) + grain * torch.randn(latent.shape, generator=generator)
    return rough.clamp(min=frames.SILENCE)


@dataclass(frozen=True)
class VocoderObjective:
    """Loss of a network on segments; all that is random is drawn from (seed, step)."""

    segments: Segments
    seed: int = 0
    fast: bool = True  # bf16 where the processor has it

    def __call__(self, network: VocoderNetwork, step: int) -> Tensor:
        """Loss of training step ``step``."""
        return sum(self.parts(network, step).values(), torch.zeros(()))

    def parts(self, network: VocoderNetwork, step: int) -> dict[str, Tensor]:
        """The terms of the loss by name."""
        batch = self.segments(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        with half_where_fast(self.fast):
            features = network.trunk(batch.latent, Running(last=True))
            logits, voiced = network.pitch(features)
            controls = network.head(features, batch.latent)
        source = sources.pulses(*_shown(batch.pitch, logits.detach(), voiced.detach(), generator), Running(last=True))
        shape = (2, *batch.latent.shape[:2], BINS, 2)
        hiss = sources.complex_noise(torch.randn(shape, generator=generator))
        # Phases add up what came before, so a frequency is learned from what it is told, not from the sound.
        steady = controls._replace(partial_hertz=controls.partial_hertz.detach())
        spectra = [network.sound(steady, source, one, Running()) for one in hiss]
        waves = sources.overlap(torch.cat(spectra), Running(last=True)).chunk(2)
        pitch_loss, voiced_loss = pitch_losses(logits, voiced, batch.pitch)
        hertz, trust = strongest(batch.wave)
        off = (controls.partial_hertz - hertz).abs() / band_spacing()
        return {
            "energy": energy_distance(batch.wave, waves[0], waves[1], generator),
            "pitch": 0.1 * pitch_loss,
            "voiced": 0.3 * voiced_loss,
            "partials": 0.3 * (off * trust).sum() / trust.sum().clamp(min=1),
        }


def _shown(pitch: Tensor, logits: Tensor, voiced: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pitch and voicing that pulses are made from: three in four times the true ones, where they are known."""
    told = (torch.rand(len(pitch), 1, generator=generator) < 0.75) & (pitch >= 0)
    guess = pitch_of(logits)
    hertz = torch.where(told & (pitch > 0), pitch, guess)
    return hertz, torch.where(told, (pitch > 0).float(), voiced.sigmoid())


def pitch_losses(logits: Tensor, voiced: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropies of the class of a voiced frame's pitch, blurred by a class, and of being voiced."""
    known, sounding = pitch >= 0, pitch > 0
    place = 1200 / PITCH_STEP * (pitch.clamp(min=1) / PITCH_LOW).log2()
    sounding = sounding & (place > 0) & (place < PITCH_BINS - 1)
    target = (-0.5 * (torch.arange(PITCH_BINS) - place[..., None]).square()).softmax(-1)
    entropy = -(target * logits.log_softmax(-1)).sum(-1)
    spoken = binary_cross_entropy_with_logits(voiced, sounding.float(), reduction="none")
    return (entropy * sounding).sum() / sounding.sum().clamp(min=1), (spoken * known).sum() / known.sum().clamp(min=1)


@lru_cache(maxsize=1)
def band_spacing() -> Tensor:
    """Hertz [BANDS] from each band's peak to the one below."""
    return torch.diff(band_peaks(), prepend=torch.zeros(1))


def strongest(wave: Tensor) -> tuple[Tensor, Tensor]:
    """Frequency in hertz [B, T, BANDS] of the strongest partial in each band, and whether there is one to trust.

    The frequency is how far the phase of the loudest bin moves in one sample; a partial is a bin that stands above both
    its neighbours, moves at about its own frequency, and can be heard.
    """
    edge = (WINDOW - HOP) // 2
    window = torch.hann_window(WINDOW)
    now, then = (
        torch.stft(pad(wave, (edge - move, edge + move)), WINDOW, HOP, window=window, center=False, return_complex=True)
        for move in (0, 1)
    )
    own = torch.arange(BINS) * (SAMPLE_RATE / WINDOW)
    found = _cycles((now.conj() * then).angle()) * SAMPLE_RATE
    size = now.abs()
    beside = pad(size, (0, 0, 1, 1))
    peak = (size > beside[:, :-2]) & (size >= beside[:, 2:]) & (size > 0.05)
    peak &= (found - own[:, None]).abs() < 0.8 * SAMPLE_RATE / WINDOW
    places, weights = _band_bins()
    loud, best = ((size * peak)[:, places] * weights[..., None]).max(2)  # of [B, BANDS, widest, T]
    place = places.expand(len(wave), -1, -1).gather(2, best)
    return found.gather(1, place).mT, (loud > 0).mT.float()


@lru_cache(maxsize=1)
def _band_bins() -> tuple[Tensor, Tensor]:
    """Numbers and weights [BANDS, widest] of the bins that each band's filter covers."""
    bank = frames.filters()
    weights, places = bank.sort(dim=1, descending=True, stable=True)
    widest = int((bank > 0).sum(1).max())
    return places[:, :widest], weights[:, :widest]


def _cycles(angle: Tensor) -> Tensor:
    return (angle / (2 * torch.pi)) % 1


def energy_distance(x: Tensor, y: Tensor, other: Tensor, generator: torch.Generator) -> Tensor:
    """d(x, y) + d(x, other) - d(y, other) over spectra of several windows, from waves [B, N]."""
    total = torch.zeros(())
    for window in WINDOWS:
        # Not every hop begins at the same place of a frame, or the network learns to look good there.
        shift = int(torch.randint(0, window // 2, (), generator=generator))
        sizes = [magnitudes(wave[:, shift:], window) for wave in (x, y, other)]
        scale = sizes[0].square().mean((1, 2)).sqrt() + QUIET
        total = total + distance(sizes[0], sizes[1], scale) + distance(sizes[0], sizes[2], scale)
        total = total - distance(sizes[1], sizes[2], scale)
    return total / len(WINDOWS)


def distance(one: Tensor, two: Tensor, scale: Tensor) -> Tensor:
    """Mean difference of magnitudes [B, bins, t], of their logarithms and of themselves, as shares of ``scale`` [B]."""
    logarithm = ((one + QUIET).log() - (two + QUIET).log()).abs().mean()
    return logarithm + 0.5 * ((one - two).abs().mean((1, 2)) / scale).mean()


def magnitudes(wave: Tensor, window: int) -> Tensor:
    """Magnitudes [B, bins, t] of ``wave`` [B, N] under Hann windows half overlapped, noise of variance 1 at about 1."""
    shape = torch.hann_window(window)
    spectrum = torch.stft(wave, window, window // 2, window=shape, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return (power / shape.square().sum() + QUIET**2 / 4).sqrt()


def export(run: Path, folder: Path, config: VocoderConfig | None = None) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks from ``notes.txt``, where the run holds them.
    """
    config = config or VocoderConfig()
    done = Finished.read(run)
    save_weights(done.average, {**described(config), "steps": done.step}, folder)
    segments = Segments.batch * done.step
    hours = segments * Segments.length * HOP / SAMPLE_RATE / 3600
    facts = [
        ("parameters", f"{millions(done.average):.1f} M"),
        ("signal", "24 kHz mono; 100 log-mel bands of 1024 samples every 256"),
        ("steps", f"{done.step:,} of {Segments.batch} segments of {Segments.length} frames ({hours:.0f} hours)"),
        ("compute", f"{done.minutes:.0f} minutes on one shared CPU core, bf16 matrices"),
        ("objective", "spectral energy distance over five windows; pitch, voicing and partials by label; no adversary"),
        ("optimizer", "AdamW; linear decay at the end; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", f"`python -m pipelines.training train vocoder --steps {done.step}`"),
        *done.remarks,
    ]
    card = Card(
        "vocoder",
        "Turns log-mel frames into sound, many times faster than it plays, on a laptop CPU. It steers a pulse train, "
        "one oscillator a band, noise and a free spectrum, and needs no source of chance: the same frames give the "
        "same samples, at once or in pieces.",
        PACKAGES,
        facts,
        (
            "Made for voices: chords and percussion come back recognisable, not transparent.",
            "Trained on synthesised voices alone; no recording of a person was used.",
            "Below 120 Hz voices come back rougher: one frame in seven of a glide there is off its pitch.",
            "Pitch is read from 45 to 1,250 Hz; a single voice above that is left to the oscillators.",
            "24 kHz mono: nothing above 12 kHz.",
        ),
        done.metrics,
    )
    card.save(folder)
