"""Pictures to drawings: grids drawn near the surface alone, known objects found by outline, measures found again."""

from dataclasses import replace

import numpy as np
import pytest
from mesh_starters import as_trimesh, random_mesh_starter

from pipelines.codecs.mesh import BAND, Grid, places, to_mesh
from pipelines.codecs.rendering import render
from pipelines.errors import ModelError
from pipelines.events import Done, Note
from pipelines.media import Picture
from pipelines.mesh import MeshPipeline
from pipelines.mesh.asking import NEIGHBOURS, neighbours
from pipelines.mesh.matching import match, otherwise
from pipelines.mesh.picture import cut_out
from pipelines.models.filling import completed
from pipelines.models.framing import framed
from pipelines.models.objects.drawing import draw
from pipelines.models.objects.fields import Field
from pipelines.models.objects.known import FILE, Known, recipe_of
from pipelines.models.shapes import KINDS, NAMES, Recipe
from pipelines.settings import MeshSettings
from pipelines.shapes import measured
from pipelines.training.data.object_set import HELD_OUT, VIEWS, outline_of, views_of

MODEL, KNOWN = random_mesh_starter(), Known.load()
POINTS = places(48).reshape(-1, 3)


def iou(a, b):
    """Of the insides of two grids of distances."""
    return ((a < 0) & (b < 0)).sum() / ((a < 0) | (b < 0)).sum()


def mesh_of(recipe):
    """The mesh of a recipe's drawing in its own colours."""
    field = Field.of(recipe, 48)
    shades = np.array([shade or (200, 200, 200) for shade in recipe.colours], np.uint8)
    return to_mesh(Grid(np.clip(field.distance, -BAND, BAND), shades[field.part]), pieces=None)


def proportions(recipe):
    """How tall and how deep the drawing of a recipe is for its width."""
    spans = np.ptp(mesh_of(recipe).vertices, axis=0)
    return spans[1:] / spans[0]


def seen(recipe, view=1):
    """A picture of a recipe's drawing, framed as models are shown it."""
    return framed(cut_out(Picture(render(mesh_of(recipe), VIEWS[view], 192).pixels)))


@pytest.mark.parametrize("kind", range(1, 1 + len(KINDS)))
def test_what_is_drawn_near_the_surface_alone_is_the_whole_drawing(kind):
    recipe = completed(Recipe(kind), 40 + kind)
    whole, near = draw(recipe, 0, POINTS), Field.of(recipe, 48)
    distance = whole.distance.reshape(near.distance.shape) * 48
    assert np.abs(np.clip(distance, -BAND, BAND) - np.clip(near.distance, -BAND, BAND)).max() < 1e-3
    close = np.abs(distance) < BAND
    assert (whole.part.reshape(near.part.shape) == near.part)[close].all()


def test_a_recipe_that_is_moved_a_little_is_drawn_by_its_neighbour():
    recipe = completed(Recipe(1 + NAMES.index("chair")), 5)
    moved = replace(recipe, measures=(recipe.measures[0], 0.5, *recipe.measures[2:]))
    whole, near = Field.of(moved, 48), Field.of(moved, 48, Field.of(recipe, 48))
    assert np.abs(np.clip(whole.distance, -BAND, BAND) - np.clip(near.distance, -BAND, BAND)).max() < 1e-3


def test_the_bank_holds_all_kinds_and_nothing_that_was_held_out():
    assert set(KNOWN.kinds.tolist()) == set(range(1, 1 + len(KINDS)))
    assert not (KNOWN.seeds % HELD_OUT == HELD_OUT - 1).any() and len(np.unique(KNOWN.seeds)) == len(KNOWN.seeds)
    assert [recipe_of(int(seed)).kind for seed in KNOWN.seeds[::97]] == KNOWN.kinds[::97].tolist()


@pytest.mark.parametrize("row", [0, 1234, 4321])
def test_an_object_is_found_by_its_own_outline(row):
    """So the drawings and the seeds are still those that the bank was made of."""
    recipe = recipe_of(int(KNOWN.seeds[row]))
    field = Field.of(recipe, 48)
    views = views_of(np.clip(field.distance, -BAND, BAND), field.part.astype(np.uint8))
    for place in range(len(VIEWS)):
        found = KNOWN.nearest(outline_of(views[place]), 1 + place, {recipe.kind}, 3)
        assert recipe in found and all(each.kind == recipe.kind for each in found)


def test_a_bank_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ModelError, match="bank of objects"):
        Known.load(tmp_path)
    np.savez(tmp_path / FILE, seeds=np.zeros(3, np.int32))
    with pytest.raises(ModelError, match="bank of objects"):
        Known.load(tmp_path)


def test_a_bank_is_kept_as_it_was(tmp_path):
    KNOWN.save(tmp_path)
    again = Known.load(tmp_path)
    assert (again.codes == KNOWN.codes).all() and (again.seeds == KNOWN.seeds).all()


def test_measures_and_colours_are_found_again_from_others():
    true = completed(Recipe(1 + NAMES.index("mug"), colours=((205, 40, 40), (45, 95, 205), None, None)), 3)
    starts = [replace(true, measures=tuple(None if m is None else v for m in true.measures)) for v in (0.1, 0.5, 0.9)]
    found = match(MODEL, dict.fromkeys(starts, 0.0), {true.kind: Recipe()}, seen(true), 2)
    assert found.cost < 0.005
    assert found.fit.recipe.features == true.features
    for shade, wanted in zip(found.fit.shades, true.colours[:2], strict=False):
        assert np.abs(np.array(shade) - wanted).max() < 14
    # A picture says nothing of size: how tall and how deep each is for its width is compared.
    away = [np.abs(proportions(each) / proportions(true) - 1).max() for each in (found.fit.recipe, *starts)]
    assert away[0] < 0.03 and away[0] < min(away[1:]), away


def test_what_words_name_is_not_changed():
    true = completed(Recipe(1 + NAMES.index("tree"), shape=3, count=3), 9)
    start = replace(true, count=2)
    assert {each.count for each in otherwise(start)} >= {2, 3}
    named = Recipe(true.kind, count=2)
    assert match(MODEL, {start: 0.0}, {true.kind: named}, seen(true), 2).fit.recipe.count == 2


def test_neighbours_are_what_words_say_in_the_colours_that_the_eye_saw():
    model = random_mesh_starter()
    model.known = KNOWN
    reading = completed(Recipe(1 + NAMES.index("mug"), colours=((1, 2, 3), (4, 5, 6), None, None)), 8)
    named = {reading.kind: Recipe(reading.kind, features=(1, 0, 0, 0), colours=(None, (9, 9, 9), None, None))}
    found = neighbours(model, {reading: -0.5}, named, seen(reading), 2)
    assert 1 < len(found) <= NEIGHBOURS and set(found.values()) == {-0.5}
    assert {each.features[0] for each in found} == {1}
    assert {each.colours[:2] for each in found} == {((1, 2, 3), (9, 9, 9))}
    model.known = None
    assert neighbours(model, {reading: -0.5}, named, seen(reading), 2) == {}


def test_a_view_of_an_object_becomes_that_object_and_a_smear_does_not():
    pipeline = MeshPipeline.load("starter")
    shades = ((135, 85, 50), (225, 205, 165), None, None)
    true = completed(Recipe(1 + NAMES.index("mushroom"), colours=shades), 77)
    picture = Picture(render(mesh_of(true), VIEWS[1], 256).pixels)
    notes = [each for each in pipeline.generate(MeshSettings(seed=1, faces=1200, count=2), picture)]
    done = notes.pop()
    assert isinstance(done, Done) and done.calls == 0 and done.seeds == (1, 2)
    assert any("all meshes are the same" in each.text for each in notes if isinstance(each, Note))
    mesh = done.items[0]
    figures = measured(mesh)
    assert figures.watertight and len(mesh.faces) == 1200
    usual = np.median(mesh.colours[mesh.vertices[:, 1] > 0.1, :3], axis=0)
    assert np.abs(usual - shades[0]).max() < 12
    wide = render(mesh, VIEWS[1], 64).pixels[..., 3] > 127
    assert iou(-1.0 * (render(mesh_of(true), VIEWS[1], 64).pixels[..., 3] > 127), -1.0 * wide) > 0.95
    rng = np.random.default_rng(0)
    pixels = picture.pixels.copy()
    pixels[60:200, 30:120] = (40, 200, 60, 255)
    pixels[..., :3] = np.where(rng.random((256, 256, 1)) < 0.3, 255 - pixels[..., :3], pixels[..., :3])
    events = pipeline.generate(MeshSettings(prompt="a mushroom", view="front", seed=1, steps=2), Picture(pixels))
    *events, done = list(events)
    assert done.calls == 2
    assert any("no object that this model knows" in each.text for each in events if isinstance(each, Note))


def test_what_a_drawing_holds_apart_is_kept():
    measures = (0.63, 0.93, 0.82, 1.0, 0.26, 0.52)
    table = completed(Recipe(1 + NAMES.index("table"), 2, 2, 2, 2, (2, 0, 0, 0), measures=measures), 1)
    *_, done = MeshPipeline(MODEL)._drawn(MeshSettings(faces=1500), table, [1], 0.0)
    body = as_trimesh(done.items[0])
    assert body.body_count == 2 and body.is_watertight  # the board between the legs touches none of them
