"""Prompts of the mesh starter: words to recipes, what is left open filled in, and the objects that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.codecs.mesh import places
from pipelines.models.filling import completed
from pipelines.models.objects.drawing import draw, random_recipe
from pipelines.models.shapes import CHOICES, COLOURS, KINDS, NAMES, SHAPES, Recipe
from pipelines.models.sight import Look, look
from pipelines.models.wording import merged, read_prompt


def kind(reading):
    return KINDS[reading.recipe.kind - 1].name if reading.recipe.kind else None


@pytest.mark.parametrize(
    "prompt, name",
    [
        ("a round wooden table with three legs", "table"), ("table lamp", "lamp"), ("two-storey cottage", "house"),
        ("a TAXI", "car"), ("Top hat", "hat"), ("some cups", "mug"), ("pine tree", "tree"), ("a bookcase", "shelf"),
    ],
)  # fmt: skip
def test_a_kind_is_found_by_its_names(prompt, name):
    assert kind(read_prompt(prompt)) == name


def test_attributes_reach_their_slots():
    recipe = read_prompt("a tall round wooden table with three white legs").recipe
    assert (recipe.kind, recipe.height, recipe.count) == (1 + NAMES.index("table"), 1, 3)
    assert SHAPES[recipe.shape - 1] == "round"
    assert recipe.colours[:2] == (COLOURS["brown"], COLOURS["white"])


def test_features_are_given_and_denied():
    assert read_prompt("a mug with a lid but no handle").recipe.features[:2] == (1, 2)
    assert read_prompt("a mug").recipe.features[:2] == (0, 0)


def test_colours_belong_to_the_noun_after_them_or_the_one_before():
    house = read_prompt("a yellow house with a green roof and a door in red").recipe
    assert house.colours[:3] == (COLOURS["yellow"], COLOURS["green"], COLOURS["red"])
    assert read_prompt("red and white car").recipe.colours[:2] == (COLOURS["red"], COLOURS["white"])


def test_what_is_not_understood_is_told():
    reading = read_prompt("a frobnicated table with nine legs")
    assert "frobnicated" in reading.unknown
    assert read_prompt("a round key").idle == () and read_prompt("a round sword").idle == ("round",)


def test_an_unknown_noun_is_taken_for_its_neighbour_only_when_near():
    near = {"goblet": ("mug", 0.9), "dragon": ("sword", 0.5)}
    reading = read_prompt("a red goblet", near=lambda word, among: near.get(word))
    assert kind(reading) == "mug" and reading.taken == {"goblet": "mug"}
    assert kind(read_prompt("a dragon", near=lambda word, among: near.get(word))) is None


def test_the_open_is_filled_by_the_seed_and_the_said_stays():
    asked = read_prompt("a blue mug").recipe
    full = [completed(asked, seed) for seed in range(12)]
    assert all(each.colours[0] == COLOURS["blue"] and each.kind == asked.kind for each in full)
    assert len({each.features for each in full}) > 1 and full[3] == completed(asked, 3)
    assert all(each.count == 0 for each in full)  # nothing of a mug is counted


def test_merging_takes_the_rest_from_the_other():
    before = completed(read_prompt("red mug").recipe, 1)
    after = merged(read_prompt("blue mug with a lid").recipe, before)
    assert after.colours[0] == COLOURS["blue"] and after.features[1] == 2
    assert (after.shape, after.height, after.colours[1]) == (before.shape, before.height, before.colours[1])


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_drawn_inside_its_cube_and_in_one_piece(name):
    from scipy import ndimage

    points = places(32).reshape(-1, 3)
    number = 1 + NAMES.index(name)
    for seed in range(2):
        drawn = draw(random_recipe(number, seed), seed, points)
        solid = (drawn.distance < 0.01).reshape(32, 32, 32)
        assert ndimage.label(solid, np.ones((3, 3, 3)))[1] == 1
        assert not solid[[0, -1]].any() and not solid[:, 0].any() and not solid[:, :, [0, -1]].any()
        # The highest hat of a snowman is cut off by the top of the cube.
        assert name == "snowman" or not solid[:, -1].any()
        assert (drawn.recipe.numbers() < CHOICES).all()


def test_one_attribute_changes_nothing_else():
    points = places(32).reshape(-1, 3)
    mug = 1 + NAMES.index("mug")
    bare, lidded = (draw(Recipe(mug, features=(2, lid, 0, 0)), 4, points) for lid in (1, 2))
    differ = points[np.abs(bare.distance - lidded.distance) > 0.02]
    top = points[bare.distance < 0][:, 1].max()
    assert len(differ) and differ[:, 1].min() > top - 0.25 and (bare.recipe.colours == lidded.recipe.colours)


def test_measures_are_drawn_from_the_seed_and_kept_by_an_edit():
    asked = read_prompt("a round table").recipe
    one, two = completed(asked, 1), completed(asked, 2)
    assert one.measures != two.measures and all(0 <= m <= 1 for m in one.measures)
    assert merged(read_prompt("a red table").recipe, one).measures == one.measures
    assert completed(read_prompt("a snowman").recipe, 1).measures[1:] == (None,) * 5


def test_a_recipe_alone_says_what_is_drawn():
    points = places(24).reshape(-1, 3)
    whole = completed(read_prompt("a lamp").recipe, 5)
    assert np.array_equal(draw(whole, 5, points).distance, draw(whole, 6, points).distance)
    thicker = replace(whole, measures=(*whole.measures[:2], 1 - whole.measures[2], *whole.measures[3:]))
    assert not np.array_equal(draw(whole, 5, points).distance, draw(thicker, 5, points).distance)


def test_what_an_eye_says_is_held_to_what_the_kind_has():
    sofa = 1 + NAMES.index("sofa")
    wild = Recipe(sofa, 2, 1, 2, 6, (1, 2, 2, 2), ((1, 2, 3),) * 4, (0.5,) * 6).fitted()
    assert (wild.shape, wild.height, wild.width, wild.count) == (0, 1, 0, 3)
    assert wild.features == (1, 0, 0, 0) and wild.colours[3] is None


def test_kinds_that_are_nearly_as_likely_have_their_recipes_too():
    class Eye:
        def __call__(self, image, kinds=None):
            scores = torch.full((1, 1 + len(NAMES)), -20.0)
            scores[0, 5], scores[0, 9], scores[0, 3], scores[0, 1] = 0.0, -0.5, -2.0, -6.0
            choices = tuple(torch.zeros(1, size) for size in CHOICES[1:])
            return Look(scores, torch.tensor([[0.0, 1.0, 0.0]]), choices, torch.zeros(1, 6), torch.zeros(1, 4, 3))

    seen = look(Eye(), np.zeros((64, 64, 4), np.float32))
    assert {recipe.kind for recipe in seen.recipes} == {5, 9, 3} and seen.recipe.kind == 5 and seen.second[0] == 9
    best = {kind: max(c for recipe, c in seen.recipes.items() if recipe.kind == kind) for kind in (5, 9, 3)}
    assert [best[kind] for kind in (5, 9, 3)] == pytest.approx([0, -0.5, -2], abs=1e-4)
    alone = look(Eye(), np.zeros((64, 64, 4), np.float32), kind=9)
    assert {recipe.kind for recipe in alone.recipes} == {9} and next(iter(alone.recipes.values())) == 0
