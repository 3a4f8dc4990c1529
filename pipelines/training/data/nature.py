"""Sounds of weather, water, animals and people, made from nothing; what each caption says is exact."""

import numpy as np

from pipelines.training.data.waves import (
    RATE,
    Made,
    Maker,
    band,
    bubble,
    coloured,
    decay,
    every,
    modes,
    phase,
    rate_word,
    scatter,
    smooth,
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
    return bed + scatter(n, starts, drop), (*names, "rain shower")


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
    return low + hiss + howl, (*names, "wind")


def _sea(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(3.5, 7)
    t = np.arange(n) / RATE + rng.uniform(0, period)
    swell = (0.5 - 0.5 * np.cos(2 * np.pi * t / period)) ** 2
    wave = band(white(rng, n), 100, 1200) * (0.25 + swell) + band(white(rng, n), 1500, 7000) * swell**2 * 0.6
    return wave, ("ocean waves", "waves on a beach", "sea waves", "sea", "waves breaking on the shore", "surf")


def _stream(rng: np.random.Generator, n: int) -> Made:
    bed = band(white(rng, n), 400, 5000) * (0.4 + 0.2 * smooth(rng, n, 6))
    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(25, 45)))
    return bed * 0.5 + scatter(n, starts, lambda _: bubble(rng, rng.uniform(500, 1600), 0.03)), (
        "running water", "flowing water", "small stream", "brook", "river flowing", "babbling brook",
    )  # fmt: skip


def _bubbles(rng: np.random.Generator, n: int) -> Made:
    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(5, 14)))
    return scatter(n, starts, lambda _: bubble(rng, rng.uniform(300, 1100), rng.uniform(0.03, 0.07))), (
        "bubbles", "water bubbling", "bubbles in water", "bubbling water",
    )  # fmt: skip


def _drips(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(0.35, 1.2)
    tone = rng.uniform(900, 1800)
    word = rate_word(1 / period, 1.1, 2.0)
    wave = scatter(n, every(n, period, 0.06, rng), lambda _: bubble(rng, tone * rng.uniform(0.95, 1.05), 0.035))
    return wave, tuple(f"{word}{name}" for name in ("dripping water", "water drops", "dripping tap", "water dripping"))


def _fire(rng: np.random.Generator, n: int) -> Made:
    bed = band(coloured(rng, n, -0.5), 60, 900) * (0.4 + 0.4 * smooth(rng, n, 5))

    def crack(_: int) -> np.ndarray:
        m = int(rng.uniform(0.004, 0.02) * RATE)
        return white(rng, m) * decay(m, m / RATE / 4) * rng.exponential(2.5)

    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(9, 25)))
    return bed * 0.5 + scatter(n, starts, crack), (
        "crackling fire",
        "campfire",
        "fire crackling",
        "fireplace",
        "burning wood",
    )


def _thunder(rng: np.random.Generator, n: int) -> Made:
    wave = np.zeros(n)
    near = rng.random()
    for start in (rng.uniform(0, 0.4), rng.uniform(3.5, 6)):
        place = int(start * RATE)
        m = n - place
        roll = band(coloured(rng, m, -0.8), 25, 220 + 500 * near) * decay(m, rng.uniform(1.2, 2.2), 0.05)
        wave[place:] += roll * (0.3 + smooth(rng, m, 7)) + near * 0.5 * band(white(rng, m), 200, 6000) * decay(m, 0.12)
    names = (
        ("thunder crack", "loud thunder", "thunderclap")
        if near > 0.6
        else ("distant thunder", "thunder rumbling", "rolling thunder")
    )
    return wave, (*names, "thunder")


def _heartbeat(rng: np.random.Generator, n: int) -> Made:
    period = 60 / rng.uniform(48, 135)
    hertz = rng.uniform(45, 65)

    def beat(_: int) -> np.ndarray:
        first = modes((hertz, hertz * 1.7), (0.06, 0.03), (1, 0.4), 0.5)
        gap = int(min(0.3, period * 0.33) * RATE)
        out = first.copy()
        out[gap:] += 0.7 * first[: len(first) - gap]
        return out

    word = rate_word(1 / period, 1.1, 1.7)
    return scatter(n, every(n, period, 0.01, rng), beat), (
        f"{word}heartbeat",
        f"{word}heart beating",
        f"{word}beating heart",
    )


def _footsteps(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(0.3, 0.85)
    gravel = bool(rng.random() < 0.4)

    def step(_: int) -> np.ndarray:
        if gravel:
            m = int(0.2 * RATE)
            grains = white(rng, m) * (rng.random(m) < 0.08) * np.hanning(m)
            return band(grains, 900, 8000) * 6
        thump = modes((rng.uniform(90, 130), 240), (0.03, 0.015), (1, 0.5), 0.2)
        return thump + 0.5 * band(white(rng, len(thump)), 600, 4000) * decay(len(thump), 0.012)

    word = "slow " if period > 0.65 else "fast " if period < 0.42 else ""
    names = (
        ("footsteps on gravel", "walking on gravel")
        if gravel
        else ("footsteps", "footsteps on a wooden floor", "walking steps")
    )
    return scatter(n, every(n, period, 0.03, rng) + 0.03, step), tuple(f"{word}{name}" for name in names)


def _birds(rng: np.random.Generator, n: int) -> Made:
    base = rng.uniform(2300, 4200)
    starts = np.cumsum(rng.choice((0.09, 0.12, 0.16, 0.5, 0.9), 60))

    def chirp(_: int) -> np.ndarray:
        m = int(rng.uniform(0.05, 0.1) * RATE)
        curve = base * (1 + rng.uniform(-0.3, 0.3) * np.linspace(0, 1, m) + 0.1 * np.sin(np.linspace(0, 9, m)))
        return np.sin(phase(curve, m)) * np.hanning(m) * rng.uniform(0.5, 1)

    return scatter(n, starts, chirp), (
        "birds chirping",
        "bird song",
        "chirping birds",
        "bird tweeting",
        "birds singing",
    )


def _crickets(rng: np.random.Generator, n: int) -> Made:
    hertz, pulse, period = rng.uniform(3800, 5200), rng.uniform(28, 40), rng.uniform(0.35, 0.7)
    t = np.arange(n) / RATE
    gate = (t % period < period * 0.6) * np.maximum(0, np.sin(2 * np.pi * pulse * t))
    return np.sin(2 * np.pi * hertz * t) * gate + 0.01 * white(rng, n), (
        "crickets", "crickets chirping", "crickets at night", "chirping crickets", "summer night",
    )  # fmt: skip


def _applause(rng: np.random.Generator, n: int) -> Made:
    def clap(_: int) -> np.ndarray:
        m = int(0.02 * RATE)
        return band(white(rng, m), 700, 4500) * decay(m, 0.005) * rng.uniform(0.3, 1)

    starts = rng.uniform(0, n / RATE, int(n / RATE * rng.uniform(90, 220)))
    return scatter(n, starts, clap), ("applause", "crowd clapping", "audience applause", "clapping crowd")


def _knock(rng: np.random.Generator, n: int) -> Made:
    count, gap, pause = int(rng.integers(2, 5)), rng.uniform(0.14, 0.3), rng.uniform(1.1, 1.9)
    hertz = rng.uniform(120, 240)
    starts = [g * (count * gap + pause) + k * gap for g in range(12) for k in range(count)]

    def hit(_: int) -> np.ndarray:
        thud = modes((hertz, hertz * 2.2, hertz * 4.1), (0.035, 0.02, 0.01), (1, 0.6, 0.4), 0.2) * rng.uniform(0.8, 1)
        return thud + 0.3 * white(rng, len(thud)) * decay(len(thud), 0.004)

    return scatter(n, starts, hit), ("door knock", "knocking on a door", "knock on wood", "someone knocking")


def _saw(rng: np.random.Generator, n: int) -> Made:
    t = np.arange(n) / RATE
    period = rng.uniform(0.5, 0.9)
    stroke = np.abs(np.sin(np.pi * t / period)) ** 0.7
    teeth = 0.5 + 0.5 * np.sign(np.sin(phase(90 * (0.3 + stroke), n)))
    return band(white(rng, n), 500, 5000) * teeth * stroke, (
        "sawing wood",
        "hand saw",
        "saw cutting wood",
    )


def _explosion(rng: np.random.Generator, n: int) -> Made:
    wave = band(coloured(rng, n, -0.7), 25, rng.uniform(700, 2500)) * decay(n, rng.uniform(0.5, 1.4), 0.004)
    return wave, ("explosion", "big explosion", "blast", "bomb exploding")


NATURE: tuple[Maker, ...] = (
    _rain, _wind, _sea, _stream, _bubbles, _drips, _fire, _thunder, _heartbeat, _footsteps, _birds, _crickets,
    _applause, _knock, _saw, _explosion,
)  # fmt: skip
