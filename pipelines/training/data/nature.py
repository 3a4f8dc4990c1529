"""Sounds of weather, water, animals and people, made from nothing; what each caption says is exact."""

import numpy as np

from pipelines.score.happenings import hertz_of
from pipelines.score.score import Note
from pipelines.training.data.waves import (
    RATE,
    Made,
    Maker,
    band,
    bubble,
    coloured,
    decay,
    events,
    modes,
    phase,
    played,
    said,
    scatter,
    smooth,
    tempo_word,
    white,
)


def _rain(rng: np.random.Generator, n: int) -> Made:
    heavy = rng.random()
    bed = band(white(rng, n), 800, 9000) * (0.15 + 0.6 * heavy)
    starts = rng.uniform(0, n / RATE, int(n / RATE * (20 + 160 * heavy)))
    centre = rng.uniform(2500, 6000)

    def drop(index: int) -> np.ndarray:
        return white(rng, 240) * decay(240, 0.002) * np.sin(phase(centre * rng.uniform(0.6, 1.5), 240)) * 4

    word = "light rain" if heavy < 0.35 else "heavy rain" if heavy > 0.65 else "rain"
    kinds = ("rain", "rain on a window", "rain falling", "rainfall", "rain on the roof")
    names = [kind.replace("rain", word, 1) if word != "rain" else kind for kind in kinds]
    return Made(bed + scatter(n, starts, drop), (*names, "rain shower"))


def _wind(rng: np.random.Generator, n: int) -> Made:
    strong = rng.random()
    gusts = smooth(rng, n, 0.4 + strong) ** 1.5
    low = band(white(rng, n), 150, 500) * (0.3 + gusts)
    centre = 500 + 700 * gusts * (0.5 + strong)
    howl = np.sin(phase(centre, n)) * smooth(rng, n, 40) * gusts * 0.35 * strong
    hiss = band(white(rng, n), 600, 2500) * gusts**2 * (0.3 + 0.7 * strong)
    names: tuple[str, ...] = ("wind", "wind blowing", "gusts of wind")
    if strong > 0.6:
        names = ("strong wind", "howling wind", "wind howling", "windstorm")
    elif strong < 0.3:
        names = ("gentle wind", "light breeze", "soft wind")
    return Made(low + hiss + howl, (*names, "wind"))


def _sea(rng: np.random.Generator, n: int) -> Made:
    notes = events("sea", n, rng)
    period = notes[0].seconds
    t = np.arange(n) / RATE - notes[0].start
    swell = (0.5 - 0.5 * np.cos(2 * np.pi * t / period)) ** 2
    wave = band(white(rng, n), 100, 1200) * (0.25 + swell) + band(white(rng, n), 1500, 7000) * swell**2 * 0.6
    names = ("ocean waves", "waves on a beach", "sea waves", "sea", "waves breaking on the shore", "surf")
    return Made(wave, names, notes)


def _stream(rng: np.random.Generator, n: int) -> Made:
    bed = band(white(rng, n), 400, 5000) * (0.4 + 0.2 * smooth(rng, n, 6))
    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(25, 45)))
    names = ("running water", "flowing water", "small stream", "brook", "river flowing", "babbling brook")

    def drop(_: int) -> np.ndarray:
        return bubble(rng, rng.uniform(500, 1600), 0.03) * rng.uniform(0.4, 1.0)

    return Made(bed * 0.5 + scatter(n, starts, drop), names)


def _bubbles(rng: np.random.Generator, n: int) -> Made:
    notes = events("bubbles", n, rng)
    wave = played(n, notes, lambda note, _: _drop(rng, note))
    return Made(wave, ("bubbles", "water bubbling", "bubbles in water", "bubbling water"), notes)


def _drop(rng: np.random.Generator, note: Note) -> np.ndarray:
    return bubble(rng, hertz_of(note.key), note.seconds / 5) * note.velocity / 127


def _drips(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    notes = events("drips", n, rng, (word,))
    names = ("dripping water", "water drops", "dripping tap", "water dripping")
    wave = played(n, notes, lambda note, _: _drop(rng, note))
    return Made(wave, tuple(said(word) + name for name in names), notes)


def _fire(rng: np.random.Generator, n: int) -> Made:
    bed = band(coloured(rng, n, -0.5), 60, 900) * (0.4 + 0.4 * smooth(rng, n, 5))

    def crack(note: Note, _: int) -> np.ndarray:
        m = int(rng.uniform(0.004, 0.02) * RATE)
        return white(rng, m) * decay(m, m / RATE / 4) * note.velocity / 16

    notes = events("fire", n, rng)
    names = ("crackling fire", "campfire", "fire crackling", "fireplace", "burning wood")
    return Made(bed * 0.5 + played(n, notes, crack), names, notes)


def _thunder(rng: np.random.Generator, n: int) -> Made:
    wave = np.zeros(n)
    near = rng.random()
    notes = events("thunder", n, rng)
    for note in notes:
        place = int(note.start * RATE)
        m = n - place
        roll = band(coloured(rng, m, -0.8), 25, 220 + 500 * near) * decay(m, rng.uniform(1.2, 2.2), 0.05)
        wave[place:] += roll * (0.3 + smooth(rng, m, 7)) + near * 0.5 * band(white(rng, m), 200, 6000) * decay(m, 0.12)
    names = (
        ("thunder crack", "loud thunder", "thunderclap")
        if near > 0.6
        else ("distant thunder", "thunder rumbling", "rolling thunder")
    )
    return Made(wave, (*names, "thunder"), notes)


def _heartbeat(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    notes = events("heartbeat", n, rng, (word,))
    hertz, period = hertz_of(notes[0].key), notes[1].start - notes[0].start

    def beat(note: Note, _: int) -> np.ndarray:
        first = modes((hertz, hertz * 1.7), (0.06, 0.03), (1, 0.4), 0.5)
        gap = int(min(0.3, period * 0.33) * RATE)
        out = first.copy()
        out[gap:] += 0.7 * first[: len(first) - gap]
        return out

    names = ("heartbeat", "heart beating", "beating heart")
    return Made(played(n, notes, beat), tuple(said(word) + name for name in names), notes)


def _footsteps(rng: np.random.Generator, n: int) -> Made:
    word = tempo_word(rng)
    gravel = bool(rng.random() < 0.4)

    def step(note: Note, _: int) -> np.ndarray:
        if gravel:
            m = int(0.2 * RATE)
            grains = white(rng, m) * (rng.random(m) < 0.08) * np.hanning(m)
            return band(grains, 900, 8000) * 6
        thump = modes((rng.uniform(90, 130), 240), (0.03, 0.015), (1, 0.5), 0.2)
        return thump + 0.5 * band(white(rng, len(thump)), 600, 4000) * decay(len(thump), 0.012)

    notes = events("footsteps", n, rng, (word,))
    names = (
        ("footsteps on gravel", "walking on gravel")
        if gravel
        else ("footsteps", "footsteps on a wooden floor", "walking steps")
    )
    return Made(played(n, notes, step), tuple(said(word) + name for name in names), notes)


def _birds(rng: np.random.Generator, n: int) -> Made:
    notes = events("birds", n, rng)

    def chirp(note: Note, _: int) -> np.ndarray:
        m = int(note.seconds * RATE)
        curve = hertz_of(note.key) * (
            1 + rng.uniform(-0.3, 0.3) * np.linspace(0, 1, m) + 0.1 * np.sin(np.linspace(0, 9, m))
        )
        return np.sin(phase(curve, m)) * np.hanning(m) * note.velocity / 127

    names = ("birds chirping", "bird song", "chirping birds", "bird tweeting", "birds singing")
    return Made(played(n, notes, chirp), names, notes)


def _crickets(rng: np.random.Generator, n: int) -> Made:
    notes = events("crickets", n, rng)
    hertz, pulse, period = hertz_of(notes[0].key), rng.uniform(28, 40), notes[1].start
    t = np.arange(n) / RATE
    gate = (t % period < period * 0.6) * np.maximum(0, np.sin(2 * np.pi * pulse * t))
    names = ("crickets", "crickets chirping", "crickets at night", "chirping crickets", "summer night")
    return Made(np.sin(2 * np.pi * hertz * t) * gate + 0.01 * white(rng, n), names, notes)


def _applause(rng: np.random.Generator, n: int) -> Made:
    def clap(_: int) -> np.ndarray:
        m = int(0.02 * RATE)
        return band(white(rng, m), 700, 4500) * decay(m, 0.005) * rng.uniform(0.3, 1)

    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(90, 220)))
    return Made(scatter(n, starts, clap), ("applause", "crowd clapping", "audience applause", "clapping crowd"))


def _knock(rng: np.random.Generator, n: int) -> Made:
    notes = events("knock", n, rng)

    def hit(note: Note, _: int) -> np.ndarray:
        hertz = hertz_of(note.key) * np.array((1, 2.2, 4.1))
        thud = modes(list(hertz), (0.035, 0.02, 0.01), (1, 0.6, 0.4), 0.2) * note.velocity / 127
        return thud + 0.3 * white(rng, len(thud)) * decay(len(thud), 0.004)

    return Made(played(n, notes, hit), ("door knock", "knocking on a door", "knock on wood", "someone knocking"), notes)


def _saw(rng: np.random.Generator, n: int) -> Made:
    t = np.arange(n) / RATE
    notes = events("saw", n, rng)
    period = notes[0].seconds
    stroke = np.abs(np.sin(np.pi * t / period)) ** 0.7
    teeth = 0.5 + 0.5 * np.sign(np.sin(phase(90 * (0.3 + stroke), n)))
    return Made(band(white(rng, n), 500, 5000) * teeth * stroke, ("sawing wood", "hand saw", "saw cutting wood"), notes)


def _explosion(rng: np.random.Generator, n: int) -> Made:
    wave = band(coloured(rng, n, -0.7), 25, rng.uniform(700, 2500)) * decay(n, rng.uniform(0.5, 1.4), 0.004)
    return Made(wave, ("explosion", "big explosion", "blast", "bomb exploding"))


NATURE: tuple[Maker, ...] = (
    _rain, _wind, _sea, _stream, _bubbles, _drips, _fire, _thunder, _heartbeat, _footsteps, _birds, _crickets,
    _applause, _knock, _saw, _explosion,
)  # fmt: skip
