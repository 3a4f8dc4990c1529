"""Training the vocoder: what it is told is true, its loss has its least where it should, and a run resumes."""

import json
import math

import numpy as np
import pytest
import torch

from pipelines.codecs import mel as frames
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE
from pipelines.errors import StudioError
from pipelines.models.vocoder import PITCH_BINS, PITCH_LOW, PITCH_STEP, VocoderConfig, load_vocoder
from pipelines.training import vocoder as training
from pipelines.training.data import voices
from pipelines.training.data.voices import UNKNOWN, Take, Voices
from pipelines.training.vocoder import Segments, VocoderObjective

TINY = VocoderConfig(dim=24, depth=2, expand=2)


def tone(hertz, seconds, seed=0):
    rng = np.random.default_rng(seed)
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.cos(2 * np.pi * hertz * h * at) / h for h in range(1, 9)) / 6
    return (wave + rng.normal(0, 0.01, len(at))).astype(np.float32)


def takes():
    for index, hertz in enumerate((110, 220, 330)):
        wave = tone(hertz, 1.5, index)
        yield Take("hibari", wave, np.full(frames.frames_of(len(wave)), hertz, np.float32), held_out=index == 2)
    wave = tone(500, 0.1)
    yield Take("music", wave, np.full(frames.frames_of(len(wave)), UNKNOWN, np.float32))


@pytest.fixture
def data(tmp_path):
    voices.save(takes(), tmp_path / "data")
    return tmp_path / "data"


def test_takes_come_back_with_their_pitch_and_their_place(data):
    loaded = Voices.load(data)
    for row, take in zip(loaded.takes, takes(), strict=True):
        begin = row["start"]
        wave = loaded.waves[begin * HOP : begin * HOP + len(take.samples)] / 32767
        assert np.abs(wave - take.samples).max() < 1e-4
        assert (loaded.pitch[begin : begin + row["frames"]] == take.pitch).all()
    assert [len(loaded.spans[name]) for name in ("hibari", "music")] == [2, 1]  # one is held out
    with pytest.raises(StudioError, match="run the command prepare"):
        Voices.load(data / "nowhere")


def test_a_segment_is_never_of_a_held_out_take(data):
    segments = Segments(Voices.load(data), length=32, batch=16)
    seen = set(np.unique(np.concatenate([segments(step).pitch.numpy() for step in range(4)])))
    assert seen == {0, UNKNOWN, 110, 220}  # 0: what fills a take that is too short


def test_a_segment_is_drawn_by_its_step_and_its_frames_are_of_its_wave(data):
    segments = Segments(Voices.load(data), length=32, batch=4)
    one, same, other = segments(7), segments(7), segments(8)
    assert torch.equal(one.wave, same.wave) and torch.equal(one.latent, same.latent)
    assert not torch.equal(one.wave, other.wave)
    assert one.wave.shape == (4, 32 * HOP) and one.latent.shape == (4, 32, BANDS)
    inner = frames.mel(one.wave).mT[:, 2:-2]
    assert (one.latent[:, 2:-2] - inner).abs().mean() < 0.2  # blurred and noisy, as made frames are
    assert one.wave.abs().max() <= 0.981


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")  # pyworld's own
def test_pitch_is_heard_at_the_middle_of_frames():
    at = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hertz = 120 * 4 ** (at / 2)
    wave = sum(np.cos(2 * np.pi * h * np.cumsum(hertz) / SAMPLE_RATE) / h for h in range(1, 9)).astype(np.float32) / 6
    heard = voices.heard_pitch(np.concatenate([wave, np.zeros(SAMPLE_RATE // 2, np.float32)]))
    assert len(heard) == frames.frames_of(int(2.5 * SAMPLE_RATE))
    inner = slice(10, len(wave) // HOP - 10)
    middles = (np.arange(len(heard))[inner] * HOP + HOP // 2).astype(int)
    cents = 1200 * np.log2(heard[inner] / hertz[middles])
    assert np.abs(np.median(cents)) < 1  # half a hop away it would be 6
    assert np.abs(cents).max() < 10
    assert (heard[-30:] == 0).all()


def test_a_bent_take_is_higher_and_shorter():
    wave = voices.bent(tone(200, 1.0), 1.5)
    assert len(wave) == pytest.approx(SAMPLE_RATE / 1.5, abs=2)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    assert spectrum.argmax() * SAMPLE_RATE / len(wave) == pytest.approx(300, abs=2)


def test_glides_are_labelled_with_what_they_play():
    take = next(voices.glide_takes(0.1, seed=3))
    hertz, trust = training.strongest(torch.from_numpy(take.samples)[None])
    checked = 0
    for frame in np.flatnonzero(take.pitch[4:-4] > 200) + 4:
        if (take.pitch[frame - 3 : frame + 4] > 200).all() and np.ptp(take.pitch[frame - 2 : frame + 3]) < 8:
            trusted = hertz[0, frame][trust[0, frame] > 0].numpy()
            ratio = trusted[trusted < 3000] / take.pitch[frame]
            if len(ratio):
                checked += 1
                assert np.median(np.abs(ratio - ratio.round())) < 0.04
    assert checked > 20


def test_the_strongest_partial_of_a_band_is_found_to_a_hertz():
    at = torch.arange(40 * HOP) / SAMPLE_RATE
    wave = 0.3 * (torch.cos(2 * torch.pi * 441.7 * at) + torch.cos(2 * torch.pi * 3003.3 * at))[None]
    hertz, trust = training.strongest(wave)
    found = hertz[0, 10:-10][trust[0, 10:-10] > 0]
    low = found < 1500
    assert low.any() and (~low).any()
    assert (found[low] - 441.7).abs().max() < 1 and (found[~low] - 3003.3).abs().max() < 1


def test_a_silent_wave_has_no_partials():
    assert training.strongest(torch.zeros(1, 20 * HOP))[1].sum() == 0


def test_the_energy_distance_is_least_for_noise_as_noisy_as_its_target():
    """A plain distance prefers noise that is too weak, or none but its median; this one does not."""
    generator = torch.Generator().manual_seed(0)
    target, one, other = torch.randn(3, 8, 64 * HOP, generator=generator) * 0.1
    levels = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
    losses = [
        float(training.energy_distance(target, one * level, other * level, torch.Generator().manual_seed(1)))
        for level in levels
    ]
    assert levels[int(np.argmin(losses))] == 1.0
    fixed = float(training.energy_distance(target, one, one, torch.Generator().manual_seed(1)))
    assert min(losses) < fixed  # the same noise twice is not noise


def test_the_energy_distance_of_a_wave_to_itself_is_zero():
    wave = torch.from_numpy(tone(220, 1.0))[None]
    assert float(training.energy_distance(wave, wave, wave, torch.Generator().manual_seed(0))) == 0


def test_pitch_losses_know_what_is_known():
    pitch = torch.tensor([[220.0, 0.0, UNKNOWN]])
    place = 1200 / PITCH_STEP * math.log2(220 / PITCH_LOW)
    right = (-0.5 * (torch.arange(PITCH_BINS) - place).square()).expand(1, 3, -1)
    sure = torch.tensor([[9.0, -9.0, 0.0]])
    good = training.pitch_losses(right, sure, pitch)
    octave = training.pitch_losses(right.roll(60, 2), sure, pitch)
    assert octave[0] > good[0] + 10
    assert good[1] < 1e-3
    assert training.pitch_losses(right, torch.tensor([[9.0, 9.0, 0.0]]), pitch)[1] > 4
    unknown = training.pitch_losses(right, sure, torch.full((1, 3), UNKNOWN))
    assert unknown == (0, 0)


def test_training_makes_the_loss_smaller_and_resumes(data, tmp_path):
    def run(folder, until=None):
        trainer, _ = training.vocoder(data, tmp_path / folder, steps=30, config=TINY, length=24, batch=2)
        return trainer, list(trainer.run(until, log_every=10))

    whole, rows = run("whole")
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    run("parts", until=17)
    parts, _ = run("parts")
    for name, weight in whole.average.items():
        assert torch.equal(weight, parts.average[name]), name
    training.export(tmp_path / "whole", tmp_path / "out", TINY)
    vocoder = load_vocoder(tmp_path / "out")
    latent = frames.mel(torch.from_numpy(tone(220, 0.5))[None])
    assert (frames.mel(vocoder(latent)) - latent).abs().mean() < 0.8
    card = (tmp_path / "out" / "README.md").read_text()
    assert "# vocoder" in card and "30 of" in card and "hibari-tts" in card
    assert json.loads((tmp_path / "out" / "config.json").read_text())["steps"] == 30


def test_every_part_of_the_loss_reaches_the_network(data):
    net = training.new_network(TINY, 0)
    objective = VocoderObjective(Segments(Voices.load(data), length=24, batch=4), fast=False)
    parts = objective.parts(net, 0)
    assert set(parts) == {"energy", "pitch", "voiced", "partials"}
    total = sum(part.item() for part in parts.values())
    assert objective(net, 0).item() == pytest.approx(total)
    for name, part in parts.items():
        net.zero_grad()
        part.backward(retain_graph=True)
        assert sum(float(p.grad.abs().sum()) for p in net.parameters() if p.grad is not None) > 0, name
    net.zero_grad()
    parts["energy"].backward()
    shift = net.head.out.weight.grad.split(net.head.SIZES)[6]
    assert shift.abs().max() == 0  # frequencies learn from what they are told
