"""Meshes: thin, as every pipeline: codec, model and engine, nothing else."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.mesh import Grid, to_fields, to_grid, to_grids, to_mesh
from pipelines.codecs.simplify import simplified
from pipelines.edit import EditPlan
from pipelines.edit.types import CountedModel
from pipelines.errors import SettingsError
from pipelines.events import Done, Event, Preview
from pipelines.flow import CLAMP, conditioned, guided, noise, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Mesh, Picture
from pipelines.mesh.words import recipe_notes
from pipelines.models import registry
from pipelines.models.mesh import MeshModel, Told
from pipelines.models.shapes import Recipe
from pipelines.models.wording import read_prompt
from pipelines.sampling import Clock, edited, seeds_of, sigmas_of
from pipelines.settings import MeshEditSettings, MeshSettings

PREVIEW = 1500  # faces of a preview


class MeshPipeline:
    """Makes and edits meshes with one model; safe to share, it keeps no state of a run."""

    def __init__(self, model: MeshModel) -> None:
        self.model = model

    @classmethod
    def load(cls, model: str = "starter") -> "MeshPipeline":
        """Load a model by name.

        Raises:
            ModelError: there is no such model, or files are damaged.
        """
        return cls(registry.load("mesh", model))

    def generate(self, settings: MeshSettings, picture: Picture | None = None) -> Iterator[Event[Mesh]]:
        """Make ``settings.count`` meshes of words, of a ``picture``, or of both; closing the iterator stops it.

        Raises:
            SettingsError: there are neither words nor a picture.
        """
        started = time.monotonic()
        if not settings.prompt.strip() and picture is None:
            raise SettingsError("prompt: is empty; say what to make, for example 'a red mug', or give a picture")
        seeds = seeds_of(settings, settings.count)
        reading = read_prompt(settings.prompt)
        yield from recipe_notes(settings.prompt, reading)
        recipe = reading.recipe
        positive = self.model.encode(Told.of([recipe] * settings.count))
        negative = self.model.encode(Told.of([_avoided(settings.negative_prompt)] * settings.count))
        model = CountedModel(self.model)
        velocity = guided(conditioned(model, positive), conditioned(model, negative), settings.guidance)
        # Not to 0: below the clamp the model's velocity is too small to remove what noise is left.
        sigmas = sigmas_of(settings, int(np.prod(self.model.shape[1:])), end=CLAMP)
        clock = Clock(settings.steps, started)
        for step in solve(velocity, noise(self.model.shape, seeds), sigmas, rule_named(settings.solver)):
            yield clock.progress(step.done)
            if step.done in _shown(settings.steps):
                yield Preview(tuple(self._meshes(step.clean, recipe, PREVIEW)))
        meshes = self._meshes(step.clean, recipe, settings.faces)
        yield Done(tuple(meshes), tuple(seeds), model.calls, time.monotonic() - started)

    def edit(self, settings: MeshEditSettings, source: Mesh, brush: np.ndarray | None = None) -> Iterator[Event[Mesh]]:
        """Turn ``source`` into what ``settings.prompt`` says.

        Args:
            settings: the descriptions, the method and the box.
            source: any mesh; it is fitted into the grid and comes back where it was.
            brush: weights [V] of the mesh's vertices in [0, 1], 1 where it may change; None for everywhere.

        Raises:
            MediaError: the mesh cannot be put on a grid.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        started = time.monotonic()
        grid = to_grid(source, self.model.size)
        fields = to_fields(grid)
        x = self.model.signal(fields)
        after = read_prompt(settings.prompt)
        before = read_prompt(settings.source_prompt, after.recipe.kind or None)
        yield from recipe_notes(settings.source_prompt, before)
        yield from recipe_notes(settings.prompt, after)
        plan = EditPlan(self.model, self._told(before.recipe), self._told(after.recipe), settings.guidance)
        seeds = seeds_of(settings, 1)
        clock: Clock | None = None
        for step in edited(plan, settings, x, seeds, int(np.prod(self.model.shape[1:]))):
            clock = clock or Clock(step.total, started)
            yield clock.progress(step.done)
        # The codec's own error cancels: what the edit moved is added to the grid as it was.
        moved = fields + (self.model.fields(step.clean) - self.model.fields(x))[0]
        result = to_grids(moved[None].clip(-1, 1))[0]
        mesh = to_mesh(Grid(result.distance, result.colour, grid.scale, grid.centre), pieces=None)
        mesh = simplified(mesh, settings.faces or max(len(source.faces), 500))
        yield Done((mesh,), tuple(seeds), step.calls, time.monotonic() - started)

    def _told(self, recipe: Recipe) -> Any:
        return self.model.encode(Told.of([recipe]))

    def _meshes(self, clean: Tensor, recipe: Recipe, faces: int) -> list[Mesh]:
        made = []
        for grid in to_grids(self.model.fields(clean.to(torch.float32)).clip(-1, 1)):
            made.append(simplified(to_mesh(grid), faces))
        return made


def _avoided(prompt: str) -> Recipe:
    return read_prompt(prompt).recipe if prompt.strip() else Recipe()


def _shown(steps: int) -> set[int]:
    """After which steps a preview is worth its time: once early and once half-way."""
    return {max(1, steps // 4), steps // 2} if steps >= 4 else set()
