"""Read sentences by machine: five voices that speak, with the exact time of every phone.

One voice comes from hibari (a network distilled from Kokoro), four from flite (diphones and clustered units, 16 kHz).
The sentences are WordNet's examples. All of it may be shipped from: Apache-2.0, a permissive licence each of Carnegie
Mellon and Princeton.
"""

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.codecs.mel import HOP, SAMPLE_RATE, mel
from pipelines.errors import StudioError
from pipelines.reading.phones import is_pause
from pipelines.training.data import festivals, flite, formants, teacher
from pipelines.training.data.remade import remade
from pipelines.training.data.spoken import Spoken

WORDNET = Path("/usr/share/wordnet")  # Debian's package wordnet-base
LEVEL = 0.08  # root mean square of what is not silent
QUIET = 0.004  # a frame below this root mean square, at that level, is a pause
VOICES = ("heart", "slt", "rms", "awb", "kal")
FORMANTS = "formants"  # many voices in one, for what listens; nothing speaks with them
REMADE = "remade"  # the same: voices of people who do not exist
REMADE_OF = ("heart", "slt", "heart", "awb", "heart", "ked", "heart", "kal")
HOURS = {"heart": 4.0, "slt": 0.8, "rms": 0.8, "awb": 0.8, "kal": 0.5}


@dataclass(frozen=True)
class Utterance:
    """One sentence as one voice says it.

    Attributes:
        text: what is said.
        voice: by whom.
        begin: first of its frames among all, and first sample divided by the hop.
        symbols: its phones in order, a symbol of :data:`PHONES` each.
        stresses: of each phone: 0 none or unknown, 1 primary, 2 secondary.
        lengths: frames of each phone; their sum is the number of frames.
        held_out: never to be trained on; by the sentence, for every voice alike.
        begins: which phones begin a word; none where that is not known.
        speed: how much faster than by itself the voice was asked to speak.
    """

    text: str
    voice: str
    begin: int
    symbols: str
    stresses: tuple[int, ...]
    lengths: tuple[int, ...]
    held_out: bool
    begins: tuple[int, ...] = ()
    speed: float = 1.0

    @property
    def frames(self) -> int:
        """Frames in all."""
        return sum(self.lengths)


@dataclass(frozen=True)
class SpeechSet:
    """Frames ``mels`` float16 [F, BANDS] and samples ``waves`` int16 [F * HOP] of ``utterances``, end to end."""

    mels: np.ndarray
    waves: np.ndarray
    utterances: list[Utterance]

    @classmethod
    def load(cls, folder: Path) -> "SpeechSet":
        """Read what :func:`prepare` wrote; the arrays stay on disk until they are looked at."""
        raw = json.loads((folder / "index.json").read_text())
        found = [Utterance(**tupled(each)) for each in raw]
        return cls(np.load(folder / "mels.npy", mmap_mode="r"), np.load(folder / "waves.npy", mmap_mode="r"), found)

    def subset(self, held_out: bool) -> "SpeechSet":
        """Only the held-out sentences, or only the others."""
        kept = [each for each in self.utterances if each.held_out == held_out]
        return SpeechSet(self.mels, self.waves, kept)


def tupled(row: dict[str, Any]) -> dict[str, Any]:
    """``row`` as it was before JSON made its tuples lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def is_held_out(sentence: str) -> bool:
    """One sentence in twenty-five, by a hash of its words."""
    return zlib.crc32(" ".join(re.findall(r"[a-z']+", sentence.lower())).encode()) % 25 == 7


def sentences(seed: int = 0) -> list[str]:
    """WordNet's example sentences in a fixed random order, ended and sometimes joined as people write.

    Raises:
        StudioError: the package wordnet-base is not installed.
    """
    files = sorted(WORDNET.glob("data.*"))
    if not files:
        raise StudioError("training: WordNet is missing; install Debian's package wordnet-base")
    found: dict[str, None] = {}
    for file in files:
        for line in file.read_text(encoding="latin-1").splitlines():
            for quoted in re.findall(r'"([^"]{12,160})"', line.partition(" | ")[2]):
                words = quoted.strip(" .;,")
                # Quotation marks make pauses that no phone stands for.
                if (
                    words.count(" ") >= 2
                    and words.isascii()
                    and not re.search(r"[\[\]{}<>_|/\\*=`]|--|\.\.|(^|\W)'|'(\W|$)", words)
                ):
                    found[words[0].upper() + words[1:]] = None
    rng = np.random.default_rng(seed)
    plain = [list(found)[i] for i in rng.permutation(len(found))]
    ended: list[str] = []
    for index, words in enumerate(plain):
        if is_held_out(words):
            ended.append(words if words[-1] in "?!" else words + ".")
            continue
        draw = rng.random()
        if draw < 0.12 and len(words) < 70 and not is_held_out(plain[index - 1]):
            other = plain[index - 1].rstrip("?!")
            words = f"{other}{rng.choice([',', ',', ';', ' —', ':'])} {words[0].lower()}{words[1:]}"
        ended.append(
            words if words[-1] in "?!" else words + str(rng.choice([".", ".", ".", ".", ".", "?", "!", "..."]))
        )
    return ended


def prepare(folder: Path, hours: dict[str, float] | None = None) -> dict[str, float]:
    """Let every voice read until it has spoken for its hours; write the arrays. Returns the hours of each voice."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = sentences()
    utterances: list[Utterance] = []
    mels, waves, begin = [], [], 0
    spoken: dict[str, float] = {}
    for number, (voice, wanted) in enumerate((hours or HOURS).items()):
        frames = 0
        for text, each in _reading(voice, texts, number):
            made = _aligned(each)
            if made is None:
                continue
            samples, frame_mels, lengths = made
            symbols, stresses = "".join(p[0] for p in each.phones), tuple(p[1] for p in each.phones)
            utterances.append(
                Utterance(text, voice, begin, symbols, stresses, lengths, is_held_out(text), each.begins, each.speed)
            )
            mels.append(frame_mels)
            waves.append(samples)
            begin += len(frame_mels)
            frames += len(frame_mels)
            if frames * HOP / SAMPLE_RATE > wanted * 3600:
                break
        spoken[voice] = frames * HOP / SAMPLE_RATE / 3600
    np.save(folder / "mels.npy", np.concatenate(mels))
    np.save(folder / "waves.npy", np.concatenate(waves))
    (folder / "index.json").write_text(json.dumps([asdict(each) for each in utterances], ensure_ascii=False))
    return spoken


def _reading(voice: str, texts: list[str], number: int) -> Iterator[tuple[str, Spoken]]:
    if voice == "heart":
        return teacher.reading(texts)
    later = texts[1000 * number :]
    if voice == REMADE:
        return remade(_in_turn([_reading(each, later[2000 * n :], 0) for n, each in enumerate(REMADE_OF)]), number)
    if voice in festivals.VOICES:
        return festivals.reading(later, voice)
    return formants.reading(later) if voice == FORMANTS else flite.reading(later, voice)


def _in_turn(readings: list[Iterator[tuple[str, Spoken]]]) -> Iterator[tuple[str, Spoken]]:
    for some in zip(*readings, strict=False):
        yield from some


def _aligned(spoken: Spoken) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]] | None:
    """Samples int16, mel frames float16 and frames of each phone; None where the parts do not fit together."""
    import torch

    frames = len(spoken.samples) // HOP
    samples = spoken.samples[: frames * HOP]
    level = np.sqrt(np.square(samples).reshape(-1, HOP).mean(1))
    if frames < 40 or frames > 1200 or level.max() < 0.01:
        return None
    loud = level > 0.1 * np.quantile(level, 0.95)
    samples = samples * (LEVEL / np.sqrt(np.square(level[loud]).mean()))
    samples = np.clip(samples, -0.99, 0.99)
    level = np.sqrt(np.square(samples).reshape(-1, HOP).mean(1))
    ends = np.cumsum([seconds for _, _, seconds in spoken.phones])
    if abs(ends[-1] - frames * HOP / SAMPLE_RATE) > 0.15:
        return None
    cuts = np.round(ends * SAMPLE_RATE / HOP).astype(int)
    cuts[-1] = frames
    cuts = _tidied(np.minimum(cuts, frames), [symbol for symbol, _, _ in spoken.phones], level)
    lengths = np.diff(np.concatenate([[0], cuts]))
    if (lengths < 0).any():
        return None
    latent = mel(torch.from_numpy(samples)[None])[0].T.numpy()
    return np.round(samples * 32767).astype(np.int16), latent.astype(np.float16), tuple(int(n) for n in lengths)


def _tidied(cuts: np.ndarray, symbols: list[str], level: np.ndarray) -> np.ndarray:
    """Pauses begin where it is quiet and end where it is not: the teacher draws a last phone out into the silence."""
    cuts = cuts.copy()
    for index, symbol in enumerate(symbols):
        if not is_pause(symbol):
            continue
        begin = cuts[index - 1] if index else 0
        floor = cuts[index - 2] + 2 if index > 1 else 2
        while index and begin > floor and level[begin - 1] < QUIET:
            begin -= 1
        if index:
            cuts[index - 1] = begin
        end = cuts[index]
        while index < len(symbols) - 1 and end > begin and level[end - 1] > 2 * QUIET:
            end -= 1
        if index < len(symbols) - 1:
            cuts[index] = end
    return cuts
