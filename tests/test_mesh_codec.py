"""Meshes on a grid of signed distances and back: volumes, sides, colours, and pictures of them."""

import numpy as np
import pytest
import torch
import trimesh
from mesh_starters import as_trimesh, ball, solid

from pipelines.codecs.mesh import BAND, Grid, bridged, finer, places, to_fields, to_grid, to_grids, to_mesh
from pipelines.codecs.rendering import View, render, turntable
from pipelines.errors import MediaError
from pipelines.media import Mesh
from pipelines.models.basis import CELL, Basis, blended, windows

HERE = (1.0, (0.0, 0.0, 0.0))


def back(mesh, **options):
    return as_trimesh(to_mesh(finer(to_grid(mesh, placed=HERE)), **options))


@pytest.mark.parametrize(
    "made, error",
    [
        (trimesh.creation.icosphere(4, 0.4), 0.01), (trimesh.creation.box((0.5, 0.3, 0.7)), 0.02),
        (trimesh.creation.torus(0.3, 0.1), 0.02), (trimesh.creation.cylinder(0.05, 0.8), 0.06),
    ],
)  # fmt: skip
def test_a_closed_mesh_comes_back_closed_outward_and_as_large(made, error):
    found = back(solid(made))
    assert found.is_watertight and found.is_winding_consistent
    assert found.volume == pytest.approx(made.volume, rel=error)


def test_a_mesh_turned_inside_out_is_turned_back():
    made = trimesh.creation.icosphere(3, 0.4)
    volume = made.volume
    made.invert()
    assert back(solid(made)).volume == pytest.approx(volume, rel=0.02)


def test_solids_that_run_through_each_other_become_one():
    bars = [trimesh.creation.box((0.6, 0.2, 0.2)), trimesh.creation.box((0.2, 0.6, 0.2))]
    found = back(solid(trimesh.util.concatenate(bars)))
    assert found.is_watertight and found.body_count == 1
    assert found.volume == pytest.approx(2 * 0.024 - 0.008, rel=0.02)


def test_an_inner_shell_is_filled():
    hollow = trimesh.util.concatenate([trimesh.creation.icosphere(3, 0.4), trimesh.creation.icosphere(3, 0.2)])
    found = back(solid(hollow))
    assert found.body_count == 1 and found.volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.03)


def test_an_open_sheet_becomes_a_thin_plate():
    sheet = Mesh(
        np.float32([[-0.3, 0, -0.3], [0.3, 0, -0.3], [0.3, 0, 0.3], [-0.3, 0, 0.3]]), np.array([[0, 1, 2], [0, 2, 3]])
    )
    found = back(sheet)
    assert found.is_watertight and 0.5 / 48 < np.ptp(found.vertices[:, 1]) < 2 / 48


def test_a_few_missing_triangles_do_not_let_the_outside_in():
    made = trimesh.creation.icosphere(4, 0.4)
    whole = made.volume
    made.update_faces(np.arange(len(made.faces)) != 7)
    assert back(solid(made)).volume == pytest.approx(whole, rel=0.02)


def test_a_mesh_of_any_size_and_place_is_fitted_and_comes_back_there():
    made = trimesh.creation.box((300, 100, 200))
    made.apply_translation((5000, -40, 7))
    grid = to_grid(solid(made))
    assert grid.scale == pytest.approx(300 / 0.9)
    found = as_trimesh(to_mesh(finer(grid)))
    assert found.bounds == pytest.approx(made.bounds, abs=grid.scale / 48)
    assert found.volume == pytest.approx(made.volume, rel=0.03)


def test_colours_of_two_halves_stay_apart():
    mesh = ball()
    colours = np.where(mesh.vertices[:, :1] > 0, (250, 0, 0, 255), (0, 0, 250, 255)).astype(np.uint8)
    grid = to_grid(Mesh(mesh.vertices, mesh.faces, colours), placed=HERE)
    found = to_mesh(grid)
    red = found.vertices[:, 0] > 0.05
    assert (found.colours[red, 0] > 200).mean() > 0.98 and (
        found.colours[found.vertices[:, 0] < -0.05, 2] > 200
    ).mean() > 0.98


def test_fields_hold_what_a_grid_does_within_their_band():
    grid = to_grid(ball(), placed=HERE)
    (found,) = to_grids(to_fields(grid)[None])
    near = np.abs(grid.distance) < 1.9
    assert found.distance[near] == pytest.approx(grid.distance[near], abs=1e-5)
    assert (found.colour == grid.colour).all() and np.abs(grid.distance).max() == BAND


def test_only_the_largest_piece_is_kept_and_nothing_is_refused():
    grid = to_grid(ball(0.3), placed=HERE)
    distance = grid.distance.copy()
    distance[2:5, 2:5, 2:5] = -1
    assert as_trimesh(to_mesh(Grid(distance, grid.colour))).body_count == 1
    with pytest.raises(MediaError, match="nothing solid"):
        to_mesh(Grid(np.full_like(distance, 1.0), grid.colour))


@pytest.mark.parametrize(
    "vertices, message",
    [(np.zeros((3, 3), np.float32), "one place"), (np.float32([[0, 0, 0], [1, 0, 0], [2, 0, 0]]), "degenerate")],
)
def test_a_mesh_without_an_area_is_refused(vertices, message):
    with pytest.raises(MediaError, match=message):
        to_grid(Mesh(vertices, np.array([[0, 1, 2]])))


def test_windows_blend_back_to_the_field():
    fields = torch.randn(2, 4, 48, 48, 48, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(blended(windows(fields)), fields, atol=1e-5)


def test_a_basis_is_linear_and_gives_what_it_can_hold():
    basis = Basis(20, 4)
    numbers = torch.randn(1, 32, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    fields = basis.fields(numbers)
    assert fields.shape == (1, 4, 4 * CELL, 4 * CELL, 4 * CELL)
    assert torch.allclose(basis.fields(2 * numbers), 2 * fields, atol=1e-5)


def test_a_picture_shows_the_ball_lit_from_the_upper_left_and_the_ground_transparent():
    picture = render(ball(), View(0, 0), 64, fit=False).pixels
    assert picture[0, 0, 3] == 0 and picture[32, 32, 3] == 255
    assert (picture[..., 3] > 127).mean() == pytest.approx(np.pi * (0.4 / 1.2) ** 2, rel=0.03)
    assert picture[22, 22, 0] > picture[42, 42, 0] + 20


def test_views_turn_to_the_right():
    mark = solid(trimesh.creation.icosphere(2, 0.1))
    mark = Mesh(mark.vertices + np.float32([0, 0, 0.4]), mark.faces, mark.colours)
    columns = [
        np.flatnonzero(render(mark, View(a, 0), 48, fit=False).pixels[..., 3].any(0)).mean() for a in (-40, 0, 40)
    ]
    assert columns[0] > columns[1] > columns[2]  # the eye goes to the right, so what is in front goes to the left


def test_a_turntable_is_a_clip_that_closes():
    clip = turntable(solid(trimesh.creation.box((0.6, 0.3, 0.2))), frames=6, size=32)
    assert clip.frames.shape == (6, 32, 32, 4) and clip.rate == 24
    # Half a turn shows a box as it was, a sixth does not.
    assert (clip.frames[0] != clip.frames[1]).any() and (clip.frames[0] == clip.frames[3]).all()


@pytest.mark.parametrize("gap, pieces", [(0.5, 1), (3.0, 2)])
def test_a_leg_that_nearly_touches_is_joined_and_a_piece_further_away_is_not(gap, pieces):
    at = (places(48) + 0.5) * 48
    top = np.abs(at - (24, 34, 24)).max(-1) - 6
    leg = np.maximum(np.abs(at[..., [0, 2]] - 24).max(-1) - 1.5, np.abs(at[..., 1] - (28 - 2 * gap - 8)) - 8)
    distance = np.clip(np.minimum(top, leg), -3, 3).astype(np.float32)
    grid = bridged(Grid(distance, np.zeros((48, 48, 48, 3), np.uint8)))
    mesh = to_mesh(grid, pieces=None)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).body_count == pieces
    far = np.abs(at[..., 1] - 28 + gap) > 6
    assert np.array_equal(grid.distance[far], distance[far])
