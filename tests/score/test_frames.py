"""Scores drawn along frames."""

import numpy as np
import pytest

from pipelines.score import FEATURES, NOTHING, Note, Score, frames_of
from pipelines.score.frames import CURVES, FADE, FRAME_RATE, KEYS, LET_GO, LOWEST, SLOTS, STRIKE, STRUCK, slot_of


def curves(score, frames=100, start=0):
    return frames_of(score, frames, start)[: CURVES * SLOTS].reshape(CURVES, SLOTS, frames)


def ages(score, frames=100, start=0):
    clock = frames_of(score, frames, start)[CURVES * SLOTS :]
    return clock[: len(STRUCK)], clock[len(STRUCK) :]


def test_ages_count_from_the_last_strike_and_from_the_last_release():
    notes = (Note(10 / FRAME_RATE, 30 / FRAME_RATE, 60, 90), Note(20 / FRAME_RATE, 10 / FRAME_RATE, 64, 90))
    struck, let_go = ages(Score("program 0", notes))
    assert not struck[:, :10].any() and np.allclose(struck[:, 10:].sum(0), 1)
    assert np.allclose(struck[:, 10:20].T @ STRUCK, np.arange(10)) and np.allclose(
        struck[:, 20:].T @ STRUCK, np.arange(80)
    )
    assert not let_go[:, :40].any() and np.allclose(let_go[:, 40:].T @ LET_GO, np.arange(60))


def test_ages_of_a_score_that_began_earlier_go_on():
    score = Score("program 0", (Note(0, 0.5, 60, 127),))
    for late, whole in zip(ages(score.later(-60 / FRAME_RATE)), ages(score, 160), strict=True):
        assert np.allclose(late, whole[:, 60:])


def test_a_note_is_held_struck_and_rings_on():
    drawn = curves(Score("program 0", (Note(10 / FRAME_RATE, 20 / FRAME_RATE, 60, 127),)))
    held, strike, fade, ring = drawn[:, 60 - LOWEST]
    assert not drawn[:, :, :10].any() and held[10:30].tolist() == [1] * 20 and not held[30:].any()
    assert strike[10] == fade[10] == ring[30] == 1 and not ring[:30].any()
    assert strike[14] == pytest.approx(np.exp(-4 / STRIKE)) and fade[50] == pytest.approx(np.exp(-40 / FADE))
    others = np.delete(drawn, 60 - LOWEST, axis=1)
    assert not others.any()


def test_a_key_struck_again_begins_anew_and_soft_is_less():
    score = Score("program 0", (Note(0, 1.0, 60, 127), Note(50 / FRAME_RATE, 0.1, 60, 64)))
    held, strike, fade, _ = curves(score)[:, 60 - LOWEST]
    assert strike[50] == pytest.approx(64 / 127) and held[49] == 1 and held[50] == pytest.approx(64 / 127)
    assert fade[49] < fade[0] and fade[50] == pytest.approx(64 / 127)


def test_a_part_is_what_the_whole_says_there():
    rng = np.random.default_rng(0)
    notes = tuple(
        Note(float(rng.uniform(0, 3)), float(rng.uniform(0.1, 1)), int(rng.integers(40, 90)), 90) for _ in range(30)
    )
    whole = frames_of(Score("program 0", notes), 300)
    assert whole.shape == (FEATURES, 300) and whole.dtype == np.float32
    assert np.array_equal(frames_of(Score("program 0", notes), 120, 100), whole[:, 100:220])


def test_a_score_that_began_earlier_goes_on():
    score = Score("program 0", (Note(0, 2.0, 60, 127),))
    late = curves(score.later(-50 / FRAME_RATE))
    whole = curves(score, 150)[:, :, 50:]
    assert np.allclose(late, whole, atol=1e-6)
    assert score.later(0.0) == score and not frames_of(NOTHING, 10).any()


def test_drums_and_noises_have_places_of_their_own():
    assert slot_of("noise drips", 84) == slot_of("program 0", 84) and slot_of("recording x", 60) == SLOTS - 1
    assert slot_of("kit 0", 35) == KEYS and slot_of("kit 0", 81) == SLOTS - 2 and slot_of("noise rain", 0) == SLOTS - 1
    assert slot_of("program 0", 12) == slot_of("program 0", 24) and slot_of("program 0", 117) == slot_of(
        "program 0", 105
    )
    assert {slot_of("program 0", key) for key in range(128)} == set(range(KEYS))
