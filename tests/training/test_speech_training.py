"""Data and objective of the speech starter, on a handful of made-up sentences."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from speech.voices import CONFIG, tiny_model

from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE
from pipelines.errors import ModelError
from pipelines.models.speech import load_speech, places_of, words_at
from pipelines.reading.phones import PHONES, SILENCE
from pipelines.training import speech
from pipelines.training.data import timings
from pipelines.training.data.speech import SpeechSet, Utterance, _aligned, _tidied, is_held_out
from pipelines.training.data.spoken import Spoken
from pipelines.training.data.teacher import phones_of
from pipelines.training.data.timings import Timing


def made_up(count=6, seed=0):
    """Sentences of phones that each have a frame of their own, with a little noise."""
    rng = np.random.default_rng(seed)
    utterances, begin = [], 0
    for number in range(count):
        lengths = tuple(int(n) for n in rng.integers(3, 12, 60))
        symbols = SILENCE + "".join(rng.choice(list(PHONES[9:]), 58)) + SILENCE
        voice = speech.VOICES[number % len(speech.VOICES)]
        utterances.append(Utterance(f"Sentence {number}.", voice, begin, symbols, (0,) * 60, lengths, number == 0))
        begin += sum(lengths)
    own = rng.standard_normal((1 + len(PHONES), BANDS))
    phones = np.concatenate([speech.frame_rows(u)[0].numpy() for u in utterances])
    mels = own[phones] + 0.1 * rng.standard_normal((begin, BANDS))
    return SpeechSet(mels.astype(np.float16), np.zeros(begin * HOP, np.int16), utterances)


def test_a_crop_shows_the_phones_of_its_own_frames():
    speech_set = made_up()
    data, told = speech.Crops(speech_set).batch(3)
    assert data.shape[1] == BANDS and told.known.shape == (len(data), BANDS + 1, data.shape[2])
    rows = {tuple(np.round(speech_set.mels[f].astype(np.float32)[:4], 3)): f for f in range(len(speech_set.mels))}
    phone_of = np.concatenate([speech.frame_rows(u)[0].numpy() for u in speech_set.utterances])
    checked = 0
    for row in range(len(data)):
        if (told.phones[row] == 0).all():
            continue
        for frame in range(0, data.shape[2], 17):
            place = rows.get(tuple(np.round(data[row, :4, frame].numpy(), 3)))
            if place is not None:
                assert told.phones[row, frame] == phone_of[place]
                checked += 1
    assert checked > 30


def test_known_frames_are_shown_clean_and_flagged():
    data, told = speech.Crops(made_up()).batch(5)
    flags = told.known[:, -1:]
    assert set(flags.unique().tolist()) <= {0.0, 1.0} and 0 < flags.mean() < 0.9
    assert torch.equal(told.known[:, :-1], data * flags)


def test_batches_follow_from_seed_and_step_alone():
    one, two = (speech.Crops(made_up(), seed=4).batch(9) for _ in range(2))
    assert torch.equal(one[0], two[0]) and torch.equal(one[1].phones, two[1].phones)
    assert not torch.equal(one[0][:1, :, :8], speech.Crops(made_up(), seed=5).batch(9)[0][:1, :, :8])


def test_the_loss_counts_only_what_is_to_be_filled_in():
    crops = speech.Crops(made_up())
    objective = speech.SpeechObjective(crops, lambda count, generator: torch.full((count,), 0.5))

    def answers(wrong_where_known):
        def model(x, sigma, told):
            data, _ = crops.batch(2)
            return torch.where(told.known[:, -1:] > 0, data + wrong_where_known, data)

        return float(objective(model, 2))

    assert answers(0.0) == pytest.approx(0, abs=1e-6)
    assert answers(9.0) == pytest.approx(0, abs=1e-6)


def test_training_lowers_the_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "SHAPES", ((64, 4),))
    monkeypatch.setattr(speech, "SPEECH_SETTINGS", replace(speech.SPEECH_SETTINGS, warmup=5, adam_rate=4e-3))
    monkeypatch.setattr(SpeechSet, "load", classmethod(lambda cls, folder: made_up()))
    trainer, _ = speech.speech(tmp_path, tmp_path / "run", steps=60, compile_model=False, config=CONFIG)
    rows = list(trainer.run(log_every=20))
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]


def test_durations_learn_what_is_always_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "DURATION_BATCH", 8)
    monkeypatch.setattr(SpeechSet, "load", classmethod(lambda cls, folder: made_up()))
    trainer, _ = speech.durations(tmp_path, tmp_path / "run", steps=40)
    rows = list(trainer.run(log_every=10))
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]


def test_timings_teach_the_main_voice_and_what_is_not_known_counts_for_nothing(tmp_path, monkeypatch):
    known = Timing("_dɔɡ_", (0, 0, 1, 0, 0), (1,), (0.0, 6.0, 12.0, 0.0, 0.0))
    (tmp_path / timings.FILE).write_text(json.dumps([asdict(known)]))
    assert timings.load(tmp_path) == [known] and timings.load(tmp_path / "none") == []
    monkeypatch.setattr(speech, "DURATION_BATCH", 8)
    monkeypatch.setattr(speech, "TIMED", 1.0)
    monkeypatch.setattr(SpeechSet, "load", classmethod(lambda cls, folder: made_up()))
    trainer, model = speech.durations(tmp_path, tmp_path / "run", steps=150)
    list(trainer.run())
    ids = torch.tensor([[1 + PHONES.index(symbol) for symbol in known.symbols]])
    told = torch.tensor([known.stresses]), words_at(known.begins, 5)[None], torch.tensor([1])
    with torch.no_grad():
        said = model(ids, *told)[0].exp()
    assert said[1:3].tolist() == pytest.approx([6.0, 12.0], rel=0.05)
    assert words_at((), 3).tolist() == [0, 0, 0] and words_at((1,), 3).tolist() == [1, 2, 1]


def test_weights_come_back_as_they_were_and_damage_is_named(tmp_path, monkeypatch):
    model = tiny_model()
    held = {f"network.{n}": p for n, p in model.network.named_parameters()}
    held |= {f"durations.{n}": p for n, p in model.durations.named_parameters()}
    described = {
        "kind": "speech", "backbone": CONFIG.backbone.to_dict(), "alphabet": CONFIG.alphabet,
        "voices": list(CONFIG.voices), "width": CONFIG.width,
    }  # fmt: skip
    # The shipped duration predictor has a fixed width; the tiny one has another.
    speech.save_weights(held, described, tmp_path / "odd")
    with pytest.raises(ModelError, match="do not fit its config"):
        load_speech(tmp_path / "odd")
    from pipelines.models.speech import Durations

    held = {k: v for k, v in held.items() if k.startswith("network.")}
    held |= {f"durations.{n}": p for n, p in Durations(len(PHONES), len(CONFIG.voices)).named_parameters()}
    speech.save_weights(held, described, tmp_path / "whole")
    loaded = load_speech(tmp_path / "whole")
    for name, parameter in loaded.network.named_parameters():
        assert torch.equal(parameter, held[f"network.{name}"].bfloat16().float())
    speech.save_weights(held, {**described, "width": "wide"}, tmp_path / "none")
    with pytest.raises(ModelError, match="does not fit this version"):
        load_speech(tmp_path / "none")


def test_a_run_goes_on_from_what_ships_and_keeps_its_durations(tmp_path, monkeypatch):
    from pipelines.models.speech import Durations
    from pipelines.models.weights import load_config, load_weights

    monkeypatch.setattr(speech, "SHAPES", ((64, 4),))
    monkeypatch.setattr(SpeechSet, "load", classmethod(lambda cls, folder: made_up()))
    ships = {f"network.{n}": p for n, p in tiny_model().network.named_parameters()}
    ships |= {f"durations.{n}": p for n, p in Durations(len(PHONES), len(CONFIG.voices)).named_parameters()}
    described = {
        "kind": "speech", "backbone": CONFIG.backbone.to_dict(), "alphabet": CONFIG.alphabet,
        "voices": list(CONFIG.voices), "width": CONFIG.width, "paces": {"heart": 1.25},
    }  # fmt: skip
    folder, run = tmp_path / "ships", tmp_path / "run"
    speech.save_weights(ships, described, folder)
    before = load_weights(folder)
    trainer, network = speech.speech(tmp_path, run, steps=2, warm=folder, compile_model=False, config=CONFIG)
    assert all(torch.equal(p, before[f"network.{name}"]) for name, p in network.named_parameters())
    list(trainer.run())
    speech.export_speech(run, tmp_path / "durations", folder, CONFIG)
    after = load_weights(folder)
    assert load_config(folder)["paces"] == {"heart": 1.25}
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith("network.") for name in changed)


# Data -------------------------------------------------------------------------------------------------------------


def test_marks_and_spaces_give_their_time_to_the_phones_beside_them():
    found, begins = phones_of(list("ˈæ t."), np.array([0.1, 0.05, 0.1, 0.04, 0.06, 0.2, 0.1]))
    assert begins == (1, 2)
    assert [(s, k) for s, k, _ in found] == [("_", 0), ("æ", 1), ("t", 0), (".", 0), ("_", 0)]
    assert [round(x, 3) for *_, x in found] == [0.1, 0.17, 0.08, 0.2, 0.1]


def test_a_last_phone_that_is_drawn_out_into_silence_ends_where_it_is_quiet():
    level = np.concatenate([np.zeros(5), np.full(20, 0.1), np.zeros(15)])
    cuts = _tidied(np.array([8, 35, 40]), ["_", "a", "."], level)
    assert cuts.tolist() == [5, 25, 40]


def test_frames_and_phones_of_a_recording_agree():
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)
    spoken = Spoken(samples, [("_", 0, 0.2), ("æ", 1, 0.5), (".", 0, 0.3)])
    wave, latent, lengths = _aligned(spoken)
    assert latent.shape == (sum(lengths), BANDS) and len(wave) == HOP * sum(lengths)
    assert _aligned(Spoken(samples, [("æ", 1, 0.2)])) is None  # the phones end long before the sound


def test_places_count_through_each_phone():
    places = places_of(torch.tensor([2, 3]))
    assert places[:, 0].tolist() == pytest.approx([0.25, 0.75, 1 / 6, 0.5, 5 / 6])
    assert (places[:, 2].diff()[[0, 2, 3]] < 0).all()


def test_held_out_is_decided_by_the_words_alone():
    texts = [f"The {'o' * (n % 25 + 1)}{'a' * (n // 25)} boat came home" for n in range(500)]
    share = np.mean([is_held_out(t) for t in texts])
    assert 0.01 < share < 0.09
    assert all(is_held_out(t) == is_held_out(t.upper() + "!") for t in texts)
