"""The sound set: instruments, drums, recordings and made sounds as mel frames with exact facts for captions."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.codecs.audio import loudness
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE, mel
from pipelines.codecs.pitches import BINS, STRIDE, pitches
from pipelines.errors import StudioError
from pipelines.media import Sound
from pipelines.score import NOTHING, Score
from pipelines.score.composing import RHYTHMS, Part, compose, drum
from pipelines.score.happenings import LOUD, NO_KEY
from pipelines.score.instruments import DRUM_KITS, INSTRUMENTS, Instrument
from pipelines.score.recordings import RECORDINGS
from pipelines.score.score import Note
from pipelines.training.data.effects import MAKERS
from pipelines.training.data.packages import SONIC_PI, SOUNDFONT
from pipelines.training.data.sound_captions import Facts

PACKAGES = (SOUNDFONT, SONIC_PI)
ROWS = STRIDE // HOP  # mel frames of a row of pitches
LUFS = -20.0  # of every clip, so that what is learned is how a thing sounds and not how near it is
SECONDS = {
    "note": 3.2, "chord": 3.6, "arpeggio": 6.2, "scale": 6.2, "repeated": 4.2, "melody": 8.2, "progression": 8.2,
    "rhythm": 8.6, "effect": 8.6,
}  # fmt: skip
# Clips of each material and key, for each instrument.
TAKES = {"note": 2, "chord": 2, "arpeggio": 1, "scale": 1, "repeated": 1, "melody": 1, "progression": 1}
RHYTHM_TAKES, EFFECT_TAKES = 8, 36
SPEEDS = (1.0, 0.89, 1.12)  # of a recording's copies
# Share of training that each kind gets, whatever its number of clips.
SHARES = {
    "note": 0.15, "chord": 0.11, "arpeggio": 0.13, "scale": 0.07, "repeated": 0.04, "melody": 0.08, "progression": 0.05,
    "rhythm": 0.1, "effect": 0.22, "recording": 0.05,
}  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """One clip of the set: its facts and its score, where its frames are, and whether training never sees it."""

    facts: Facts
    start: int
    frames: int
    held_out: bool
    score: Score = NOTHING


@dataclass(frozen=True)
class SoundSet:
    """Mel frames float16 [total, BANDS] of all clips one after the other, and the clips.

    ``pitches`` float16 [total / ROWS, BINS] are the rows of ``codecs.pitches``; a clip is a whole number of them.
    """

    frames: np.ndarray
    clips: list[Clip]
    pitches: np.ndarray

    def mel(self, clip: Clip) -> np.ndarray:
        """Frames [clip.frames, BANDS] of one clip."""
        return self.frames[clip.start : clip.start + clip.frames]

    def by_pitch(self, clip: Clip) -> np.ndarray:
        """Rows [clip.frames / ROWS, BINS] of one clip."""
        return self.pitches[clip.start // ROWS : (clip.start + clip.frames) // ROWS]

    def subset(self, held_out: bool) -> "SoundSet":
        """Only the held-out clips, or only the others."""
        return replace(self, clips=[clip for clip in self.clips if clip.held_out == held_out])

    def weights(self) -> np.ndarray:
        """Chance of each clip to be drawn, so that the kinds get their :data:`SHARES`."""
        kinds = [clip.facts.kind for clip in self.clips]
        each = {kind: SHARES[kind] / kinds.count(kind) for kind in set(kinds)}
        chances = np.array([each[kind] for kind in kinds])
        return chances / chances.sum()

    def save(self, folder: Path) -> None:
        """Write ``sounds.npy``, ``pitches.npy`` and ``sounds.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "sounds.npy", self.frames)
        np.save(folder / "pitches.npy", self.pitches)
        (folder / "sounds.json").write_text(json.dumps([asdict(clip) for clip in self.clips]))

    @classmethod
    def load(cls, folder: Path) -> "SoundSet":
        """Read what :meth:`save` wrote.

        Raises:
            StudioError: the set was not prepared.
        """
        if not (folder / "pitches.npy").exists():
            raise StudioError(f"{folder}: no sounds here; run `python -m pipelines.training prepare sound` first")
        frames, rows = (
            np.load(folder / f"{name}.npy", allow_pickle=False, mmap_mode="r") for name in ("sounds", "pitches")
        )
        return cls(frames, [_clip(entry) for entry in json.loads((folder / "sounds.json").read_text())], rows)


def _clip(entry: dict[str, Any]) -> Clip:
    facts = {**entry["facts"], "captions": tuple(entry["facts"]["captions"])}
    told = entry["score"]
    score = Score(told["timbre"], tuple(Note(*note) for note in told["notes"]), tuple(told["words"]))
    return Clip(**{**entry, "facts": Facts(**facts), "score": score})


def is_held_out(instrument: str, material: str, root: int, quality: str) -> bool:
    """One combination in twenty, by a hash: the instrument, the material and the key are each known from others."""
    return zlib.crc32(f"{instrument}/{material}/{root}/{quality}".encode()) % 20 == 7


def prepare(cache: Path, *, takes: float = 1.0, seed: int = 0) -> SoundSet:
    """Fetch the packages into ``cache`` and render every clip; ``takes`` scales how many.

    Raises:
        StudioError: a package cannot be fetched, or the renderer is not installed.
    """
    pieces: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    clips: list[Clip] = []
    start = 0
    for index, (wave, facts, score) in enumerate(_waves(cache, takes, seed)):
        heard = torch.from_numpy(level(wave))[None]
        heard = torch.nn.functional.pad(heard, (0, -heard.shape[1] % (ROWS * HOP)))
        frames = mel(heard)[0].T.numpy().astype(np.float16)
        rows.append(pitches(heard)[0].T.numpy().astype(np.float16))
        # Made sounds have no names to hold out: one take in twenty of each is kept for the judge instead.
        held = index % 20 == 7
        if facts.instrument:
            held = is_held_out(facts.instrument, facts.kind, facts.root, facts.quality)
        clips.append(Clip(facts, start, len(frames), held, score))
        pieces.append(frames)
        start += len(frames)
    if not clips:
        return SoundSet(np.zeros((0, BANDS), np.float16), [], np.zeros((0, BINS), np.float16))
    return SoundSet(np.concatenate(pieces), clips, np.concatenate(rows))


def _waves(cache: Path, takes: float, seed: int) -> Iterator[tuple[np.ndarray, Facts, Score]]:
    font = SOUNDFONT.fetch(cache) / "usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3"
    samples = SONIC_PI.fetch(cache)
    rng = np.random.default_rng(seed)
    renderer = Renderer(font)
    for instrument in INSTRUMENTS:
        for kind, count in TAKES.items():
            for root in range(12):
                for _ in range(max(1, round(count * takes))):
                    yield played(renderer, instrument, kind, root, rng)
    for captions, bars in RHYTHMS.items():
        for _ in range(max(1, round(RHYTHM_TAKES * takes))):
            yield _drummed(renderer, captions, bars, rng)
    for maker in MAKERS:
        for _ in range(max(1, round(EFFECT_TAKES * takes))):
            made = maker(rng, int(SECONDS["effect"] * SAMPLE_RATE))
            name = maker.__name__.removeprefix("_")
            # The caption is drawn anew in training, and with it the words; see Crops.
            yield made.wave, Facts("effect", made.captions), Score(f"noise {name}", made.notes or _once(made.wave))
    yield from _recorded(samples, SPEEDS[: max(1, round(len(SPEEDS) * takes))])


def played(
    renderer: "Renderer", instrument: Instrument, kind: str, root: int, rng: np.random.Generator
) -> tuple[np.ndarray, Facts, Score]:
    """Wave, facts and score of ``instrument`` playing a ``kind`` of material on pitch class ``root``; rest drawn."""
    quality = "" if kind in ("note", "repeated") else str(rng.choice(("major", "minor")))
    if kind in ("chord", "arpeggio") and rng.random() < 0.2:
        quality = "seventh"
    direction = str(rng.choice(("up", "down"))) if kind == "scale" else ""
    tempo = "" if kind in ("note", "chord") else str(rng.choice(("slow", "", "fast")))
    register = str(rng.choice(("", "", "low", "high")))
    dynamics = str(rng.choice(("", "", "soft", "loud")))
    key = instrument.octave + root + {"low": -12, "high": 12}.get(register, 0)
    velocity = {"soft": 42, "loud": 118}.get(dynamics, 84)
    part = Part(kind, key, quality, direction, tempo, velocity, SECONDS[kind])
    program = int(rng.choice(instrument.programs))
    notes = compose(part, rng)
    wave = renderer.render(notes, 0, program, part.seconds)
    facts = Facts(kind, (), instrument.name, root, quality, direction, tempo, register, dynamics)
    return wave, facts, Score(f"program {program}", _rounded(notes))


def _drummed(
    renderer: "Renderer", captions: tuple[str, ...], bars: tuple[str, ...], rng: np.random.Generator
) -> tuple[np.ndarray, Facts, Score]:
    tempo = "" if len(bars[0]) == 1 else str(rng.choice(("slow", "", "fast")))
    kit = int(rng.choice(list(DRUM_KITS)))
    notes = drum(bars, tempo, int(rng.integers(80, 112)), SECONDS["rhythm"], rng)
    wave = renderer.render(notes, 128, kit, SECONDS["rhythm"])
    named = tuple(f"{DRUM_KITS[kit]} {caption}" for caption in captions) if DRUM_KITS[kit] else ()
    return wave, Facts("rhythm", (*captions, *named), tempo=tempo), Score(f"kit {kit}", _rounded(notes))


def _rounded(notes: list[Note]) -> tuple[Note, ...]:
    return tuple(Note(round(n.start, 4), round(n.seconds, 4), int(n.key), int(n.velocity)) for n in notes)


def _once(wave: np.ndarray) -> tuple[Note, ...]:
    return (Note(0.0, round(len(wave) / SAMPLE_RATE, 4), NO_KEY, LOUD),)


def _recorded(root: Path, speeds: tuple[float, ...]) -> Iterator[tuple[np.ndarray, Facts, Score]]:
    import soundfile
    import soxr

    found = {path.stem: path for path in root.rglob("*.flac")}
    for name, captions in RECORDINGS.items():
        wave, rate = soundfile.read(found[name], dtype="float32", always_2d=True)
        for speed in speeds:
            if speed != 1 and any(" note " in text or " in " in text for text in captions):
                continue  # another speed is another key
            heard = soxr.resample(wave.mean(1), rate * speed, SAMPLE_RATE)[: int(9 * SAMPLE_RATE)]
            padded = np.pad(heard, (0, max(0, SAMPLE_RATE - len(heard))))
            yield padded, Facts("recording", captions), Score(f"recording {name}", _once(heard))


def level(wave: np.ndarray) -> np.ndarray:
    """``wave`` at :data:`LUFS`, float32, turned down further where its peak would not fit.

    Raises:
        StudioError: the wave is silent or not finite.
    """
    peak = float(np.abs(wave).max())
    if not np.isfinite(peak) or peak < 1e-4:
        raise StudioError("sounds: a clip is silent or not finite")
    scaled = (wave / peak).astype(np.float32)
    gain = 10 ** ((LUFS - loudness(Sound(scaled[None], SAMPLE_RATE))) / 20)
    return scaled * np.float32(min(gain, 0.98))


class Renderer:
    """Plays notes with a General MIDI sound font, 24 kHz mono."""

    def __init__(self, font: Path) -> None:
        """Load ``font``.

        Raises:
            StudioError: tinysoundfont is not installed.
        """
        try:
            import tinysoundfont
        except ImportError:
            raise StudioError(
                "tinysoundfont is needed to render; `pip install --no-deps tinysoundfont` (its own dependencies play "
                "sound, which is not needed)"
            ) from None
        self._synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
        self._font = self._synth.sfload(str(font))

    def render(self, notes: list[Note], bank: int, program: int, seconds: float) -> np.ndarray:
        """Wave [seconds x 24000] of ``notes``; bank 128 holds the drum kits."""
        self._synth.sounds_off(0)
        self._synth.program_select(0, self._font, bank, program)
        total = int(seconds * SAMPLE_RATE)
        # Ends before beginnings at one moment: a repeated key must be let go before it is struck again.
        events = [(int(n.start * SAMPLE_RATE), 1, n) for n in notes]
        events += [(int((n.start + n.seconds) * SAMPLE_RATE), 0, n) for n in notes]
        out, place = [], 0
        for when, begins, note in sorted(events, key=lambda event: event[:2]):
            when = min(when, total)
            if when > place:
                out.append(self._generate(when - place))
                place = when
            if when >= total:
                break
            if begins:
                self._synth.noteon(0, note.key, note.velocity)
            else:
                self._synth.noteoff(0, note.key)
        if place < total:
            out.append(self._generate(total - place))
        return np.concatenate(out)

    def _generate(self, count: int) -> np.ndarray:
        stereo = np.frombuffer(bytes(self._synth.generate(count)), np.float32)
        return stereo.reshape(-1, 2).mean(1)
