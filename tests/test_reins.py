"""Words that take over while a clip goes on, and an early end: what reaches the run, and what its result says."""

import numpy as np
import pytest
from fake_clips import grown
from samples import clip

from pipelines.errors import StudioError
from pipelines.events import Done, Piece
from pipelines.settings import VideoExtendSettings
from studio.jobs import reins

SETTINGS = VideoExtendSettings(prompt="turning", seconds=5, seed=1, changes="1: nodding")


def driven(folder, between=lambda number: None):
    """Events of a run; ``between`` is called after each piece with its number."""
    held = reins.Reins(folder, SETTINGS)
    events = []
    for event in held.driven(grown(SETTINGS, clip(), held.steer, 0), clip(), 1):
        events.append(event)
        if isinstance(event, Piece):
            between(sum(isinstance(each, Piece) for each in events))
    return events


def test_without_reins_a_run_is_as_it_is(tmp_path):
    done = driven(None)[-1]
    assert isinstance(done, Done) and len(done.items[0].frames) == 7 + 50
    assert len(driven(tmp_path)[-1].items[0].frames) == 57 and reins.settled(SETTINGS, tmp_path) == SETTINGS


def test_words_take_over_from_where_they_were_said_and_are_kept(tmp_path):
    events = driven(tmp_path, lambda number: number == 2 and reins.say(tmp_path, " shaking\n hard "))
    plain = driven(None)
    frames, usual = events[-1].items[0].frames, plain[-1].items[0].frames
    assert np.array_equal(frames[:27], usual[:27]) and not np.array_equal(frames[27:], usual[27:])
    assert reins.settled(SETTINGS, tmp_path) == SETTINGS.with_(changes="1.00: nodding\n2.00: shaking hard")


def test_an_early_end_keeps_what_is_there_and_says_how_long_it_was(tmp_path):
    events = driven(tmp_path, lambda number: number == 3 and reins.finish(tmp_path))
    assert len(events[-1].items[0].frames) == 7 + 30 and events[-1].seeds == (1,)
    kept = reins.settled(SETTINGS, tmp_path)
    assert kept.seconds == pytest.approx(30 / 12) and kept.prompt == "turning"


@pytest.mark.parametrize("prompt", ["", "  ", "x" * 201])
def test_words_that_are_none_are_refused(tmp_path, prompt):
    with pytest.raises(StudioError, match="prompt: 1 to 200 characters"):
        reins.say(tmp_path, prompt)
    with pytest.raises(StudioError, match="job: it does not run"):
        reins.say(tmp_path / "gone", "words")


def test_more_words_than_settings_hold_do_not_lose_the_result(tmp_path):
    (tmp_path / "settled.json").write_text('{"changes": "%s"}' % ("x" * 3000))
    assert reins.settled(SETTINGS, tmp_path) == SETTINGS
