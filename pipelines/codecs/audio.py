"""Sound: reading any file, sample rate and channels, loudness, cutting and joining. Runs without torch.

Samples are float32 [channels, N] in [-1, 1]. Loudness is that of ITU-R BS.1770-5, in LUFS.
"""

from functools import lru_cache

import numpy as np

from pipelines.codecs.decoding import read_sound as read_sound
from pipelines.errors import MediaError, SettingsError
from pipelines.media import Sound, Word

MAX_BOOST = 40.0  # dB: what is quieter still is more likely hiss than something to be heard
CEILING = -1.0  # dBFS of the true peak: lossy formats overshoot by about as much when they are decoded
_BLOCK, _STEP = 0.4, 0.1  # seconds: loudness is averaged over blocks that overlap by three quarters
_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, LU
_LIMITER = 0.005  # seconds before and after a peak in which the gain gives way
_CHUNK = 1 << 20  # samples filtered at a time, which bounds the memory
_SETTLE = 0.25  # seconds after which the weighting's slowest pole (38 Hz, critically damped) has died away


def mono(sound: Sound) -> Sound:
    """The mean of both channels."""
    if sound.samples.shape[0] == 1:
        return sound
    return Sound(sound.samples.mean(axis=0, keepdims=True, dtype=np.float32), sound.sample_rate, sound.words)


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound with ``rate`` samples a second, by soxr's very high quality; N becomes round(N rate / old rate).

    Waves that swing past full scale between two samples are clipped.

    Raises:
        MediaError: ``rate`` is outside 1000 to 384000 Hz.
    """
    if rate == sound.sample_rate:
        return sound
    if not 1000 <= rate <= 384_000:
        raise MediaError(f"sample_rate: must be between 1000 and 384000 Hz, got {rate}")
    import soxr

    length = max(1, round(sound.samples.shape[1] * rate / sound.sample_rate))
    made = np.zeros((sound.samples.shape[0], length), np.float32)
    for source, target in zip(sound.samples, made, strict=True):
        found = soxr.resample(np.ascontiguousarray(source), sound.sample_rate, rate, quality="VHQ")[:length]
        target[: len(found)] = np.clip(found, -1, 1)
    return Sound(made, rate, sound.words)


def loudness(sound: Sound) -> float:
    """Integrated loudness in LUFS by ITU-R BS.1770-5; minus infinity where all is below -70 LUFS.

    What is shorter than one block of 0.4 s counts as one block of its own length.
    """
    return _gated(_blocks(sound.samples, sound.sample_rate))


def true_peak(sound: Sound) -> float:
    """Highest magnitude of the wave between the samples, at four times their rate (BS.1770-5, annex 2)."""
    return float(_between(sound.samples).max())


def normalised(sound: Sound, lufs: float, ceiling: float = CEILING) -> Sound:
    """The sound at ``lufs``, its true peak not above ``ceiling`` dBFS.

    One gain for the whole sound, at most ``MAX_BOOST`` up. Where that would pass the ceiling, a limiter that looks
    5 ms ahead turns the peaks alone down, and the gain is raised by what this cost; where peaks leave no room, the
    result is quieter than asked. Silence stays silent.

    Raises:
        SettingsError: ``lufs`` is not between -70 and 0, or ``ceiling`` is above 0.
    """
    if not -70 <= lufs <= 0:
        raise SettingsError(f"loudness: must be between -70 and 0 LUFS, got {lufs}")
    if not -40 <= ceiling <= 0:
        raise SettingsError(f"ceiling: must be between -40 and 0 dBFS, got {ceiling}")
    found = loudness(sound)
    if found == -np.inf:
        return sound
    gain = min(lufs - found, MAX_BOOST)
    made = sound
    for _ in range(4):
        made = Sound(_limited(sound, 10 ** (gain / 20), 10 ** (ceiling / 20)), sound.sample_rate, sound.words)
        missing = lufs - loudness(made)
        if abs(missing) < 0.05 or gain >= MAX_BOOST:
            break
        gain = min(gain + missing, MAX_BOOST)
    return made


def trimmed(sound: Sound, start: float, end: float | None = None) -> Sound:
    """The part from ``start`` to ``end`` seconds, to its very end by default; words that lie wholly in it stay.

    Raises:
        SettingsError: nothing lies between the two.
    """
    first = round(start * sound.sample_rate)
    last = sound.samples.shape[1] if end is None else min(round(end * sound.sample_rate), sound.samples.shape[1])
    if not 0 <= first < last:
        raise SettingsError(
            f"start: must lie before the end, within the {sound.seconds:.2f} s of the sound; got {start} to {end}"
        )
    begin, close = first / sound.sample_rate, last / sound.sample_rate
    words = tuple(word for word in sound.words if begin <= word.start and word.end <= close)
    return Sound(sound.samples[:, first:last], sound.sample_rate, _later(words, -begin))


def crossfaded(first: Sound, second: Sound, seconds: float) -> Sound:
    """``second`` after ``first``, faded into each other over ``seconds`` by raised cosines whose sum is 1.

    Equal gain, not equal power: it cannot clip, and a sound that is faded into itself comes back as it was.

    Raises:
        MediaError: they differ in sample rate or channels.
        SettingsError: one of them is shorter than ``seconds``.
    """
    if first.sample_rate != second.sample_rate or len(first.samples) != len(second.samples):
        raise MediaError(
            f"sound: can only join sounds of one kind, got {first.sample_rate} Hz, {len(first.samples)} channels and "
            f"{second.sample_rate} Hz, {len(second.samples)} channels"
        )
    over = round(seconds * first.sample_rate)
    if not 0 <= over <= min(first.samples.shape[1], second.samples.shape[1]):
        raise SettingsError(
            f"seconds: a crossfade must fit into both sounds, got {seconds} of {first.seconds:.3f} and "
            f"{second.seconds:.3f} s"
        )
    rise = ((1 - np.cos(np.pi * (np.arange(over) + 0.5) / max(over, 1))) / 2).astype(np.float32)
    kept = first.samples.shape[1] - over
    joint = first.samples[:, kept:] * (1 - rise) + second.samples[:, :over] * rise
    made = np.concatenate([first.samples[:, :kept], joint, second.samples[:, over:]], axis=1)
    words = first.words + _later(second.words, kept / first.sample_rate)
    return Sound(np.clip(made, -1, 1), first.sample_rate, words)


def _later(words: tuple[Word, ...], seconds: float) -> tuple[Word, ...]:
    return tuple(Word(word.text, word.start + seconds, word.end + seconds) for word in words)


def _gated(power: np.ndarray) -> float:
    """Loudness of the blocks' mean squares [blocks], those left out that are silent or far below the rest."""
    loud = power > 10 ** ((_GATE + 0.691) / 10)
    if not loud.any():
        return -np.inf
    threshold = power[loud].mean() * 10 ** (_RELATIVE_GATE / 10)
    return float(-0.691 + 10 * np.log10(power[loud & (power > threshold)].mean()))


def _blocks(samples: np.ndarray, rate: int) -> np.ndarray:
    """Mean square of the weighted samples, summed over channels, of each block."""
    step = max(1, round(_STEP * rate))
    length = samples.shape[1]
    sums = np.zeros(-(-length // step))
    chunk = _CHUNK // step * step or step
    before = round(_SETTLE * rate)
    for start in range(0, length, chunk):
        part = samples[:, max(0, start - before) : start + chunk]
        power = np.square(_weighted(part, rate)[:, min(start, before) :]).sum(axis=0)
        edges = np.arange(0, len(power), step)
        sums[start // step : start // step + len(edges)] = np.add.reduceat(power, edges)
    each = round(_BLOCK / _STEP)
    if length < each * step:
        return np.array([sums.sum() / length])
    whole = sums[: length // step]
    return np.convolve(whole, np.ones(each), "valid") / (each * step)


def _weighted(samples: np.ndarray, rate: int) -> np.ndarray:
    """K-weighted samples [channels, n], filtered as a product of spectra with room for the filter to ring out."""
    length = samples.shape[1]
    size = 1 << (length + round(_SETTLE * rate) - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * _weighting(rate, size), size)[:, :length]


@lru_cache(maxsize=4)
def _weighting(rate: int, size: int) -> np.ndarray:
    """Response of the head's shelf and the low cut at the frequencies of an FFT.

    The standard lists coefficients for 48 kHz; the analogue filters behind them (B. De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", 2018) give those of any rate by the bilinear transform.
    """
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k, q, gain = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    shelf = ((gain + middle * k / q + k * k) + 2 * (k * k - gain) * z + (gain - middle * k / q + k * k) * z * z) / (
        (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z
    )
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    cut = (1 - 2 * z + z * z) / (1 + 2 * (k * k - 1) / a0 * z + (1 - k / q + k * k) / a0 * z * z)
    return np.asarray(shelf * cut)


@lru_cache(maxsize=1)
def _interpolators() -> np.ndarray:
    """Windowed sincs [3, 24] for the points a quarter, a half and three quarters of the way to the next sample."""
    taps = np.arange(-11, 13)
    points = taps - np.array([[0.25], [0.5], [0.75]])
    window = np.cos(np.pi * points / 26) ** 2
    made = np.sinc(points) * window
    return (made / made.sum(axis=1, keepdims=True)).astype(np.float32)


def _between(samples: np.ndarray) -> np.ndarray:
    """Highest magnitude [N] that any channel reaches at each sample or on the way from it to the next."""
    highest = np.abs(samples).max(axis=0)
    for channel in samples:
        for taps in _interpolators():
            wave = np.convolve(np.pad(channel, (11, 12)), taps[::-1], "valid")
            np.maximum(highest, np.abs(wave), out=highest)
    return highest


def _limited(sound: Sound, gain: float, ceiling: float) -> np.ndarray:
    """Samples times ``gain``, peaks turned down to ``ceiling``.

    The gain at each sample is the mean, under a window, of the lowest gain needed within that window's reach, so that
    it never exceeds what the sample itself needs.
    """
    samples = sound.samples * np.float32(gain)
    highest = _between(samples)
    highest[1:] = np.maximum(highest[1:], highest[:-1])  # a wave between two samples is made by both
    if highest.max() <= ceiling:
        return samples
    reach = max(1, round(_LIMITER * sound.sample_rate))
    # 0.1 dB of room: a gain that changes moves what lies between the samples a little.
    aim = ceiling * 10 ** (-0.1 / 20)
    needed = np.minimum(1, aim / np.maximum(highest, aim)).astype(np.float32)
    lowest = _lowest(np.pad(needed, reach, constant_values=1), 2 * reach + 1)
    window = np.hanning(reach + 2)[1:-1]
    # Centred, and no wider than what the minimum looked at on either side.
    padded = np.pad(lowest, (reach // 2, reach - 1 - reach // 2), mode="edge")
    smooth = _convolved(padded, window / window.sum())
    return np.clip(samples * smooth, -ceiling, ceiling).astype(np.float32)


def _convolved(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """``np.convolve(values, window, "valid")`` in chunks through spectra; windows of a thousand samples are common."""
    made = np.empty(len(values) - len(window) + 1)
    size = 1 << max(16, (4 * len(window)).bit_length())
    spectrum = np.fft.rfft(window, size)
    useful = size - len(window) + 1
    for start in range(0, len(made), useful):
        part = np.fft.irfft(np.fft.rfft(values[start : start + size], size) * spectrum, size)
        found = part[len(window) - 1 :][: len(made) - start]
        made[start : start + len(found)] = found
    return made


def _lowest(values: np.ndarray, width: int) -> np.ndarray:
    """Lowest of each ``width`` neighbours, by doubling: width 8 is the lower of two of width 4."""
    made, covered = values, 1
    while covered < width:
        step = min(covered, width - covered)
        made = np.minimum(made[:-step], made[step:])
        covered += step
    return made
