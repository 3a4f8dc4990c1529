"""When things happen in noises: as often and as high as the words say, and the same in training as in a prompt."""

import numpy as np
import pytest

from pipelines.score import read_prompt, scored
from pipelines.score.editing import changed, continued
from pipelines.score.happenings import NO_KEY, RULES, happenings, hertz_of, key_of
from pipelines.score.noises import NOISES


def drawn(noise, *words, seconds=8.0, seed=0):
    return happenings(noise, set(words), seconds, np.random.default_rng(seed))


@pytest.mark.parametrize("noise", NOISES)
def test_every_noise_lasts_and_can_be_drawn(noise):
    for seed in range(5):
        notes = drawn(noise, seed=seed)
        assert notes and notes == drawn(noise, seed=seed) and list(notes) == sorted(notes)
        assert all(
            n.start < 8 and n.seconds > 0 and 1 <= n.velocity <= 127 and (n.key == NO_KEY or n.key > 20) for n in notes
        )
        assert notes[0].start < 1.6 and max(n.start + n.seconds for n in notes) > 1
    assert set(RULES) <= set(NOISES)


@pytest.mark.parametrize("noise", ["drips", "heartbeat", "footsteps", "beeps", "clock", "bell", "train", "siren"])
def test_slow_is_slower_and_fast_is_faster(noise):
    counts = [np.mean([len(drawn(noise, *words, seed=s)) for s in range(6)]) for words in (("slow",), (), ("fast",))]
    assert counts[0] < counts[1] < counts[2]


def test_low_is_lower_and_high_is_higher():
    for noise in ("beeps", "bell", "tone"):
        keys = [np.mean([drawn(noise, *words, seed=s)[0].key for s in range(6)]) for words in (("low",), (), ("high",))]
        assert keys[0] < keys[1] < keys[2]
    assert key_of(440) == 69 and hertz_of(key_of(880)) == pytest.approx(880)


def test_a_prompt_is_scored_by_the_same_rules():
    score = scored(read_prompt("fast footsteps"), 5.0, 3)
    assert score.timbre == "noise footsteps" and score.notes == drawn("footsteps", "fast", seconds=6.0, seed=3)
    assert len(scored(read_prompt("rain"), 5.0, 3).notes) == 1


def test_when_things_happen_in_a_dropped_sound_is_not_made_up():
    before, after = changed(read_prompt("ticking clock"), read_prompt("dripping water"), (), 4.0, 1)
    assert not before.notes and len(after.notes) > 2
    before, _ = changed(read_prompt("rain"), read_prompt("wind"), (), 4.0, 1)
    assert len(before.notes) == 1
    assert min(n.start for n in continued(read_prompt("ticking clock"), (), 2.0, 4.0, 1).notes) >= 2.0
