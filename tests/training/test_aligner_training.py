"""The aligner's training on made-up voices: batches, changes, and that what is exported finds its phones."""

import numpy as np
import pytest
import torch

from pipelines.codecs.mel import BANDS
from pipelines.models.aligner import CLASSES, classes_of, load_aligner
from pipelines.training import aligner as training
from pipelines.training.data.speech import SpeechSet, Utterance

SYMBOLS = "_kætsI._"


def made_up(count=24, seed=0):
    """Utterances in which every class of phones is a spectrum of its own."""
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(7).normal(0, 1, (len(CLASSES), BANDS))
    utterances, mels, begin = [], [], 0
    for number in range(count):
        inner = "".join(rng.permutation(list("kætsI")))
        symbols = f"_{inner}._"
        lengths = tuple(int(n) for n in rng.integers(8, 30, len(symbols)))
        rows = shapes[np.repeat(classes_of(symbols), lengths)]
        mels.append((rows + rng.normal(0, 0.2, rows.shape)).astype(np.float16))
        voice = ("heart", "slt")[number % 2]
        utterances.append(Utterance("", voice, begin, symbols, (0,) * len(symbols), lengths, number % 6 == 0))
        begin += sum(lengths)
    return SpeechSet(np.concatenate(mels), np.zeros(0, np.int16), utterances)


@pytest.fixture
def speech(monkeypatch):
    found = made_up()
    monkeypatch.setattr(training.SpeechSet, "load", classmethod(lambda cls, folder: found))
    return found


def test_batches_are_the_same_for_the_same_step_and_hold_both_voices(speech):
    voices = training.Voices(speech, 3)
    one, two, other = voices.batch(5), voices.batch(5), voices.batch(6)
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1]) and not torch.equal(one[0], other[0])
    assert one[0].shape == (training.BATCH, BANDS, training.FRAMES) and one[0].dtype == torch.float32
    assert one[0].isfinite().all()
    assert set(one[1].unique().tolist()) <= {-100, *classes_of(SYMBOLS)}
    assert [len(own) for own in voices.by_voice] == [12, 12]


def test_a_changed_recording_is_still_one(speech):
    clean = torch.from_numpy(speech.mels[:200].astype(np.float32)).T
    different = 0
    for seed in range(40):
        made = training.changed(clean, np.random.default_rng(seed))
        assert made.shape == clean.shape and made.isfinite().all()
        assert made.min() >= (np.log(training.FLOOR) - training.CENTRE) / training.SPREAD - 1e-5
        different += not torch.equal(made, clean)
    assert different == 40


def test_a_longer_throat_shifts_the_bands():
    ramp = torch.arange(BANDS, dtype=torch.float32)[:, None].repeat(1, 3)
    assert torch.allclose(training._warped(ramp, 0.9)[50], torch.tensor(45.0))
    assert torch.allclose(training._warped(ramp, 1.1)[50], torch.tensor(55.0))
    assert torch.allclose(training._warped(ramp, 1.0), ramp)


def test_an_echo_dies_away():
    level = torch.full((BANDS, 120), 1e-5)
    level[:, 10] = 1.0
    made = training._echoing(level, np.random.default_rng(0))
    assert torch.allclose(made[:, :11], level[:, :11], atol=1e-4)
    tail = made[0, 11:100]
    assert (tail.diff() <= 0).all() and tail[0] > 5 * tail[-1]


def test_a_voice_can_be_left_out(speech, tmp_path):
    trainer, _ = training.aligner(tmp_path, tmp_path / "run", steps=1, without="slt")
    assert {u.voice for own in trainer.loss.voices.by_voice for u in own} == {"heart"}
    assert not any(u.held_out for own in trainer.loss.voices.by_voice for u in own)


def test_what_was_trained_and_exported_finds_its_phones(speech, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "FRAMES", 96)
    trainer, network = training.aligner(tmp_path, tmp_path / "run", steps=60)
    rows = list(trainer.run(log_every=20))
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    training.export(tmp_path / "run", tmp_path / "out")
    shipped = load_aligner(tmp_path / "out")
    assert "Licence of the weights: Apache-2.0" in (tmp_path / "out" / "README.md").read_text()
    held_out = speech.subset(held_out=True)
    every, _ = training.boundary_errors(shipped, held_out)
    assert len(every) > 20 and np.median(every) <= 11 and (every <= 35).mean() > 0.9
    # The shipped weights are the averaged ones, in half precision.
    live = training.finished(trainer, network, speech)
    latent = torch.from_numpy(speech.mels[:90].astype(np.float32)).T[None]
    assert torch.allclose(shipped.hear(latent), live.hear(latent), atol=0.2)
