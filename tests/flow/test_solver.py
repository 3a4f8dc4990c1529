"""The one loop: what it yields, how it stops, levels per frame, and noise that belongs to a sample."""

import pytest
import torch
from fakes import GaussianFlow, one_gaussian, points, three_gaussians

from pipelines.errors import SettingsError
from pipelines.flow import RULES, State, conditioned, noise, sigma_grid, solve


def test_what_one_gaussian_conserves():
    mixture = one_gaussian()
    x = points()
    sigmas = sigma_grid(64, end=0.1)
    for step in solve(conditioned(GaussianFlow(), mixture), x, sigmas, RULES["rk4"]):
        s = step.sigma
        spread = torch.sqrt((1 - s) ** 2 * 0.3**2 + s**2)
        assert ((step.state.value - (1 - s) * mixture.means) / spread - x).abs().max() < 1e-4


def test_clean_estimate_is_the_posterior_mean_for_one_gaussian():
    mixture = one_gaussian()
    x = points()
    step = next(iter(solve(conditioned(GaussianFlow(), mixture), x, sigma_grid(10), RULES["euler"])))
    assert torch.allclose(step.clean, mixture.means.expand_as(x), atol=1e-6)  # at pure noise nothing else is known


def test_closing_stops_the_model_calls():
    model = GaussianFlow()
    steps = solve(conditioned(model, three_gaussians()), points(), sigma_grid(100), RULES["heun"])
    next(steps)
    next(steps)
    steps.close()
    assert model.calls == 4
    assert list(steps) == []


def test_equal_levels_per_frame_equal_one_level():
    def velocity(x, sigma, call):
        level = sigma if sigma.ndim == 2 else sigma[:, None].expand(-1, 3)
        return x * level.to(x.dtype)[:, None, :, None].repeat_interleave(2, dim=2)

    x = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    levels = sigma_grid(9)
    for rule in RULES.values():
        *_, one = solve(velocity, x, levels, rule)
        *_, per_frame = solve(velocity, x, levels[:, None].expand(-1, 3).clone(), rule)
        assert torch.allclose(one.state.value, per_frame.state.value, atol=1e-6), rule.name


def test_a_frame_whose_level_stays_put_does_not_move():
    levels = sigma_grid(5)[:, None].repeat(1, 3)
    levels[:, 1] = 0.4
    x = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    *_, step = solve(lambda x, sigma, call: torch.ones_like(x), x, levels, RULES["midpoint"])
    assert torch.equal(step.state.value[:, :, 1], x[:, :, 1])
    assert torch.allclose(step.state.value[:, :, 0], x[:, :, 0] - 1)


def test_correct_is_applied_after_every_step():
    seen = []

    def pin(state, done):
        seen.append(done)
        return State(torch.zeros_like(state.x), state.memory)

    *_, step = solve(lambda x, sigma, call: torch.ones_like(x), points(3), sigma_grid(4), RULES["euler"], correct=pin)
    assert seen == [1, 2, 3, 4]
    assert not step.state.value.any()


def test_calls_are_numbered_by_step_and_stage():
    calls = []

    def velocity(x, sigma, call):
        calls.append((call.step, call.stage))
        return x

    list(solve(velocity, points(2), sigma_grid(2), RULES["rk4"]))
    assert calls == [(s, g) for s in range(2) for g in range(4)]


def test_bad_starts_are_refused():
    with pytest.raises(SettingsError, match="float32 or float64, got torch.bfloat16"):
        next(solve(lambda x, s, c: x, torch.zeros(1, 2, dtype=torch.bfloat16), sigma_grid(2)))
    with pytest.raises(SettingsError, match="at least two levels, got 1"):
        next(solve(lambda x, s, c: x, torch.zeros(1, 2), torch.ones(1)))
    with pytest.raises(SettingsError, match="4 levels do not divide"):
        next(solve(lambda x, s, c: x, torch.zeros(1, 2, 6), torch.rand(3, 4)))


def test_noise_depends_on_its_seed_alone():
    three = noise((4, 8, 8), [5, 6, 7])
    assert torch.equal(noise((4, 8, 8), [6])[0], three[1])
    assert three.dtype == torch.float32
    assert abs(three.std().item() - 1) < 0.05
