"""Speech as other people would say it: pitch, size of the throat, breath and pace changed, each by itself.

The vocoder WORLD (Morise et al., 2016) takes a voice apart into those and puts it together again; when each phone is
said is known as exactly as before.
"""

from collections.abc import Iterator

import numpy as np

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.training.data.spoken import Spoken

LOW, HIGH = 85.0, 270.0  # hertz: where voices of grown people lie on average
PERIOD = 5.0  # milliseconds of WORLD's frames


def remade(said: Iterator[tuple[str, Spoken]], seed: int) -> Iterator[tuple[str, Spoken]]:
    """Each of ``said`` by somebody who does not exist."""
    for number, (text, spoken) in enumerate(said):
        yield text, other(spoken, np.random.default_rng((seed, number)))


def other(spoken: Spoken, rng: np.random.Generator) -> Spoken:
    """``spoken`` in another voice, at another pace."""
    import pyworld

    wave = spoken.samples.astype(np.float64)
    rough, times = pyworld.dio(wave, SAMPLE_RATE, f0_floor=50, f0_ceil=500, frame_period=PERIOD)
    pitch = pyworld.stonemask(wave, rough, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(wave, pitch, times, SAMPLE_RATE)
    breath = pyworld.d4c(wave, pitch, times, SAMPLE_RATE)
    voiced = pitch > 0
    own = float(np.exp(np.log(pitch[voiced]).mean())) if voiced.any() else 150.0
    wanted = float(np.exp(rng.uniform(np.log(LOW), np.log(HIGH))))
    # Who speaks low has a longer throat, as a rule, and its resonances are lower.
    size = float(np.clip((wanted / own) ** 0.3 * np.exp(rng.normal(0, 0.08)), 0.78, 1.28))
    lively = rng.uniform(0.4, 1.6)
    pitch = np.where(voiced, wanted * (np.where(voiced, pitch, own) / own) ** lively, 0.0)
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / size, bins[-1])
    low = np.floor(source).astype(int)
    high, part = np.minimum(low + 1, bins[-1]), source - low
    envelope = np.exp(np.log(envelope[:, low]) * (1 - part) + np.log(envelope[:, high]) * part)
    breath = (breath[:, low] * (1 - part) + breath[:, high] * part).clip(1e-3, 1) ** rng.uniform(0.6, 1.4)
    pace = float(rng.uniform(0.8, 1.25))
    samples = pyworld.synthesize(
        pitch, np.ascontiguousarray(envelope), np.ascontiguousarray(breath), SAMPLE_RATE, PERIOD * pace
    )
    phones = [(symbol, stress, seconds * pace) for symbol, stress, seconds in spoken.phones]
    length = round(sum(seconds for _, _, seconds in phones) * SAMPLE_RATE)
    return Spoken(samples[:length].astype(np.float32), phones)
