"""When things happen in a noise, and how high: drips fall, clocks tick, bells are struck, a few times or for ever.

Training makes its noises by these rules and a prompt is scored by them, so what is learned is what is asked for. What
the words leave open is drawn.
"""

from collections.abc import Callable, Set

import numpy as np

from pipelines.score.score import Note

NO_KEY = 0  # of what has no pitch
LOUD = 100  # velocity of what is always as loud

Rule = Callable[[Set[str], float, np.random.Generator], list[Note]]


def happenings(noise: str, words: Set[str], seconds: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """What happens in ``seconds`` of ``noise``, one of ``noises.NOISES``, with ``words`` that vary it, in order."""
    notes = RULES[noise](words, seconds, rng) if noise in RULES else [Note(0.0, seconds, NO_KEY, LOUD)]
    return tuple(
        Note(round(float(n.start), 4), max(round(float(n.seconds), 4), 0.005), int(n.key), int(n.velocity))
        for n in sorted(notes)
        if n.start < seconds
    )


def key_of(hertz: float) -> int:
    """The MIDI key nearest to ``hertz``."""
    return round(69 + 12 * float(np.log2(hertz / 440)))


def hertz_of(key: int) -> float:
    """Frequency of a MIDI key."""
    return float(440 * 2 ** ((key - 69) / 12))


def _rate(words: Set[str], slowest: float, slow: float, fast: float, fastest: float, rng: np.random.Generator) -> float:
    """Times a second: below ``slow`` or above ``fast`` where the words say so, else between."""
    low, high = (slowest, slow) if "slow" in words else (fast, fastest) if "fast" in words else (slow, fast)
    return float(rng.uniform(low, high))


def _hertz(words: Set[str], lowest: float, low: float, high: float, highest: float, rng: np.random.Generator) -> float:
    return _rate({{"low": "slow", "high": "fast"}.get(word, "") for word in words}, lowest, low, high, highest, rng)


def _every(gap: float, seconds: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Times ``gap`` seconds apart, each off by up to ``jitter`` of it."""
    count = int(seconds / gap) + 1
    return np.abs(np.arange(count) * gap + rng.uniform(-jitter, jitter, count) * gap)


def _anywhere(rate: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.uniform(0, seconds, int(seconds * rate)))


def _until_next(starts: np.ndarray, seconds: float) -> np.ndarray:
    return np.diff(np.append(starts, max(seconds, starts[-1] + 0.05)))


def _notes(
    starts: np.ndarray, length: float | np.ndarray, key: int | np.ndarray = NO_KEY, velocity: int | np.ndarray = LOUD
) -> list[Note]:
    rows = np.broadcast_arrays(starts, length, key, velocity)
    return [Note(*row) for row in zip(*(each.tolist() for each in rows), strict=True)]


def _sea(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    period = rng.uniform(3.5, 7)
    return _notes(np.arange(-rng.uniform(0, period), seconds, period), period)


def _bubbles(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _anywhere(rng.uniform(5, 14), seconds, rng)
    keys = np.array([key_of(rng.uniform(300, 1100)) for _ in starts])
    return _notes(starts, rng.uniform(0.15, 0.35, len(starts)), keys, rng.integers(50, 128, len(starts)))


def _drips(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _every(1 / _rate(words, 0.8, 1.1, 2.0, 2.9, rng), seconds, 0.06, rng)
    tone = rng.uniform(900, 1800)
    keys = np.array([key_of(tone * rng.uniform(0.95, 1.05)) for _ in starts])
    return _notes(starts, 0.175, keys, rng.integers(50, 128, len(starts)))


def _fire(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _anywhere(rng.uniform(9, 25), seconds, rng)
    loud = np.clip(16 * rng.exponential(2.5, len(starts)), 1, 127).astype(int)
    return _notes(starts, _until_next(starts, seconds), NO_KEY, loud)


def _thunder(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = [rng.uniform(0, 0.4)]
    while starts[-1] < seconds:
        starts.append(starts[-1] + rng.uniform(3.4, 5.8))
    return _notes(np.array(starts), _until_next(np.array(starts), seconds))


def _heartbeat(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    gap = 1 / _rate(words, 0.8, 1.1, 1.7, 2.25, rng)
    return _notes(_every(gap, seconds, 0.01, rng), 0.5, key_of(rng.uniform(45, 65)))


def _footsteps(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    return _notes(_every(1 / _rate(words, 1.2, 1.55, 2.4, 3.3, rng), seconds, 0.03, rng) + 0.03, 0.2)


def _birds(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = np.cumsum(rng.choice((0.09, 0.12, 0.16, 0.5, 0.9), int(seconds / 0.09) + 1)) - 0.08
    return _notes(
        starts, rng.uniform(0.05, 0.1, len(starts)), key_of(rng.uniform(2300, 4200)), rng.integers(64, 128, len(starts))
    )


def _crickets(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    period = rng.uniform(0.35, 0.7)
    return _notes(np.arange(0, seconds, period), 0.6 * period, key_of(rng.uniform(3800, 5200)))


def _knock(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    count, gap, pause = int(rng.integers(2, 5)), rng.uniform(0.14, 0.3), rng.uniform(1.1, 1.9)
    starts = np.arange(0, seconds, count * gap + pause)[:, None] + gap * np.arange(count)
    return _notes(starts.ravel(), 0.2, key_of(rng.uniform(120, 240)), rng.integers(102, 128, starts.size))


def _saw(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    period = rng.uniform(0.5, 0.9)
    return _notes(np.arange(0, seconds, period), period)


def _tone(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    some = (110, 220) if "low" in words else (1000, 1760, 2000) if "high" in words else (330, 440, 660, 880)
    return [Note(0.0, seconds, key_of(float(rng.choice(some))), LOUD)]


def _once_of(shortest: float, longest: float) -> Rule:
    return lambda words, seconds, rng: [Note(0.0, min(rng.uniform(shortest, longest), seconds), NO_KEY, LOUD)]


def _beeps(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    gap = 1 / _rate(words, 0.9, 1.5, 3.0, 5.0, rng)
    key = key_of(_hertz(words, 500, 900, 1700, 2400, rng))
    return _notes(_every(gap, seconds, 0, rng), gap * rng.uniform(0.3, 0.55), key)


def _alarm(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    low, high, period = key_of(rng.uniform(500, 800)), key_of(rng.uniform(900, 1500)), rng.uniform(0.25, 0.7)
    starts = np.arange(0, seconds, period)
    return _notes(starts, period, np.where(np.arange(len(starts)) % 2, low, high))


def _siren(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    period = 1 / _rate(words, 0.22, 0.35, 1.2, 2.9, rng)
    return _notes(np.arange(0, seconds, period), period)


def _clock(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _every(1 / _rate(words, 1.0, 1.4, 2.4, 3.3, rng), seconds, 0.004, rng)
    key = key_of(rng.uniform(1800, 3600))
    return _notes(starts, 0.05, np.where(np.arange(len(starts)) % 2, key, key - 3))


def _pitched(lowest: float, highest: float) -> Rule:
    return lambda words, seconds, rng: [Note(0.0, seconds, key_of(rng.uniform(lowest, highest)), LOUD)]


def _bell(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _every(1 / _rate(words, 0.31, 0.45, 0.8, 1.0, rng), seconds, 0.01, rng)
    return _notes(starts, _until_next(starts, seconds), key_of(_hertz(words, 160, 300, 600, 900, rng)))


def _telephone(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    return _notes(np.arange(0, seconds, 3.0), 1.3, key_of(rng.uniform(420, 480)))


def _laser(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    return _notes(_every(rng.uniform(0.25, 0.8), seconds, 0.15, rng), 0.22)


def _helicopter(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    period = 1 / rng.uniform(9, 15)
    return _notes(np.arange(0, seconds, period), period / 2)


def _train(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    first = _every(1 / _rate(words, 0.9, 1.1, 1.6, 1.8, rng), seconds, 0.01, rng)
    starts = np.sort(np.concatenate([first, first + 0.16]))
    return _notes(starts, _until_next(starts, seconds))


def _typing(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = np.cumsum(rng.uniform(0.06, 0.28, int(seconds / 0.06) + 1)) - 0.05
    return _notes(starts, 0.03, NO_KEY, rng.integers(60, 128, len(starts)))


def _robot(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    step = rng.uniform(0.06, 0.14)
    starts = np.arange(0, seconds, step)
    return _notes(starts, step, np.array([key_of(rng.uniform(300, 2600)) for _ in starts]))


def _whoosh(words: Set[str], seconds: float, rng: np.random.Generator) -> list[Note]:
    starts = _every(rng.uniform(1.0, 2.4), seconds, 0.1, rng)
    return _notes(starts, rng.uniform(0.5, 0.9, len(starts)))


RULES: dict[str, Rule] = {
    "sea": _sea, "bubbles": _bubbles, "drips": _drips, "fire": _fire, "thunder": _thunder, "heartbeat": _heartbeat,
    "footsteps": _footsteps, "birds": _birds, "crickets": _crickets, "knock": _knock, "saw": _saw, "tone": _tone,
    "sweep": _once_of(2, 8), "beeps": _beeps, "alarm": _alarm, "siren": _siren, "clock": _clock,
    "engine": _pitched(28, 75), "hum": _pitched(50, 60), "bell": _bell, "gong": _pitched(60, 140),
    "telephone": _telephone, "laser": _laser, "helicopter": _helicopter, "train": _train, "typing": _typing,
    "robot": _robot, "riser": _once_of(2, 7), "whoosh": _whoosh,
}  # fmt: skip
