"""Noise levels: fixed ends, strict monotony, formulas."""

import math

import pytest
import torch

from pipelines.errors import SettingsError
from pipelines.flow import SCHEDULES, sigma_grid
from pipelines.flow.schedule import auto_flux, auto_sd3, shift, sway


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("start", "end"), [(1.0, 0.0), (0.05, 1.0), (0.8, 0.05)])
def test_every_grid_is_strictly_monotone_with_exact_ends(name, start, end):
    grid = sigma_grid(17, SCHEDULES[name](3.0, 1024), start=start, end=end)
    assert (grid[0].item(), grid[-1].item(), grid.shape) == (start, end, (18,))
    steps = grid.diff()
    assert (steps < 0).all() if start > end else (steps > 0).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_way_is_the_other_reversed_to_the_bit(name):
    warp = SCHEDULES[name](2.0, 256)
    assert torch.equal(sigma_grid(9, warp, start=0.05, end=1.0).flip(0), sigma_grid(9, warp, start=1.0, end=0.05))


def test_formulas():
    u = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    assert torch.allclose(shift(3.0)(u), 3 * u / (1 + 2 * u))
    assert torch.allclose(auto_sd3(256, base=64)(u), shift(2.0)(u))
    assert torch.allclose(auto_flux(256)(u), shift(math.exp(0.5))(u))
    assert torch.allclose(auto_flux(4096)(u), shift(math.exp(1.15))(u))
    t = 1 - u
    assert torch.allclose(sway()(u), 1 - (1 - torch.cos(math.pi / 2 * t)))  # c = -1


def test_bad_grids_are_refused():
    with pytest.raises(SettingsError, match="steps: at least 1, got 0"):
        sigma_grid(0)
    with pytest.raises(SettingsError, match=r"got 0.5 and 0.5"):
        sigma_grid(3, start=0.5, end=0.5)
    with pytest.raises(SettingsError, match="shift: must be above 0, got -1"):
        shift(-1)
    with pytest.raises(SettingsError, match="sway"):
        sway(5.0)
