"""Meshes: thin, as every pipeline: codec, model and engine, nothing else."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from pipelines.codecs.mesh import (
    BAND,
    GREY,
    Grid,
    bridged,
    finer,
    places,
    to_fields,
    to_grid,
    to_grids,
    to_mesh,
    to_shades,
)
from pipelines.edit import EditPlan
from pipelines.edit.types import CountedModel
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done, Event, Note, Preview
from pipelines.flow import CLAMP, conditioned, guided, noise, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Mesh, Picture
from pipelines.mesh.asking import Asked, known_kinds, read_picture_and_words, recipe_notes, recognised
from pipelines.mesh.colouring import coloured, painted, repainted, thinned
from pipelines.mesh.splice import splice
from pipelines.models import registry
from pipelines.models.filling import completed
from pipelines.models.mesh import MeshModel, Told
from pipelines.models.objects.fields import Field
from pipelines.models.shapes import PARTS, Recipe
from pipelines.models.wording import merged, read_prompt
from pipelines.sampling import Clock, edited, seeds_of, sigmas_of
from pipelines.settings import MeshEditSettings, MeshSettings
from pipelines.settings.mesh import Colours
from pipelines.shapes.topology import Topology

PREVIEW = 1500  # faces of a preview
# Voxels that a grid is blurred by before its surface is taken where the last one did not come out closed, and grown by
# where it broke; and how often that is tried.
BLUR, GROWTH, TRIES = 0.8, 0.5, 4
FINE = 2  # times as many values a side as the model's grid where an object is drawn
BRUSH = 2.5  # voxels round a painted vertex that may change


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
            SettingsError: there are neither words nor a picture, or the words alone name nothing that is known.
        """
        started = time.monotonic()
        if not settings.prompt.strip() and picture is None:
            raise SettingsError("prompt: is empty; say what to make, for example 'a red mug', or give a picture")
        seeds = seeds_of(settings, settings.count)
        asked = self._asked(settings, picture)
        yield from (Note(text) for text in asked.notes)
        # Words leave much open, and each seed fills it in its own way; a picture shows it.
        recipes = [completed(asked.recipe, seed, natural=True) for seed in seeds]
        # Not with the picture: what it shows is in the recipe by now, more exactly than the flow sees it.
        told = Told.of(recipes)
        if asked.exact:
            yield from self._drawn(settings, recipes[0], seeds, started)
            return
        positive = self.model.encode(told)
        negative = self.model.encode(Told.of([_avoided(settings.negative_prompt)] * settings.count))
        model = CountedModel(self.model)
        velocity = guided(conditioned(model, positive), conditioned(model, negative), settings.guidance)
        # Not to 0: below the clamp the model's velocity is too small to remove what noise is left.
        sigmas = sigmas_of(settings, int(np.prod(self.model.shape[1:])), end=CLAMP)
        clock = Clock(settings.steps, started)
        for step in solve(velocity, noise(self.model.shape, seeds), sigmas, rule_named(settings.solver)):
            yield clock.progress(step.done)
            if step.done in _shown(settings.steps):
                with suppress(MediaError):  # an early estimate may be no solid yet
                    yield Preview(tuple(self._meshes(told, step.clean, PREVIEW)))
        meshes = self._meshes(told, step.clean, settings.faces, settings.colours)
        yield Done(tuple(meshes), tuple(seeds), model.calls, time.monotonic() - started)

    def edit(self, settings: MeshEditSettings, source: Mesh, brush: np.ndarray | None = None) -> Iterator[Event[Mesh]]:
        """Turn ``source`` into what ``settings.prompt`` says.

        Args:
            settings: the descriptions, the method and the box.
            source: any mesh; it is fitted into the grid and comes back where it was.
            brush: weights [V] of the mesh's vertices in [0, 1], 1 where it may change; None for everywhere.

        Raises:
            MediaError: the mesh cannot be put on a grid.
            SettingsError: neither description names a kind of object that is known.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        started = time.monotonic()
        grid = to_grid(source, self.model.size)
        fields = to_fields(grid)
        x = self.model.signal(fields)
        after = read_prompt(settings.prompt)
        said = read_prompt(settings.source_prompt, after.recipe.kind or None)
        after = after if after.recipe.kind else read_prompt(settings.prompt, said.recipe.kind or None)
        if not (said.recipe.kind and after.recipe.kind):
            raise SettingsError(f"prompt: names nothing that this model knows; it knows: {known_kinds()}")
        seeds = seeds_of(settings, 1)
        before = recognised(self.model, x, said.recipe)
        become = completed(merged(after.recipe, before), seeds[0], natural=True)
        for words, read in ((settings.source_prompt, said), (settings.prompt, after)):
            yield from (Note(text) for text in recipe_notes(words, read))
        plan = EditPlan(self.model, self._told(before), self._told(become), settings.guidance)
        clock: Clock | None = None
        for step in edited(plan, settings, x, seeds, int(np.prod(self.model.shape[1:]))):
            clock = clock or Clock(step.total, started)
            yield clock.progress(step.done)
        # The codec's own error cancels: what the edit moved is added to the grid as it was.
        moved = self.model.fields(step.clean) - self.model.fields(x)
        result = to_grids((fields[None] + moved).clip(-1, 1))[0]
        old = to_grids(fields[None])[0]
        told = Told.of([before, become])
        where, _ = self.model.painted(told.row(1), step.clean)
        was, now = to_shades(told.shades[..., :3].numpy())
        result = repainted(old, result, where[0], (was, now))
        old, result = (replace(one, scale=grid.scale, centre=grid.centre) for one in (old, result))
        allowed = self._allowed(settings, source, grid, brush)
        alone = replace(said.recipe, colours=()) == replace(after.recipe, colours=())
        done = splice(source, old, result, allowed, settings.faces or len(source.faces), colours_alone=alone)
        yield from (Note(text) for text in done.notes)
        mesh = done.mesh
        if settings.faces is not None and len(mesh.faces) > settings.faces:
            mesh = thinned(mesh, settings.faces)
        elif done.kept:
            yield Note(f"{done.kept:,} of {len(source.vertices):,} vertices stayed where they were.")
        mesh = coloured(mesh, settings.colours)
        yield Done((mesh,), tuple(seeds), step.calls, time.monotonic() - started)

    def _allowed(self, settings: MeshEditSettings, source: Mesh, grid: Grid, brush: np.ndarray | None) -> np.ndarray:
        """Where [S, S, S] the edit may change anything: the settings' box, and near what the brush painted."""
        if brush is not None and brush.shape != (len(source.vertices),):
            raise SettingsError(f"brush: expected one weight per vertex, {len(source.vertices)}, got {brush.shape}")
        place = places(grid.size) * grid.scale + np.array(grid.centre, np.float32)
        low, high = source.vertices.min(0), source.vertices.max(0)
        share = (place - low) / np.maximum(high - low, 1e-9)
        allowed = np.ones(place.shape[:3], bool)
        sides = ((settings.left, settings.right), (settings.bottom, settings.top), (settings.back, settings.front))
        for axis, (first, last) in enumerate(sides):
            # A side at its end is open: what is added may stand out of the mesh's own extent.
            allowed &= (share[..., axis] >= first) | (first == 0)
            allowed &= (share[..., axis] <= last) | (last == 1)
        if brush is not None:
            from scipy.spatial import cKDTree

            painted = source.vertices[brush > 0.5]
            if not len(painted):
                raise SettingsError("brush: nothing is painted; paint where the mesh may change")
            near, _ = cKDTree(painted).query(place.reshape(-1, 3), distance_upper_bound=BRUSH * grid.scale / grid.size)
            allowed &= np.isfinite(near).reshape(allowed.shape)
        return allowed

    def _asked(self, settings: MeshSettings, picture: Picture | None) -> Asked:
        if picture is None:
            reading = read_prompt(settings.prompt)
            if not reading.recipe.kind:
                raise SettingsError(f"prompt: names nothing that this model makes; it makes: {known_kinds()}")
            return Asked(reading.recipe, tuple(recipe_notes(settings.prompt, reading)))
        return read_picture_and_words(self.model, settings, picture)

    def _drawn(
        self, settings: MeshSettings, recipe: Recipe, seeds: Sequence[int], started: float
    ) -> Iterator[Event[Mesh]]:
        """The drawing of a whole ``recipe`` that a picture shows: exact, so the flow has nothing to add."""
        if len(seeds) > 1:
            yield Note("The picture leaves nothing open: all meshes are the same.")
        field = Field.of(recipe, FINE * self.model.size)
        parts = np.arange(PARTS)
        shades = np.array([shade or (GREY,) * 3 for shade in recipe.colours], np.uint8)
        whole = bridged(Grid(np.clip(field.distance, -BAND, BAND), shades[field.part]))
        where = (field.part[None] == parts[:, None, None, None]).astype(np.float32)
        # All pieces: what a drawing holds apart, such as a board between legs, is part of it.
        mesh = finished(whole, where, shades, settings.faces, settings.colours, pieces=None)
        yield Done((mesh,) * len(seeds), tuple(seeds), 0, time.monotonic() - started)

    def _told(self, recipe: Recipe) -> Any:
        return self.model.encode(Told.of([recipe]))

    def _meshes(self, told: Told, clean: Tensor, faces: int, colours: Colours = "vertex") -> list[Mesh]:
        """Meshes of clean numbers [B, K, *grid] of what was ``told``; one piece each, as all of the starter's kinds."""
        made = []
        where, shades = self.model.painted(told, clean)
        fields = self.model.fields(clean.float())
        for grid, place, shade in zip(to_grids(fields.clip(-1, 1)), where, to_shades(shades), strict=True):
            made.append(finished(finer(bridged(grid)), place, shade, faces, colours))
        return made


def finished(
    grid: Grid, places: np.ndarray, shades: np.ndarray, faces: int, colours: Colours, pieces: int | None = 1
) -> Mesh:
    """The mesh of a fine ``grid`` with so many faces, in the ``shades`` [PARTS, 3] of parts at ``places``.

    A tunnel so narrow that so few faces cannot keep it open pinches the surface; blurred, it is none. A neck so thin
    that so few faces cannot hold it breaks; grown a little, it holds.
    """
    blur = grown = 0.0
    for _ in range(TRIES):
        thick = replace(grid, distance=grid.distance - np.float32(grown))
        fine = painted(to_mesh(thick, pieces=pieces, smooth=blur), places, shades)
        mesh = thinned(fine, faces)
        topology = Topology.of_mesh(mesh)
        if not topology.watertight:
            blur += BLUR
        elif pieces and topology.pieces[0] > pieces:
            grown += GROWTH
        else:
            break
    return coloured(mesh, colours, fine)


def _avoided(prompt: str) -> Recipe:
    return read_prompt(prompt).recipe if prompt.strip() else Recipe()


def _shown(steps: int) -> set[int]:
    """After which steps a preview is worth its time: once early and once half-way."""
    return {max(1, steps // 4), steps // 2} if steps >= 4 else set()
