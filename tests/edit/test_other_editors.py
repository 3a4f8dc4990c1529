"""FlowEdit, SDEdit, MagicMix, anchors and masks, each by an identity of its own."""

import pytest
import torch
from fakes import GaussianFlow, TinyAttention, one_gaussian, points, samples_of

from pipelines.edit import EditPlan, blend, feathered, flow_edit, magic_mix, sde_edit, toward
from pipelines.flow import CLAMP, RULES, conditioned, noise, sigma_grid, solve
from pipelines.flow.rules import to_fixed
from pipelines.flow.schedule import shift

DOWN = sigma_grid(6, shift(2.0), start=0.9, end=CLAMP)


def picture():
    return torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


def plan_for(source=1, target=2, **options):
    model = TinyAttention()
    return EditPlan(model, model.condition(source), model.condition(target), **options)


def last(steps):
    *_, step = steps
    return step


def editors(plan, x, sigmas=DOWN):
    e = noise(x.shape[1:], [4, 5])
    return {
        "flow-edit": flow_edit(plan, x, sigmas, [4, 5]),
        "sde-edit": sde_edit(plan, x, sigmas, e),
        "magic-mix": magic_mix(plan, x, sigmas, e),
    }


@pytest.mark.parametrize("guidance", [1.0, 5.5])
def test_flow_edit_with_equal_prompts_is_the_identity(guidance):
    x = picture()
    for rule in ("euler", "midpoint", "ab2"):
        step = last(flow_edit(plan_for(1, 1, guidance=guidance), x, DOWN, [1, 2], rule=RULES[rule]))
        assert torch.equal(step.clean, x)


@pytest.mark.parametrize("steps", [1, 3, 20])
@pytest.mark.parametrize("seed", [0, 9])
def test_flow_edit_translates_between_equal_gaussians_exactly(steps, seed):
    source, target = one_gaussian(), one_gaussian(mean=(-0.5, 0.3, 0.1, 0.9))
    x = samples_of(source, 64)
    step = last(
        flow_edit(EditPlan(GaussianFlow(), source, target), x, sigma_grid(steps), [seed + i for i in range(64)])
    )
    assert (step.clean - x - (target.means - source.means)).abs().max() < 1e-5


def test_flow_edit_noise_belongs_to_the_sample_and_averaging_costs_calls():
    x = picture()
    both = last(flow_edit(plan_for(guidance=2.0), x, DOWN, [4, 5], average=2))
    alone = last(flow_edit(plan_for(guidance=2.0), x[1:], DOWN, [5], average=2))
    assert torch.allclose(both.clean[1:], alone.clean, atol=1e-5)
    assert both.calls == 6 * 2 * 3


def test_magic_mix_that_keeps_nothing_is_plain_sampling_from_its_level():
    x, e = picture(), noise((4, 4, 4), [4, 5])
    mixed = last(magic_mix(plan_for(), x, DOWN, e, keep=0.0)).clean
    assert torch.equal(mixed, last(sde_edit(plan_for(), x, DOWN, e)).clean)


def test_magic_mix_that_keeps_all_samples_from_the_layout_at_its_lower_level():
    x, e = picture(), noise((4, 4, 4), [4, 5])
    plan = plan_for()
    mixed = last(magic_mix(plan, x, DOWN, e, keep=1.0, keep_above=0.3)).clean
    index = int((DOWN >= 0.3).nonzero().max())
    rest = DOWN[index:]
    start = (1 - float(rest[0])) * x + float(rest[0]) * e
    *_, expected = solve(plan.target_velocity(), start, rest, RULES["euler"])
    assert torch.allclose(mixed, expected.clean, atol=1e-6)


@pytest.mark.parametrize("name", ["flow-edit", "sde-edit", "magic-mix"])
def test_masks(name):
    x = picture()
    mask = torch.zeros(1, 1, 4, 4)
    assert torch.equal(last(editors(plan_for(mask=mask), x)[name]).clean, x)
    mask[..., :2] = 1
    result = last(editors(plan_for(mask=mask), x)[name]).clean
    assert torch.equal(result[..., 2:], x[..., 2:])
    assert (result - x)[..., :2].abs().mean() > 0.01
    full = last(editors(plan_for(mask=torch.ones(1, 1, 4, 4)), x)[name]).clean
    assert torch.equal(full, last(editors(plan_for(), x)[name]).clean)


def test_sde_edit_from_a_low_level_keeps_more():
    x, e = picture(), noise((4, 4, 4), [4, 5])
    moved = [
        (last(sde_edit(plan_for(), x, sigma_grid(6, start=s, end=CLAMP), e)).clean - x).norm().item()
        for s in (0.2, 0.5, 1.0)
    ]
    assert moved[0] < moved[1] < moved[2]


def test_anchor_of_full_strength_lands_on_it_and_of_none_is_euler():
    velocity = conditioned(GaussianFlow(), one_gaussian())
    x, anchor = samples_of(one_gaussian(), 32), points(32, seed=5)
    up = sigma_grid(12, start=0.0, end=1.0)
    *_, top = solve(toward(velocity, anchor, 1.0, end=1.0), x, up, RULES["euler"])
    assert (top.state.value - anchor).abs().max() < 1e-6
    *_, down = solve(toward(velocity, x, 1.0, end=0.0), anchor, up.flip(0), RULES["euler"])
    assert (down.state.value - x).abs().max() < 1e-6
    *_, free = solve(toward(velocity, anchor, 0.0, end=1.0), x, up, RULES["euler"])
    *_, euler = solve(velocity, x, up, RULES["euler"])
    assert torch.equal(free.state.value, euler.state.value)


def test_blend_is_exact_at_both_ends_in_float_and_fixed_point():
    a, b = (torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    mask = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    mask[..., :3, :], mask[..., 3:5, :] = 0, 1
    for first, second in ((a, b), (to_fixed(a), to_fixed(b))):
        mixed = blend(first, second, mask)
        assert mixed.dtype == first.dtype
        assert torch.equal(mixed[..., :3, :], first[..., :3, :])
        assert torch.equal(mixed[..., 3:5, :], second[..., 3:5, :])
        between = mixed[..., 5:, :].double()
        low, high = torch.minimum(first, second)[..., 5:, :], torch.maximum(first, second)[..., 5:, :]
        assert ((between >= low.double() - 1e-6) & (between <= high.double() + 1e-6)).all()


def test_feather_softens_inward_only():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    soft = feathered(mask, 4.0)
    assert not soft[mask == 0].any()
    assert soft[0, 0, 16, 16] == 1
    edge = soft[0, 0, 16, 8:14]
    assert (edge.diff() >= 0).all() and 0 <= edge[0] < 0.2 < edge[-1]
    assert torch.equal(feathered(mask, 0.0), mask)
