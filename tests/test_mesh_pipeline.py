"""The mesh pipeline around a tiny network: exact round trips, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mesh_starters import random_mesh_starter
from shapes.bodies import ball

from pipelines.codecs.mesh import to_grid
from pipelines.edit.rf_edit import invert
from pipelines.errors import SettingsError
from pipelines.flow import CLAMP, conditioned, sigma_grid, solve
from pipelines.flow.rules import ALF
from pipelines.mesh import MeshPipeline
from pipelines.mesh.splice import splice
from pipelines.models.mesh import Told
from pipelines.models.wording import read_prompt
from pipelines.settings import MeshEditSettings, MeshSettings


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
