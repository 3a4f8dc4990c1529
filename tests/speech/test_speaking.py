"""Reading aloud: every word in its place, pieces that add up, and a pace that obeys."""

import numpy as np
import pytest
import torch
from speech.voices import tiny_pipeline

from pipelines.codecs.audio import loudness
from pipelines.errors import ModelError, SettingsError
from pipelines.events import Done, Note, Piece, Progress
from pipelines.settings import SpeechSettings
from pipelines.speech.score import rounded

TEXT = "The harbour was quiet. Two boats came home, and nobody spoke much!"


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def run(pipeline, **settings):
    given = {"text": TEXT, "seed": 3, "steps": 2, **settings}
    return list(pipeline.generate(SpeechSettings(**given)))


@pytest.mark.parametrize("lengths", [[0.2, 0.3, 7.6], [4.4] * 30, [1.0], [0.1, 50.2, 0.1, 3.3]])
def test_rounded_lengths_keep_the_sum_and_every_phone(lengths):
    made = rounded(torch.tensor(lengths))
    assert made.min() >= 1
    assert abs(int(made.sum()) - max(sum(lengths), len(lengths))) <= 1.5


def test_every_word_is_timed_once_in_order(pipeline):
    sound = run(pipeline)[-1].items[0]
    assert [word.text for word in sound.words] == TEXT.split()
    ends = [0.0]
    for word in sound.words:
        assert ends[-1] - 1e-6 <= word.start < word.end <= sound.seconds
        ends.append(word.end)


def test_pieces_are_the_whole_but_for_loudness(pipeline):
    events = run(pipeline)
    pieces = np.concatenate([e.item.samples for e in events if isinstance(e, Piece)], axis=1)
    done = events[-1].items[0]
    assert isinstance(events[-1], Done)
    assert pieces.shape == done.samples.shape
    inside = (np.abs(pieces) < 0.2 * np.abs(pieces).max()) & (np.abs(pieces) > 1e-4)
    gains = done.samples[inside] / pieces[inside]
    assert gains.std() / gains.mean() < 0.2
    heard = [word.text for e in events if isinstance(e, Piece) for word in e.item.words]
    assert heard == TEXT.split()


def test_a_piece_comes_before_the_second_sentence_is_made(pipeline):
    events = run(pipeline)
    first = next(i for i, e in enumerate(events) if isinstance(e, Piece))
    assert sum(isinstance(e, Progress) for e in events[:first]) == 2  # the steps of the first sentence


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_the_length_follows_the_speed_within_three_percent(pipeline, speed):
    whole = run(pipeline)[-1].items[0].seconds
    assert run(pipeline, speed=speed)[-1].items[0].seconds == pytest.approx(whole / speed, rel=0.03)


def test_the_pause_between_sentences_is_silence_of_its_length(pipeline):
    short, long = (run(pipeline, pause=pause)[-1].items[0] for pause in (0, 1.5))
    assert long.seconds - short.seconds == pytest.approx(1.5, abs=1e-3)


def test_the_seed_decides_the_sound(pipeline):
    one, two, other = (run(pipeline, seed=seed)[-1].items[0].samples for seed in (3, 3, 4))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_each_voice_sounds_its_own_way(pipeline):
    made = {v: run(pipeline, voice=v)[-1].items[0].samples for v in ("heart", "slt", "kal")}
    assert made["heart"].shape != made["slt"].shape or not np.array_equal(made["heart"], made["slt"])


def test_calls_are_counted_and_guidance_of_one_is_free(pipeline):
    assert run(pipeline, guidance=1)[-1].calls == 2 * 2
    assert run(pipeline, guidance=2)[-1].calls == 2 * 2 * 2


class Hum:
    """A vocoder that hums, a tone of 256 samples a frame."""

    def stream(self):
        return self

    def push(self, latent):
        return 0.02 * torch.sin(torch.arange(256 * latent.shape[-1]) * 2 * torch.pi / 64)

    def finish(self):
        return torch.zeros(0)


@pytest.mark.parametrize("lufs", [-30, -16])
def test_the_loudness_is_what_was_asked_for(lufs):
    pipeline = tiny_pipeline()
    pipeline.vocoder = Hum()
    assert loudness(run(pipeline, loudness=lufs)[-1].items[0]) == pytest.approx(lufs, abs=0.3)


def test_progress_ends_at_the_end(pipeline):
    done = [e.done for e in run(pipeline) if isinstance(e, Progress)]
    assert done == sorted(done) and done[-1] == 100


def test_what_cannot_be_spoken_is_said(pipeline):
    events = run(pipeline, text="Hello 你好 there")
    assert any("你好" in e.text for e in events if isinstance(e, Note))
    assert [word.text for word in events[-1].items[0].words][0] == "Hello"


@pytest.mark.parametrize("text", ["你好", "🙂🙃", "...", "—"])
def test_nothing_to_say_is_refused(pipeline, text):
    with pytest.raises(SettingsError, match="text: nothing in it can be spoken"):
        run(pipeline, text=text)


def test_script_in_the_text_is_only_text(pipeline):
    words = [w.text for w in run(pipeline, text="<script>alert(1)</script> said Tom.")[-1].items[0].words]
    assert "".join(words).replace(" ", "") == "<script>alert(1)</script>saidTom."


def test_too_much_text_is_refused_with_the_limit():
    with pytest.raises(SettingsError, match="text: at most 20000 characters, got 50000"):
        SpeechSettings(text="a" * 50_000)


def test_a_phone_or_voice_that_the_model_lacks_is_named(pipeline):
    with pytest.raises(ModelError, match="does not know the phones Q"):
        pipeline.model.ids("aQ"[1:])
    with pytest.raises(ModelError, match="no voice 'nobody'"):
        pipeline.model.voice("nobody")


def test_closing_stops_at_once(pipeline):
    events = pipeline.generate(SpeechSettings(text=TEXT, seed=1, steps=2))
    next(events)
    events.close()
    with pytest.raises(StopIteration):
        next(events)


def test_a_voice_speaks_at_its_measured_pace():
    pipeline = tiny_pipeline()
    usual = run(pipeline, voice="slt")[-1].items[0].seconds
    pipeline.model.paces["slt"] = 1.2
    pause = 0.35
    assert (run(pipeline, voice="slt")[-1].items[0].seconds - pause) / (usual - pause) == pytest.approx(1.2, abs=0.04)
    assert run(pipeline, voice="rms")[-1].items[0].seconds == pytest.approx(usual, rel=0.15)


def test_of_several_takes_of_a_sentence_the_clearest_is_kept():
    pipeline = tiny_pipeline()
    alone, first = (run(pipeline, takes=takes)[-1].items[0].samples for takes in (1, 2))
    rounding = np.abs(alone - first).mean()  # of a batch, which the untrained vocoder enlarges
    assert rounding < 1e-2 * np.abs(alone).mean() and len(pipeline.aligner.asked) == 2  # sentences
    pipeline.aligner.best = 1
    assert np.abs(run(pipeline, takes=2)[-1].items[0].samples - first).mean() > 0.1 * np.abs(alone).mean()
