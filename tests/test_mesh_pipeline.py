"""The mesh pipeline around a tiny network: exact round trips, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mesh_starters import random_mesh_starter
from shapes.bodies import ball

from pipelines.codecs.mesh import Grid, to_grid, to_mesh
from pipelines.edit.rf_edit import invert
from pipelines.errors import SettingsError
from pipelines.flow import CLAMP, conditioned, sigma_grid, solve
from pipelines.flow.rules import ALF, rule_named
from pipelines.media import Mesh
from pipelines.mesh import MeshPipeline
from pipelines.mesh.colouring import painted, thinned
from pipelines.mesh.pipeline import finished
from pipelines.mesh.splice import _changed, splice
from pipelines.models.mesh import Around, Told
from pipelines.models.starter import implied_velocity
from pipelines.models.wording import read_prompt
from pipelines.settings import MeshEditSettings, MeshSettings
from pipelines.shapes.topology import Topology


def test_eight_calls_there_and_back_return_every_bit():
    model = random_mesh_starter()
    condition = model.encode(Told.of([read_prompt("a red mug").recipe]))
    velocity = conditioned(model, condition)
    x = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(0))
    rising = sigma_grid(8, start=CLAMP, end=1.0)
    *_, there = invert(velocity, x, rising)
    *_, back = solve(velocity, there.state, rising.flip(0), ALF)
    *_, again = invert(velocity, x, rising)
    assert torch.equal(there.state.x, again.state.x)
    assert torch.allclose(back.state.value.float(), x, atol=1e-6)


@pytest.mark.parametrize("prompt, message", [("", "is empty"), ("xyzzy", "names nothing that this model makes")])
def test_words_that_name_nothing_are_refused(prompt, message):
    with pytest.raises(SettingsError, match=f"^prompt: {message}"):
        next(MeshPipeline(random_mesh_starter()).generate(MeshSettings(prompt=prompt)))


def test_a_brush_of_another_mesh_is_refused():
    pipeline = MeshPipeline(random_mesh_starter())
    settings = MeshEditSettings(source_prompt="red mug", prompt="blue mug", steps=1, seed=1)
    with pytest.raises(SettingsError, match="^brush: expected one weight per vertex"):
        list(pipeline.edit(settings, ball(), np.ones(3, np.float32)))


def test_a_change_of_colour_alone_moves_no_vertex():
    source = ball(2)
    before = to_grid(source, 24)
    after = replace(before, distance=before.distance - 1, colour=np.full_like(before.colour, (0, 0, 255)))
    everywhere = np.ones(before.distance.shape, bool)
    done = splice(source, before, after, everywhere, 320, colours_alone=True)
    assert np.array_equal(done.mesh.vertices, source.vertices) and done.kept == len(source.vertices)
    assert (done.mesh.colours[:, :3] == (0, 0, 255)).all()
    assert splice(source, before, after, everywhere, 320).mesh.vertices.max() > source.vertices.max()


def test_a_network_that_says_nothing_is_the_exact_flow_of_a_gaussian_round_the_draft():
    draft, doubt = torch.randn(2, 5, 2, 2, 2), torch.rand(2, 5) + 0.1
    start = torch.randn(2, 5, 2, 2, 2, generator=torch.Generator().manual_seed(1))

    def velocity(x, sigma, call):
        return implied_velocity(x, Around.of(x, sigma, draft, doubt).mean, sigma)

    *_, last = solve(velocity, start, sigma_grid(200, end=CLAMP), rule_named("heun"))
    wanted = draft + doubt[..., None, None, None] * start
    assert torch.allclose(last.clean, wanted, atol=0.05)  # the last step is at the clamp, not at zero


def test_what_is_left_of_a_sample_has_unit_variance_at_every_level():
    draft, doubt = torch.randn(1, 4, 1, 1, 1), torch.full((1, 4), 0.3)
    data = draft + 0.3 * torch.randn(4000, 4, 1, 1, 1)
    for level in (0.05, 0.5, 0.95):
        x = (1 - level) * data + level * torch.randn_like(data)
        around = Around.of(x, torch.full((4000,), level), draft.expand_as(x), doubt.expand(4000, 4))
        assert around.seen.std().item() == pytest.approx(1, abs=0.03)
        wanted = (data - around.mean) / around.width
        assert wanted.std().item() == pytest.approx(1, abs=0.03)


def test_every_vertex_takes_the_shade_of_its_part():
    mesh = ball(3)  # of radius .4 in the unit cube or not: it is brought there
    mesh = Mesh(mesh.vertices / np.abs(mesh.vertices).max() * 0.4, mesh.faces, mesh.colours)
    upper = np.broadcast_to(np.linspace(-0.5, 0.5, 24)[None, :, None] > 0, (24, 24, 24)).astype(np.float32)
    shades = np.array([(200, 0, 0), (0, 0, 200)], np.uint8)
    done = painted(mesh, np.stack([upper, 1 - upper]), shades)
    top, low = mesh.vertices[:, 1] > 0.08, mesh.vertices[:, 1] < -0.08
    assert (done.colours[top, :3] == (200, 0, 0)).all() and (done.colours[low, :3] == (0, 0, 200)).all()


def test_a_box_is_a_wall_for_what_is_cut_out():
    source = ball(3)
    before = to_grid(source, 24)
    after = replace(before, distance=before.distance - 2)
    allowed = np.zeros(before.distance.shape, bool)
    allowed[:, 12:] = True
    done = splice(source, before, after, allowed, 1200)
    wall = before.centre[1]
    below = source.vertices[source.vertices[:, 1] < wall - 0.1 * before.scale]
    kept = {row.tobytes() for row in done.mesh.vertices}
    assert all(row.tobytes() in kept for row in below)
    assert done.mesh.vertices[:, 1].max() > source.vertices[:, 1].max()


def test_a_thick_part_that_goes_leaves_no_core():
    size = 24
    full = np.full((size,) * 3, -3.0, np.float32)
    full[:2], full[-2:], full[:, :2], full[:, -2:], full[:, :, :2], full[:, :, -2:] = (3.0,) * 6
    gone = full.copy()
    gone[:, 12:] = 3.0
    colour = np.zeros((*full.shape, 3), np.uint8)
    shape, _ = _changed(Grid(full, colour), Grid(gone, colour), np.ones(full.shape, bool))
    assert shape[6:18, 14:20, 6:18].all() and not shape[:, :10].any()


def test_a_neck_that_few_faces_cannot_hold_is_grown_until_they_can():
    axes = np.indices((96, 96, 96), np.float32)
    balls = [np.linalg.norm(axes - np.reshape((x, 48, 48), (3, 1, 1, 1)), axis=0) - 16 for x in (26, 70)]
    neck = np.maximum(np.hypot(axes[1] - 48.2, axes[2] - 48.1) - 1.2, np.abs(axes[0] - 48) - 12)
    distance = np.minimum(np.minimum(*balls), neck).clip(-3, 3)
    grid = Grid(distance, np.full((96, 96, 96, 3), 128, np.uint8), 1.0, np.zeros(3, np.float32))
    assert Topology.of_mesh(thinned(to_mesh(grid), 100)).pieces[0] == 2
    mesh = finished(grid, np.ones((1, 8, 8, 8), np.float32), np.full((1, 3), 128, np.uint8), 100, "vertex")
    topology = Topology.of_mesh(mesh)
    assert topology.watertight and topology.pieces[0] == 1 and len(mesh.faces) == 100
    assert np.ptp(mesh.vertices[:, 0]) > 0.75  # both balls are there
