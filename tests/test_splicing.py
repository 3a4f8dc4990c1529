"""Parts of a recording replaced: all else is bit for bit what it was, and no click is heard."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.codecs.splicing import FADE, Patch, spliced, step_at
from pipelines.errors import MediaError

RATE = 24_000
WIDTH = round(FADE * RATE)


def voice(seconds=1.0, pitch=120.0):
    """Something like a vowel: thirty harmonics that fall off, float32 [1, N]."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * pitch * n * time + n * n) / n**1.5 for n in range(1, 31))
    return (0.2 * wave)[None].astype(np.float32)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_everything_outside_is_the_recordings_own(data):
    length = data.draw(st.integers(1, 4000))
    source = np.random.default_rng(length).uniform(-1, 1, (2, length)).astype(np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=6)))
    patches = [
        Patch(first, last, np.full((2, data.draw(st.integers(0, 500))), 0.25, np.float32))
        for first, last in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    made = spliced(source, patches, RATE)
    done = place = 0
    for patch in patches:
        kept = patch.first - done
        assert np.array_equal(made[:, place : place + kept], source[:, done : patch.first])
        new = patch.samples.shape[1] or min(WIDTH, patch.last - patch.first)
        place += kept + new
        done = patch.last
    assert np.array_equal(made[:, place:], source[:, done:]) and place + length - done == made.shape[1]
    assert np.abs(made).max(initial=0) <= 1


def test_a_part_is_itself_but_for_its_ends():
    new = voice(0.3, 170)
    made = spliced(voice(), [Patch(6000, 9000, new)], RATE)
    assert made.shape[1] == 24_000 - 3000 + 7200
    assert np.array_equal(made[:, 6000 + WIDTH : 6000 + 7200 - WIDTH], new[:, WIDTH:-WIDTH])


@pytest.mark.parametrize("cuts", [[(100, 50)], [(0, 24_001)], [(0, 500), (400, 600)]])
def test_parts_that_do_not_fit_are_refused(cuts):
    with pytest.raises(MediaError, match="patch: from .* is outside the recording or overlaps another"):
        spliced(voice(), [Patch(*cut, np.zeros((1, 10), np.float32)) for cut in cuts], RATE)


@pytest.mark.parametrize("place", range(3000, 15_000, 1111))
def test_seams_do_not_click_where_a_hard_cut_would(place):
    source, new = voice(), voice(0.3, 173)
    made = spliced(source, [Patch(place, place + 4000, new)], RATE)
    seams = (place, place + new.shape[1])
    assert max(step_at(made, seam, RATE) for seam in seams) < 1.3
    hard = np.concatenate([source[:, :place], new, source[:, place + 4000 :]], axis=1)
    assert max(step_at(hard, seam, RATE) for seam in seams) > 1.3


def test_a_removed_part_is_bridged():
    made = spliced(voice(), [Patch(6000, 9333, np.zeros((1, 0), np.float32))], RATE)
    assert made.shape[1] == 24_000 - 3333 + WIDTH
    assert step_at(made, 6000, RATE) < 1.3 and step_at(made, 6000 + WIDTH, RATE) < 1.3
