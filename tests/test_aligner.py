"""When words are spoken: the best path, and the times that it gives in recordings whose times are known."""

import itertools
import shutil
import time
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.codecs.mel import FRAME_RATE, HOP, SAMPLE_RATE, mel
from pipelines.errors import MediaError, ModelError
from pipelines.models.aligner import CLASSES, PAUSES, SHORTEST, Aligner, best_path, classes_of, load_aligner
from pipelines.paths import assets
from pipelines.reading import PHONES, is_pause, read
from pipelines.reading.change import words_of
from pipelines.reading.plan import check_fit, line_of

SENTENCES = (
    "the old captain looked across the water",
    "seven green bottles stood upon the kitchen table",
    "nobody remembers where the yellow house was built",
    "she quickly finished reading another chapter",
    "heavy rain has fallen since yesterday morning",
)


@lru_cache(maxsize=1)
def aligner():
    return load_aligner(assets() / "weights" / "aligner")


@lru_cache(maxsize=1)
def speaker():
    from hibari import Hibari

    return Hibari()


@lru_cache(maxsize=32)
def spoken(text):
    """A sentence word by word, a quarter of a second of quiet between: samples [N], and each word's true seconds."""
    rng = np.random.default_rng(len(text))
    quiet = lambda seconds: rng.normal(0, 2e-4, round(seconds * SAMPLE_RATE))  # noqa: E731
    parts, times, done = [quiet(0.3)], [], round(0.3 * SAMPLE_RATE)
    for word in text.split():
        said = speaker()(word, 1.0, 7)
        loud = np.flatnonzero(np.abs(said) > 0.02 * np.abs(said).max())
        said = said[loud[0] : loud[-1]]
        times.append((done / SAMPLE_RATE, (done + len(said)) / SAMPLE_RATE))
        parts += [said, quiet(0.25)]
        done += len(said) + len(parts[-1])
    return np.concatenate(parts).astype(np.float32), times


def latent_of(samples):
    return mel(torch.from_numpy(samples)[None])


def errors_of(samples, times, text):
    """Milliseconds that each word's begin and end are off."""
    line = line_of(words_of(read(text)))
    found = aligner().align(latent_of(samples), line.symbols)
    ends = np.concatenate([[0], np.cumsum(found.lengths)]) / FRAME_RATE
    off = [
        (ends[first] - begin, ends[last] - end) for (first, last), (begin, end) in zip(line.words, times, strict=True)
    ]
    return 1000 * np.abs(np.array(off)).ravel()


# The best path.


def brute(scores, optional):
    """Every path there is."""
    frames, states = scores.shape
    best, found = -np.inf, None
    for lengths in itertools.product(range(frames + 1), repeat=states):
        fits = all(n >= (0 if free else SHORTEST) for n, free in zip(lengths, optional, strict=True))
        # Of two pauses side by side in the middle one at least is made: rows of phones never hold that.
        if sum(lengths) == frames and fits:
            path = np.repeat(np.arange(states), lengths)
            total = scores[np.arange(frames), path].sum()
            if total > best:
                best, found = total, path
    return best, found


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 8), st.sampled_from(["x", "_x", "x_", "_x_", "xx", "x_x", "_x_x_", "x__"])
)
def test_the_path_is_the_best_of_all(seed, frames, states):
    optional = [state == "_" for state in states]
    if frames < SHORTEST * states.count("x"):
        return
    scores = np.random.default_rng(seed).normal(size=(frames, len(states)))
    path = best_path(scores, optional)
    best, _ = brute(scores, optional)
    assert scores[np.arange(frames), path].sum() == pytest.approx(best)
    assert (np.diff(path) >= 0).all()
    assert all((path == n).sum() >= SHORTEST for n, free in enumerate(optional) if not free)


def test_every_phone_has_a_class():
    assert len(classes_of(PHONES)) == len(PHONES)
    assert {CLASSES[n] for n in classes_of(PAUSES)} == {"_"}
    assert {symbol for symbol in PHONES if is_pause(symbol)} == set(PAUSES)
    with pytest.raises(ModelError, match="phones: the aligner does not know 7, X"):
        classes_of("aX7"[1:])


# Recordings.


def test_words_are_found_where_they_are():
    off = np.concatenate([errors_of(*spoken(text), text) for text in SENTENCES])
    assert np.median(off) < 25 and np.quantile(off, 0.9) < 60 and off.max() < 200


@pytest.mark.parametrize("change", ["quiet", "noise", "telephone", "fast", "low"])
def test_words_are_found_in_worse_recordings(change):
    from pipelines.codecs.audio import resampled
    from pipelines.media import Sound

    off = []
    for text in SENTENCES[:3]:
        samples, times = spoken(text)
        if change == "quiet":
            samples = samples * 0.05
        elif change == "noise":
            level = np.sqrt(np.square(samples).mean()) * 10 ** (-15 / 20)
            samples = samples + np.random.default_rng(0).normal(0, level, len(samples)).astype(np.float32)
        elif change == "telephone":
            narrow = resampled(Sound(np.clip(samples, -1, 1)[None], SAMPLE_RATE), 8000)
            samples = resampled(narrow, SAMPLE_RATE).samples[0]
        else:  # played faster or slower, so higher or lower too
            rate = 21_000 if change == "fast" else 27_500
            samples = resampled(Sound(np.clip(samples, -1, 1)[None], SAMPLE_RATE), rate).samples[0]
            times = [(begin * rate / SAMPLE_RATE, end * rate / SAMPLE_RATE) for begin, end in times]
        off.append(errors_of(samples, times, text))
    off = np.concatenate(off)
    assert np.median(off) < 35 and np.quantile(off, 0.9) < 120


def test_phones_fill_the_recording_in_order():
    samples, _ = spoken(SENTENCES[0])
    latent = latent_of(samples)
    line = line_of(words_of(read(SENTENCES[0])))
    found = aligner().align(latent, line.symbols)
    assert sum(found.lengths) == latent.shape[-1]
    assert found.begins == tuple(np.cumsum((0, *found.lengths))[:-1])
    assert all(length >= SHORTEST for s, length in zip(line.symbols, found.lengths, strict=True) if not is_pause(s))
    again = aligner().align(latent, line.symbols)
    assert again == found


def test_the_right_words_fit_and_others_do_not():
    for index, text in enumerate(SENTENCES):
        samples, _ = spoken(text)
        words = words_of(read(text))
        line = line_of(words)
        found = aligner().align(latent_of(samples), line.symbols)
        assert found.score > -1.5
        assert check_fit(words, line, found.lengths, found.scores) == []
        other = words_of(read(SENTENCES[(index + 1) % len(SENTENCES)]))
        line = line_of(other)
        found = aligner().align(latent_of(samples), line.symbols)
        with pytest.raises(MediaError, match="source_text: the recording does not seem to say this"):
            check_fit(other, line, found.lengths, found.scores)


SWAPS = {"captain": "butterfly", "green": "blue", "table": "counter", "yellow": "orange", "finished": "started",
         "chapter": "letter", "heavy": "gentle", "rain": "snow", "morning": "evening"}  # fmt: skip


def noted(text, samples):
    words = words_of(read(text))
    line = line_of(words)
    found = aligner().align(latent_of(samples), line.symbols)
    return " ".join(check_fit(words, line, found.lengths, found.scores))


@pytest.mark.parametrize("said, wrong", SWAPS.items())
def test_a_word_that_is_not_said_is_named(said, wrong):
    (text,) = (text for text in SENTENCES if said in text.split())
    assert noted(text.replace(said, wrong), spoken(text)[0]) == (
        f"these words do not sound like the recording, check them: {wrong}"
    )


def test_words_that_are_not_told_are_noted():
    words = SENTENCES[1].split()
    short = " ".join(words[:2] + words[3:])  # "seven green stood upon ..."
    note = "the recording says something that is not among these words after: green"
    assert noted(short, spoken(SENTENCES[1])[0]) == note
    assert "after: across" in noted("the old captain looked across", spoken(SENTENCES[0])[0])


def test_noise_and_silence_say_nothing():
    for samples in (np.zeros(72_000), np.random.default_rng(0).normal(0, 0.1, 72_000)):
        with pytest.raises(MediaError, match="does not seem to say this"):
            noted(SENTENCES[0], samples.astype(np.float32))


def test_what_cannot_be_aligned_is_refused():
    latent = torch.zeros(1, 100, 7)
    with pytest.raises(MediaError, match=r"recording: 0.1 s is too short to say the words"):
        aligner().align(latent, "_kæpt_")
    with pytest.raises(MediaError, match=r"recording: 213.3 s long, at most 192.0 s; cut it"):
        aligner().align(torch.zeros(1, 100, 20_000), "_kæt_")
    with pytest.raises(ModelError, match="nothing to align"):
        aligner().align(latent, "_,_")


def test_a_minute_is_aligned_in_seconds():
    samples = np.tile(spoken(SENTENCES[0])[0], 14)[: 60 * SAMPLE_RATE]
    count = len(samples) // len(spoken(SENTENCES[0])[0])
    line = line_of(words_of(read((SENTENCES[0] + ". ") * (count + 1))))
    start = time.process_time()
    aligner().align(latent_of(samples), line.symbols)
    assert time.process_time() - start < 20


def test_the_network_is_small_and_does_not_depend_on_what_is_far_away():
    network = aligner().network
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_000_000
    latent = torch.randn(1, 100, 300, generator=torch.Generator().manual_seed(0))
    changed = latent.clone()
    changed[:, :, 200:] = changed[:, :, 200:].flip(2)  # the mean over time stays as it is
    with torch.inference_mode():
        one, two = network(latent), network(changed)
    assert torch.allclose(one[:, :, :165], two[:, :, :165], atol=1e-4)
    assert not torch.allclose(one[:, :, 200:], two[:, :, 200:], atol=1e-2)


def test_the_take_that_says_the_phones_is_the_clearest():
    symbols, lengths = "_kæt_", (10, 6, 12, 6, 10)
    classes = torch.tensor(classes_of(symbols)).repeat_interleave(torch.tensor(lengths))

    class Ear(torch.nn.Module):
        """Hears class c in a frame whose band c is loud."""

        def forward(self, latent):
            return latent[:, : len(CLASSES)]

    ear = Aligner(Ear(), torch.ones(len(CLASSES)))
    clear = 5 * torch.nn.functional.one_hot(classes, 100).float().T
    late, wrong = clear.roll(1, 1), clear.roll(3, 0)
    anew = torch.zeros(44, dtype=torch.bool)
    anew[12:26] = True
    good, shifted, bad = ear.clarity(torch.stack([clear, late, wrong]), symbols, lengths, anew).tolist()
    assert good == shifted > bad + 3  # a frame late is as good
    half = clear.clone()
    half[:, :12], half[:, 26:] = wrong[:, :12], wrong[:, 26:]
    assert ear.clarity(half[None], symbols, lengths, anew).item() == pytest.approx(good, abs=0.5)


def test_damaged_weights_are_refused(tmp_path):
    with pytest.raises(ModelError, match="config.json is missing"):
        load_aligner(tmp_path)
    folder = shutil.copytree(assets() / "weights" / "aligner", tmp_path / "aligner")
    config = folder / "config.json"
    config.write_text(config.read_text().replace("AIOWY", "AIOYW"))
    with pytest.raises(ModelError, match="for other phones than this version's"):
        load_aligner(folder)
    config.write_text(config.read_text().replace("AIOYW", "AIOWY").replace('"width": 160', '"width": 96'))
    with pytest.raises(ModelError, match="does not fit this version"):
        load_aligner(folder)


def test_frames_and_samples_agree():
    assert HOP / SAMPLE_RATE == pytest.approx(1 / FRAME_RATE)
