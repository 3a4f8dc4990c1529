"""A prompt read into what it asks for, and that into a score.

Reading is plain matching against the names of what the model knows. The longest match wins: "snare roll" is a rhythm,
"rolling thunder" a noise, "piano" an instrument whose material, key and tempo other words say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

import numpy as np

from pipelines.score.composing import RHYTHMS, TEMPOS, Part, compose, drum
from pipelines.score.happenings import LOUD, NO_KEY, happenings
from pipelines.score.instruments import BY_NAME, DRUM_KITS, INSTRUMENTS
from pipelines.score.noises import NOISES, modifiers_of
from pipelines.score.notes import NOTE_WORDS, spelled
from pipelines.score.recordings import RECORDINGS, SECONDS
from pipelines.score.score import NOTHING, Note, Score

Kind = Literal["", "played", "rhythm", "noise", "recording"]

MATERIAL_WORDS = {
    "arpeggio": "arpeggio", "arpeggios": "arpeggio", "arpeggiated": "arpeggio", "broken": "arpeggio", "scale": "scale",
    "scales": "scale", "chords": "progression", "progression": "progression", "accompaniment": "progression",
    "chord": "chord", "melody": "melody", "melodies": "melody", "tune": "melody", "solo": "melody", "music": "melody",
    "song": "melody", "theme": "melody", "line": "melody", "riff": "melody", "note": "note", "notes": "repeated",
    "repeated": "repeated", "repeating": "repeated", "ostinato": "repeated", "pulse": "repeated",
}  # fmt: skip
# Where several are said, the first of these is meant: "arpeggio over a chord", "repeated note".
MEANT = ("arpeggio", "scale", "progression", "repeated", "melody", "chord", "note")
TEMPO_WORDS = {
    "slow": "slow", "slowly": "slow", "calm": "slow", "gentle": "slow", "gently": "slow", "relaxed": "slow",
    "medium": "medium", "moderate": "medium", "fast": "fast", "quick": "fast", "quickly": "fast", "rapid": "fast",
    "lively": "fast",
}  # fmt: skip
QUALITY_WORDS = {
    "major": "major", "minor": "minor", "seventh": "seventh", "dominant": "seventh", "happy": "major",
    "cheerful": "major", "sad": "minor", "melancholic": "minor", "dark": "minor",
}  # fmt: skip
DIRECTION_WORDS = {
    "up": "up",
    "rising": "up",
    "ascending": "up",
    "down": "down",
    "falling": "down",
    "descending": "down",
}
REGISTER_WORDS = {"low": "low", "deep": "low", "high": "high"}
DYNAMIC_WORDS = {"soft": "soft", "quiet": "soft", "softly": "soft", "loud": "loud", "strong": "loud", "loudly": "loud"}
KIT_WORDS = {word: kit for kit, word in DRUM_KITS.items() if word}
FILLER = frozenset(
    "a an the of in on at to with and by for from some playing played plays play sound sounds effect single simple key "
    "bpm pitch root then".split()
)
SAID = (MATERIAL_WORDS, TEMPO_WORDS, QUALITY_WORDS, DIRECTION_WORDS, REGISTER_WORDS, DYNAMIC_WORDS, KIT_WORDS)
# Words that vary something and so name nothing by themselves.
VARYING = frozenset(
    "slow fast low high light heavy strong gentle soft loud distant big small hard short steady deep quick dark closed "
    "open electronic ambient digital fat thick booming old hit note loop running someone two large quiet rising "
    "falling up down white pink brown blue random".split()
)


@dataclass(frozen=True)
class Wish:
    """What a prompt asks for.

    Attributes:
        kind: what plays it; "" where the prompt names nothing that is known.
        name: of the instrument or noise; the captions of the rhythm or recording.
        choices: recordings that the name may mean.
        material: of ``composing.MATERIALS``; "" leaves it open.
        roots: pitch classes in the order that they are said.
        quality, direction, tempo, register, dynamics: as in ``composing.Part``; "" leaves them open.
        beats: beats a minute, or None.
        kit: of drums.
        words: that vary a noise.
        unknown: words that nothing was made of.
        guessed: words that were taken for another, with that.
    """

    kind: Kind = ""
    name: str = ""
    choices: tuple[str, ...] = ()
    material: str = ""
    roots: tuple[int, ...] = ()
    quality: str = ""
    direction: str = ""
    tempo: str = ""
    register: str = ""
    dynamics: str = ""
    beats: float | None = None
    kit: int = 0
    words: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    guessed: tuple[tuple[str, str], ...] = ()


def read_prompt(prompt: str) -> Wish:
    """What ``prompt`` asks for; an empty one asks for nothing."""
    text = spelled(prompt).lower()
    words = re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text)
    beats = re.search(r"\b(\d{2,3})\s*bpm\b", text)
    words = [word for word in words if not word.isdigit() or word in KIT_WORDS]
    kind, name, covered = _best(words)
    guess = _guessed(words) if not kind else {}
    if guess:
        kind, name, covered = _best([guess.get(word, word) for word in words])
        guess = {word: other for word, other in guess.items() if other in covered}
        covered |= set(guess)
    rest = [word for word in dict.fromkeys(words) if word not in covered]
    musical = {word for word in rest if _musical(word)}
    if not kind and any(word in MATERIAL_WORDS or word in NOTE_WORDS for word in musical):
        kind, name = "played", "piano"  # music that nobody is said to play
    heard = musical if kind in ("played", "rhythm") else set()
    said = [word for word in words if word in heard or (kind == "rhythm" and word in TEMPO_WORDS)]
    varied = modifiers_of(" ".join(words)) if kind == "noise" else ()
    unknown = [word for word in rest if word not in heard and word not in FILLER and not modifiers_of(word)]
    if kind not in ("noise", ""):
        unknown += [word for word in rest if modifiers_of(word) and word not in heard and word not in unknown]
    choices = tuple(key for key, captions in RECORDINGS.items() if name in captions) if kind == "recording" else ()
    return Wish(
        kind, name, choices, _material(said), tuple(NOTE_WORDS.index(word) for word in said if word in NOTE_WORDS),
        _last(said, QUALITY_WORDS), _last(said, DIRECTION_WORDS), _last(said, TEMPO_WORDS),
        _last(said, REGISTER_WORDS), _last(said, DYNAMIC_WORDS), float(beats[1]) if beats else None,
        next((KIT_WORDS[word] for word in words if word in KIT_WORDS), 0), varied, tuple(unknown), tuple(guess.items()),
    )  # fmt: skip


def _musical(word: str) -> bool:
    return word in NOTE_WORDS or any(word in known for known in SAID)


def _last(words: list[str], table: dict[str, str]) -> str:
    return next((table[word] for word in reversed(words) if word in table), "")


def _material(words: list[str]) -> str:
    found = {MATERIAL_WORDS[word] for word in words if word in MATERIAL_WORDS}
    return next((material for material in MEANT if material in found), "")


@lru_cache(maxsize=1)
def _phrases() -> tuple[tuple[Kind, str, tuple[str, ...]], ...]:
    return tuple(_every_phrase())


def _every_phrase() -> Iterator[tuple[Kind, str, tuple[str, ...]]]:
    for instrument in INSTRUMENTS:
        for text in (instrument.name, *instrument.synonyms):
            yield "played", instrument.name, tuple(text.split())
    for captions in RHYTHMS:
        for text in captions:
            yield "rhythm", captions[0], tuple(text.split())
    for name, texts in NOISES.items():
        for text in texts:
            yield "noise", name, tuple(text.split())
    for captions in RECORDINGS.values():
        for text in captions:
            yield "recording", text, tuple(spelled(text).lower().split())


def _best(words: list[str]) -> tuple[Kind, str, set[str]]:
    """What the words name, and which of them say so."""
    here = {form: word for word in words for form in _forms(word)}
    best: tuple[float, Kind, str, set[str]] = (0.0, "", "", set())
    order = {"played": 0.3, "rhythm": 0.2, "noise": 0.1, "recording": 0.0}  # of equals
    for kind, name, phrase in _phrases():
        found = {here[word] for word in phrase if word in here}
        telling = [word for word in phrase if word in here and word not in FILLER and word not in VARYING]
        content = [word for word in phrase if word not in FILLER]
        whole = all(word in here for word in content)
        if not telling or (not whole and kind in ("played", "recording")):
            continue
        if not whole and len(telling) < len([word for word in content if word not in VARYING]):
            continue
        worth = len(found - FILLER) - 0.6 * sum(word not in here for word in content) + 0.01 * len(found)
        if kind == "played":  # what else is said of music speaks for an instrument
            worth += len({word for word in words if _musical(word)} - found)
        worth += order[kind]
        if worth > best[0]:
            best = (worth, kind, name, found)
    return best[1], best[2], best[3]


def _forms(word: str) -> list[str]:
    """``word`` and its singular."""
    return [word, word[:-1]] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else [word]


def _guessed(words: list[str]) -> dict[str, str]:
    """Words that look like a misspelt name of something, with what they look like."""
    names = sorted({word for _, _, phrase in _phrases() for word in phrase if word not in FILLER | VARYING})
    found = {word: get_close_matches(word, names, 1, 0.8) for word in words if len(word) > 3 and not _musical(word)}
    return {word: close[0] for word, close in found.items() if close}


def scored(wish: Wish, seconds: float, seed: int, notes: tuple[Note, ...] | None = None) -> Score:
    """A score of ``seconds`` for ``wish``; what the prompt leaves open is drawn from ``seed``.

    ``notes``, where given, are what an instrument plays in place of notes of its own.
    """
    rng = np.random.default_rng(seed)
    if wish.beats is not None:
        seconds *= 3  # enough to fill the time at any beats a minute
    if wish.kind == "played":
        return _played(wish, seconds, rng, notes)
    if wish.kind == "rhythm":
        bars = next(bars for captions, bars in RHYTHMS.items() if captions[0] == wish.name)
        made = drum(bars, wish.tempo, 96, seconds, rng)
        return Score(f"kit {wish.kit}", tuple(_paced(made, wish, rng)))
    if wish.kind == "noise":
        notes = happenings(wish.name, set(wish.words), seconds + 1.0, rng)
        return Score(f"noise {wish.name}", notes, wish.words)
    if wish.kind == "recording":
        name = str(rng.choice(wish.choices))
        return Score(f"recording {name}", (Note(0.0, SECONDS[name], NO_KEY, LOUD),))
    return NOTHING


def _played(wish: Wish, seconds: float, rng: np.random.Generator, notes: tuple[Note, ...] | None) -> Score:
    instrument = BY_NAME[wish.name]
    timbre = f"program {instrument.programs[0]}"
    part = part_of(wish, seconds, rng)
    if notes is not None:
        return Score(timbre, notes)
    if len(wish.roots) > 1 and not wish.quality:  # "C E G": those notes, one after the other
        pace = TEMPOS[part.tempo]
        keys = [instrument.octave + root for root in wish.roots]
        made = [Note(i / pace, 0.95 / pace, keys[i % len(keys)], part.velocity) for i in range(int(seconds * pace) + 1)]
    else:
        made = compose(part, rng)
    return Score(timbre, tuple(_paced(made, wish, rng)))


def part_of(wish: Wish, seconds: float, rng: np.random.Generator) -> Part:
    """What an instrument is to play."""
    instrument = BY_NAME[wish.name]
    material = wish.material
    if not material:
        material = "melody" if wish.quality or not wish.roots else "note"
    if material == "note" and wish.tempo:
        material = "repeated"
    quality = wish.quality
    if material in ("note", "repeated"):
        quality = ""
    elif not quality or (quality == "seventh" and material not in ("chord", "arpeggio")):
        quality = "major"
    root = wish.roots[0] if wish.roots else int(rng.choice((0, 2, 4, 5, 7, 9)))
    key = instrument.octave + root + {"low": -12, "high": 12}.get(wish.register, 0)
    velocity = {"soft": 42, "loud": 118}.get(wish.dynamics, 84)
    return Part(material, key, quality, wish.direction or "up", wish.tempo, velocity, seconds)


def _paced(notes: list[Note], wish: Wish, rng: np.random.Generator) -> list[Note]:
    """At the beats a minute that were asked for, where any were: the commonest step is half a beat."""
    starts = np.unique([round(note.start, 3) for note in notes])
    if wish.beats is None or len(starts) < 3:
        return notes
    step = 30 / float(np.clip(wish.beats, 30, 300))
    if wish.kind == "rhythm":
        step /= 2  # sixteenths
    factor = step / float(np.median(np.diff(starts)))
    return [note._replace(start=note.start * factor, seconds=note.seconds * factor) for note in notes]
