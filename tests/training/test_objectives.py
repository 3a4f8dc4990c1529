"""The loss against the velocity that it stands for, and the noise levels that training looks at."""

import pytest
import torch

from pipelines.flow.types import CLAMP
from pipelines.training.objectives import add_noise, logit_normal, uniform, velocity_loss


def rand(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_loss_of_the_truth_is_zero_at_every_level():
    data = rand(5, 3, 4, 4)
    sigma = torch.tensor([0.0, 0.01, CLAMP, 0.5, 1.0])
    assert torch.equal(velocity_loss(data, data, sigma), torch.zeros(5))


def test_above_the_clamp_it_is_the_error_of_the_velocity():
    data, noise, estimate = rand(6, 3, 4, 4), rand(6, 3, 4, 4, seed=1), rand(6, 3, 4, 4, seed=2)
    sigma = torch.linspace(CLAMP, 1, 6)
    x = add_noise(data, noise, sigma)
    implied = (x - estimate) / sigma.reshape(-1, 1, 1, 1)
    direct = (implied - (noise - data)).square().flatten(1).mean(1)
    torch.testing.assert_close(velocity_loss(estimate, data, sigma), direct, rtol=1e-4, atol=0)


def test_below_the_clamp_the_weight_grows_no_more():
    data, estimate = rand(1, 8), rand(1, 8, seed=1)
    at, below, above = (velocity_loss(estimate, data, torch.tensor([s])).item() for s in (CLAMP, 0.001, 2 * CLAMP))
    assert below == at == pytest.approx(4 * above, rel=1e-5)


def test_the_loss_is_float32_whatever_the_estimate():
    assert velocity_loss(rand(2, 4).bfloat16(), rand(2, 4), torch.rand(2)).dtype == torch.float32


def test_noise_is_added_along_a_straight_line():
    data, noise = rand(3, 2, 2), rand(3, 2, 2, seed=1)
    x = add_noise(data, noise, torch.tensor([0.0, 0.25, 1.0]))
    assert torch.equal(x[0], data[0]) and torch.equal(x[2], noise[2])
    torch.testing.assert_close(x[1], 0.75 * data[1] + 0.25 * noise[1])


@pytest.mark.parametrize(
    "density, median",
    [
        (uniform(), 0.5),
        (logit_normal(0.0, 1.0), 0.5),
        (logit_normal(0.8, 1.0, uniform_share=0), torch.sigmoid(torch.tensor(0.8)).item()),
        (logit_normal(-1.2, 0.5, uniform_share=0), torch.sigmoid(torch.tensor(-1.2)).item()),
    ],
)
def test_densities_stay_inside_and_have_their_median(density, median):
    levels = density(40_000, torch.Generator().manual_seed(0))
    assert 0 <= levels.min() and levels.max() < 1
    assert levels.median().item() == pytest.approx(median, abs=0.01)
    assert torch.equal(levels, density(40_000, torch.Generator().manual_seed(0)))


def test_a_uniform_share_covers_the_ends():
    narrow = logit_normal(0.0, 0.1, uniform_share=0)(20_000, torch.Generator().manual_seed(0))
    mixed = logit_normal(0.0, 0.1, uniform_share=0.1)(20_000, torch.Generator().manual_seed(0))
    assert ((narrow < 0.2) | (narrow > 0.8)).sum() == 0
    assert ((mixed < 0.2) | (mixed > 0.8)).float().mean().item() == pytest.approx(0.04, abs=0.005)
