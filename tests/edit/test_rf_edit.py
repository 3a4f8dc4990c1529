"""RF-Edit: identities, exactness through the whole editor, sharing policies, budgets, masks."""

import itertools

import pytest
import torch
from fakes import GaussianFlow, TinyAttention, one_gaussian, samples_of

from pipelines.edit import EditPlan, Sharing, open_features, rf_edit
from pipelines.errors import OutOfBudget, SettingsError
from pipelines.flow import CLAMP, RULES, sigma_grid
from pipelines.flow.schedule import shift

UP = sigma_grid(7, shift(2.0), start=CLAMP, end=1.0)


def picture(seed=0, batch=1):
    return torch.randn(batch, 4, 4, 4, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


def last(steps):
    *_, step = steps
    return step


def plan_for(model, source=1, target=2, **options):
    return EditPlan(model, model.condition(source), model.condition(target), **options)


def test_gaussian_to_gaussian_moves_by_the_difference_of_means():
    source, target = one_gaussian(), one_gaussian(mean=(-0.5, 0.3, 0.1, 0.9))
    x = samples_of(source)
    up = sigma_grid(200, start=0.0, end=1.0)
    result = last(rf_edit(EditPlan(GaussianFlow(), source, target), x, up, RULES["rk4"])).clean
    assert (result - x - (target.means - source.means)).abs().max() < 1e-4


@pytest.mark.parametrize("guidance", [1.0, 2.5, 7.0])
@pytest.mark.parametrize("policy", ["cache", "recompute"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_prompt_returns_the_source_bit_exactly(guidance, policy, dtype):
    x = picture()
    plan = plan_for(TinyAttention(dtype), 1, 1, guidance=guidance)
    step = last(rf_edit(plan, x, UP, RULES["alf"], Sharing(steps=4, policy=policy)))
    assert torch.equal(step.clean, x)
    assert step.done == step.total == 14


def test_same_prompt_in_pairs_returns_the_source_at_float_precision():
    x = picture()
    step = last(rf_edit(plan_for(TinyAttention(), 1, 1), x, UP, RULES["alf"], Sharing(steps=7, policy="paired")))
    assert (step.clean - x).abs().max() < 1e-5


@pytest.mark.parametrize("rule", ["alf", "midpoint", "fireflow", "heun", "reversible-heun"])
@pytest.mark.parametrize(("steps", "sites", "rows"), [(2, None, "grid"), (7, (1, 2), "all")])
def test_policies_agree(rule, steps, sites, rows):
    results = {}
    for policy in ("cache", "recompute", "paired"):
        plan = plan_for(TinyAttention(torch.float64), guidance=2.0)
        sharing = Sharing(steps, sites, rows, policy)
        results[policy] = last(rf_edit(plan, picture().double(), UP, RULES[rule], sharing)).clean
    for a, b in itertools.combinations(results.values(), 2):
        assert (a - b).abs().max() < 1e-9


def test_sharing_changes_the_result_and_keeps_more_of_the_source():
    x = picture()
    free, shared = (
        last(rf_edit(plan_for(TinyAttention()), x, UP, RULES["alf"], Sharing(steps, rows="all"))).clean
        for steps in (0, 7)
    )
    assert (shared - x).norm() < 0.9 * (free - x).norm()


def test_swapping_values_with_equal_latents_changes_nothing():
    model = TinyAttention(torch.float64)
    x, sigma = picture().double(), torch.tensor([0.5])
    condition = model.condition(1)
    seen = {}
    plain = model.velocity(x, sigma, condition, lambda site, v: seen.setdefault(site, v.clone()))
    assert torch.equal(model.velocity(x, sigma, condition, lambda site, v: seen[site]), plain)


@pytest.mark.parametrize("policy", ["cache", "recompute", "paired"])
@pytest.mark.parametrize("rule", ["alf", "midpoint"])
def test_bytes_stay_under_the_prediction(policy, rule):
    model, x = TinyAttention(), picture()
    sharing = Sharing(steps=5, policy=policy)
    predicted = open_features(model, model.condition(1), x, UP, RULES[rule], sharing).predict(x)
    held = last(rf_edit(plan_for(model), x, UP, RULES[rule], sharing)).held
    assert 0.3 * predicted < held <= predicted


def test_recompute_holds_a_small_part_of_what_cache_holds():
    model, x = TinyAttention(), picture()
    sizes = {
        policy: open_features(model, model.condition(1), x, UP, RULES["alf"], Sharing(7, policy=policy)).predict(x)
        for policy in ("cache", "recompute")
    }
    assert sizes["cache"] == 7 * 3 * 16 * 24 * 4
    assert sizes["recompute"] == 2 * 64 * 8 + 3 * 16 * 24 * 4


def test_a_budget_too_small_is_refused_before_any_call():
    model = TinyAttention()
    sharing = Sharing(steps=7, policy="cache", budget=20_000)
    with pytest.raises(OutOfBudget, match=r"'cache' would hold 32,256 bytes, the budget is 20,000; policy 'recompute'"):
        next(rf_edit(plan_for(model), picture(), UP, RULES["alf"], sharing))
    assert model.calls == 0


def test_unknown_sites_and_missing_taps_are_errors():
    model = TinyAttention()
    with pytest.raises(SettingsError, match=r"sites \[0, 1, 2\], got \[9\]"):
        next(rf_edit(plan_for(model), picture(), UP, RULES["alf"], Sharing(2, (9,))))
    features = open_features(model, model.condition(1), picture(), UP, RULES["alf"], Sharing(2))
    with pytest.raises(RuntimeError, match="no shared values for site 1"):
        features._writer({})(1, torch.zeros(1, 18, 24))


@pytest.mark.parametrize("rule", ["alf", "midpoint", "reversible-heun", "alf-float"])
def test_empty_mask_returns_the_source_and_full_mask_the_unmasked_edit(rule):
    x = picture()
    zeros, ones = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    empty = last(rf_edit(plan_for(TinyAttention(), mask=zeros), x, UP, RULES[rule])).clean
    assert torch.equal(empty, x)
    full = last(rf_edit(plan_for(TinyAttention(), mask=ones), x, UP, RULES[rule])).clean
    assert torch.equal(full, last(rf_edit(plan_for(TinyAttention()), x, UP, RULES[rule])).clean)


def test_outside_of_a_hard_mask_is_bit_exact_and_inside_moves():
    x = picture()
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 1:3, 1:3] = 1
    result = last(rf_edit(plan_for(TinyAttention(), mask=mask), x, UP, RULES["alf"], Sharing(2))).clean
    outside = (mask == 0).expand_as(x)
    assert torch.equal(result[outside], x[outside])
    assert (result - x)[~outside].abs().mean() > 0.01


def test_calls_are_counted_exactly_and_closing_stops_them():
    model = TinyAttention()
    steps = rf_edit(plan_for(model, guidance=3.0), picture(), UP, RULES["alf"], Sharing(steps=2))
    step = last(steps)
    # 7 + 1 there, 2 to turn, 7 guided steps back at two calls each, 2 source runs for shared values
    assert step.calls == model.calls == 8 + 2 + 14 + 2
    model.calls = 0
    steps = rf_edit(plan_for(model), picture(), UP, RULES["alf"])
    next(steps)
    steps.close()
    assert model.calls == 2
