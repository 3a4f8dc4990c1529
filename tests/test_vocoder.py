"""The vocoder, with small random weights: pieces are the whole bit for bit, sources do what they say."""

import json
import math

import numpy as np
import pytest
import torch

from pipelines.codecs import mel as frames
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE, SILENCE, WINDOW
from pipelines.errors import ModelError
from pipelines.models import sources
from pipelines.models.refining import Refiner, refined
from pipelines.models.sources import BINS, Running
from pipelines.models.vocoder import (
    BLOCK,
    PITCH_BINS,
    PITCH_LOW,
    PITCH_STEP,
    Vocoder,
    VocoderConfig,
    VocoderNetwork,
    described,
    load_vocoder,
    pitch_of,
)
from pipelines.models.weights import save_weights

TINY = VocoderConfig(dim=32, depth=2, expand=2)


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VocoderNetwork(TINY)


@pytest.fixture(scope="module")
def vocoder():
    return Vocoder(network())


def latent_of(count, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    return frames.mel(torch.randn(batch, count * HOP, generator=generator) * 0.1)


def pieces(vocoder, latent, sizes):
    stream = vocoder.stream()
    return torch.cat([*(stream.push(part) for part in latent.split(sizes, 2)), stream.finish()])


@pytest.mark.parametrize("count", [1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 100])
def test_every_frame_becomes_a_hop_of_samples(vocoder, count):
    wave = vocoder(latent_of(count))
    assert wave.shape == (1, count * HOP) and wave.dtype == torch.float32 and wave.isfinite().all()
    assert wave.abs().max() > 0


def test_the_same_frames_give_the_same_samples_whatever_the_global_seed(vocoder):
    latent = latent_of(50)
    first = vocoder(latent)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert torch.equal(vocoder(latent), first)


@pytest.mark.parametrize("sizes", [[1] * 101, [7] * 14 + [3], [BLOCK] * 3 + [5], [33, 50, 18], [101]])
def test_a_sound_made_in_pieces_is_the_sound_made_at_once(vocoder, sizes):
    latent = latent_of(101)
    assert torch.equal(pieces(vocoder, latent, sizes), vocoder(latent)[0])


def test_a_stream_lags_by_no_more_than_the_delay_it_states(vocoder):
    stream, latent = vocoder.stream(), latent_of(200)
    made = 0
    for index, frame in enumerate(latent.split(1, 2), start=1):
        made += len(stream.push(frame))
        assert made <= index * HOP
        assert made / SAMPLE_RATE >= index * HOP / SAMPLE_RATE - vocoder.delay_seconds
    assert made + len(stream.finish()) == 200 * HOP


def test_a_sound_depends_on_nothing_later_than_the_delay(vocoder):
    latent = latent_of(200)
    other = latent.clone()
    other[:, :, 150:] = latent_of(50, seed=5)
    changed = (vocoder(latent)[0] != vocoder(other)[0]).nonzero()[0].item()
    assert 150 * HOP - vocoder.delay_seconds * SAMPLE_RATE <= changed < 150 * HOP


def test_the_trunk_in_pieces_is_close_to_the_trunk_at_once():
    """Cached convolution itself, without the blocks that make a stream exact."""
    net, latent = network(), latent_of(60).mT
    whole = net.trunk(latent, Running(last=True))
    running, parts = Running(), []
    for index, part in enumerate(latent.split(9, 1)):
        running.last = index == 6
        parts.append(net.trunk(part, running))
    assert torch.cat(parts, 1).shape == whole.shape
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


def test_a_batch_is_its_single_sounds(vocoder):
    latent = latent_of(40, batch=3)
    assert torch.equal(vocoder(latent), torch.cat([vocoder(one[None]) for one in latent]))


def test_silence_stays_silent(vocoder):
    wave = vocoder(torch.full((1, BANDS, 60), SILENCE))
    assert wave.abs().max() < 1e-4
    assert torch.equal(vocoder(torch.full((1, BANDS, 60), SILENCE - 3)), wave)  # below the floor is the floor


def test_louder_frames_make_a_louder_sound(vocoder):
    latent = latent_of(60)
    quieter = latent - math.log(10) / frames.SPREAD  # 20 dB
    ratio = vocoder(latent).std() / vocoder(quieter).std()
    assert 5 < ratio < 20


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_frames_that_are_not_finite_are_refused(vocoder, value):
    latent = latent_of(10)
    latent[0, 3, 4] = value
    with pytest.raises(ModelError, match="not finite"):
        vocoder(latent)
    with pytest.raises(ModelError, match="not finite"):
        vocoder.stream().push(latent)


@pytest.mark.parametrize("shape", [(BANDS, 10), (1, 80, 10), (1, BANDS, 0)])
def test_frames_of_another_shape_are_refused(vocoder, shape):
    with pytest.raises(ModelError, match=r"latent: expected \[batch, 100, frames >= 1\], got"):
        vocoder(torch.zeros(shape))


def test_a_stream_is_for_one_sound_and_ends_once(vocoder):
    stream = vocoder.stream()
    with pytest.raises(ModelError, match="batch of 2"):
        stream.push(latent_of(5, batch=2))
    assert len(vocoder.stream().finish()) == 0
    stream.push(latent_of(5))
    assert len(stream.finish()) == 5 * HOP
    for late in (stream.finish, lambda: stream.push(latent_of(5))):
        with pytest.raises(ModelError, match="finished"):
            late()


def test_a_refused_push_changes_nothing(vocoder):
    latent, stream = latent_of(70), vocoder.stream()
    parts = [stream.push(latent[:, :, :40])]
    with pytest.raises(ModelError):
        stream.push(torch.full((1, BANDS, 9), math.nan))
    parts += [stream.push(latent[:, :, 40:]), stream.finish()]
    assert torch.equal(torch.cat(parts), vocoder(latent)[0])


def test_spectra_of_the_codec_overlap_to_the_wave_they_came_from():
    wave = torch.randn(2, 20 * HOP, generator=torch.Generator().manual_seed(0))
    back = sources.overlap(frames.spectrum(wave).mT, Running(last=True))
    assert torch.allclose(back, wave, atol=1e-5)


@pytest.mark.parametrize("hertz", [60.0, 110.0, 200.0, 437.0, 800.0, 1200.0])
def test_pulses_have_the_period_they_are_asked_for(hertz):
    count = 90
    spectra = sources.pulses(torch.full((1, count), hertz), torch.ones(1, count), Running(last=True))
    assert spectra.shape == (1, count, BINS)
    wave = sources.overlap(spectra, Running(last=True))[0, WINDOW:-WINDOW]
    spectrum = torch.fft.rfft(wave * torch.hann_window(len(wave)), 8 * len(wave)).abs()
    step = SAMPLE_RATE / (8 * len(wave))
    for harmonic in (1, 2, 5):
        near = round(harmonic * hertz / step)
        window = spectrum[near - 40 : near + 41]
        assert abs(window.argmax().item() - 40) * step < 0.5, harmonic
    between = spectrum[round(1.5 * hertz / step)]
    assert between < 0.02 * spectrum[round(hertz / step)]


def test_a_sweep_through_the_pulses_follows_the_curve():
    """Phase is the running sum of the curve: instant frequency from the analytic first harmonic."""
    count = 200
    curve = 60 * (800 / 60) ** (torch.arange(count) / count)
    spectra = sources.pulses(curve[None], torch.ones(1, count), Running(last=True))
    for frame in range(20, 180, 20):
        power = spectra[0, frame].abs()
        first = round(float(curve[frame]) * WINDOW / SAMPLE_RATE)
        assert power[max(1, first - 1) : first + 2].max() > 0.5
    turned = (spectra[0, 1:].angle() - spectra[0, :-1].angle()) / (2 * math.pi)
    for frame in range(100, 180, 10):
        mean = float(curve[frame] + curve[frame + 1]) / 2
        bin_ = round(mean * WINDOW / SAMPLE_RATE)
        moved = float(turned[frame, bin_]) - mean * HOP / SAMPLE_RATE
        assert abs(moved - round(moved)) < 0.03, frame


def test_pulses_stay_below_their_top_and_unvoiced_frames_have_none():
    spectra = sources.pulses(torch.full((1, 60), 150.0), torch.ones(1, 60), Running(last=True))[0, 10:-10].abs()
    above = math.ceil((sources.TOP + 300) * WINDOW / SAMPLE_RATE)
    assert spectra[:, above:].max() < 0.01 < 0.9 < spectra[:, 6:480].amax(1).min()
    assert sources.pulses(torch.full((1, 9), 150.0), torch.zeros(1, 9), Running(last=True)).abs().max() == 0


@pytest.mark.parametrize("hertz", [97.3, 1000.3, 5011.0, 11_000.0])
def test_an_oscillator_is_a_steady_tone(hertz):
    count, size = 60, 0.3
    spectra = sources.partials(torch.full((1, count, 1), hertz), torch.full((1, count, 1), 256 * size), Running())
    wave = sources.overlap(spectra, Running(last=True))[0, WINDOW:-WINDOW].double().numpy()
    time = 2 * np.pi * hertz * np.arange(len(wave)) / SAMPLE_RATE
    basis = np.stack([np.cos(time), np.sin(time)], 1)
    found, *_ = np.linalg.lstsq(basis, wave, rcond=None)
    assert np.hypot(*found) == pytest.approx(size, rel=0.01)
    assert np.abs(basis @ found - wave).max() < 0.01 * size


def test_refined_spectra_have_the_frames_that_were_asked_for(vocoder):
    """And are spectra of a wave: analysed again, they are the same."""
    latent = latent_of(40)
    wanted = frames.bands_of(latent).mT
    rough = torch.polar(wanted @ frames.filters() / 4, torch.rand(1, 40, BINS) * 6)
    final = refined(rough, wanted, rough[:, :0], last=True)
    wave = sources.overlap(final, Running(last=True))
    before = frames.mel(sources.overlap(rough, Running(last=True)))
    after = frames.mel(wave)
    assert (after - latent).abs().mean() < 0.3 * (before - latent).abs().mean()
    assert torch.allclose(frames.spectrum(wave).mT, final, atol=1e-2 * float(final.abs().max()))


def test_frames_that_are_final_stay_while_those_after_them_are_refined():
    latent = latent_of(60)
    wanted, spectra = frames.bands_of(latent).mT, frames.spectrum(torch.randn(1, 60 * HOP) * 0.1).mT
    refine, parts = Refiner(16), []
    for begin in range(0, 60, 10):
        part = slice(begin, begin + 10)
        parts.append(refine(spectra[:, part], wanted[:, part], last=begin == 50))
    assert [part.shape[1] for part in parts] == [0, 0, 0, 16, 16, 28]  # of sixteen, once sixteen more are there
    whole = Refiner(16)(spectra, wanted, last=True)
    assert torch.equal(torch.cat(parts, 1), whole)


def test_refining_leaves_alone_what_is_already_right():
    wave = torch.randn(1, 40 * HOP, generator=torch.Generator().manual_seed(2)) * 0.1
    spectra = frames.spectrum(wave).mT
    bands = frames.bands_of(frames.mel(wave)).mT
    final = refined(spectra, bands, spectra[:, :0], last=True)
    assert torch.allclose(final, spectra, atol=1e-3 * float(spectra.abs().max()))


def test_noise_goes_on_where_it_stopped_and_has_mean_magnitude_one():
    whole = sources.noise(300, Running())
    running = Running()
    parts = torch.cat([sources.noise(count, running) for count in (1, 63, 64, 5, 167)], 1)
    assert torch.equal(whole, parts)
    assert whole.abs().mean() == pytest.approx(1, abs=0.01)
    assert not torch.equal(whole[:, :64], whole[:, 64:128])


@pytest.mark.parametrize("hertz", [46.0, 111.0, 440.0, 1200.0])
def test_pitch_is_read_between_its_classes(hertz):
    place = 1200 / PITCH_STEP * math.log2(hertz / PITCH_LOW)
    logits = -0.5 * (torch.arange(PITCH_BINS) - place).square()
    assert abs(1200 * math.log2(float(pitch_of(logits)) / hertz)) < 2


def test_gradients_reach_every_weight():
    net = network()
    latent = latent_of(20).mT
    running = Running(last=True)
    features = net.trunk(latent, running)
    pitch, voiced = net.pitch(features)
    source = sources.pulses(pitch_of(pitch), voiced.sigmoid(), running)
    spectra = net.sound(net.head(features, latent), source, sources.noise(20, running), running)
    sources.overlap(spectra, running).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.fixture
def files(tmp_path):
    save_weights(dict(network().named_parameters()), described(TINY), tmp_path / "vocoder")
    return tmp_path / "vocoder"


def change_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_a_saved_vocoder_sounds_as_it_did(files, vocoder):
    loaded, latent = load_vocoder(files), latent_of(60)
    assert loaded.network.config == TINY
    before, after = frames.mel(vocoder(latent)), frames.mel(loaded(latent))
    assert (before - after).abs().mean() < 0.3  # weights lost half their digits
    assert torch.equal(loaded(latent), load_vocoder(files)(latent))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(kind="image"), "kind 'image', expected 'vocoder'"),
        (lambda c: c.pop("vocoder"), "does not fit"),
        (lambda c: c["vocoder"].update(dim=48), "does not fit"),
        (lambda c: c["vocoder"].update(depth=3), "does not fit"),
        (lambda c: c["vocoder"].update(more=1), "does not fit"),
    ],
)
def test_another_kind_of_model_is_refused(files, change, message):
    change_config(files, change)
    with pytest.raises(ModelError, match=message):
        load_vocoder(files)


def test_damaged_weights_are_refused(files):
    (shard,) = files.glob("*.safetensors")
    good = shard.read_bytes()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ModelError, match="damaged"):
        load_vocoder(files)
    shard.unlink()
    with pytest.raises(ModelError, match="missing"):
        load_vocoder(files)
    (files / "config.json").unlink()
    with pytest.raises(ModelError, match="missing"):
        load_vocoder(files)


def test_what_was_kept_while_sounds_were_made_serves_training_too():
    sources.hann.cache_clear()
    sources._weight.cache_clear()
    with torch.inference_mode():
        sources.overlap(torch.ones(1, 9, sources.BINS, dtype=torch.complex64), Running(last=True))
    spectra = torch.randn(1, 9, sources.BINS, dtype=torch.complex64, requires_grad=True)
    sources.overlap(spectra, Running(last=True)).square().mean().backward()
    assert spectra.grad.abs().sum() > 0
