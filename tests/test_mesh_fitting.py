"""Recipes fitted to pictures: what rays see of a ball, and measures found again from its picture alone."""

import numpy as np
import pytest
import torch
from mesh_starters import random_mesh_starter

from pipelines.codecs.mesh import NEAR
from pipelines.mesh.fitting import fit
from pipelines.mesh.rays import Rays, Shape, framing
from pipelines.models.shapes import NAMES, Recipe

MODEL = random_mesh_starter()
MUG = Recipe(1 + NAMES.index("mug"), measures=(0.5, 0.5, None, None, None, None))


def egg(radii, size=48, every=1):
    """An upright egg of ``radii`` [B, 2] across and up, its upper half of part 1, as rays take it."""
    axis = ((torch.arange(size // every) + 0.5) * every / size - 0.5 - (every - 1) / 2 / size).float()
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    across = torch.stack([radii[:, 0], radii[:, 1], radii[:, 0]], dim=1)[:, None, None, None]
    away = (places / across).norm(dim=-1)
    distance = away * (away - 1) / (places / across.square()).norm(dim=-1).clamp(min=1e-3) * size / NEAR
    upper = (places[::2, ::2, ::2, 1] if every == 1 else places[..., 1]) > 0
    parts = torch.stack([~upper, upper, upper & False, upper & False]).float().expand(len(radii), -1, -1, -1, -1)
    return Shape(distance.clamp(-1, 1), parts)


@pytest.mark.parametrize("every", [1, 2])
def test_rays_see_an_egg_where_it_is_and_lit_from_the_upper_left(every):
    rays, shape = Rays(MODEL, 1, 64, every), egg(torch.tensor([[0.2, 0.3]]), every=every)
    half = torch.tensor(MODEL.config.extent / 2)
    tilt = torch.deg2rad(torch.tensor(15.0))  # how far above the ground the front is seen from
    tall = ((0.3 * tilt.cos()).square() + (0.2 * tilt.sin()).square()).sqrt()
    wanted = torch.stack([torch.tensor(-0.2), -tall, torch.tensor(0.2), tall]) / half
    assert torch.allclose(rays.box(shape)[0], wanted, atol=0.02)
    seen = rays.sketch(shape, torch.zeros(1, 3))
    assert seen.outline.mean().item() == pytest.approx(float(torch.pi * 0.2 * tall / (2 * half) ** 2), rel=0.06)
    assert seen.light[0, 24, 28] > seen.light[0, 40, 36] + 0.2
    assert seen.parts[0, 22, 32].argmax() == 1 and seen.parts[0, 42, 32].argmax() == 0


def test_a_frame_brings_a_shape_to_the_sides_of_an_outline():
    rays, shape = Rays(MODEL, 1, 64), egg(torch.tensor([[0.15, 0.2]]))
    outline = np.zeros((64, 64), np.float32)
    outline[8:48, 20:50] = 1
    seen = rays.sketch(shape, framing(rays.box(shape), outline)).outline[0] > 0.5
    rows, columns = torch.nonzero(seen.any(1))[:, 0], torch.nonzero(seen.any(0))[:, 0]
    assert abs((rows[0] + rows[-1]) / 2 - 27.5) <= 1 and abs((columns[0] + columns[-1]) / 2 - 34.5) <= 1
    assert len(rows) * len(columns) == pytest.approx(40 * 30, rel=0.1)


def test_measures_are_found_again_from_a_picture_of_another_size_and_colours_too(monkeypatch):
    def drawn(rays, told):
        return egg(0.25 + 0.1 * told.measures[:, :2, 0], every=rays.every)

    monkeypatch.setattr(Rays, "shape", drawn)
    rays = Rays(MODEL, 1, 64)
    shape = egg(torch.tensor([[0.18, 0.3]]))
    seen = rays.sketch(shape, torch.tensor([[-0.4, 0.05, -0.1]]))
    shades = torch.tensor([[0.8, 0.2, 0.1], [0.1, 0.3, 0.7], [0, 0, 0], [0, 0, 0]])
    colour = (seen.parts @ shades) * seen.light[..., None] * seen.outline[..., None]
    picture = torch.cat([colour, seen.outline[..., None]], dim=-1)[0].numpy()
    found = fit(MODEL, {MUG: 0.0}, picture, 1)
    wide, tall = (0.15 + 0.2 * m for m in found.recipe.measures[:2])
    assert tall / wide == pytest.approx(0.3 / 0.18, rel=0.04)
    assert found.recipe.measures[2:] == (None,) * 4
    assert np.abs(np.array(found.shades[0]) - (204, 51, 26)).max() < 16
    assert np.abs(np.array(found.shades[1]) - (26, 76, 178)).max() < 16
    assert found.shades[2:] == (None, None)  # what cannot be seen has no shade
