"""Sounds of machines, signals and instruments without notes, made from nothing; what each caption says is exact."""

from collections.abc import Callable

import numpy as np

from pipelines.training.data.waves import (
    RATE,
    Made,
    Maker,
    band,
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


def _noise(rng: np.random.Generator, n: int) -> Made:
    kind = int(rng.integers(4))
    slope = (0.0, -0.5, -1.0, 0.5)[kind]
    name = ("white noise", "pink noise", "brown noise", "blue noise")[kind]
    extra = (("static", "radio static", "hiss"), (), ("low rumbling noise",), ())[kind]
    return coloured(rng, n, slope), (name, f"steady {name}", *extra)


def _tone(rng: np.random.Generator, n: int) -> Made:
    kind = int(rng.integers(4))
    hertz = float(rng.choice((110, 220, 330, 440, 660, 880, 1000, 1760, 2000)))
    angle = phase(hertz, n)
    harmonics = np.arange(1, int(10_000 / hertz) + 1)
    shapes: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.sin(angle),
        lambda: np.asarray(sum(np.sin(k * angle) / k for k in harmonics[::2])),
        lambda: np.asarray(sum(np.sin(k * angle) / k for k in harmonics)),
        lambda: np.asarray(sum(np.sin(k * angle) / k**2 * (-1) ** (k // 2) for k in harmonics[::2])),
    )
    name = ("sine", "square", "sawtooth", "triangle")[kind]
    height = "low " if hertz < 250 else "high " if hertz > 900 else ""
    return shapes[kind](), (f"{height}{name} wave", f"{height}{name} tone", f"steady {height}{name} wave")


def _sweep(rng: np.random.Generator, n: int) -> Made:
    up = bool(rng.random() < 0.5)
    low, high = rng.uniform(90, 250), rng.uniform(2500, 7000)
    length = rng.uniform(2.0, 8.0)
    share = np.minimum(1, np.arange(n) / (length * RATE))
    hertz = low * (high / low) ** (share if up else 1 - share)
    wave = np.sin(phase(hertz, n)) * (np.arange(n) < length * RATE)
    way, other = ("rising", "upward") if up else ("falling", "downward")
    return wave, (f"{way} tone", f"{other} sweep", f"sine sweep {'up' if up else 'down'}", f"{way} sweep")


def _beeps(rng: np.random.Generator, n: int) -> Made:
    period, hertz = rng.uniform(0.2, 1.1), rng.uniform(500, 2400)
    m = int(period * rng.uniform(0.3, 0.55) * RATE)
    shape = np.minimum(1, np.minimum(np.arange(m), np.arange(m)[::-1]) / (0.004 * RATE))
    wave = scatter(n, every(n, period, 0, rng), lambda _: np.sin(phase(hertz, m)) * shape)
    word = rate_word(1 / period, 1.5, 3)
    height = "low " if hertz < 900 else "high " if hertz > 1700 else ""
    return wave, (f"{word}{height}beeps", f"{word}{height}beeping", f"{word}{height}electronic beeps")


def _alarm(rng: np.random.Generator, n: int) -> Made:
    low, high, period = rng.uniform(500, 800), rng.uniform(900, 1500), rng.uniform(0.25, 0.7)
    square = (np.arange(n) / RATE % (2 * period)) < period
    angle = phase(np.where(square, high, low), n)
    return np.sin(angle) + 0.3 * np.sin(3 * angle), ("alarm", "two tone alarm", "emergency alarm", "alarm sounding")


def _siren(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(0.35, 4.5)
    t = np.arange(n) / RATE
    hertz = 650 + rng.uniform(250, 450) * np.sin(2 * np.pi * t / period - np.pi / 2)
    angle = phase(hertz, n)
    wave = np.sin(angle) + 0.4 * np.sin(2 * angle) + 0.2 * np.sin(3 * angle)
    word = rate_word(1 / period, 0.35, 1.2)
    return wave, (f"{word}siren", f"{word}police siren", f"{word}ambulance siren", f"{word}wailing siren")


def _clock(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(0.3, 1.0)
    hertz = rng.uniform(1800, 3600)

    def tick(index: int) -> np.ndarray:
        shift = 1.0 if index % 2 else 0.86
        click = modes((hertz * shift, hertz * 2.3 * shift), (0.006, 0.004), (1, 0.5), 0.05)
        return click + 0.3 * white(rng, len(click)) * decay(len(click), 0.002)

    word = rate_word(1 / period, 1.4, 2.4)
    return scatter(n, every(n, period, 0.004, rng), tick), (
        f"{word}ticking clock", f"{word}clock ticking", f"{word}tick tock", f"{word}ticking",
    )  # fmt: skip


def _engine(rng: np.random.Generator, n: int) -> Made:
    low = rng.uniform(28, 75)
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
    return wave, names


def _hum(rng: np.random.Generator, n: int) -> Made:
    base = float(rng.choice((50, 60)))
    angle = phase(base, n)
    wave = sum(rng.uniform(0.3, 1) * np.sin(k * angle) / k for k in (1, 2, 3, 4, 6, 8, 10, 14))
    return np.asarray(wave), ("electric hum", "mains hum", "transformer hum", "low electric buzz", "humming machine")


def _bell(rng: np.random.Generator, n: int) -> Made:
    base = rng.uniform(160, 900)
    ratios, levels = (0.5, 1, 1.19, 1.56, 2, 2.51, 2.66, 3.01, 4.1), (0.6, 1, 0.8, 0.4, 0.9, 0.4, 0.4, 0.3, 0.2)
    ring = (800 / base) ** 0.5
    strike = modes([base * r for r in ratios], [3.2 * ring / (0.6 + r) for r in ratios], levels, 6.0)
    period = rng.uniform(1.0, 3.2)
    height = "low " if base < 300 else "high " if base > 600 else ""
    word = rate_word(1 / period, 0.45, 0.8)
    names = ("bell ringing", "bell strikes", "bell tolling", "ringing bell")
    return scatter(n, every(n, period, 0.01, rng), lambda _: strike), tuple(f"{word}{height}{name}" for name in names)


def _gong(rng: np.random.Generator, n: int) -> Made:
    base = rng.uniform(60, 140)
    ratios = np.sort(rng.uniform(1, 14, 40))
    wave = modes(list(base * ratios), list(5.0 / ratios**0.6), list(rng.uniform(0.2, 1, 40)), n / RATE)
    return wave[:n], ("gong", "gong strike", "big gong", "gong hit")


def _telephone(rng: np.random.Generator, n: int) -> Made:
    t = np.arange(n) / RATE
    low = rng.uniform(420, 480)
    ring = (t % 3 < 1.3) * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(18, 26) * t)))
    wave = (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * (low * 1.25) * t)) * ring
    return wave, ("telephone ringing", "phone ringing", "old telephone", "ringing phone")


def _laser(rng: np.random.Generator, n: int) -> Made:
    period, top = rng.uniform(0.25, 0.8), rng.uniform(2000, 4500)

    def zap(_: int) -> np.ndarray:
        m = int(0.22 * RATE)
        return np.sin(phase(150 + top * np.exp(-np.arange(m) / RATE / 0.05), m)) * decay(m, 0.09)

    return scatter(n, every(n, period, 0.15, rng), zap), ("laser gun", "laser shots", "space laser", "laser zaps")


def _helicopter(rng: np.random.Generator, n: int) -> Made:
    rate = rng.uniform(9, 15)
    t = np.arange(n) / RATE
    chop = np.maximum(0, np.sin(2 * np.pi * rate * t)) ** 4
    return band(coloured(rng, n, -0.5), 40, 1200) * (0.15 + chop), (
        "helicopter",
        "helicopter flying",
        "chopper",
        "helicopter rotor",
    )


def _train(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(0.55, 1.1)

    def clack(_: int) -> np.ndarray:
        m = int(0.12 * RATE)
        return band(white(rng, m), 200, 2500) * decay(m, 0.02)

    starts = np.sort(np.concatenate([every(n, period, 0.01, rng), every(n, period, 0.01, rng) + 0.16]))
    bed = band(coloured(rng, n, -0.5), 50, 500) * 0.25
    word = rate_word(1 / period, 1.1, 1.6)
    return bed + scatter(n, starts, clack), (
        f"{word}train",
        f"{word}train on rails",
        f"{word}train passing",
        f"{word}railway",
    )


def _typing(rng: np.random.Generator, n: int) -> Made:
    def key(_: int) -> np.ndarray:
        m = int(0.03 * RATE)
        body = modes((rng.uniform(900, 1600), rng.uniform(2500, 4000)), (0.005, 0.003), (0.5, 0.6), 0.03)
        return body + white(rng, m)[: len(body)] * decay(len(body), 0.004) * rng.uniform(0.4, 0.9)

    starts = np.cumsum(rng.uniform(0.06, 0.28, 150))
    return scatter(n, starts, key), ("typing", "keyboard typing", "typing on a keyboard", "typewriter")


def _robot(rng: np.random.Generator, n: int) -> Made:
    step = rng.uniform(0.06, 0.14)
    values = rng.uniform(300, 2600, int(n / RATE / step) + 2)
    hertz = values[(np.arange(n) / RATE / step).astype(int)]
    return np.sign(np.sin(phase(hertz, n))) * 0.5, (
        "computer beeps",
        "robot talking",
        "random computer bleeps",
        "science fiction computer",
    )


def _riser(rng: np.random.Generator, n: int) -> Made:
    length = rng.uniform(2, 7)
    share = np.minimum(1, np.arange(n) / RATE / length)
    hiss = white(rng, n)
    out = np.zeros(n)
    for step in range(16):  # a band that climbs, in sixteen overlapping pieces
        centre = 200 * (45 ** (step / 15))
        weight = np.maximum(0, 1 - np.abs(share * 15 - step))
        out += band(hiss, centre * 0.7, min(centre * 1.4, 11_900)) * weight
    return out * (0.15 + share**2) * (np.arange(n) < length * RATE), (
        "noise riser",
        "whoosh rising",
        "rising whoosh",
        "build up riser",
    )


def _whoosh(rng: np.random.Generator, n: int) -> Made:
    period = rng.uniform(1.0, 2.4)

    def pass_by(_: int) -> np.ndarray:
        m = int(rng.uniform(0.5, 0.9) * RATE)
        return band(white(rng, m), 300, 3500) * np.hanning(m) ** 2

    return scatter(n, every(n, period, 0.1, rng), pass_by), ("whoosh", "swoosh", "whooshing", "fast whoosh")


MACHINES: tuple[Maker, ...] = (
    _noise, _tone, _sweep, _beeps, _alarm, _siren, _clock, _engine, _hum, _bell, _gong, _telephone, _laser,
    _helicopter, _train, _typing, _robot, _riser, _whoosh,
)  # fmt: skip
