"""Every family of checkpoints through our solvers and editors, on tiny pipelines that are saved and loaded back."""

import copy
from contextlib import contextmanager

import pytest
import torch

pytest.importorskip("diffusers")

from tiny_checkpoints import ask, briefly, loaded, model, state_of
from tiny_pipelines import FAMILIES, tiny

from pipelines.edit import EditPlan, Sharing, flow_edit, rf_edit
from pipelines.errors import ModelError
from pipelines.flow import conditioned, guided, noise, solve
from pipelines.flow.rules import ALF, EULER, MIDPOINT, to_fixed
from pipelines.models.diffusers.model import DiffusersModel
from pipelines.models.diffusers.reading import _moving
from pipelines.models.diffusers.samplers import settings_of, way_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
INVERTED = [name for name in FAMILIES if name != "sana_sprint"]
# Families whose guidance is the usual sum and nothing more, and whose empty prompt is read like any other.
PLAIN = ("flux2_klein", "sd3", "sana", "chroma", "wan", "wan22", "wan_i2v", "ltx", "hunyuan_video15",
         "hunyuan_video15_i2v", "sana_video",         "mochi", "stable_audio3")  # fmt: skip


def own_output(found, asked, **more):
    """What the pipeline itself makes with the Euler scheduler of diffusers."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(**settings_of(found.pipeline.scheduler))
    return found._copy(scheduler, asked)(**found.arguments(asked), output_type="latent", return_dict=False, **more)


def driven(found, asked, rule=EULER, grid=None, **more):
    """What the same call makes under our solver, and its drive."""
    drive = found.drive(asked, rule, grid, output_type="latent", return_dict=False, **more)
    *_, last = drive.steps()
    return drive, last


def start_of(found, asked):
    """The state that the pipeline begins with, and its levels."""
    drive, _ = driven(found, asked)
    return drive.driver.meeting.start, drive.driver.meeting.sigmas


def hooks(found):
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks) for net in found.networks for part in net.modules()
    )


@pytest.mark.parametrize("name", INVERTED)
def test_euler_is_the_pipelines_own_output_to_the_bit_guidance_included(name):
    found = model(name)
    asked = ask(found, guidance=3.0)
    drive, _ = driven(found, asked)
    for ours, theirs in zip(drive.result, own_output(found, asked), strict=True):
        assert torch.equal(ours, theirs) and ours.isfinite().all() and ours.std() > 0


@pytest.mark.parametrize("name", INVERTED)
def test_the_capture_gives_the_velocity_that_the_pipeline_uses(name):
    found = model(name)
    asked = ask(found, guidance=2.0 if found.distilled else 1.0)  # what a distilled network is told during edits
    with apart(found):
        drive, last = driven(found, asked, **found.family.quiet)
    condition = found.encode(["a red cat"], asked)
    assert condition.own.numel() == asked.steps + 1 and condition.own[-1] == 0
    torch.testing.assert_close(condition.own, drive.driver.own)
    start = drive.driver.meeting.start if condition.moves is None else 2 * state_of(found, asked)
    *_, step = solve(conditioned(found, condition), start, drive.driver.meeting.sigmas, EULER)
    moves = torch.ones(1) if condition.moves is None else condition.moves
    ours, theirs = (_moving(each.state.value.float(), moves) for each in (step, last))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    if condition.moves is not None:  # the first frame is held, to the bit
        assert torch.equal(step.state.value.float()[~condition.moves.expand_as(start)], start[~moves.expand_as(start)])


@contextmanager
def apart(found):
    """The network as editors ask it: of LTX-2 without attention between pictures and sound."""
    handle = found.networks[0].register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, **found.family.apart}), with_kwargs=True
    )
    yield
    handle.remove()


@pytest.mark.parametrize("name", PLAIN)
def test_our_guidance_equals_the_pipelines_own(name):
    found = model(name)
    asked = ask(found, guidance=3.0)
    drive, last = driven(found, asked)
    toward, away = (conditioned(found, found.encode([text], asked)) for text in ("a red cat", ""))
    start, sigmas = drive.driver.meeting.start, drive.driver.meeting.sigmas
    *_, step = solve(guided(toward, away, 3.0), start, sigmas, EULER)
    torch.testing.assert_close(step.state.value, last.state.value, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", INVERTED)
def test_the_exact_leapfrog_brings_a_latent_back_in_every_bit_at_16_calls(name):
    found = model(name)
    asked = ask(found)
    x = state_of(found, asked)
    velocity = conditioned(found, found.encode(["a red cat"], asked))
    sigmas = torch.linspace(0, 1, 16, dtype=torch.float64)
    *_, there = solve(velocity, x, sigmas, ALF)
    assert there.calls == 16
    *_, back = solve(velocity, there.state, sigmas.flip(0), ALF)
    assert torch.equal(back.state.x, to_fixed(x)) and not torch.equal(there.state.x, to_fixed(x))


@pytest.mark.parametrize("name", ["flux", "wan"])
def test_euler_and_midpoint_do_not(name):
    found = model(name)
    asked = ask(found)
    start, _ = start_of(found, asked)
    velocity = conditioned(found, found.encode(["a red cat"], asked))
    errors = {}
    for rule, steps in ((EULER, 16), (MIDPOINT, 8)):
        sigmas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        *_, there = solve(velocity, 0.5 * start, sigmas, rule)
        *_, back = solve(velocity, there.state.value, sigmas.flip(0), rule)
        errors[rule.name] = float((back.state.value - 0.5 * start).square().mean().sqrt())
    assert 1e-6 < errors["midpoint"] < errors["euler"]


@pytest.mark.parametrize("name", ["flux", "wan", "mochi"])
def test_the_pipelines_own_call_inverts_and_samples_again(name):
    found = model(name)
    asked = ask(found, steps=15)
    x = 0.5 * start_of(found, asked)[0]
    drive, up = driven(found, asked, ALF, lambda own: own.flip(0), latents=x)
    assert up.calls == 16 and torch.equal(drive.driver.meeting.start, x)
    # The way back of the bare call knows the latent alone, not the velocity that makes it exact.
    _, down = driven(found, asked, ALF, latents=up.state.value.float())
    assert (down.state.value - x).abs().max() < 0.2 * x.abs().max() < (up.state.value - x).abs().max()


@pytest.mark.parametrize("name", INVERTED)
def test_sharing_values_changes_an_edit_and_the_same_prompt_returns_the_source(name):
    found = model(name)
    asked = ask(found)
    x = state_of(found, asked)
    source, target = (found.encode([text], asked) for text in ("a red cat", "nine blue dogs on a hill"))
    rising = torch.linspace(0, 0.9, 4, dtype=torch.float64)
    before, clean = hooks(found), {}
    for share in (0, 3):
        *_, step = rf_edit(EditPlan(found, source, target), x, rising, ALF, Sharing(share))
        clean[share] = step.clean
    *_, same = rf_edit(EditPlan(found, source, source), x, rising, ALF, Sharing(3))
    assert torch.equal(same.clean, x) and hooks(found) == before
    assert not torch.equal(clean[0], x) and not torch.equal(clean[3], clean[0])


@pytest.mark.parametrize("name", FAMILIES)
def test_flow_edit_moves_toward_another_prompt_and_nothing_toward_the_same(name):
    found = model(name)
    asked = ask(found)
    x = state_of(found, asked)
    source, target = (found.encode([text], asked) for text in ("a red cat", "nine blue dogs on a hill"))
    falling = torch.linspace(0.9, 0, 4, dtype=torch.float64)
    *_, moved = flow_edit(EditPlan(found, source, target, 2.0), x, falling, [1])
    *_, still = flow_edit(EditPlan(found, source, source, 2.0), x, falling, [1])
    assert torch.equal(still.clean.float(), x) and not torch.equal(moved.clean.float(), x)
    if source.moves is not None:  # the first frame stays
        assert not (moved.clean.float() - x)[~source.moves.expand_as(x)].any()


@pytest.mark.parametrize("name", FAMILIES)
def test_taps_see_the_grid_alone_change_nothing_and_replay_exactly(name):
    found = model(name)
    asked = ask(found)
    x, level = state_of(found, asked), torch.full((1,), 0.6)
    condition = found.encode(["a red cat"], asked)
    plain, seen = found.velocity(x, level, condition), {}

    def record(site, values):
        seen[site] = values.clone()
        return values

    assert torch.equal(found.velocity(x, level, condition, record), plain)
    assert sorted(seen) == [site.index for site in found.sites] and len(seen) >= 1
    assert {tuple(values.shape[:2]) for values in seen.values()} == {found.value_shape(x)[:2]}
    assert torch.equal(found.velocity(x, level, condition, lambda site, values: seen[site].clone()), plain)
    for site in seen:  # each reaches the result
        moved = found.velocity(x, level, condition, lambda at, values, site=site: values * (1 + (at == site)))
        assert not torch.equal(moved, plain), found.places[site].name


@pytest.mark.parametrize("name", [name for name in INVERTED if name not in ("lumina2", "z_image")])
def test_two_descriptions_run_as_a_pair(name):
    found = model(name)
    asked = ask(found)
    x = state_of(found, asked)
    source, target = (found.encode([text], asked) for text in ("a red cat", "six black pigs"[:9]))
    rising = torch.linspace(0, 0.9, 3, dtype=torch.float64)
    made = {}
    for policy in ("recompute", "cache", "paired"):
        *_, step = rf_edit(EditPlan(found, source, target), x, rising, ALF, Sharing(2, policy=policy))
        made[policy] = step.clean
    assert torch.equal(made["recompute"], made["cache"])
    torch.testing.assert_close(made["paired"], made["cache"], atol=1e-3, rtol=1e-3)


def test_a_family_that_cannot_pair_says_so():
    found = model("lumina2")
    with pytest.raises(ModelError, match="cannot run two descriptions as a pair; choose 'recompute'"):
        found.join([None, None])


@pytest.mark.parametrize("name", ["flux", "wan", "ltx2", "ace_step"])
def test_a_run_can_be_stopped_and_runs_share_no_state(name):
    found = model(name)
    one, other = ask(found, guidance=3.0), ask(found, prompts=("a dog",), guidance=1.0, seeds=(9,))
    first, _ = driven(found, one)
    drive = found.drive(one, EULER, output_type="latent", return_dict=False)
    steps = drive.steps()
    next(steps)
    steps.close()
    assert drive.driver.meeting.ended and drive.result is None
    driven(found, other)
    again, _ = driven(found, one)
    assert all(torch.equal(a, b) for a, b in zip(first.result, again.result, strict=True))
    assert type(found.pipeline.scheduler).__name__ != "FlowDriver"


def test_an_error_inside_the_pipeline_comes_out_and_leaves_it_usable():
    found = model("flux")
    asked = ask(found)
    first, _ = driven(found, asked)

    def fail(*args):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        driven(found, asked, callback_on_step_end=fail)
    with pytest.raises(ModelError, match="height: FLUX.1 needs a multiple of 4, got 30; try 32"):
        found.check((30, 32))
    assert torch.equal(driven(found, asked)[0].result[0], first.result[0])


@pytest.mark.parametrize("name", ["stable_audio3", "sana_sprint"])
def test_a_distilled_model_samples_in_its_own_way_and_says_what_it_cannot(name):
    found = DiffusersModel(tiny(name, distilled=True)) if name == "stable_audio3" else model(name)
    asked = ask(found)
    run = found.drive(asked, EULER, output_type="latent", return_dict=False)
    seen = list(run.steps())
    own = found._copy(copy.copy(found.pipeline.scheduler), asked)
    theirs = own(**found.arguments(asked), output_type="latent", return_dict=False)[0]
    assert torch.equal(run.result[0], theirs) and [step.done for step in seen] == [1, 2, 3, 4]
    torch.testing.assert_close(seen[-1].clean, theirs.float(), atol=1e-5, rtol=1e-5)
    again = found.drive(asked, EULER, output_type="latent", return_dict=False)
    steps = again.steps()
    next(steps)
    steps.close()
    assert again.meeting.ended and again.result is None
    for rule, grid in ((ALF, None), (EULER, lambda own: own)):
        with pytest.raises(ModelError, match="^solver: .* was distilled to .*; choose 'euler' and the spacing"):
            found.drive(asked, rule, grid)
    with pytest.raises(ModelError, match="^method: .* nothing can be turned back; 'flowedit' and 'sdedit' work"):
        found.can_edit("rf-edit")
    for method in ("flowedit", "sdedit", "magicmix"):
        found.can_edit(method)


def test_a_consistency_models_velocity_is_what_its_pipeline_makes_of_it():
    found = model("sana_sprint")
    asked = ask(found, guidance=2.0, steps=1)
    (step,) = found.drive(asked, EULER, output_type="latent", return_dict=False).steps()
    x, condition = 2 * state_of(found, asked), found.encode(["a red cat"], asked)
    at_noise = x - found.velocity(x, torch.ones(1), condition)
    torch.testing.assert_close(at_noise, step.clean, atol=1e-3, rtol=1e-3)


def test_a_network_that_answers_for_whole_steps_is_asked_for_moments_by_editors():
    found = briefly(DiffusersModel(tiny("hunyuan_video15_i2v", mean=True)))
    asked = ask(found)
    with pytest.raises(ModelError, match=r"^solver: .* answers for whole steps \(MeanFlow\), so only 'euler'"):
        found.drive(asked, ALF)
    drive, _ = driven(found, asked)
    assert all(torch.equal(a, b) for a, b in zip(drive.result, own_output(found, asked), strict=True))
    condition = found.encode(["a red cat"], asked)
    _, kwargs = condition.call(torch.zeros(condition.shape), torch.full((1,), 0.3))
    assert torch.equal(kwargs["timestep"], kwargs["timestep_r"]) and float(kwargs["timestep"]) == pytest.approx(300)


def test_a_diffusion_model_that_predicts_noise_is_refused():
    from diffusers import DDIMScheduler

    with pytest.raises(ModelError, match=r"its sampler \(DDIMScheduler\) follows no flow, .*; choose a flow-matching"):
        way_of(DDIMScheduler())


def test_a_batch_of_seeds_is_what_diffusers_draws():
    found = model("sd3")
    both = start_of(found, ask(found, prompts=("a cat", "a cat"), seeds=(5, 6)))[0]
    alone = start_of(found, ask(found, prompts=("a cat",), seeds=(6,)))[0]
    assert torch.equal(both[1:], alone) and torch.equal(both[0], noise(both.shape[1:], [5])[0])


@pytest.mark.parametrize("asked", [{"dtype": "bfloat16"}, {"quantised": "fp8"}], ids=["bfloat16", "fp8"])
@pytest.mark.parametrize("name", ["flux", "wan"])
def test_the_way_back_is_exact_whatever_the_networks_precision(name, asked):
    found = loaded(name, **asked)
    request = ask(found)
    x = 0.5 * start_of(found, request)[0]
    velocity = conditioned(found, found.encode(["a red cat"], request))
    sigmas = torch.linspace(0, 1, 4, dtype=torch.float64)
    *_, there = solve(velocity, x, sigmas, ALF)
    *_, back = solve(velocity, there.state, sigmas.flip(0), ALF)
    assert torch.equal(back.state.x, to_fixed(x))
