"""A recording whose voice is cloned: cut to what the model takes, with the words that it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import mono, resampled
from pipelines.codecs.mel import HOP, SAMPLE_RATE, mel
from pipelines.errors import MediaError, SettingsError, StudioError
from pipelines.media import Sound, Word
from pipelines.models.aligner import MAX_FRAMES, Aligner
from pipelines.reading import read
from pipelines.reading.change import words_of
from pipelines.reading.plan import MISFIT, line_of

SHORTEST, WANTED, LONGEST = 1.0, 6.0, 12.0  # seconds: it learned from recordings that were cut so
LEVEL = 0.1  # root mean square that quieter recordings are raised to
SILENT = 1e-4  # of full scale: what never rises above it holds no speech
EDGE = 10 ** (-42 / 20)  # of full scale: below it, what lies before and after the words is cut away
PAUSE = 0.2  # seconds over which a pause is looked for
TAIL = 0.05  # seconds of silence at the end
Hear = Callable[[Sound], Sequence[Word]]


@dataclass(frozen=True)
class Voice:
    """What a voice is cloned from.

    Attributes:
        latent: normalised mel frames [1, BANDS, T] at the level that the model knows.
        text: what is said in it, ending in a stop and a space.
        notes: what the person should know.
    """

    latent: Tensor
    text: str
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.latent.shape[-1]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames * HOP / SAMPLE_RATE


def voice_of(sound: Sound | None, words: str, aligner: Aligner, hear: Hear) -> Voice:
    """The voice in ``sound``, whose ``words`` were typed, are known, or else are heard.

    Raises:
        SettingsError: there is no recording.
        MediaError: it is silent, too short, or too long to tell which of the typed words lie in its first part.
        ModelError: its words are not known, and nothing can hear them.
    """
    if sound is None:
        raise SettingsError(
            f"voice_from: is missing; this model speaks in the voice of a recording: give one of {SHORTEST:.0f} to "
            f"{LONGEST:.0f} s in which one person speaks"
        )
    if float(np.abs(sound.samples).max()) < SILENT:
        raise MediaError("voice_from: the recording is silent; record it again, louder")
    samples = _trimmed(mono(resampled(sound, SAMPLE_RATE)).samples[0])
    seconds = len(samples) / SAMPLE_RATE
    if seconds < SHORTEST:
        raise MediaError(
            f"voice_from: {seconds:.1f} s of speech are too short to clone a voice; give {SHORTEST:.0f} to "
            f"{LONGEST:.0f} s"
        )
    notes, text = [], " ".join(words.split())
    if seconds > LONGEST:
        end = _pause(samples)
        if text:
            text = _said_until(samples, text, end, aligner)
        notes.append(
            f"The recording is {seconds:.0f} s long, the model takes {LONGEST:.0f} s: its first {end:.1f} s are used, "
            "up to a pause."
        )
        samples = samples[: round(end * SAMPLE_RATE)]
    samples = np.concatenate([samples, np.zeros(round(TAIL * SAMPLE_RATE), np.float32)])
    if not text:
        text = " ".join(word.text for word in hear(Sound(samples[None], SAMPLE_RATE)))
        notes.append(f"Heard in the recording: “{text}” If that is not what it says, type its words.")
    gain = max(1.0, LEVEL / float(np.sqrt(np.square(samples).mean())))
    latent = mel(torch.from_numpy(np.clip(samples * gain, -1, 1))[None])
    if words.strip() and not _fits(latent, text, aligner):
        notes.append(
            "Read as English, the typed words do not sound like the recording; wrong ones make it skip or double words."
        )
    return Voice(latent, _ended(text), tuple(notes))


def _trimmed(samples: np.ndarray) -> np.ndarray:
    """Samples [N] without the silence at both ends."""
    width = HOP
    count = len(samples) // width
    if not count:
        return samples
    level = np.sqrt(np.square(samples[: count * width].reshape(count, width)).mean(1))
    loud = np.flatnonzero(level > EDGE)
    if not len(loud):  # so quiet that there is no telling
        return samples
    return samples[loud[0] * width : min((loud[-1] + 2) * width, len(samples))]


def _pause(samples: np.ndarray) -> float:
    """Seconds at which the last clear pause lies that leaves enough and not too much; the quietest place if none is."""
    width = round(PAUSE * SAMPLE_RATE)
    power = np.cumsum(np.concatenate([[0.0], np.square(samples.astype(np.float64))]))
    places = np.arange(round(WANTED * SAMPLE_RATE), round(LONGEST * SAMPLE_RATE) - width, HOP)
    level = np.sqrt((power[places + width] - power[places]) / width)
    quiet = np.flatnonzero(level <= max(2 * float(level.min()), EDGE))
    last = np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1)[-1]  # places of the last pause
    return float(places[last[len(last) // 2]] + width / 2) / SAMPLE_RATE


def _said_until(samples: np.ndarray, text: str, end: float, aligner: Aligner) -> str:
    """The typed words that are said before ``end`` seconds.

    Raises:
        MediaError: that cannot be told.
    """
    help = f"cut it to at most {LONGEST:.0f} s, or leave its words empty to have them heard"
    try:
        said = words_of(read(text))
        line = line_of(said)
        latent = mel(torch.from_numpy(samples)[None])
        if latent.shape[-1] > MAX_FRAMES:
            raise MediaError("voice_from: is too long")
        found = aligner.align(latent, line.symbols)
    except StudioError:
        said, found = (), None
    if found is None or found.score < MISFIT:
        raise MediaError(
            f"voice_from: is {len(samples) / SAMPLE_RATE:.0f} s long, and which of the typed words lie in its first "
            f"{LONGEST:.0f} s cannot be told; {help}"
        )
    ends = np.cumsum(found.lengths) * HOP / SAMPLE_RATE
    kept = [word.text for word, (_, last) in zip(said, line.words, strict=True) if ends[last - 1] <= end + PAUSE / 2]
    if not kept:
        raise MediaError(f"voice_from: no word ends in its first {end:.1f} s; {help}")
    return " ".join(kept)


def _fits(latent: Tensor, text: str, aligner: Aligner) -> bool:
    """Whether ``text`` may be what is said; of what is not English there is no telling."""
    try:
        line = line_of(words_of(read(text)))
        return aligner.align(latent, line.symbols).score >= MISFIT
    except SettingsError:
        return True
    except MediaError:  # too short for so many words
        return False


def _ended(text: str) -> str:
    """With a stop at its end, and a space where the next word needs one."""
    if text.endswith("。"):
        return text
    return text.rstrip() + (" " if text.rstrip().endswith((".", "!", "?")) else ". ")
