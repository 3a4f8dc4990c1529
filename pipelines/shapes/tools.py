"""Work on a mesh as its settings say, step by step."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from pipelines.errors import SettingsError
from pipelines.events import Done, Event, Note, Preview, Progress
from pipelines.media import Mesh
from pipelines.settings import ShapeEditSettings
from pipelines.shapes.measuring import bounds
from pipelines.shapes.mending import watertight
from pipelines.shapes.painting import painted, textured
from pipelines.shapes.smoothing import smoothed
from pipelines.shapes.thinning import simplified
from pipelines.shapes.volume import hollowed, remeshed, size

INSIDE = 4000  # faces of a hollow's inside at most: nobody sees them
MOST_SHOWN = 50_000  # faces of a mesh that is shown between two steps
Step = Callable[[Mesh], tuple[Mesh, list[str]]]


def work_on(settings: ShapeEditSettings, mesh: Mesh) -> Iterator[Event[Mesh]]:
    """Do to ``mesh`` what ``settings`` say; closing the iterator stops between two steps.

    Raises:
        SettingsError: nothing is to be done, or a wall is too thin.
        MediaError: the mesh does not allow what is asked.
    """
    started = time.monotonic()
    steps = _steps(settings)
    if not steps:
        raise SettingsError("tools: nothing is chosen; say at least one thing to do, for example 'faces'")
    for number, step in enumerate(steps):
        yield Progress(number, len(steps), None)
        mesh, said = step(mesh)
        for text in said:
            yield Note(text)
        if number + 1 < len(steps) and len(mesh.faces) <= MOST_SHOWN:
            yield Preview((mesh,))
    yield Progress(len(steps), len(steps), 0.0)
    yield Done((mesh,), (int(settings.seed or 0),), 0, time.monotonic() - started)


def scaled(mesh: Mesh, millimetres: float) -> Mesh:
    """``mesh`` with its longest side of so many millimetres, standing where it stood.

    Its lowest middle stays: what stood on the ground stands on it still.
    """
    low, high = bounds(mesh)
    longest = float((high - low).max())
    if longest <= 0:
        raise SettingsError("millimetres: the mesh has no size that could be scaled")
    foot = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    factor = millimetres / 1000 / longest
    return replace(mesh, vertices=((mesh.vertices - foot) * factor + foot * min(factor, 1)).astype(np.float32))


def _steps(settings: ShapeEditSettings) -> list[Step]:
    steps: list[Step] = []
    if settings.watertight:
        steps.append(watertight)
    if settings.remesh:
        steps.append(lambda mesh: remeshed(mesh, settings.remesh))
    if settings.smooth:
        steps.append(lambda mesh: (smoothed(mesh, settings.smooth), []))
    if settings.faces is not None:
        steps.append(lambda mesh: _fewer(mesh, settings.faces or 0))
    if settings.millimetres is not None:
        steps.append(lambda mesh: _sized(mesh, settings.millimetres or 0))
    if settings.wall:
        steps.append(lambda mesh: hollowed(mesh, settings.wall / 1000, inside=INSIDE))
    if settings.paint != "keep":
        steps.append(lambda mesh: (_repainted(mesh, settings.paint), []))
    return steps


def _fewer(mesh: Mesh, faces: int) -> tuple[Mesh, list[str]]:
    thin = simplified(mesh, faces)
    if len(mesh.faces) <= faces:
        return thin, [f"It has {len(mesh.faces):,} faces, no more than asked for; they stay."]
    if len(thin.faces) == faces:
        return thin, []
    why = "a closed surface has an even number" if faces - len(thin.faces) == 1 else "its shape allows no nearer number"
    return thin, [f"{len(thin.faces):,} faces, {faces:,} were asked for: {why}."]


def _sized(mesh: Mesh, millimetres: float) -> tuple[Mesh, list[str]]:
    made = scaled(mesh, millimetres)
    low, high = bounds(made)
    return made, [f"Now {' × '.join(size(float(each)) for each in high - low)}."]


def _repainted(mesh: Mesh, paint: str) -> Mesh:
    if paint == "none":
        return Mesh(mesh.vertices, mesh.faces)
    return textured(mesh) if paint == "texture" else painted(mesh)
