"""LTX-2 and a sound that its pictures follow: what it hears, what its network is told, and what stays as it was."""

import copy
import math
from contextlib import contextmanager

import pytest
import torch

pytest.importorskip("diffusers")

from test_pretrained import hooks, own_output
from tiny_checkpoints import ask, loaded, model

from pipelines.errors import ModelError
from pipelines.flow.rules import ALF, EULER
from pipelines.models.diffusers.families import FAMILIES
from pipelines.models.diffusers.hearing import filters, hearing_rate, log_mel
from pipelines.models.diffusers.model import DiffusersModel

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
BOTH = ("ltx2", "ltx2_i2v")
SECONDS = 9 / 24


def noise(seconds=SECONDS, seed=0, channels=2):
    at = torch.Generator().manual_seed(seed)
    return 0.2 * torch.randn(channels, round(seconds * 16_000), generator=at).clamp(-4, 4)


def asked(found, seed=0, **more):
    """A request of nine frames that follow noise."""
    return ask(found, rate=24.0, **{"guidance": 3.0, "sound": found.hear(noise(seed=seed), SECONDS), **more})


def run(found, request, rule=EULER):
    drive = found.drive(request, rule, output_type="latent", return_dict=False)
    return drive, list(drive.steps())


@contextmanager
def calls(found):
    """What the network is told, and what it answers."""
    seen, network = [], found.networks[0]
    own = network.forward

    def heard(*args, **kwargs):
        answer = own(*args, **kwargs)
        kept = {key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in kwargs.items()}
        seen.append((kept, [part.clone() for part in answer]))
        return answer

    network.forward = heard
    yield seen
    del network.forward


# What ltx-core 1.0.0 (with torchaudio 2.11) reads of two tones at 16 kHz: channel, frame, band, and its number.
READ = {
    (0, 0, 0): -1.49292, (0, 5, 10): -4.01252, (0, 5, 11): -6.11291, (0, 12, 10): -1.03768, (0, 12, 40): -5.65091,
    (0, 16, 10): math.log(1e-5), (1, 0, 3): -1.38064, (1, 12, 3): -1.89506,
}  # fmt: skip


def tones():
    at = torch.arange(4000, dtype=torch.float64) / 16_000
    low = 0.3 * torch.sin(2 * torch.pi * 440 * at) * (at < 0.125)
    return torch.stack(
        [low, 0.1 * torch.sin(2 * torch.pi * 3000 * at) + 0.05 * torch.sin(2 * torch.pi * 150 * at)]
    ).float()


def test_frames_are_those_that_ltx_core_reads():
    frames = log_mel(tones(), 16_000, 160, 64)
    assert frames.shape == (2, 26, 64)
    for place, number in READ.items():
        assert float(frames[place]) == pytest.approx(number, abs=2e-5), place


@pytest.mark.parametrize(("rate", "bands"), [(16_000, 64), (24_000, 80), (1600, 8)])
def test_filters_are_those_of_librosa(rate, bands):
    librosa = pytest.importorskip("librosa")
    theirs = torch.from_numpy(librosa.filters.mel(sr=rate, n_fft=1024, n_mels=bands, htk=False, norm="slaney"))
    torch.testing.assert_close(filters(rate, bands), theirs, atol=1e-8, rtol=1e-4)


def test_a_sound_becomes_the_codecs_mean_in_as_many_frames_as_the_pipeline_reckons():
    found = model("ltx2")
    wave = noise(1.0)
    vae = found.pipeline.audio_vae
    for seconds, count in ((1.0, 25), (SECONDS, 9), (17 / 24, 18)):
        heard = found.hear(wave, seconds)
        assert heard.shape == (1, 2, count, 2) and heard.dtype == torch.float32
        with torch.no_grad():
            whole = vae.encode(log_mel(wave, 16_000, 160, 8)[None]).latent_dist.mean
        assert torch.equal(heard, whole[:, :, :count])
    assert hearing_rate(found.pipeline) == found.hearing_rate == 16_000
    one = noise(channels=1)
    assert torch.equal(found.hear(one, SECONDS), found.hear(one.repeat(2, 1), SECONDS))
    assert torch.equal(found.hear(one[0], SECONDS), found.hear(one, SECONDS))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("rule", [EULER, ALF], ids=lambda rule: rule.name)
def test_the_network_hears_the_sound_itself_at_every_call_and_is_told_that_it_is_clean(name, rule):
    found, before = model(name), hooks(model(name))
    request = asked(found)
    with calls(found) as seen:
        drive, steps = run(found, request, rule)
    pipe, vae = found.pipeline, found.pipeline.audio_vae
    clean = pipe._normalize_audio_latents(pipe._pack_audio_latents(request.sound), vae.latents_mean, vae.latents_std)
    assert clean.abs().max() > 0.1 and len(seen) == 3 * steps[-1].calls  # guided, a layer skipped, and unheard
    for told, _ in seen:
        assert torch.equal(told["audio_hidden_states"], clean.expand_as(told["audio_hidden_states"]))
        assert not told["audio_timestep"].any() and not told["audio_sigma"].any()
        assert told["audio_timestep"].shape == told["sigma"].shape == (len(told["hidden_states"]),)
        assert told["sigma"].min() > 0 and told["audio_num_frames"] == 9
    assert {told["isolate_modalities"] for told, _ in seen} == {False, True}
    torch.testing.assert_close(drive.result[1], request.sound)  # and the pipeline hands it back
    assert hooks(found) == before


@pytest.mark.parametrize("name", BOTH)
def test_pictures_follow_the_sound_and_without_one_all_is_as_before(name):
    found = model(name)
    plain = ask(found, rate=24.0, guidance=3.0)
    before, _ = run(found, plain)
    first, again, other = (run(found, asked(found, seed))[0].result[0] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other) and not torch.equal(first, before.result[0])
    after, _ = run(found, plain)
    for ours, once, theirs in zip(after.result, before.result, own_output(found, plain), strict=True):
        assert torch.equal(ours, once) and torch.equal(ours, theirs)


@pytest.mark.parametrize("name", BOTH)
def test_guidance_is_the_sum_that_lightricks_publishes(name):
    found = model(name)
    with calls(found) as seen:
        drive, steps = run(found, asked(found))
    (pair, guided), (_, skipped), (alone, unheard) = seen[:3]
    assert len(pair["hidden_states"]) == 2 and alone["isolate_modalities"]
    x = pair["hidden_states"][1:]
    sigma, below = (float(level) for level in drive.driver.meeting.sigmas[:2])
    clean = {
        side: x - sigma * answer
        for side, answer in (
            ("without", guided[0][:1]), ("with", guided[0][1:]), ("skipped", skipped[0]), ("unheard", unheard[0]),
        )
    }  # fmt: skip
    made = clean["with"] + 2.0 * (clean["with"] - clean["without"]) + (clean["with"] - clean["skipped"])
    made = made + 2.0 * (clean["with"] - clean["unheard"])
    made = made * (0.7 * clean["with"].std() / made.std() + 0.3)
    wanted = x + (below - sigma) * (x - made) / sigma
    reached = steps[0].state.value.float()
    if reached.ndim == 5:  # from a picture: what follows the first frame, which is held
        reached = found.pipeline._pack_latents(reached, 1, 1)
    torch.testing.assert_close(reached, wanted[:, -reached.shape[1] :], atol=1e-4, rtol=1e-4)


def test_without_guidance_a_step_is_three_runs_of_the_network_as_ever():
    found = model("ltx2")
    with calls(found) as seen:
        run(found, asked(found, guidance=1.0))
    assert [len(told["hidden_states"]) for told, _ in seen[:3]] == [1, 1, 1]


def test_a_run_that_is_stopped_leaves_the_model_as_it_was():
    found, before = model("ltx2"), hooks(model("ltx2"))
    request = asked(found)
    first, _ = run(found, request)
    drive = found.drive(request, EULER, output_type="latent", return_dict=False)
    steps = drive.steps()
    next(steps)
    steps.close()
    assert drive.driver.meeting.ended and drive.result is None and hooks(found) == before
    again, _ = run(found, request)
    assert all(torch.equal(a, b) for a, b in zip(first.result, again.result, strict=True))


def test_two_runs_at_once_over_the_same_weights_keep_their_own_levels():
    found = model("ltx2")
    led, plain = asked(found), ask(found, rate=24.0, guidance=3.0)
    alone = [run(found, each)[0].result for each in (led, plain)]
    drives = [found.drive(each, EULER, output_type="latent", return_dict=False) for each in (led, plain)]
    together = [drive.steps() for drive in drives]
    for _ in range(led.steps):  # a step of the one, a step of the other
        for steps in together:
            next(steps)
    for steps in together:
        assert next(steps, None) is None
    for drive, result in zip(drives, alone, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(drive.result, result, strict=True))


def test_a_batch_follows_one_sound():
    found = model("ltx2")
    prompts = ("a red cat", "a red cat")
    both = run(found, asked(found, prompts=prompts, seeds=(0, 7)))[0].result
    one = run(found, asked(found))[0].result
    torch.testing.assert_close(both[0][:1], one[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(both[0][0], both[0][1], atol=1e-2)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"quantised": "fp8"}], ids=["bfloat16", "fp8"])
def test_lower_precision_hears_and_holds_it_too(options):
    found = loaded("ltx2", **options)
    request = asked(found)
    with calls(found) as seen:
        drive, _ = run(found, request)
    assert request.sound.dtype == torch.float32 and drive.result[0].isfinite().all()
    first = seen[0][0]["audio_hidden_states"]
    assert all(torch.equal(told["audio_hidden_states"][:1], first[:1]) for told, _ in seen)


def test_families_say_whether_they_follow_a_sound_in_both_places():
    from pipelines.checkpoints.known import KNOWN

    follow = {name for name, family in FAMILIES.items() if family.follows is not None}
    assert follow == {name for name, known in KNOWN.items() if known.sound}
    assert follow == {"LTX2Pipeline", "LTX2ImageToVideoPipeline"}


def test_a_model_that_is_sampled_in_its_own_way_refuses_a_sound():
    found = model("ltx2")
    pipeline = copy.copy(found.pipeline)
    pipeline.__dict__["scheduler"] = type(pipeline.scheduler).from_config(
        {**pipeline.scheduler.config, "stochastic_sampling": True}
    )
    with pytest.raises(ModelError, match="^sound: LTX-2 was distilled to draw new noise"):
        DiffusersModel(pipeline).drive(asked(found), EULER)
