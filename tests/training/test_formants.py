"""The formant synthesiser that the listener also learns from: its spelling, and its timing where it is installed."""

import ctypes.util

import numpy as np
import pytest

from pipelines.reading.phones import PHONES, SILENCE
from pipelines.training.data import formants
from pipelines.training.data.spoken import Spoken
from pipelines.visemes import phone_weights


def test_what_it_writes_becomes_the_studios_alphabet():
    written = {"ɔː": "ɔ", "ɚ": "əɹ", "tʃ": "ʧ", "aɪ": "I", "oʊ": "O", "ɛɹ": "ɛɹ", "ɜː": "ɜɹ", "": SILENCE, "n̩": "ᵊn"}
    assert {each: formants.spelled(each) for each in written} == written
    assert formants.spelled("ʘ") is None
    assert all(set(symbols) <= set(PHONES) for symbols in formants._SPELLINGS.values())


def test_without_the_library_its_package_is_named(monkeypatch):
    formants._library.cache_clear()
    monkeypatch.setattr(formants, "LIBRARY", "libnothing.so.0")
    with pytest.raises(formants.StudioError, match="Debian's package libespeak-ng1"):
        next(formants.reading(["Good morning."]))
    formants._library.cache_clear()


@pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="eSpeak NG is only needed to train")
def test_phones_lie_where_they_are_heard():
    texts = ["Papa may buy a boat.", "Papa may buy a boat."]
    (_, one), (_, two) = formants.reading(texts)
    assert not np.array_equal(one.samples[:5000], two.samples[:5000])  # each in a voice of its own
    for spoken in (one, two):
        seconds = [length for *_, length in spoken.phones]
        assert sum(seconds) == pytest.approx(len(spoken.samples) / 24_000, abs=0.02) and min(seconds) >= 0
        assert _loud(spoken, "I") > 4 * _loud(spoken, "p")
        rows = phone_weights("".join(p[0] for p in spoken.phones), seconds, 50.0)
        assert len(rows) == pytest.approx(50 * sum(seconds), abs=1)


def _loud(spoken: Spoken, symbol: str) -> float:
    """Mean level of a phone's middles; a stop is quiet there."""
    ends = np.cumsum([length for *_, length in spoken.phones])
    levels = []
    for (each, _, length), end in zip(spoken.phones, ends, strict=True):
        if each == symbol:
            first, last = (round((end - share * length) * 24_000) for share in (0.8, 0.5))
            levels.append(float(np.sqrt(np.square(spoken.samples[first:last]).mean())))
    return float(np.mean(levels))
