"""Sentences read by a formant synthesiser, in many voices: unlike each other, and unlike voices made of recordings.

eSpeak NG (GPL; what it says is not) is called as a library, for only so does it tell when each phone begins. Its
sound is no model of how speech sounds, but where phones begin in it, and how vowels differ, is exact.
"""

import ctypes
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import soxr

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.errors import StudioError
from pipelines.reading.phones import PHONES, SILENCE
from pipelines.training.data.packages import Package
from pipelines.training.data.spoken import Spoken

PACKAGES = (
    Package(
        "debian", "libespeak-ng1", "1.51+dfsg-10+deb12u2",
        "2b127a95b50d92cbd7a615968d2ac1566e1cbc87e27bcda0c2894afb2407c6d2", "GPL-3.0 (what it says is not)",
        "twelve voices to listen to",
    ),
    Package(
        "debian", "espeak-ng-data", "1.51+dfsg-10+deb12u2",
        "573f5661c6a5adcf949018baad158c4c773bf5579390ee5235a890f1cd694106", "GPL-3.0 (what it says is not)",
        "twelve voices to listen to",
    ),
)  # fmt: skip
LIBRARY = "libespeak-ng.so.1"  # Debian's package libespeak-ng1
VARIANTS = ("m1", "m3", "m4", "m7", "f1", "f2", "f4", "f5", "klatt2", "klatt4", "norbert", "travis")
HITCH = 0.06  # seconds without a phone that are no pause: a vowel's hard onset
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _UTF8 = 2, 1, 2, 1
_PHONE_BEGINS = 7
# What espeak writes in IPA and the alphabet of the studio writes otherwise.
_SPELLINGS = {
    "eɪ": "A", "aɪ": "I", "oʊ": "O", "aʊ": "W", "ɔɪ": "Y", "əʊ": "O", "tʃ": "ʧ", "dʒ": "ʤ", "ɚ": "əɹ", "ɜ": "ɜɹ",
    "ɾ": "T", "ɐ": "ə", "a": "æ", "e": "ɛ", "o": "O", "ɒ": "ɑ", "r": "ɹ", "x": "k", "n̩": "ᵊn", "l̩": "ᵊl", "ɬ": "l",
}  # fmt: skip


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text", ctypes.c_int), ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
        ("phone", ctypes.c_char * 8),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def _library() -> tuple[Any, int]:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise StudioError("training: eSpeak NG is missing; install Debian's package libespeak-ng1") from None
    rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA))
    if rate <= 0:
        raise StudioError("training: eSpeak NG finds no data; install Debian's package espeak-ng-data")
    return library, rate


def reading(texts: list[str], seed: int = 0) -> Iterator[tuple[str, Spoken]]:
    """Each of ``texts`` in a voice, at a pace and at a pitch of its own, with the phones and their seconds."""
    for number, text in enumerate(texts):
        rng = np.random.default_rng((seed, number))
        variant = VARIANTS[rng.integers(len(VARIANTS))]
        pace, pitch, spread = int(rng.integers(130, 200)), int(rng.integers(25, 75)), int(rng.integers(30, 70))
        spoken = _say(text, variant, pace, pitch, spread)
        if spoken is not None:
            yield text, spoken


def _say(text: str, variant: str, pace: int, pitch: int, spread: int) -> Spoken | None:
    """None where a phone is none of the alphabet."""
    library, rate = _library()
    pieces: list[np.ndarray] = []
    begins: list[tuple[float, str]] = []

    @_Callback
    def heard(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while events[place].type:
            if events[place].type == _PHONE_BEGINS:
                begins.append((events[place].milliseconds / 1000, events[place].phone.decode("utf-8", "replace")))
            place += 1
        return 0

    library.espeak_SetSynthCallback(heard)
    if library.espeak_SetVoiceByName(f"en-us+{variant}".encode()):
        raise StudioError(f"training: eSpeak NG has no voice {variant!r}")
    for parameter, value in ((_RATE, pace), (_PITCH, pitch), (_RANGE, spread)):
        library.espeak_SetParameter(parameter, value, 0)
    raw = text.encode()
    library.espeak_Synth(raw, len(raw) + 1, 0, 0, 0, _UTF8, None, None)
    if not pieces or not begins:
        return None
    samples = np.concatenate(pieces).astype(np.float32) / 32768
    ends = [begin for begin, _ in begins[1:]] + [len(samples) / rate]
    phones = [(SILENCE, 0, begins[0][0])]
    for (begin, written), end in zip(begins, ends, strict=True):
        symbols = spelled(written)
        if symbols is None:
            return None
        if symbols == SILENCE and end - begin < HITCH:
            last = phones[-1]
            phones[-1] = (last[0], last[1], last[2] + end - begin)
            continue
        phones += [(symbol, 0, (end - begin) / len(symbols)) for symbol in symbols]
    return Spoken(soxr.resample(samples, rate, SAMPLE_RATE), phones)


def spelled(written: str) -> str | None:
    """What espeak writes in the studio's alphabet; silence where it is nothing, None where a sign is unknown."""
    left, found = re.sub("[ːˑˈˌ̃ʲ‍]", "", written), ""
    while left:
        head = left[:2] if left[:2] in _SPELLINGS else left[:1]
        symbol = _SPELLINGS.get(head, head)
        if any(each not in PHONES for each in symbol):
            return None
        found, left = found + symbol, left[len(head) :]
    return found or SILENCE
