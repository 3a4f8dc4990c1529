"""What is asked for: words and a picture to a recipe, with what a person should know of how they were read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.media import Picture
from pipelines.mesh.picture import cut_out, framed
from pipelines.models.filling import completed
from pipelines.models.mesh import MeshModel, Told
from pipelines.models.shapes import KINDS, PARTS, Reading, Recipe, Rgb
from pipelines.models.sight import look
from pipelines.models.wording import read_prompt
from pipelines.settings import MeshSettings

GUESSES = 96  # ways to fill a recipe in that are held against a mesh
VIEWS = {"front": 1, "three-quarter": 2}


@dataclass(frozen=True)
class Asked:
    """What to make: a recipe, a small picture [64, 64, 4] with its view where one is to be followed, and notes."""

    recipe: Recipe
    shown: tuple[np.ndarray, int] | None
    notes: tuple[str, ...]


def known_kinds() -> str:
    """The kinds of objects that there are, in a row."""
    return ", ".join(kind.name for kind in KINDS)


def recognised(model: MeshModel, signal: Tensor, recipe: Recipe) -> Recipe:
    """``recipe`` with what it leaves open read off the ``signal`` [1, K, *grid] of a mesh.

    Of many ways to fill it in, the one whose draft lies nearest to the signal; then the shade of every part that fits
    best in the places where the draft has that part.
    """
    recipes = list(dict.fromkeys(completed(recipe, seed) for seed in range(GUESSES)))
    # The colours that completing made up must not count: shapes are compared.
    with torch.inference_mode():
        shape, places, _ = model.network.draft.parts(Told.of(recipes))
    lead, spread = shape.shape[-1], model.network.basis.shape_spread
    rows = signal[0].flatten(1).T  # [cells, K]
    away = ((shape - rows[:, :lead]) * spread[:lead]).square().flatten(1).sum(1)
    best = int(away.argmin())
    first, each = model.network.basis.counts
    parts = len(KINDS[recipe.kind - 1].parts)
    where = places[best].movedim(1, -1).reshape(-1, PARTS)[:, :parts]  # [cells colour, parts]
    told = rows[:, first:].unflatten(1, (3, each)).movedim(1, -1).reshape(-1, 3)
    shades = torch.linalg.lstsq(where.float(), told.float()).solution.clamp(-1, 1)
    found = np.rint((shades.numpy() + 1) * 127.5).astype(int)
    colours: list[Rgb | None] = [None] * PARTS
    for part in range(parts):
        colours[part] = recipe.colours[part] or (int(found[part, 0]), int(found[part, 1]), int(found[part, 2]))
    return replace(recipes[best], colours=tuple(colours))


def recipe_notes(prompt: str, reading: Reading) -> Iterator[str]:
    """Notes on ``prompt`` as it was read; none for one that was understood whole, or is empty."""
    if not prompt.strip():
        return
    kind = KINDS[reading.recipe.kind - 1].name if reading.recipe.kind else None
    for word, name in reading.taken.items():
        yield f"'{word}' is not known; taken for '{name}'."
    if kind is None:
        yield f"No kind of object that this model knows is named; it knows: {known_kinds()}."
    if reading.unknown:
        yield f"Words that say nothing to this model: {', '.join(reading.unknown)}"
    if reading.idle:
        yield f"A {kind} has nothing of the kind here, or not so many: {', '.join(reading.idle)}"


def read_picture_and_words(model: MeshModel, settings: MeshSettings, picture: Picture) -> Asked:
    """What a ``picture`` and the prompt beside it ask for; words win where both say something.

    Raises:
        MediaError: nothing stands out from the picture's ground.
    """
    cut = cut_out(picture)
    seen = look(model.sight, framed(cut, None)) if model.sight is not None else None
    named = read_prompt(settings.prompt) if settings.prompt.strip() else None
    notes: list[str] = []
    reading = named
    if named is None or not named.recipe.kind:
        kind = seen.kind if seen is not None else 0
        if kind:
            reading = read_prompt(settings.prompt, kind)
            notes.append(f"The picture was taken for a {KINDS[kind - 1].name} ({seen.sure:.0%} sure)." if seen else "")
        else:
            notes.append(
                "The picture shows no kind of object that this model knows, so the result is a guess; name a kind in "
                f"the prompt. It makes: {', '.join(each.name for each in KINDS)}."
            )
            reading = None
    recipe = reading.recipe if reading is not None else Recipe()
    if named is not None and reading is not None:
        notes += recipe_notes(settings.prompt, reading)
    view = VIEWS.get(settings.view, 0)
    if settings.view == "auto" and seen is not None:
        view = seen.view
        if not view:
            notes.append(
                "The picture is not seen from the front or three-quarter: its kind and colours alone are used."
            )
    if not view:
        return Asked(_tinted(recipe, cut), None, tuple(notes))
    frame = model.frames[recipe.kind - 1][view - 1] if recipe.kind and model.frames else None
    return Asked(recipe, (framed(cut, frame), view), tuple(notes))


def _tinted(recipe: Recipe, cut: np.ndarray) -> Recipe:
    """``recipe`` with the picture's commonest colours on the parts of which nothing is said."""
    from PIL import Image

    solid = cut[..., 3] > 0.8
    if not recipe.kind or not solid.any():
        return recipe
    shades = (cut[solid][:, :3] / cut[solid][:, 3:]).clip(0, 1)
    flat = Image.fromarray((shades[None] * 255).astype(np.uint8)).quantize(3, Image.Quantize.MEDIANCUT, kmeans=2)
    counts: list[tuple[int, Any]] = list(flat.getcolors() or [])
    counts.sort(reverse=True)
    palette = np.array(flat.getpalette(), np.uint8).reshape(-1, 3)
    found = [tuple(int(v) for v in palette[int(index)]) for _, index in counts]
    parts = len(KINDS[recipe.kind - 1].parts)
    colours = list(recipe.colours)
    for place in range(min(parts, len(found), 2)):
        colours[place] = colours[place] or found[place]  # type: ignore[assignment]
    return Recipe(recipe.kind, recipe.shape, recipe.height, recipe.width, recipe.count, recipe.features, tuple(colours))
