"""Speech with what the mouth does in it: mel frames of the synthetic voices, and tracks from their phones' exact times.

One voice and the held-out sentences are never trained on. What is heard is varied where it is cheap, on mel frames:
pitch and size of the speaker as a shift of the bands, pace, level and tone, noise, echo.
"""

from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from pipelines.codecs.mel import BANDS, CENTRE, FLOOR, FRAME_RATE, SILENCE, SPREAD
from pipelines.models.listener import HEARD
from pipelines.reading import read
from pipelines.reading.phones import VOWELS
from pipelines.training.data.speech import FORMANTS, REMADE, SpeechSet, Utterance
from pipelines.visemes import JAW, phone_weights

HELD_OUT_VOICE = "rms"
HOURS = {
    "heart": 0.9, "slt": 0.45, "rms": 0.45, "awb": 0.35, "kal": 0.25, "ked": 0.3, "nsh": 0.35, FORMANTS: 0.8,
    REMADE: 1.5,
}  # fmt: skip
SHARES = {FORMANTS: 1.5, REMADE: 4.0}  # how often these are heard, where any other voice is heard once
RATE = FRAME_RATE / HEARD
ROWS = 144  # of a crop: 3.07 s
KEPT = JAW + 1  # channels that are learned: visemes and jaw; blinks are not to be heard


def track(utterance: Utterance) -> np.ndarray:
    """Rows float32 [T, 16] of an utterance in [0, 1]."""
    seconds = [length / FRAME_RATE for length in utterance.lengths]
    stresses = utterance.stresses if any(utterance.stresses) else stressed(utterance.text, utterance.symbols)
    return phone_weights(utterance.symbols, seconds, RATE, stresses)[:, :KEPT]


def stressed(text: str, symbols: str) -> tuple[int, ...]:
    """Stresses of a voice's phones that does not tell them: those of the same vowels as the studio reads ``text``.

    Without them a mouth would have to open alike on all vowels of one voice and on the stressed ones of another, by who
    speaks and not by what is heard.
    """
    read_as = [phone for sentence in read(text) for word in sentence.words for phone in word.phones]
    own = [place for place, symbol in enumerate(symbols) if symbol in VOWELS]
    theirs = [phone for phone in read_as if phone.symbol in VOWELS]
    said, written = "".join(symbols[place] for place in own), "".join(phone.symbol for phone in theirs)
    found = [0] * len(symbols)
    for tag, first, last, begin, end in SequenceMatcher(None, said, written, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and last - first == end - begin):
            for place, phone in zip(own[first:last], theirs[begin:end], strict=True):
                found[place] = phone.stress
    return tuple(found)


@dataclass
class Crops:
    """Batches of crops by step."""

    speech: SpeechSet
    batch: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        self.utterances = [u for u in self.speech.utterances if u.voice != HELD_OUT_VOICE and not u.held_out]
        self.tracks = [track(u) for u in self.utterances]
        share = {
            voice: sum(u.frames for u in self.utterances if u.voice == voice)
            for voice in {u.voice for u in self.utterances}
        }
        weights = np.array([SHARES.get(u.voice, 1.0) * u.frames / share[u.voice] for u in self.utterances])
        self.cumulative = np.cumsum(weights / weights.sum())

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Tracks [B, 16, ROWS] in [-1, 1] and mel frames [B, BANDS, 2 ROWS] of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        data = np.zeros((self.batch, ROWS, KEPT), np.float32)
        data[..., 0] = 1
        mels = np.full((self.batch, HEARD * ROWS, BANDS), SILENCE, np.float32)
        for row in range(self.batch):
            place = -int(rng.integers(0, 20)) if rng.random() < 0.3 else 0
            while place < ROWS:  # several sentences where they are short, with pauses between
                number = min(int(np.searchsorted(self.cumulative, rng.random())), len(self.tracks) - 1)
                begin = int(rng.integers(0, max(1, len(self.tracks[number]) - 40))) if place <= 0 else 0
                found = self.tracks[number][begin:]
                first, last = max(place, 0), min(place + len(found), ROWS)
                if last > first:
                    data[row, first:last] = found[first - place : last - place]
                    frame = self.utterances[number].begin + HEARD * (begin + first - place)
                    there = self.speech.mels[
                        frame : min(
                            frame + HEARD * (last - first),
                            self.utterances[number].begin + self.utterances[number].frames,
                        )
                    ]
                    mels[row, HEARD * first : HEARD * first + len(there)] = there
                place += len(found) + int(rng.integers(4, 40))
        # How far a person opens the mouth is nobody's to hear: the flow model draws it.
        data[..., JAW] *= rng.uniform(0.85, 1.15, (self.batch, 1))
        heard = varied(torch.from_numpy(mels).transpose(1, 2), rng)
        return torch.from_numpy(data.clip(0, 1)).transpose(1, 2) * 2 - 1, heard


def varied(mels: Tensor, rng: np.random.Generator) -> Tensor:
    """Mel frames [B, BANDS, T] as other people, rooms and microphones would give them."""
    count, bands, frames = mels.shape
    power = (mels * SPREAD + CENTRE).exp()
    made = []
    for row in range(count):
        each = power[row : row + 1]
        if rng.random() < 0.5:  # harmonics blurred: what resonates stays, the pitch is gone
            width = int(rng.integers(1, 5))
            each = avg_pool1d(each.transpose(1, 2), 2 * width + 1, 1, width, count_include_pad=False).transpose(1, 2)
        if rng.random() < 0.75:  # pitch and size: bands stretched, low ones otherwise than high ones
            each = _stretched(each, rng)
        if rng.random() < 0.3:  # a room: each frame rings on
            decay, rung = float(rng.uniform(0.3, 0.75)), each.clone()
            for late in range(1, 6):
                rung[..., late:] += decay**late * 0.4 * each[..., :-late]
            each = rung
        if rng.random() < 0.5:  # noise under it, of any tone, steady or swelling
            tone = np.exp(np.cumsum(rng.normal(0, 0.12, bands)) + rng.uniform(-1, 1) * np.linspace(-1, 1, bands))
            swell = np.exp(0.6 * np.interp(np.arange(frames), np.linspace(0, frames, 8), rng.normal(0, 1, 8)))
            level = float(each.amax()) * 10 ** (-rng.uniform(10, 45) / 20) / tone.max()
            rough = rng.rayleigh(0.8, (bands, frames))
            each = (each**2 + torch.from_numpy((level * tone[:, None] * swell * rough).astype(np.float32)) ** 2).sqrt()
        made.append(each)
    joined = torch.cat(made)
    tilt = (
        torch.from_numpy(rng.uniform(-1, 1, (count, 1, 1)).astype(np.float32)) * torch.linspace(-1, 1, bands)[:, None]
    )
    tilt = tilt + torch.from_numpy(np.stack([_timbre(bands, rng) for _ in range(count)]))[..., None]
    gain = torch.from_numpy(rng.uniform(-1.5, 1.2, (count, 1, 1)).astype(np.float32))
    latent = ((joined.clamp(min=FLOOR).log() + gain + tilt - CENTRE) / SPREAD).clamp(min=SILENCE)
    return _masked(latent, rng)


def _stretched(power: Tensor, rng: np.random.Generator) -> Tensor:
    """``power`` [1, BANDS, T] with its bands moved along a bent line, silence above the highest."""
    bands = power.shape[1]
    knots = np.array([0, 0.3, 0.6, 1.0]) * (bands - 1)
    slopes = np.exp(-np.log(rng.uniform(0.8, 1.27)) + rng.normal(0, 0.06, 3))
    places = np.interp(np.arange(bands), knots, np.concatenate([[0], np.cumsum(np.diff(knots) * slopes)]))
    low = np.floor(places).astype(int)
    part = torch.from_numpy((places - low).astype(np.float32))[None, :, None]
    padded = torch.nn.functional.pad(power, (0, 0, 0, bands), value=FLOOR)
    return padded[:, low] * (1 - part) + padded[:, low + 1] * part


def _masked(latent: Tensor, rng: np.random.Generator) -> Tensor:
    """A few bands and short moments of ``latent`` [B, BANDS, T] not heard, as in SpecAugment (arXiv 1904.08779)."""
    count, bands, frames = latent.shape
    for row in range(count):
        for _ in range(int(rng.integers(0, 3))):
            wide = int(rng.integers(2, 14))
            first = int(rng.integers(bands - wide))
            latent[row, first : first + wide] = latent[row].mean()
        for _ in range(int(rng.integers(0, 3))):
            wide = int(rng.integers(2, 9))
            first = int(rng.integers(frames - wide))
            latent[row, :, first : first + wide] = latent[row].mean()
    return latent


def _timbre(bands: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth curve [BANDS] of natural logarithms of power: a throat, a room or a microphone of its own."""
    knots = rng.normal(0, rng.uniform(0, 0.8), 9)
    return np.interp(np.linspace(0, 8, bands), np.arange(9), knots).astype(np.float32)
