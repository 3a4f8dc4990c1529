"""The network that every starter shares: cutting and joining, taps, noise levels, and what it refuses."""

import math

import pytest
import torch
from starters import shaken

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.transformer import overlap_patchify, overlap_unpatchify, patchify, unpatchify
from pipelines.errors import ModelError

AXES = {1: ((6,), (4,)), 2: ((3, 5), (2, 4)), 3: ((2, 3, 4), (4, 2, 2))}  # axes -> grid, patch
L = 3


def config(axes, **changes):
    grid, patch = AXES[axes]
    return BackboneConfig(
        **{**dict(channels=2, grid=grid, patch=patch, dim=32, depth=3, heads=2, bottleneck=16), **changes}
    )


def network(axes, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return shaken(FlowTransformer(config(axes, **changes))).eval().requires_grad_(False)


def rand(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def inputs(axes, batch=2, grid=None):
    grid, patch = grid or AXES[axes][0], AXES[axes][1]
    x = rand(batch, 2, *(g * p for g, p in zip(grid, patch, strict=True)))
    return x, torch.linspace(0.2, 0.9, batch), rand(batch, L, 32, seed=1), rand(batch, 32, seed=2)


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("axes", AXES)
def test_untrained_network_predicts_zero(axes, overlap):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = FlowTransformer(config(axes, overlap=overlap))
    assert torch.equal(untrained(*inputs(axes)), torch.zeros_like(inputs(axes)[0]))


@pytest.mark.parametrize("axes", AXES)
def test_unpatchify_undoes_patchify(axes):
    grid, patch = AXES[axes]
    x = inputs(axes)[0]
    tokens = patchify(x, patch)
    assert tokens.shape == (2, *grid, 2 * math.prod(patch))
    assert torch.equal(unpatchify(tokens, patch), x)


def test_a_patch_holds_its_own_samples():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patchify(x, (2, 2))[0, 1, 0].tolist() == [8, 9, 12, 13]
    assert overlap_patchify(x + 1, (2, 2))[0, 0, 0].sort().values.tolist() == [0] * 7 + [1, 2, 3, 5, 6, 7, 9, 10, 11]


@pytest.mark.parametrize("axes", AXES)
def test_overlapping_cut_and_join_are_adjoint(axes):
    grid, patch = AXES[axes]
    x = inputs(axes)[0].double()
    tokens = rand(2, *grid, 2**axes * 2 * math.prod(patch), seed=4, dtype=torch.float64)
    there = (overlap_patchify(x, patch) * tokens).sum()
    back = (x * overlap_unpatchify(tokens, patch)).sum()
    assert there.item() == pytest.approx(back.item(), rel=1e-12)


@pytest.mark.parametrize("axes", AXES)
def test_overlapping_patches_leave_no_seam(axes):
    grid, patch = AXES[axes]
    tokens = torch.ones(1, *grid, 2**axes * 2 * math.prod(patch))
    joined = overlap_unpatchify(tokens, patch)
    inside = joined[(..., *(slice(p // 2, -(p // 2)) for p in patch))]
    assert torch.equal(inside, torch.full_like(inside, 2.0**axes))  # the same on, before and after every seam
    corner = joined[(0, 0, *(0 for _ in patch))]
    assert corner == 1  # no patch lies beyond the border


@pytest.mark.parametrize("axes", AXES)
def test_identity_tap_changes_nothing_and_sees_every_site_once_in_order(axes):
    net, args = network(axes), inputs(axes)
    seen = []

    def tap(site, values):
        seen.append((site, tuple(values.shape)))
        return values

    assert torch.equal(net(*args, tap), net(*args))
    rows = L + math.prod(AXES[axes][0])
    assert seen == [(site, (2, rows, 32)) for site in range(3)]


@pytest.mark.parametrize("site", range(3))
def test_values_replaced_at_a_site_reach_the_output(site):
    net, args = network(2), inputs(2)
    changed = net(*args, lambda s, v: torch.zeros_like(v) if s == site else v)
    assert (changed - net(*args)).abs().max() > 1e-3


def test_values_of_one_token_reach_the_others():
    net, args = network(2), inputs(2)

    def tap(site, values):
        values = values.clone()
        values[:, -1] += 1
        return values

    first_patch = (net(*args, tap) - net(*args))[..., :2, :4]
    assert first_patch.abs().min() > 0


@pytest.mark.parametrize("mixer", ["softmax", "linear"])
@pytest.mark.parametrize("axes", AXES)
def test_one_level_per_frame_equals_one_level_when_all_are_equal(axes, mixer):
    net, (x, sigma, context, pooled) = network(axes, mixer=mixer), inputs(axes)
    frames = sigma[:, None].expand(-1, AXES[axes][0][0])
    torch.testing.assert_close(net(x, frames, context, pooled), net(x, sigma, context, pooled), atol=1e-5, rtol=0)


def test_the_level_of_one_frame_reaches_that_frame():
    x, sigma, context, pooled = inputs(3)
    frames = sigma[:, None].repeat(1, 2)
    frames[:, 1] += 0.05
    # Without blocks and overlap tokens do not meet, so that what moves is what the level itself reaches.
    net = network(3, depth=0, overlap=False)
    moved = net(x, frames, context, pooled) - net(x, sigma, context, pooled)
    assert moved[:, :, :4].abs().max() < 1e-5
    assert moved[:, :, 4:].abs().mean() > 1e-3
    whole = network(3)
    assert (whole(x, frames, context, pooled) - whole(x, sigma, context, pooled)).abs().max() > 1e-3


@pytest.mark.parametrize("mixer", ["softmax", "linear"])
@pytest.mark.parametrize("grid", [(9,), (4, 7), (3, 2, 5)])
def test_other_grids_run_and_every_token_is_heard_everywhere(grid, mixer):
    axes = len(grid)
    net, (x, *rest) = network(axes, mixer=mixer), inputs(axes, grid=grid)
    nudged = x.clone()
    nudged[(..., *(slice(-p, None) for p in AXES[axes][1]))] += 1
    moved = net(nudged, *rest) - net(x, *rest)
    assert moved.shape == x.shape
    first = moved[(..., *(slice(0, p) for p in AXES[axes][1]))]
    assert 0 < first.abs().min() and moved.abs().max() < 100


def test_words_summary_and_level_each_change_the_output():
    net, (x, sigma, context, pooled) = network(2), inputs(2)
    base = net(x, sigma, context, pooled)
    for other in ((x, sigma + 0.1, context, pooled), (x, sigma, -context, pooled), (x, sigma, context, -pooled)):
        assert (net(*other) - base).abs().max() > 1e-3


def test_a_sample_does_not_depend_on_its_neighbours():
    net, args = network(2), inputs(2, batch=3)
    alone = net(*(a[1:2] for a in args))
    torch.testing.assert_close(net(*args)[1:2], alone, atol=1e-5, rtol=0)


def test_context_rows_have_no_order_but_grid_rows_do():
    net, (x, sigma, context, pooled) = network(2), inputs(2)
    base = net(x, sigma, context, pooled)
    torch.testing.assert_close(net(x, sigma, context.flip(1), pooled), base, atol=1e-5, rtol=0)
    patch = AXES[2][1]
    turned = unpatchify(patchify(x, patch).flip(1, 2), patch)
    unturned = unpatchify(patchify(net(turned, sigma, context, pooled), patch).flip(1, 2), patch)
    assert (unturned - base).abs().max() > 1e-3


@pytest.mark.parametrize(
    "shape, words",
    [
        ((1, 3, 6, 20), ("2 channels", "(1, 3, 6, 20)")),
        ((1, 2, 24), ("2 axes", "(1, 2, 24)")),
        ((1, 2, 7, 20), ("(7, 20)", "(2, 4)")),
        ((1, 2, 6, 0), ("(6, 0)", "(2, 4)")),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_numbers(shape, words):
    net, (_, sigma, context, pooled) = network(2), inputs(2)
    with pytest.raises(ModelError) as error:
        net(torch.zeros(shape), sigma[:1], context[:1], pooled[:1])
    assert all(word in str(error.value) for word in words)


def test_a_wrong_number_of_levels_is_refused_with_the_numbers():
    net, (x, _, context, pooled) = network(3), inputs(3)
    with pytest.raises(ModelError, match="2 of them, got 5"):
        net(x, torch.rand(2, 5), context, pooled)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"grid": (2, 2, 2, 2), "patch": (1, 1, 1, 1)}, "(2, 2, 2, 2)"),
        ({"patch": (2,)}, "(2,)"),
        ({"dim": 30, "heads": 4}, "dim 30 over 4 heads"),
        ({"dim": 6, "heads": 2}, "dim 6 over 2 heads"),
        ({"patch": (3, 4)}, "(3, 4)"),
        ({"mixer": "mamba"}, "'mamba'"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused_with_the_numbers(changes, words):
    with pytest.raises(ModelError) as error:
        FlowTransformer(config(2, **changes))
    assert words in str(error.value)


def referring(**changes):
    """A random network that takes references, in float64, and one (signal, words, summary) for it."""
    config = BackboneConfig(
        **{"channels": 2, "grid": (4, 4), "patch": (4, 4), "dim": 32, "depth": 2, "heads": 2, **changes}, reference=True
    )
    network = shaken(FlowTransformer(config)).double()
    generator = torch.Generator().manual_seed(2)
    sizes = [g * p for g, p in zip(config.grid, config.patch, strict=True)]
    x, words, pooled = (torch.randn(2, *s, generator=generator).double() for s in ((2, *sizes), (3, 32), (32,)))
    return network, x, words, pooled


def test_no_reference_and_an_empty_one_are_the_same():
    network, x, words, pooled = referring()
    sigma = torch.tensor([0.9, 0.4])
    empty = torch.zeros(2, 3, 16, 16).double()
    assert torch.equal(network(x, sigma, words, pooled, None, empty), network(x, sigma, words, pooled))


def test_a_reference_is_felt_in_noise_and_not_in_the_end():
    network, x, words, pooled = referring()
    shown = torch.ones(2, 3, 16, 16).double()
    moved = [
        (network(x, sigma, words, pooled, None, shown) - network(x, sigma, words, pooled)).abs().mean()
        for sigma in (torch.zeros(2), torch.full((2,), 0.3), torch.ones(2))
    ]
    assert moved[0] == 0 and 0 < moved[1] < moved[2]


def test_an_open_gate_hands_a_reference_through():
    network, x, words, pooled = referring()
    torch.nn.init.constant_(network.reference_gate.bias, 100.0)
    shown = torch.cat([torch.rand_like(x), torch.ones(2, 1, 16, 16).double()], dim=1)
    torch.testing.assert_close(network(x, torch.ones(2), words, pooled, None, shown), shown[:, :2])


@pytest.mark.parametrize("sigma", [torch.tensor([0.7, 0.2]), torch.tensor([[0.7] * 4, [0.2] * 4])])
def test_a_reference_is_fitted_to_another_size(sigma):
    network, x, words, pooled = referring()
    large = torch.nn.functional.interpolate(x, size=(16, 32), mode="bilinear")
    plain = torch.full((2, 3, 16, 16), 0.5).double()
    fitted = torch.full((2, 3, 16, 32), 0.5).double()
    out = [network(large, sigma, words, pooled, None, shown) for shown in (plain, fitted)]
    torch.testing.assert_close(out[0], out[1])


def test_a_noise_level_per_frame_also_weighs_a_reference():
    network, x, words, pooled = referring()
    shown = torch.ones(2, 3, 16, 16).double()
    flat, rows = torch.tensor([0.7, 0.2]), torch.tensor([[0.7] * 4, [0.2] * 4])
    torch.testing.assert_close(
        network(x, flat, words, pooled, None, shown), network(x, rows, words, pooled, None, shown)
    )
