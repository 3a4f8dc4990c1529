"""Voices that only what listens learns from: Festival's where it is installed, and people who do not exist."""

import shutil

import numpy as np
import pytest
import torch

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.reading.phones import PHONES, SILENCE
from pipelines.training.data import festivals, visemes
from pipelines.training.data.remade import other
from pipelines.training.data.spoken import Spoken
from pipelines.training.data.teacher import LATE, sooner


def hummed(hertz=140.0, seconds=1.2):
    """Two vowels' worth of a buzz with silence around, and what would be said in it."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * k * hertz * t) / k for k in range(1, 30)) * ((t > 0.2) & (t < 1.0)) * 0.1
    return Spoken(wave.astype(np.float32), [(SILENCE, 0, 0.2), ("ɑ", 1, 0.4), ("m", 0, 0.4), (SILENCE, 0, 0.2)])


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")  # pyworld's own
def test_somebody_else_says_the_same_at_the_same_places():
    said, paces = hummed(), []
    for seed in range(4):
        made = other(said, np.random.default_rng(seed))
        seconds = [length for *_, length in made.phones]
        pace = sum(seconds) / 1.2
        assert 0.79 < pace < 1.26 and [p[:2] for p in made.phones] == [p[:2] for p in said.phones]
        assert len(made.samples) == pytest.approx(sum(seconds) * SAMPLE_RATE, abs=2)
        level = np.abs(made.samples)
        begin, end = int(seconds[0] * SAMPLE_RATE), int(sum(seconds[:3]) * SAMPLE_RATE)
        assert level[begin + 1200 : end - 1200].mean() > 20 * level[: max(begin - 1200, 1)].mean()
        paces.append(pace)
    assert np.ptp(paces) > 0.05


def test_the_teachers_ends_are_moved_and_none_is_lost():
    assert sooner(np.array([4, 3, 5, 6])).tolist() == [4 - LATE, 3, 5, 6 + LATE]
    assert sooner(np.array([1, 3, 5])).tolist() == [0, 2, 7] and sooner(np.array([1, 0, 5])).sum() == 6


def test_syllables_are_russian_letters_and_differ():
    said = festivals.syllables(20, 0)
    assert len(set(said)) == 20 and said == festivals.syllables(20, 0) != festivals.syllables(20, 1)
    assert all(set(text) <= set("абвгдеёжзиклмнопрстуфхцчшщыэюя .") for text in said)
    for name in ("pau", "ii", "vv", "sch", "c", "tt", "r", "m", "ae", "j", "hh"):
        assert set(festivals._russian(name)) <= set(PHONES)


@pytest.mark.skipif(shutil.which("festival") is None, reason="Festival is only needed to train")
@pytest.mark.parametrize("voice", festivals.VOICES)
def test_festivals_phones_end_with_its_sound(voice):
    try:
        found = list(festivals.reading(["Papa may buy a boat.", "He is here."], voice))
    except festivals.StudioError:
        pytest.skip(f"the voice {voice} is only needed to train")
    assert len(found) == 2
    for _, spoken in found:
        assert sum(p[2] for p in spoken.phones) == pytest.approx(len(spoken.samples) / SAMPLE_RATE, abs=0.15)
        assert {p[0] for p in spoken.phones} <= set(PHONES)


def test_without_festival_its_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(festivals.StudioError, match="Debian's packages festival"):
        next(festivals.reading(["Good morning."], "ked"))


def test_what_is_heard_is_varied_and_stays_in_range():
    mels = torch.linspace(-1, 1, 100)[None, :, None].expand(8, -1, 120) + 0.1 * torch.randn(
        8, 100, 120, generator=torch.Generator().manual_seed(1)
    )
    made = visemes.varied(mels, np.random.default_rng(3))
    assert made.shape == mels.shape and torch.isfinite(made).all() and (made - mels).abs().mean() > 0.1
    same = visemes.varied(mels, np.random.default_rng(3))
    assert torch.equal(made, same)
