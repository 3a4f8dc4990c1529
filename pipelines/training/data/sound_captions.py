"""Captions of sounds: exact in what they say, many ways of saying it, and leaving out what a person would leave out."""

from dataclasses import dataclass

import numpy as np

from pipelines.score.instruments import BY_NAME
from pipelines.score.notes import NOTE_WORDS, SPOKEN, spelled

FLATS = {1: "D flat", 3: "E flat", 6: "G flat", 8: "A flat", 10: "B flat"}
SLOW, FAST = ("slow", "slow", "calm", "gentle"), ("fast", "fast", "quick", "rapid")
TEMPLATES = {
    "note": (
        "{i} note {k}", "{k} note on {a}", "{i} playing {k}", "single {i} note {k}", "{a} playing the note {k}",
        "{k} on {a}", "{i} {k}",
    ),
    "chord": (
        "{i} chord {k} {q}", "{k} {q} chord on {a}", "{i} {k} {q} chord", "{k} {q} {i} chord", "{k} {q} on {a}",
        "{a} playing a {k} {q} chord",
    ),
    "arpeggio": (
        "{t} {i} arpeggio in {k} {q}", "{k} {q} arpeggio on {a}{ct}", "{t} {k} {q} arpeggio, {i}",
        "{t} {i} {k} {q} arpeggio", "{t} arpeggio in {k} {q} on {a}", "{i} arpeggio {k} {q}{ct}",
    ),
    "scale": (
        "{t} {i} {k} {q} scale {d}", "{k} {q} scale on {a}, {d}{ct}", "{t} {d2} {k} {q} scale on {a}",
        "{t} {i} scale {d} in {k} {q}", "{t} {i} playing a {k} {q} scale {d}",
    ),
    "repeated": (
        "{t} repeated {i} note {k}", "{i} repeating the note {k}{ct}", "{t} repeated {k} on {a}",
        "{t} repeated {i} notes on {k}", "{t} {i} notes, {k}",
    ),
    "melody": (
        "{t} {i} melody in {k} {q}", "simple {i} melody in {k} {q}{ct}", "{t} melody in {k} {q} on {a}",
        "{t} {i} tune in {k} {q}", "{t} solo {i} in {k} {q}", "{t} {i} music in {k} {q}",
    ),
    "progression": (
        "{t} {i} chords in {k} {q}", "{t} {i} chord progression in {k} {q}", "{t} chord progression in {k} {q} on {a}",
        "{i} playing chords in {k} {q}{ct}", "{t} {k} {q} chords on {a}",
    ),
}  # fmt: skip
# What a person may leave open: the caption then says less, but nothing wrong.
BARE = {
    "note": ("{i}", "{i} note", "single {i} note"), "chord": ("{i} chord", "{i} {q} chord", "{q} chord on {a}"),
    "arpeggio": ("{t} {i} arpeggio", "{i} {q} arpeggio{ct}", "{t} {q} arpeggio on {a}"),
    "scale": ("{t} {i} scale {d}", "{t} {i} scale", "{q} scale on {a}"),
    "repeated": ("{t} repeated {i} notes", "{t} {i} notes"),
    "melody": ("{t} {i} melody", "{t} {i} music", "{q} {i} melody", "{t} {i} solo", "happy {i} melody"),
    "progression": ("{t} {i} chords", "{t} {i} chord progression", "{i} chords in a {q} key"),
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What a clip is.

    Attributes:
        kind: a material of ``scores.MATERIALS``, "rhythm", "effect" or "recording".
        captions: exact captions, for what is not played by an instrument.
        instrument: name of the instrument, if any.
        root: pitch class 0 (C) to 11, or -1.
        quality: "major", "minor", "seventh" or "".
        direction: "up", "down" or "".
        tempo: "slow", "fast" or "" for what needs no word.
        register: "low", "high" or "".
        dynamics: "soft", "loud" or "".
    """

    kind: str
    captions: tuple[str, ...] = ()
    instrument: str = ""
    root: int = -1
    quality: str = ""
    direction: str = ""
    tempo: str = ""
    register: str = ""
    dynamics: str = ""


def caption(facts: Facts, rng: np.random.Generator) -> str:
    """One caption of ``facts``, as a person might have typed it."""
    tempo = _tempo(facts.tempo, rng)
    if facts.captions:
        text = str(rng.choice(facts.captions))
        return _tidy(f"{tempo} {text}" if facts.kind == "rhythm" and rng.random() < 0.8 else text)
    names = (facts.instrument, *BY_NAME[facts.instrument].synonyms)
    name = names[0] if rng.random() < 0.6 else str(rng.choice(names))
    said = f"{facts.register if rng.random() < 0.8 else ''} {facts.dynamics if rng.random() < 0.7 else ''} {name}"
    key = SPOKEN[facts.root]
    if facts.root in FLATS and rng.random() < 0.3:
        key = FLATS[facts.root]
    quality = {"seventh": str(rng.choice(("seventh", "dominant seventh", "7th")))}.get(facts.quality, facts.quality)
    words = {
        "i": said, "a": f"a {said}", "k": key, "q": quality, "t": tempo, "ct": f", {tempo}" if tempo else "",
        "d": facts.direction, "d2": {"up": "rising", "down": "falling"}.get(facts.direction, ""),
    }  # fmt: skip
    if rng.random() < 0.2:
        bare = [template for template in BARE[facts.kind] if facts.quality != "minor" or "happy" not in template]
        return _tidy(str(rng.choice(bare)).format(**words))
    text = _tidy(str(rng.choice(TEMPLATES[facts.kind])).format(**words))
    if NOTE_WORDS[facts.root] not in spelled(text).split():  # an "A" at the start reads as the article
        text = _tidy(TEMPLATES[facts.kind][0].format(**words))
    return text


def _tempo(tempo: str, rng: np.random.Generator) -> str:
    if tempo == "slow":
        return str(rng.choice(SLOW))
    if tempo == "fast":
        return str(rng.choice(FAST))
    return "medium" if rng.random() < 0.15 else ""


def _tidy(text: str) -> str:
    return " ".join(text.split()).replace(" ,", ",").strip(" ,")
