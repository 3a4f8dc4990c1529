"""Sound to train the vocoder on: two synthesisers that read sentences, a soundfont that plays, samples, and glides.

What is rendered is 24 kHz mono with the fundamental frequency of every frame where it is known: by analysis (pyworld,
for speech) or because it was set (glides). Music has none.

``prepare`` needs the Debian packages wordnet-base (sentences), flite, fluidr3mono-gm-soundfont and sonic-pi-samples,
and the Python packages hibari-tts, pyworld, soxr, soundfile and tinysoundfont.
"""

import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.codecs.mel import HOP, SAMPLE_RATE, frames_of
from pipelines.errors import StudioError
from pipelines.training.data.packages import Package

WORDNET = Path("/usr/share/wordnet")
SOUNDFONT = Path("/usr/share/sounds/sf3/FluidR3Mono_GM.sf3")
SAMPLES = Path("/usr/share/sonic-pi/samples")
PACKAGES = (
    Package(
        "pypi", "hibari-tts", "0.2.1",
        "49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3", "Apache-2.0", "one voice",
    ),
    Package(
        "debian", "flite", "2.2-5",
        "f4ce03470bf9974c2cb9cacd981e6be29339ef4c97cf994dd6fa3f90e6544db9", "BSD-like (CMU)", "four voices",
    ),
    Package(
        "debian", "wordnet-base", "1:3.0-37",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752", "WordNet (Princeton)", "sentences to read",
    ),
    Package(
        "debian", "fluidr3mono-gm-soundfont", "2.315-7",
        "4098301bf29f4253c2f5799a844f42dd4aa733d91a210071ad16d7757dea51d6", "MIT", "instruments",
    ),
    Package(
        "debian", "sonic-pi-samples", "3.2.2~repack-8",
        "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d", "CC0", "samples",
    ),
)  # fmt: skip
UNKNOWN = -1.0  # fundamental frequency of a frame that nobody labelled; 0 is unvoiced
HELD_OUT = 40  # one sentence or sample in so many is never trained on

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Take:
    """One rendered item: ``samples`` [N] in [-1, 1] and ``pitch`` [frames] in hertz, 0 unvoiced, UNKNOWN unlabelled."""

    source: str
    samples: Floats
    pitch: Floats
    held_out: bool = False


@dataclass(frozen=True)
class Voices:
    """Every take end to end: ``waves`` int16 [frames * HOP], ``pitch`` [frames], ``takes`` as rows of the index."""

    waves: NDArray[np.int16]
    pitch: Floats
    takes: tuple[dict[str, Any], ...]

    @cached_property
    def spans(self) -> dict[str, list[tuple[int, int]]]:
        """(first frame, frames) of the takes to train on, by source."""
        spans: dict[str, list[tuple[int, int]]] = {}
        for take in self.takes:
            if not take["held_out"]:
                spans.setdefault(take["source"], []).append((take["start"], take["frames"]))
        return spans

    @classmethod
    def load(cls, folder: Path) -> "Voices":
        """Map what ``save`` wrote.

        Raises:
            StudioError: the folder holds no such data.
        """
        try:
            takes = json.loads((folder / "index.json").read_text())
            return cls(np.load(folder / "waves.npy", mmap_mode="r"), np.load(folder / "pitch.npy"), tuple(takes))
        except FileNotFoundError as error:
            raise StudioError(f"data: {error.filename} is missing; run the command prepare first") from None


def save(takes: Iterator[Take], folder: Path) -> dict[str, float]:
    """Write ``takes`` to ``folder``; returns the minutes of each source."""
    waves, pitch, rows, minutes, start = [], [], [], dict[str, float](), 0
    for take in takes:
        frames = frames_of(len(take.samples))
        padded = np.pad(take.samples, (0, frames * HOP - len(take.samples)))
        waves.append((np.clip(padded, -1, 1) * 32767).round().astype(np.int16))
        pitch.append(np.resize(take.pitch, frames).astype(np.float32))
        rows.append({"source": take.source, "start": start, "frames": frames, "held_out": take.held_out})
        start += frames
        minutes[take.source] = minutes.get(take.source, 0) + frames * HOP / SAMPLE_RATE / 60
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "waves.npy", np.concatenate(waves))
    np.save(folder / "pitch.npy", np.concatenate(pitch))
    (folder / "index.json").write_text(json.dumps(rows))
    return minutes


def sentences() -> list[str]:
    """Example sentences of WordNet, each once, in an order that looks random but never changes."""
    found: set[str] = set()
    for name in ("noun", "verb", "adj", "adv"):
        text = (WORDNET / f"data.{name}").read_text(errors="replace")
        found |= {s.strip() for s in re.findall(r'"([^"\n]{20,160})"', text) if s.isascii()}
    return sorted(found, key=_digest)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _held_out(text: str) -> bool:
    return int(_digest(text)[-6:], 16) % HELD_OUT == 0


def bent(samples: Floats, factor: float) -> Floats:
    """``samples`` played ``factor`` times as fast: shorter, and higher by that factor."""
    import soxr

    return np.asarray(soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE, quality="HQ"), np.float32)


def heard_pitch(wave: Floats) -> Floats:
    """Hertz [frames] that pyworld hears in ``wave`` at the middle of each frame, 0 where it hears none."""
    import pyworld

    sound = wave.astype(np.float64)
    rough, times = pyworld.dio(sound, SAMPLE_RATE, f0_floor=50, f0_ceil=700, frame_period=500 * HOP / SAMPLE_RATE)
    found = pyworld.stonemask(sound, rough[1::2].copy(), times[1::2].copy(), SAMPLE_RATE)
    frames = frames_of(len(wave))
    return np.pad(found, (0, max(0, frames - len(found))))[:frames].astype(np.float32)


def hibari_takes(texts: list[str], minutes: float, seed: int) -> Iterator[Take]:
    """Sentences read by hibari-tts, four in ten of them bent, with the pitch that pyworld hears.

    The curve that the synthesiser sets is not that pitch: phases that it moves from frame to frame bend a third of
    its frames by more than half a semitone. But it knows where it is voiced, which pyworld, so often silent at the
    edges of a voice, does not: where they differ the pitch is unknown.
    """
    from hibari import Hibari, dsp

    tts, rng, made = Hibari(), np.random.default_rng(seed), 0.0
    for text in texts:
        for phonemes in tts.phonemize(text):
            speed = float(rng.uniform(0.8, 1.25))
            feed = {"ids": np.asarray([tts.ids(phonemes)], np.int64), "speed": np.asarray([speed], np.float32)}
            parts = [part[0] for part in tts.sess.run(None, feed)]
            wave = dsp.synth(*parts, rng).astype(np.float32)
            factor = float(2 ** rng.uniform(-1, 0.8)) if rng.random() < 0.4 else 1.0
            if factor != 1:
                wave = bent(wave, factor)
            heard = heard_pitch(wave)
            middles = (np.arange(len(heard)) + 0.5) * HOP * factor / dsp.HOP
            voiced = parts[-1][np.minimum(middles.astype(int), len(parts[-1]) - 1)] > 40
            yield Take("hibari", wave, np.where((heard == 0) & voiced, np.float32(UNKNOWN), heard), _held_out(text))
            made += len(wave) / SAMPLE_RATE / 60
        if made > minutes:
            return


def flite_takes(texts: list[str], minutes: float, seed: int) -> Iterator[Take]:
    """Sentences read by four voices of flite (16 kHz), some of them bent, with the pitch that pyworld hears."""
    import soundfile
    import soxr

    rng, made = np.random.default_rng(seed), 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        for index, text in enumerate(texts):
            voice = ("kal16", "awb", "rms", "slt")[index % 4]
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
            wave, rate = soundfile.read(path, dtype="float32")
            wave = np.asarray(soxr.resample(wave, rate, SAMPLE_RATE), np.float32)
            if rng.random() < 0.4:
                wave = bent(wave, float(2 ** rng.uniform(-0.5, 0.7)))
            yield Take("flite", wave, heard_pitch(wave), _held_out(text))
            made += len(wave) / SAMPLE_RATE / 60
            if made > minutes:
                return


def music_takes(minutes: float, seed: int) -> Iterator[Take]:
    """Phrases of a General MIDI soundfont, eight seconds each: one instrument or three, single notes or chords."""
    import tinysoundfont

    rng, made, index = np.random.default_rng(seed), 0.0, 0
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    font = synth.sfload(str(SOUNDFONT))
    while made < minutes:
        synth.notes_off()
        synth.generate(SAMPLE_RATE)  # what still rings
        parts = int(rng.integers(1, 4))
        for channel in range(parts):
            synth.program_select(channel, font, 0, int(rng.integers(0, 112)))
        drums = bool(rng.random() < 0.3)
        if drums:
            synth.program_select(9, font, 128, 0, True)
        pieces = []
        for _ in range(int(rng.integers(8, 24))):
            for channel in range(parts):
                synth.notes_off(channel)
                root = int(rng.integers(36, 84))
                for step in (0, 4, 7)[: int(rng.integers(1, 4))]:
                    synth.noteon(channel, root + step, int(rng.integers(50, 127)))
            if drums:
                synth.noteon(9, int(rng.choice([36, 38, 42, 46, 49])), int(rng.integers(60, 127)))
            stereo = np.frombuffer(bytes(synth.generate(int(SAMPLE_RATE * rng.uniform(0.1, 0.9)))), np.float32)
            pieces.append(stereo.reshape(-1, 2).mean(1))
        wave = np.concatenate(pieces)
        peak = float(np.abs(wave).max())
        if peak > 1e-3:
            wave = (wave / peak * rng.uniform(0.1, 0.95)).astype(np.float32)
            yield Take("music", wave, np.full(frames_of(len(wave)), UNKNOWN, np.float32), index % HELD_OUT == 0)
            made += len(wave) / SAMPLE_RATE / 60
        index += 1


def sample_takes(seed: int) -> Iterator[Take]:
    """The samples of Sonic Pi, mono, each as it is and once bent."""
    import soundfile
    import soxr

    rng = np.random.default_rng(seed)
    for path in sorted(SAMPLES.glob("*.flac")):
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = np.asarray(soxr.resample(sound.mean(1), rate, SAMPLE_RATE), np.float32)[: 20 * SAMPLE_RATE]
        for take in (wave, bent(wave, float(2 ** rng.uniform(-0.7, 0.7)))):
            if len(take) > HOP:
                unknown = np.full(frames_of(len(take)), UNKNOWN, np.float32)
                yield Take("samples", take, unknown, _held_out(path.name))


def glide_takes(minutes: float, seed: int) -> Iterator[Take]:
    """Gliding pulse trains through random resonances with a little noise: every pitch from 50 to 1,000 hertz."""
    from scipy.signal import lfilter

    rng, seconds = np.random.default_rng(seed), 5.0
    for index in range(int(minutes * 60 / seconds)):
        knots = np.cumsum(rng.normal(0, 0.25, 12)) + np.log2(rng.uniform(60, 900))
        count = int(seconds * SAMPLE_RATE)
        octaves = np.interp(np.linspace(0, 11, count), np.arange(12), knots)
        pitch = np.clip(2**octaves, 50, 1000)
        phase = np.cumsum(pitch) / SAMPLE_RATE % 1
        wave = np.zeros(count)
        tilt = rng.uniform(0.3, 1.5)
        for harmonic in range(1, 120):
            heard = pitch * harmonic < 11000
            if not heard.any():
                break
            wave += heard * np.cos(2 * np.pi * harmonic * phase) / harmonic**tilt
        for _ in range(4):
            radius, angle = rng.uniform(0.9, 0.985), 2 * np.pi * rng.uniform(300, 6000) / SAMPLE_RATE
            wave = 0.5 * wave + lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], wave)
        wave = wave / np.abs(wave).max() + rng.normal(0, 10 ** rng.uniform(-4, -1.5), count)
        silent = np.repeat(rng.random(frames_of(count) // 40 + 1) < 0.15, 40)[: frames_of(count)]
        gate = np.interp(np.arange(count) / HOP - 0.5, np.arange(len(silent)), 1.0 - silent)
        labels = np.where(silent, 0, pitch[np.minimum(np.arange(frames_of(count)) * HOP + HOP // 2, count - 1)])
        level = rng.uniform(0.05, 0.9) / np.abs(wave).max()
        yield Take("glides", (wave * gate * level).astype(np.float32), labels.astype(np.float32), index % HELD_OUT == 0)


def prepare(folder: Path, *, seed: int = 0, share: float = 1.0) -> dict[str, float]:
    """Render everything into ``folder``; returns the minutes of each source. A ``share`` below 1 makes less of it.

    Raises:
        StudioError: a Debian package that it reads from is not installed.
    """
    needed = {WORDNET: "wordnet-base", SOUNDFONT: "fluidr3mono-gm-soundfont", SAMPLES: "sonic-pi-samples"}
    for path, package in needed.items():
        if not path.exists():
            raise StudioError(f"data: {path} is missing; install the Debian package {package}")
    texts = sentences()
    half = len(texts) // 2

    def takes() -> Iterator[Take]:
        yield from hibari_takes(texts[:half], 100 * share, seed)
        yield from flite_takes(texts[half:], 35 * share, seed + 1)
        yield from music_takes(45 * share, seed + 2)
        yield from sample_takes(seed + 3)
        yield from glide_takes(12 * share, seed + 4)

    return save(takes(), folder)
