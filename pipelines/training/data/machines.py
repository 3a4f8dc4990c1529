"""Sounds of machines, signals and instruments without notes, made from nothing; what each caption says is exact."""

from collections.abc import Callable

import numpy as np

from pipelines.score.happenings import hertz_of
from pipelines.score.score import Note
from pipelines.training.data.waves import (
    RATE,
    Made,
    Maker,
    band,
    coloured,
    decay,
    events,
    height_word,
    modes,
    phase,
    played,
    said,
    smooth,
    tempo_word,
    white,
)


def _noise(rng: np.random.Generator, n: int) -> Made:
    kind = int(rng.integers(4))
    slope = (0.0, -0.5, -1.0, 0.5)[kind]
    name = ("white noise", "pink noise", "brown noise", "blue noise")[kind]
    extra = (("static", "radio static", "hiss"), (), ("low rumbling noise",), ())[kind]
    return Made(coloured(rng, n, slope), (name, f"steady {name}", *extra))


def _tone(rng: np.random.Generator, n: int) -> Made:
    kind = int(rng.integers(4))
    height = height_word(rng)
    notes = events("tone", n, rng, (height,))
    hertz = hertz_of(notes[0].key)
    angle = phase(hertz, n)
    harmonics = np.arange(1, int(10_000 / hertz) + 1)
    shapes: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.sin(angle),
        lambda: np.asarray(sum(np.sin(k * angle) / k for k in harmonics[::2])),
        lambda: np.asarray(sum(np.sin(k * angle) / k for k in harmonics)),
        lambda: np.asarray(sum(np.sin(k * angle) / k**2 * (-1) ** (k // 2) for k in harmonics[::2])),
    )
    name = ("sine", "square", "sawtooth", "triangle")[kind]
    name = said(height) + name
    return Made(shapes[kind](), (f"{name} wave", f"{name} tone", f"steady {name} wave"), notes)


def _sweep(rng: np.random.Generator, n: int) -> Made:
    up = bool(rng.random() < 0.5)
    low, high = rng.uniform(90, 250), rng.uniform(2500, 7000)
    notes = events("sweep", n, rng)
    length = notes[0].seconds
    share = np.minimum(1, np.arange(n) / (length * RATE))
    hertz = low * (high / low) ** (share if up else 1 - share)
    wave = np.sin(phase(hertz, n)) * (np.arange(n) < length * RATE)
    way, other = ("rising", "upward") if up else ("falling", "downward")
    names = (f"{way} tone", f"{other} sweep", f"sine sweep {'up' if up else 'down'}", f"{way} sweep")
    return Made(wave, names, notes)


def _beeps(rng: np.random.Generator, n: int) -> Made:
    words = tempo_word(rng), height_word(rng)
    notes = events("beeps", n, rng, words)
    m = int(notes[0].seconds * RATE)
    shape = np.minimum(1, np.minimum(np.arange(m), np.arange(m)[::-1]) / (0.004 * RATE))
    wave = played(n, notes, lambda note, _: np.sin(phase(hertz_of(note.key), m)) * shape)
    return Made(wave, tuple(said(*words) + name for name in ("beeps", "beeping", "electronic beeps")), notes)


def _alarm(rng: np.random.Generator, n: int) -> Made:
    notes = events("alarm", n, rng)
    high, low = (hertz_of(note.key) for note in notes[:2])
    period = notes[1].start
    square = (np.arange(n) / RATE % (2 * period)) < period
    angle = phase(np.where(square, high, low), n)
    names = ("alarm", "two tone alarm", "emergency alarm", "alarm sounding")
    return Made(np.sin(angle) + 0.3 * np.sin(3 * angle), names, notes)


def _siren(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    notes = events("siren", n, rng, (word,))
    period = notes[0].seconds
    t = np.arange(n) / RATE
    hertz = 650 + rng.uniform(250, 450) * np.sin(2 * np.pi * t / period - np.pi / 2)
    angle = phase(hertz, n)
    wave = np.sin(angle) + 0.4 * np.sin(2 * angle) + 0.2 * np.sin(3 * angle)
    names = ("siren", "police siren", "ambulance siren", "wailing siren")
    return Made(wave, tuple(said(word) + name for name in names), notes)


def _clock(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    notes = events("clock", n, rng, (word,))

    def tick(note: Note, _: int) -> np.ndarray:
        hertz = hertz_of(note.key)
        click = modes((hertz, hertz * 2.3), (0.006, 0.004), (1, 0.5), 0.05)
        return click + 0.3 * white(rng, len(click)) * decay(len(click), 0.002)

    names = ("ticking clock", "clock ticking", "tick tock", "ticking")
    return Made(played(n, notes, tick), tuple(said(word) + name for name in names), notes)


def _engine(rng: np.random.Generator, n: int) -> Made:
    notes = events("engine", n, rng)
    low = hertz_of(notes[0].key)
    hertz = low * (1 + 0.03 * smooth(rng, n, 2))
    angle = phase(hertz, n)
    wave = sum(np.sin(k * angle + rng.uniform(0, 6)) / k**0.8 for k in range(1, 24))
    wave = np.asarray(wave) * (1 + 0.4 * np.sin(angle / 2)) + 0.6 * band(white(rng, n), 80, 1500)
    names = (
        "engine hum",
        "engine running",
        "motor running",
        "truck idling" if low < 45 else "car engine",
        "idling engine",
    )
    return Made(wave, names, notes)


def _hum(rng: np.random.Generator, n: int) -> Made:
    notes = events("hum", n, rng)
    base = hertz_of(notes[0].key)
    angle = phase(base, n)
    wave = sum(rng.uniform(0.3, 1) * np.sin(k * angle) / k for k in (1, 2, 3, 4, 6, 8, 10, 14))
    names = ("electric hum", "mains hum", "transformer hum", "low electric buzz", "humming machine")
    return Made(np.asarray(wave), names, notes)


def _bell(rng: np.random.Generator, n: int) -> Made:
    words = tempo_word(rng), height_word(rng)
    notes = events("bell", n, rng, words)
    base = hertz_of(notes[0].key)
    ratios, levels = (0.5, 1, 1.19, 1.56, 2, 2.51, 2.66, 3.01, 4.1), (0.6, 1, 0.8, 0.4, 0.9, 0.4, 0.4, 0.3, 0.2)
    ring = (800 / base) ** 0.5
    strike = modes([base * r for r in ratios], [3.2 * ring / (0.6 + r) for r in ratios], levels, 6.0)
    names = ("bell ringing", "bell strikes", "bell tolling", "ringing bell")
    return Made(played(n, notes, lambda note, _: strike), tuple(said(*words) + name for name in names), notes)


def _gong(rng: np.random.Generator, n: int) -> Made:
    notes = events("gong", n, rng)
    base = hertz_of(notes[0].key)
    ratios = np.sort(rng.uniform(1, 14, 40))
    wave = modes(list(base * ratios), list(5.0 / ratios**0.6), list(rng.uniform(0.2, 1, 40)), n / RATE)
    return Made(wave[:n], ("gong", "gong strike", "big gong", "gong hit"), notes)


def _telephone(rng: np.random.Generator, n: int) -> Made:
    t = np.arange(n) / RATE
    notes = events("telephone", n, rng)
    low = hertz_of(notes[0].key)
    ring = (t % 3 < 1.3) * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(18, 26) * t)))
    wave = (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * (low * 1.25) * t)) * ring
    return Made(wave, ("telephone ringing", "phone ringing", "old telephone", "ringing phone"), notes)


def _laser(rng: np.random.Generator, n: int) -> Made:
    top, notes = rng.uniform(2000, 4500), events("laser", n, rng)

    def zap(note: Note, _: int) -> np.ndarray:
        m = int(0.22 * RATE)
        return np.sin(phase(150 + top * np.exp(-np.arange(m) / RATE / 0.05), m)) * decay(m, 0.09)

    return Made(played(n, notes, zap), ("laser gun", "laser shots", "space laser", "laser zaps"), notes)


def _helicopter(rng: np.random.Generator, n: int) -> Made:
    notes = events("helicopter", n, rng)
    rate = 0.5 / notes[0].seconds
    t = np.arange(n) / RATE
    chop = np.maximum(0, np.sin(2 * np.pi * rate * t)) ** 4
    names = ("helicopter", "helicopter flying", "chopper", "helicopter rotor")
    return Made(band(coloured(rng, n, -0.5), 40, 1200) * (0.15 + chop), names, notes)


def _train(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    notes = events("train", n, rng, (word,))

    def clack(note: Note, _: int) -> np.ndarray:
        m = int(0.12 * RATE)
        return band(white(rng, m), 200, 2500) * decay(m, 0.02)

    bed = band(coloured(rng, n, -0.5), 50, 500) * 0.25
    names = ("train", "train on rails", "train passing", "railway")
    return Made(bed + played(n, notes, clack), tuple(said(word) + name for name in names), notes)


def _typing(rng: np.random.Generator, n: int) -> Made:
    def key(note: Note, _: int) -> np.ndarray:
        m = int(0.03 * RATE)
        body = modes((rng.uniform(900, 1600), rng.uniform(2500, 4000)), (0.005, 0.003), (0.5, 0.6), 0.03)
        return (body + white(rng, m)[: len(body)] * decay(len(body), 0.004) * 0.7) * note.velocity / 127

    notes = events("typing", n, rng)
    return Made(played(n, notes, key), ("typing", "keyboard typing", "typing on a keyboard", "typewriter"), notes)


def _robot(rng: np.random.Generator, n: int) -> Made:
    notes = events("robot", n, rng)
    places = np.searchsorted([note.start for note in notes], np.arange(n) / RATE, "right") - 1
    hertz = np.array([hertz_of(note.key) for note in notes])[places]
    names = ("computer beeps", "robot talking", "random computer bleeps", "science fiction computer")
    return Made(np.sign(np.sin(phase(hertz, n))) * 0.5, names, notes)


def _riser(rng: np.random.Generator, n: int) -> Made:
    notes = events("riser", n, rng)
    length = notes[0].seconds
    share = np.minimum(1, np.arange(n) / RATE / length)
    hiss = white(rng, n)
    out = np.zeros(n)
    for step in range(16):  # a band that climbs, in sixteen overlapping pieces
        centre = 200 * (45 ** (step / 15))
        weight = np.maximum(0, 1 - np.abs(share * 15 - step))
        out += band(hiss, centre * 0.7, min(centre * 1.4, 11_900)) * weight
    names = ("noise riser", "whoosh rising", "rising whoosh", "build up riser")
    return Made(out * (0.15 + share**2) * (np.arange(n) < length * RATE), names, notes)


def _whoosh(rng: np.random.Generator, n: int) -> Made:
    notes = events("whoosh", n, rng)

    def pass_by(note: Note, _: int) -> np.ndarray:
        m = int(note.seconds * RATE)
        return band(white(rng, m), 300, 3500) * np.hanning(m) ** 2

    return Made(played(n, notes, pass_by), ("whoosh", "swoosh", "whooshing", "fast whoosh"), notes)


MACHINES: tuple[Maker, ...] = (
    _noise, _tone, _sweep, _beeps, _alarm, _siren, _clock, _engine, _hum, _bell, _gong, _telephone, _laser,
    _helicopter, _train, _typing, _robot, _riser, _whoosh,
)  # fmt: skip
