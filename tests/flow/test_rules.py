"""Orders of convergence, round trips and call counts of every rule, on a flow with a closed form."""

import math

import pytest
import torch
from fakes import GaussianFlow, points, samples_of, three_gaussians

from pipelines.flow import RULES, conditioned, sigma_grid, solve
from pipelines.flow.rules import from_fixed, rule_named, to_fixed
from pipelines.flow.schedule import shift

ROUND_TRIP_ORDER = {"euler": 1, "midpoint": 3, "heun": 3, "fireflow": 3, "ab2": 2, "rk4": 5, "pseudo-corrector": 2}


def run(rule, x, sigmas, mixture=None):
    model = GaussianFlow()
    *_, step = solve(conditioned(model, mixture or three_gaussians()), x, sigmas, rule)
    return step, model.calls


def slope(errors):
    """Least-squares slope of log error over log steps, sign turned."""
    xs = [math.log(n) for n in errors]
    ys = [math.log(e) for e in errors.values()]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return -sum((a - mx) * (b - my) for a, b in zip(xs, ys, strict=True)) / sum((a - mx) ** 2 for a in xs)


@pytest.fixture(scope="module")
def reference():
    step, _ = run(RULES["rk4"], points(), sigma_grid(1500, end=0.0))
    return step.state.value


@pytest.mark.parametrize("name", RULES)
def test_converges_at_its_stated_order(name, reference):
    rule = RULES[name]
    counts = (16, 32, 64) if name == "rk4" else (32, 64, 128, 256)
    errors = {n: (run(rule, points(), sigma_grid(n))[0].state.value - reference).norm().item() for n in counts}
    assert slope(errors) == pytest.approx(rule.order, abs=0.35), errors


@pytest.mark.parametrize("name", RULES)
def test_converges_on_a_shifted_grid(name, reference):
    rule = RULES[name]
    grid = {n: sigma_grid(n, shift(math.exp(1.15))) for n in (64, 128, 256)}
    errors = {n: (run(rule, points(), g)[0].state.value - reference).norm().item() for n, g in grid.items()}
    assert slope(errors) > rule.order - 0.4, errors


@pytest.mark.parametrize(("name", "order"), ROUND_TRIP_ORDER.items())
def test_round_trip_of_irreversible_rules_has_its_known_order(name, order):
    x = samples_of(three_gaussians())
    errors = {}
    for n in (32, 64, 128):
        up = sigma_grid(n, start=0.0, end=1.0)
        top = run(RULES[name], x, up)[0].state.value
        errors[n] = (run(RULES[name], top, up.flip(0))[0].state.value - x).norm().item()
    # Even leading terms cancel between the ways, so a round trip may converge faster than a solve, never slower.
    assert slope(errors) > order - 0.4, errors


def test_uni_inv_there_and_euler_back_is_second_order():
    x = samples_of(three_gaussians())
    errors = {}
    for n in (32, 64, 128):
        up = sigma_grid(n, start=0.0, end=1.0)
        top = run(RULES["uni-inv"], x, up)[0].state.value
        errors[n] = (run(RULES["euler"], top, up.flip(0))[0].state.value - x).norm().item()
    assert slope(errors) > 1.6, errors


@pytest.mark.parametrize("name", [n for n, rule in RULES.items() if rule.reversible])
@pytest.mark.parametrize("steps", [1, 4, 25])
def test_reversible_rules_return_with_the_carried_state(name, steps):
    x = samples_of(three_gaussians())
    up = sigma_grid(steps, shift(3.0), start=0.05, end=1.0)
    top, _ = run(RULES[name], x, up)
    back, calls = run(RULES[name], top.state, up.flip(0))
    assert (back.state.value - x).abs().max() < (2**-36 if name == "alf" else 1e-12)
    assert calls == steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps", [1, 3, 7, 16, 40])
def test_fixed_point_leapfrog_is_bit_exact_whatever_the_networks_precision(dtype, steps):
    x = samples_of(three_gaussians()).float()
    mixture = three_gaussians()

    def velocity(x, sigma, call):
        return mixture.velocity(x.to(dtype).float(), sigma).to(dtype).to(x.dtype)

    up = sigma_grid(steps, shift(2.0), start=0.05, end=1.0)
    *_, top = solve(velocity, x, up, RULES["alf"])
    *_, back = solve(velocity, top.state, up.flip(0), RULES["alf"])
    assert torch.equal(back.state.x, to_fixed(x))
    assert torch.equal(back.state.value.float(), x)


def test_rounding_to_fixed_point_is_odd_and_exact_back():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(to_fixed(-x), -to_fixed(x))
    assert torch.equal(to_fixed(from_fixed(to_fixed(x))), to_fixed(x))
    half = torch.tensor([0.5, -0.5, 1.5, -1.5], dtype=torch.float64) * 2.0**-36
    assert to_fixed(half).tolist() == [1, -1, 2, -2]


@pytest.mark.parametrize("name", RULES)
def test_call_counts_match_the_rule(name):
    rule = RULES[name]
    step, calls = run(rule, points(8), sigma_grid(10))
    assert calls == step.calls == 10 * rule.calls + rule.start_calls
    assert rule.steps_for(calls) == 10


def test_midpoint_equals_the_taylor_form_of_rf_solver():
    mixture, sigmas = three_gaussians(), sigma_grid(12, shift(2.0), end=0.02)
    x = points()
    for a, b in zip(sigmas, sigmas[1:], strict=False):
        h = b - a
        v = mixture.velocity(x, a.expand(len(x)).float())
        middle = mixture.velocity(x + h / 2 * v, (a + h / 2).expand(len(x)).float())
        x = x + h * v + h**2 / 2 * (middle - v) / (h / 2)
    ours = run(RULES["midpoint"], points(), sigmas)[0].state.value
    assert (ours - x).abs().max() < 1e-6  # sigma reaches the model in float32


def test_state_in_float32_stays_close_and_unknown_rules_are_refused():
    fine, _ = run(RULES["heun"], points(), sigma_grid(20, end=0.05))
    coarse, _ = run(RULES["heun"], points().float(), sigma_grid(20, end=0.05))
    assert coarse.state.value.dtype == torch.float32
    assert (coarse.state.value - fine.state.value).abs().max() < 1e-5
    with pytest.raises(ValueError, match="unknown rule 'rk45'.*alf"):
        rule_named("rk45")
