"""What is asked for: words and a picture to a recipe, with what a person should know of how they were read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.mesh import to_shades
from pipelines.errors import MediaError
from pipelines.media import Picture
from pipelines.mesh.fitting import PIXELS, Fit, fit
from pipelines.mesh.matching import match
from pipelines.mesh.picture import cut_out
from pipelines.models.filling import completed
from pipelines.models.framing import framed
from pipelines.models.mesh import MeshModel, Told
from pipelines.models.shapes import KINDS, PARTS, Reading, Recipe
from pipelines.models.sight import OPEN, Seen, look
from pipelines.models.wording import merged, read_prompt
from pipelines.settings import MeshSettings

GUESSES = 96  # ways to fill a recipe in that are held against a mesh
NEAREST, DOWNHILL = 6, 30  # of them whose measures are fitted, and steps of that
UNSURE = 0.8  # probability of a picture's kind below which it is called a guess
NEIGHBOURS = 16  # known objects that are held against a picture
FEW = 4  # of any kind, where the eye is not sure
FAR = 0.02  # mean squared difference of its outline and colours from which on a picture shows nothing that is known
VIEWS = {"front": 1, "three-quarter": 2}


@dataclass(frozen=True)
class Asked:
    """What to make, and notes on how it was read; ``exact`` where its drawing shows what a picture shows."""

    recipe: Recipe
    notes: tuple[str, ...]
    exact: bool = False


def known_kinds() -> str:
    """The kinds of objects that there are, in a row."""
    return ", ".join(kind.name for kind in KINDS)


def recognised(model: MeshModel, signal: Tensor, recipe: Recipe) -> Recipe:
    """``recipe`` with what it leaves open read off the ``signal`` [1, K, *grid] of a mesh.

    Of many ways to fill it in, those whose draft lies nearest to the signal; their measures follow the draft's slope;
    then the shade of every part that fits best in the places where the draft has that part.
    """
    recipes = list(dict.fromkeys(completed(recipe, seed) for seed in range(GUESSES)))
    rows = signal[0].flatten(1).T  # [cells, K]
    first, each = model.network.basis.counts
    spread = model.network.basis.shape_spread.float()

    def away(told: Told) -> Tensor:
        shape, _ = model.network.draft.parts(told)
        return ((shape.float() - rows[:, :first]) * spread).square().flatten(1).sum(1)

    with torch.inference_mode():
        near = away(Told.of(recipes)).argsort()[:NEAREST]
    recipes = [recipes[int(place)] for place in near]
    told = Told.of(recipes)
    known = told.measures[..., 1:]
    values = told.measures[..., :1].clone().requires_grad_()
    optimizer = torch.optim.Adam([values], lr=0.08)
    for _ in range(DOWNHILL):
        optimizer.zero_grad()
        away(replace(told, measures=torch.cat([values.clamp(-1, 1) * known, known], dim=-1))).sum().backward()
        optimizer.step()
    with torch.inference_mode():
        told = replace(told, measures=torch.cat([values.clamp(-1, 1) * known, known], dim=-1))
        best = int(away(told).argmin())
    _, shades = model.painted(told.row(best), signal)
    found = [(int(r), int(g), int(b)) for r, g, b in to_shades(shades[0])]
    parts = len(KINDS[recipe.kind - 1].parts)
    colours = tuple(recipe.colours[p] or found[p] if p < parts else None for p in range(PARTS))
    fitted = tuple((float(value) + 1) / 2 if has else None for value, has in told.measures[best])
    return replace(recipes[best], colours=colours, measures=fitted)


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
    words = read_prompt(settings.prompt)
    said = words.recipe.kind
    whole = framed(cut)
    seen = look(model.sight, whole, said) if model.sight is not None else None
    if not said and (seen is None or not seen.recipe.kind):
        raise MediaError(_taken_for(seen, 0))
    view, notes, exact = VIEWS.get(settings.view, 0), [], False
    if settings.view == "auto" and seen is not None:
        view = seen.view
        if not view:
            notes.append(
                "The picture is not seen from the front or three-quarter: its kind and colours alone are used."
            )

    def told(kind: int) -> Reading:
        return words if said else read_prompt(settings.prompt, kind)

    if not view or seen is None:
        kind = said or (seen.recipe.kind if seen is not None else 0)
        recipe = _tinted(told(kind).recipe, cut)
    else:
        readings: dict[Recipe, float] = {}
        for each, chance in seen.recipes.items():
            readings.setdefault(merged(told(each.kind).recipe, each), chance)
        open_kinds = readings if said or seen.sure >= UNSURE else readings | unlikely(model, seen, whole, view)
        words_of = {each.kind: told(each.kind).recipe for each in open_kinds}
        near = neighbours(model, open_kinds, words_of, whole, view)
        matched = match(model, near, words_of, whole, view) if near else None
        exact = matched is not None and matched.cost < FAR
        found = matched.fit if matched is not None and exact else fit(model, readings, whole, view)
        if matched is not None and not exact:
            notes.append("It looks like no object that this model knows; the shape is a guess at what is like it.")
        kind = found.recipe.kind
        recipe = _coloured(found, told(kind).recipe)
    taken = () if said else (_taken_for(seen, kind),)
    return Asked(recipe, (*taken, *recipe_notes(settings.prompt, told(kind)), *notes), exact)


def unlikely(model: MeshModel, seen: Seen, picture: np.ndarray, view: int) -> dict[Recipe, float]:
    """Readings of ``picture`` as kinds whose outlines are as near as those of the kinds that the eye took it for."""
    if model.known is None or model.sight is None:
        return {}
    near = model.known.nearest(outline_of(picture), view, range(1, 1 + len(KINDS)), FEW)
    others = {each.kind for each in near} - {each.kind for each in seen.recipes}
    chance = float(np.log(OPEN / seen.sure))
    return {look(model.sight, picture, kind).recipe: chance for kind in sorted(others)}


def outline_of(picture: np.ndarray) -> np.ndarray:
    """The outline [32, 32] of a ``picture`` [64, 64, 4], as the bank has them."""
    size = len(picture) // PIXELS
    return picture[..., 3].reshape(PIXELS, size, PIXELS, size).mean((1, 3))


def neighbours(
    model: MeshModel, readings: Mapping[Recipe, float], named: Mapping[int, Recipe], picture: np.ndarray, view: int
) -> dict[Recipe, float]:
    """Known objects that look like ``picture``, of the kinds of its ``readings``, with the chances of those.

    Where words say something (``named``, by kind), they are that; their colours are those of the readings.
    """
    if model.known is None:
        return {}
    seen: dict[int, tuple[Recipe, float]] = {}
    for reading, chance in readings.items():
        seen.setdefault(reading.kind, (reading, chance))
    found: dict[Recipe, float] = {}
    for known in model.known.nearest(outline_of(picture), view, seen.keys(), NEIGHBOURS):
        reading, chance = seen[known.kind]
        found.setdefault(merged(named[known.kind], replace(known, colours=reading.colours)), chance)
    return found


def _coloured(found: Fit, named: Recipe) -> Recipe:
    """What was ``found``, in the colours that words name, else those that can be seen, else those of the eye."""
    shades = zip(named.colours, found.shades, found.recipe.colours, strict=True)
    return replace(found.recipe, colours=tuple(told or shown or guess for told, shown, guess in shades))


def _taken_for(seen: Seen | None, kind: int) -> str:
    """What a picture was taken for, and how sure that is."""
    if seen is None or not seen.recipe.kind:
        return (
            "picture: shows no kind of object that this model knows; name a kind in the prompt. It makes: "
            f"{known_kinds()}"
        )
    name = KINDS[seen.recipe.kind - 1].name
    if kind != seen.recipe.kind:
        return (
            f"It is not clear what the picture shows: a {name} at first sight ({seen.sure:.0%} sure), but a "
            f"{KINDS[kind - 1].name} fits it better. If that is wrong, name the kind in the prompt."
        )
    if seen.sure >= UNSURE:
        return f"The picture was taken for a {name} ({seen.sure:.0%} sure)."
    second, chance = seen.second
    other = f", or a {KINDS[second - 1].name} ({chance:.0%})" if second else ""
    return (
        f"It is not clear what the picture shows: taken for a {name} ({seen.sure:.0%} sure{other}). "
        "If that is wrong, name the kind in the prompt."
    )


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
    return replace(recipe, colours=tuple(colours))
