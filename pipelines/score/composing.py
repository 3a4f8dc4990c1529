"""What instruments play: notes in time for each kind of material, exactly as a caption says."""

import math
from dataclasses import dataclass

import numpy as np

from pipelines.score.score import Note

CHORDS = {"major": (0, 4, 7), "minor": (0, 3, 7), "seventh": (0, 4, 7, 10)}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 3, 0, 4))  # degrees of the scale
TEMPOS = {"slow": 2.2, "": 4.0, "medium": 4.0, "fast": 8.0}  # notes a second
HELD = 3.4  # seconds between the strokes of a note or chord that is held in a long clip
MATERIALS = ("note", "chord", "arpeggio", "scale", "repeated", "melody", "progression")


@dataclass(frozen=True)
class Part:
    """What is played.

    Attributes:
        material: one of :data:`MATERIALS`.
        root: MIDI key of the root.
        quality: "major", "minor" or "seventh"; "" for notes.
        direction: "up" or "down" for scales, else "".
        tempo: key of :data:`TEMPOS`.
        velocity: mean MIDI velocity.
        seconds: how long the clip is.
    """

    material: str
    root: int
    quality: str
    direction: str
    tempo: str
    velocity: int
    seconds: float


def compose(part: Part, rng: np.random.Generator) -> list[Note]:
    """The notes of ``part``; what the caption leaves open is drawn from ``rng``."""
    pace = TEMPOS[part.tempo] * rng.uniform(0.88, 1.14)
    makers = {
        "note": _held, "chord": _held, "arpeggio": _arpeggio, "scale": _scale, "repeated": _repeated,
        "melody": _melody, "progression": _progression,
    }  # fmt: skip
    notes = makers[part.material](part, pace, rng)
    loud = np.clip(part.velocity + rng.integers(-6, 7, len(notes)), 1, 127)
    return [Note(n.start, n.seconds, n.key, int(v)) for n, v in zip(notes, loud, strict=True) if n.start < part.seconds]


def _held(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    keys = [part.root + step for step in (CHORDS[part.quality] if part.quality else (0,))]
    # Struck once in a short clip; with a tempo, or in a long one, again and again.
    every = 4 / pace if part.tempo else HELD if part.seconds > 1.5 * HELD else part.seconds
    length = every * rng.uniform(0.4, 0.75)
    return [Note(place * every, length, key, 0) for place in range(math.ceil(part.seconds / every)) for key in keys]


def _line(keys: list[int], pace: float, legato: float) -> list[Note]:
    return [Note(place / pace, legato / pace, key, 0) for place, key in enumerate(keys)]


def _arpeggio(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    rise = [*CHORDS[part.quality], *([12] if len(CHORDS[part.quality]) == 3 else [])]
    turn = rise + rise[-2:0:-1] if rng.random() < 0.5 else rise
    count = int(part.seconds * pace) + 1
    return _line([part.root + turn[i % len(turn)] for i in range(count)], pace, 0.95)


def _scale(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    steps = [*SCALES[part.quality], 12]
    steps = steps[::-1] if part.direction == "down" else steps
    notes: list[Note] = []
    start = 0.0
    while start < part.seconds:  # again and again, with a rest of two notes between
        notes += [n._replace(start=n.start + start) for n in _line([part.root + s for s in steps], pace, 0.95)]
        start += (len(steps) + 2) / pace
    return notes


def _repeated(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    return _line([part.root] * (int(part.seconds * pace) + 1), pace, 0.7)


def _melody(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    scale = SCALES[part.quality]
    degree, start, notes = 0, 0.0, []
    while start < part.seconds:
        beats = float(rng.choice((1, 1, 1, 2, 2, 3)))
        octave, step = divmod(degree, 7)
        notes.append(Note(start, 0.95 * beats / pace, part.root + 12 * octave + scale[step], 0))
        start += beats / pace
        degree = int(np.clip(degree + rng.choice((-2, -1, -1, 1, 1, 2, 4, -3)), -3, 8))
        if rng.random() < 0.15:
            degree = 0  # home to the root, so that the key is heard
    return notes


def _progression(part: Part, pace: float, rng: np.random.Generator) -> list[Note]:
    scale = SCALES[part.quality]
    degrees = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    beat = 4 / pace
    notes: list[Note] = []
    for place in range(int(part.seconds / beat) + 1):
        degree = degrees[place % len(degrees)]
        for third in (0, 2, 4):
            octave, step = divmod(degree + third, 7)
            notes.append(Note(place * beat, 0.95 * beat, part.root + 12 * octave + scale[step], 0))
    return notes


# Sixteen steps a bar: k kick, s snare, h closed hat, o open hat, r ride, c crash, t toms from low (1) to high (3), ...
DRUM_KEYS = {
    "k": 36, "s": 38, "h": 42, "o": 46, "r": 51, "c": 49, "x": 39, "b": 56, "j": 54, "1": 41, "2": 45, "3": 48,
    "m": 70, "v": 75, "w": 76, "g": 60, "G": 61, "q": 63, "Q": 64, "y": 81, "i": 37,
}  # fmt: skip
RHYTHMS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("rock beat", "rock drums", "rock drum beat"): ("k...s...k.k.s...", "h.h.h.h.h.h.h.h."),
    ("disco beat", "disco drums", "disco drum groove"): ("k...k...k...k...", "....s.......s...", "h.o.h.o.h.o.h.o."),
    ("hip hop beat", "hip hop drums", "boom bap beat"): ("k..k....k.k.....", "....s.......s...", "hhh.h.h.hhh.h.h."),
    ("house beat", "four on the floor beat", "techno beat"): (
        "k...k...k...k...",
        "....x.......x...",
        "..o...o...o...o.",
    ),
    ("funk beat", "funk drums", "funky drum groove"): ("k..k..k...k..k..", "....s..s.s..s..s", "hhhhhhhhhhhhhhhh"),
    ("jazz ride pattern", "swing drums", "jazz drums"): ("r...r..rr...r..r", "....h.......h..."),
    ("bossa nova beat", "bossa nova drums"): ("k..kk..kk..kk..k", "i..i..i...i..i..", "hhhhhhhhhhhhhhhh"),
    ("reggae beat", "reggae drums"): ("........k.......", "........s.......", "h.h.h.h.h.h.h.h."),
    ("march drums", "marching drums", "military snare"): ("s..ss.s.s..sssss", "k.......k......."),
    ("waltz beat", "waltz drums"): ("k...........", "....s...s...", "h...h...h..."),
    ("drum and bass beat", "breakbeat", "jungle beat"): ("k.........k.....", "....s..s.s..s...", "h.h.h.h.h.h.h.h."),
    ("hi-hat pattern", "hi hats", "closed hi-hats"): ("hhhhhhhhhhhhhhhh",),
    ("open hi-hat pattern", "open hi-hats"): ("h.o.h.o.h.o.h.o.",),
    ("kick drum pattern", "bass drum beats", "steady kick drum"): ("k...k...k...k...",),
    ("snare pattern", "snare hits", "steady snare drum"): ("s...s...s...s...",),
    ("snare roll", "snare drum roll", "drum roll"): ("R",),
    ("tom fill", "tom tom fill", "drum fill"): ("3333222211113322",),
    ("cowbell pattern", "cowbell"): ("b.bb..b.b.bb..b.",),
    ("hand claps", "clapping", "clap pattern"): ("x...x...x...x...",),
    ("tambourine pattern", "tambourine"): ("jjjjjjjjjjjjjjjj",),
    ("shaker pattern", "maracas", "shaker"): ("mmmmmmmmmmmmmmmm",),
    ("claves pattern", "son clave", "claves"): ("v..v..v...v.v...",),
    ("bongo pattern", "bongos", "bongo drums"): ("gGGgGgGGgGGgGgGG",),
    ("conga pattern", "congas", "conga drums"): ("Q.qQ..qqQ.qQ..qq",),
    ("woodblock pattern", "woodblock"): ("w...w...w...w...",),
    ("triangle pattern", "triangle"): ("y...y...y...y...",),
    ("crash cymbal", "cymbal crash"): ("C",),
    ("ride cymbal pattern", "ride cymbal"): ("r.r.r.r.r.r.r.r.",),
}
BEATS = {"slow": 72, "": 104, "medium": 104, "fast": 150}  # beats a minute


def drum(bars: tuple[str, ...], tempo: str, velocity: int, seconds: float, rng: np.random.Generator) -> list[Note]:
    """The notes of a rhythm of :data:`RHYTHMS`, its bar over and over."""
    if bars == ("R",):  # a roll: strokes too fast to count
        pace = rng.uniform(17, 24)
        return [Note(i / pace, 0.05, 38, _strike(velocity - 14, rng)) for i in range(int(seconds * pace))]
    if bars == ("C",):
        return [Note(0, seconds, int(rng.choice((49, 57))), velocity)]
    step = 60 / (BEATS[tempo] * rng.uniform(0.92, 1.1)) / 4
    notes = []
    for line in bars:
        for place in range(int(seconds / step)):
            letter = line[place % len(line)]
            if letter != ".":
                accent = velocity + (8 if place % 4 == 0 else -8)
                notes.append(Note(place * step, step, DRUM_KEYS[letter], _strike(accent, rng)))
    return sorted(notes)


def _strike(velocity: int, rng: np.random.Generator) -> int:
    return int(np.clip(velocity + rng.integers(-8, 9), 1, 127))
