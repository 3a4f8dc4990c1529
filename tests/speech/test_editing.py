"""Changed words of a recording: the rest is the same to the bit, and the seams do not click."""

import numpy as np
import pytest
import torch
from speech.voices import tiny_pipeline

from pipelines.codecs.splicing import Patch, spliced, step_at
from pipelines.errors import MediaError, SettingsError
from pipelines.media import Sound
from pipelines.settings import SpeechEditSettings

SAID = "The red boat came home late."


def recording(rate=24_000, channels=1, seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    voice = 0.3 * np.sin(2 * np.pi * 150 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    samples = np.stack([voice * (1 - 0.2 * c) for c in range(channels)]) + 0.001 * rng.standard_normal(len(time))
    return Sound(samples.astype(np.float32), rate)


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def edited(pipeline, source, **settings):
    given = {"source_text": SAID, "text": SAID, "seed": 1, "steps": 2, **settings}
    return list(pipeline.edit(SpeechEditSettings(**given), source))[-1].items[0]


def same_ends(before, after):
    """Samples that are equal from the front and from the back."""
    count = min(before.shape[1], after.shape[1])
    front = np.flatnonzero((before[:, :count] != after[:, :count]).any(0))
    back = np.flatnonzero((before[:, ::-1][:, :count] != after[:, ::-1][:, :count]).any(0))
    return (front[0] if len(front) else count), (back[0] if len(back) else count)


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (44_100, 2), (16_000, 1), (48_000, 1)])
def test_one_word_changes_and_the_rest_is_the_same_to_the_bit(pipeline, rate, channels):
    source = recording(rate, channels)
    made = edited(pipeline, source, text="The red ship came home late.")
    front, back = same_ends(source.samples, made.samples)
    assert made.sample_rate == rate and made.samples.shape[0] == channels
    assert front > 0.2 * source.samples.shape[1] and back > 0.3 * source.samples.shape[1]
    changed = made.samples[:, front : made.samples.shape[1] - back]
    assert 0.05 < changed.shape[1] / rate < 1.5
    assert [word.text for word in made.words] == "The red ship came home late.".split()


def test_a_removed_word_makes_it_shorter_and_an_added_one_longer(pipeline):
    source = recording()
    assert edited(pipeline, source, text="The boat came home late.").seconds < source.seconds - 0.1
    longer = edited(pipeline, source, text="The red boat came slowly home late.")
    assert longer.seconds > source.seconds
    front, back = same_ends(source.samples, longer.samples)
    assert front + back > 0.6 * source.samples.shape[1]


def test_a_marked_part_is_spoken_anew_at_its_own_speed(pipeline):
    source = recording()
    slow, fast = (edited(pipeline, source, start=1.0, end=1.6, speed=speed) for speed in (0.5, 2.0))
    assert slow.seconds > fast.seconds
    assert same_ends(source.samples, fast.samples)[0] > 0.2 * 24_000


def test_two_changes_far_apart_keep_what_lies_between(pipeline):
    source = recording(seconds=9.0)
    said = "One two three four five six seven eight nine ten."
    made = edited(pipeline, source, source_text=said, text="Zero two three four five six seven eight nine eleven.")
    middle = source.samples[0, 90_000:110_000]
    places = np.flatnonzero(made.samples[0, : -len(middle)] == middle[0])
    assert any(np.array_equal(made.samples[0, p : p + len(middle)], middle) for p in places)


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        (Sound(np.zeros((1, 48_000), np.float32), 24_000), {"text": "The red ship came home late."}, "is silent"),
        (recording(seconds=0.1), {"text": "The red ship came home late."}, "at least 0.2 s"),
        (Sound(np.full((1, 1), 0.5, np.float32), 24_000), {"text": "The red ship."}, "at least 0.2 s"),
        (recording(8000, seconds=200), {"text": "The red ship came home late."}, "at most 192 s"),
        (recording(), {}, "says the same"),
        (recording(), {"text": "Something else altogether."}, "no word of the recording stays"),
        (recording(), {"start": 5.0, "end": 6.0}, "ends at 3.00 s"),
    ],
)
def test_what_cannot_be_edited_says_why(pipeline, source, settings, message):
    with pytest.raises((MediaError, SettingsError), match=message):
        edited(pipeline, source, **settings)


def test_a_recording_that_says_something_else_is_refused():
    with pytest.raises(MediaError, match="does not seem to say this"):
        edited(tiny_pipeline(score=-4.0), recording(), text="The red ship came home late.")


# Splicing ---------------------------------------------------------------------------------------------------------


def test_samples_outside_a_patch_are_untouched_and_inside_it_fades():
    old = recording(seconds=1).samples
    new = recording(seconds=0.25, seed=5).samples
    made = spliced(old, [Patch(8000, 12_000, new)], 24_000)
    assert np.array_equal(made[:, :8000], old[:, :8000])
    assert np.array_equal(made[:, 8000 + 6000 :], old[:, 12_000:])
    assert np.array_equal(made[:, 9000:13_000], new[:, 1000:5000])


def test_a_cut_makes_no_click_where_a_plain_one_does():
    time = np.arange(24_000) / 24_000
    tone = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)[None]
    first, last = 6000, 6000 + 60 * 100 + 60  # half a period off
    plain = np.concatenate([tone[:, :first], tone[:, last:]], axis=1)
    faded = spliced(tone, [Patch(first, last, np.zeros((1, 0), np.float32))], 24_000)
    assert step_at(plain, first, 24_000) > 20
    assert step_at(faded, first, 24_000) < 6
    assert np.array_equal(faded[:, :first], tone[:, :first])
    assert np.array_equal(faded[:, -(24_000 - last) :], tone[:, last:])


def test_patches_that_overlap_or_lie_outside_are_refused():
    old, new = recording(seconds=1).samples, np.zeros((1, 10), np.float32)
    for patches in ([Patch(0, 90_000, new)], [Patch(10, 500, new), Patch(400, 600, new)], [Patch(50, 40, new)]):
        with pytest.raises(MediaError, match="outside the recording or overlaps"):
            spliced(old, patches, 24_000)


def test_of_several_takes_the_clearest_is_kept():
    pipeline, source = tiny_pipeline(), recording()
    text = "The red ship came home late."
    alone = edited(pipeline, source, text=text, takes=1).samples
    assert not pipeline.aligner.asked  # one take is not judged
    first = edited(pipeline, source, text=text, takes=3).samples
    latent, _, _, anew = pipeline.aligner.asked[0]
    assert np.allclose(first, alone, atol=1e-4) and len(latent) == 3
    assert torch.equal(latent[0][:, ~anew], latent[2][:, ~anew]) and anew.any()
    assert not torch.allclose(latent[0][:, anew], latent[2][:, anew], atol=1e-2)
    pipeline.aligner.best = 2
    other = edited(pipeline, source, text=text, takes=3).samples
    assert not np.allclose(other, first, atol=1e-3)
    assert min(same_ends(source.samples, other)) > 0.2 * source.samples.shape[1]


def test_an_edit_from_before_there_were_takes_is_replayed_with_one():
    told = SpeechEditSettings(source_text=SAID, text="The red ship came home late.", seed=1)
    raw = told.model_dump(mode="json")
    del raw["takes"]
    assert SpeechEditSettings.migrate(raw)[0] == told and told.takes == 1
