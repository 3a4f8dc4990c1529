"""Guidance identities, by value and by the number of model calls."""

import torch
from fakes import GaussianFlow, one_gaussian, points, three_gaussians

from pipelines.flow import Call, conditioned, guided, interval, weighted

CALL = Call(0, 0, 0.5)
SIGMA = torch.full((16,), 0.5)


def pair():
    model = GaussianFlow()
    return model, conditioned(model, three_gaussians()), conditioned(model, one_gaussian())


def test_scale_one_is_off_and_costs_one_call():
    model, positive, negative = pair()
    x = points(16)
    assert torch.equal(guided(positive, negative, 1.0)(x, SIGMA, CALL), three_gaussians().velocity(x, SIGMA))
    assert model.calls == 1


def test_scale_zero_is_the_negative_branch_and_equal_branches_cancel():
    _, positive, negative = pair()
    x = points(16)
    assert torch.allclose(guided(positive, negative, 0.0)(x, SIGMA, CALL), negative(x, SIGMA, CALL))
    assert torch.equal(guided(positive, positive, 7.5)(x, SIGMA, CALL), positive(x, SIGMA, CALL))


def test_formula_and_cost():
    model, positive, negative = pair()
    x = points(16)
    value = guided(positive, negative, 4.0)(x, SIGMA, CALL)
    assert model.calls == 2
    p, n = positive(x, SIGMA, CALL), negative(x, SIGMA, CALL)
    assert torch.allclose(value, n + 4 * (p - n))


def test_field_confines_guidance():
    _, positive, negative = pair()
    x = points(16)
    field = torch.tensor([1.0, 0.0, 0.5, 0.0])
    value = guided(positive, negative, 3.0, field)(x, SIGMA, CALL)
    p, n = positive(x, SIGMA, CALL), negative(x, SIGMA, CALL)
    assert torch.equal(value[:, 1], p[:, 1])
    assert torch.allclose(value[:, 0], n[:, 0] + 3 * (p - n)[:, 0])
    assert torch.allclose(value[:, 2], p[:, 2] + (p - n)[:, 2])


def test_interval_switches_by_level():
    model, positive, negative = pair()
    velocity = interval(guided(positive, negative, 4.0), positive, 0.2, 0.7)
    velocity(points(16), SIGMA, CALL)
    assert model.calls == 2
    for level in (0.1, 0.8):
        model.calls = 0
        velocity(points(16), SIGMA, Call(0, 0, level))
        assert model.calls == 1


def test_weighted_branches_reproduce_guidance_and_skip_zeros():
    model, positive, negative = pair()
    x = points(16)
    expected = guided(positive, negative, 2.5)(x, SIGMA, CALL)
    model.calls = 0
    branches = {"words": (positive, 2.5), "none": (negative, -1.5), "picture": (negative, 0.0)}
    assert torch.allclose(weighted(branches)(x, SIGMA, CALL), expected)
    assert model.calls == 2
