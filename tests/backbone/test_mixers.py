"""Token mixers against their plain O(n^2) forms, and the rotary code."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from pipelines.backbone.mixers import MIXERS, mixer
from pipelines.backbone.mixers.linear import EPSILON
from pipelines.backbone.mixers.softmax import SHORT
from pipelines.backbone.rope import axis_pairs, rope_table, rotate
from pipelines.errors import ModelError


def qkv(tokens, dtype=torch.float64, heads=2, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, heads, tokens, width, generator=generator, dtype=torch.float64).to(dtype) for _ in range(3)]


def still(tokens, width=16):
    """The rotary table of tokens without position: cosine 1, sine 0."""
    return torch.stack([torch.ones(tokens, width // 2), torch.zeros(tokens, width // 2)])


def naive_linear(q, k, v, table):
    phi_q, phi_k = q.relu(), k.relu()
    turned = torch.einsum("bhid,bhjd->bhij", rotate(phi_q, table), rotate(phi_k, table))
    plain = torch.einsum("bhid,bhjd->bhij", phi_q, phi_k)
    return torch.einsum("bhij,bhjd->bhid", turned / (plain.sum(-1, keepdim=True) + EPSILON), v)


def naive_softmax(q, k, v, table):
    scores = torch.einsum("bhid,bhjd->bhij", rotate(q, table), rotate(k, table)) * q.shape[-1] ** -0.5
    return torch.einsum("bhij,bhjd->bhid", scores.exp() / scores.exp().sum(-1, keepdim=True), v)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize("grid", [(48,), (6, 8), (3, 4, 4), (30, 20)])
def test_linear_equals_its_quadratic_form(grid, dtype, tolerance):
    table = rope_table(grid, 16)
    q, k, v = qkv(table.shape[1])
    wanted = naive_linear(q, k, v, table)
    got = mixer("linear")(q.to(dtype), k.to(dtype), v.to(dtype), table)
    assert got.dtype == dtype
    assert (got.double() - wanted).abs().max() < tolerance


@pytest.mark.parametrize("tokens", [1, 48, SHORT, SHORT + 1])
def test_softmax_equals_the_library_and_the_plain_form(tokens):
    table = rope_table((tokens,), 16)
    q, k, v = qkv(tokens, torch.float32)
    got = mixer("softmax")(q, k, v, table)
    library = scaled_dot_product_attention(rotate(q, table), rotate(k, table), v)
    torch.testing.assert_close(got, library, atol=1e-5, rtol=0)
    wanted = naive_softmax(q.double(), k.double(), v.double(), table)
    assert (got.double() - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("name", MIXERS)
def test_without_positions_the_order_of_tokens_does_not_matter(name):
    q, k, v = qkv(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    mixed = mixer(name)(q, k, v, still(40))
    shuffled = mixer(name)(q[..., order, :], k[..., order, :], v[..., order, :], still(40))
    torch.testing.assert_close(shuffled, mixed[..., order, :], atol=1e-6, rtol=0)
    placed = mixer(name)(q[..., order, :], k[..., order, :], v[..., order, :], rope_table((40,), 16))
    assert (placed - mixer(name)(q, k, v, rope_table((40,), 16))[..., order, :]).abs().max() > 1e-2


@pytest.mark.parametrize("name", MIXERS)
def test_bf16_stays_close_over_a_long_sequence(name):
    table = rope_table((64, 64), 16)
    q, k, v = (t[:1] for t in qkv(4096, torch.bfloat16, heads=1))
    got = mixer(name)(q, k, v, table)
    assert got.dtype == torch.bfloat16 and torch.isfinite(got).all()
    exact = mixer(name)(q.float(), k.float(), v.float(), table)
    assert (got.float() - exact).norm() / exact.norm() < 0.02


def test_linear_is_finite_where_no_query_matches_any_key():
    q, k, v = qkv(8)
    got = mixer("linear")(-q.abs(), k, v, still(8))
    assert torch.equal(got, torch.zeros_like(v))


def test_rotation_keeps_lengths_and_starts_at_nothing():
    table = rope_table((5, 7, 3), 24)
    q = qkv(105, width=24)[0]
    torch.testing.assert_close(rotate(q, table).norm(dim=-1), q.norm(dim=-1), rtol=1e-6, atol=0)
    assert torch.equal(rotate(q, table)[..., 0, :], q[..., 0, :])
    assert (rotate(q, table)[..., -1, :] - q[..., -1, :]).norm() > 1


@pytest.mark.parametrize("axis", range(3))
def test_only_relative_positions_matter(axis):
    grid = (6, 6, 6)
    table = rope_table(grid, 24).reshape(2, *grid, 12).double()
    q, k = (t[0, 0, 0] for t in qkv(1, width=24)[:2])

    def product(i, j):
        def turned(x, place):
            return rotate(x.reshape(1, 1, 1, 24), table[:, *place].reshape(2, 1, 12))

        return (turned(q, i) * turned(k, j)).sum().item()

    step = [int(a == axis) for a in range(3)]
    near = [
        product((1, 1, 1), tuple(1 + 2 * s for s in step)),
        product((2, 3, 1), tuple(map(sum, zip((2, 3, 1), [2 * s for s in step], strict=True)))),
    ]
    assert near[0] == pytest.approx(near[1], abs=1e-6)
    assert abs(product((1, 1, 1), (1, 1, 1)) - near[0]) > 1e-3


def test_context_rows_do_not_turn_and_long_axes_are_squeezed():
    table = rope_table((16,), 8, context=3, trained=(8,))
    assert torch.equal(table[0, :4], torch.ones(4, 4)) and torch.equal(table[1, :4], torch.zeros(4, 4))
    first = torch.atan2(table[1, 3:, 0], table[0, 3:, 0])  # the fastest pair turns by one a trained position
    torch.testing.assert_close(first[:6], torch.arange(6) * 0.5, atol=1e-6, rtol=0)
    short = rope_table((4,), 8, trained=(8,))
    torch.testing.assert_close(short, rope_table((4,), 8))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("width", [8, 16, 64])
def test_pairs_are_shared_out_without_loss(width, axes):
    pairs = axis_pairs(width, axes)
    assert sum(pairs) == width // 2 and max(pairs) - min(pairs) <= 1


def test_an_unknown_mixer_is_refused_with_the_choices():
    with pytest.raises(ModelError, match="'retnet'.*linear, softmax"):
        mixer("retnet")
