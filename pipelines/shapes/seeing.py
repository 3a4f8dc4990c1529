"""Meshes as a page shows them: light enough to be turned, and drawn as pictures where nothing turns."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipelines.codecs.rendering import View, render
from pipelines.events import Done, Event, Progress
from pipelines.media import Clip, Mesh, Picture
from pipelines.settings import TurntableSettings
from pipelines.shapes.thinning import simplified

MOST_TURNED = 200_000  # faces that a browser turns without a graphics card
MOST_DRAWN = 60_000  # faces of a picture the size of a thumb
GROUNDS = {"light": (244, 247, 246), "dark": (18, 30, 32)}

__all__ = ["View", "filmed", "light", "on_ground", "render", "small"]


def light(mesh: Mesh, faces: int = MOST_TURNED) -> Mesh:
    """``mesh`` with at most ``faces`` faces, for the eye alone."""
    if len(mesh.faces) <= faces:
        return mesh
    # Not baked anew: seconds for what is looked at once.
    return simplified(mesh if mesh.texture is None else replace(mesh, texture=None, uv=None), faces)


def small(mesh: Mesh, side: int) -> Picture:
    """A picture of ``side`` pixels, the ground see-through."""
    return render(light(mesh, MOST_DRAWN), size=side)


def filmed(settings: TurntableSettings, mesh: Mesh) -> Iterator[Event[Clip]]:
    """Film one turn of ``mesh``; closing the iterator stops after the frame at work."""
    started = time.monotonic()
    mesh, frames = light(mesh, MOST_DRAWN), round(settings.seconds * settings.rate)
    made: list[np.ndarray] = []
    for number in range(frames):
        view = View(35 + 360 * number / frames, settings.elevation)
        picture = on_ground(render(mesh, view, settings.width).pixels, settings.ground)
        made.append(picture)
        left = (time.monotonic() - started) / (number + 1) * (frames - number - 1)
        yield Progress(number + 1, frames, left)
    yield Done((Clip(np.stack(made), settings.rate),), (int(settings.seed or 0),), 0, time.monotonic() - started)


def on_ground(pixels: np.ndarray, ground: str) -> np.ndarray:
    """Pixels uint8 [H, W, 4] before a plain colour, or as they are where the ground is clear."""
    if ground == "clear":
        return pixels
    share = pixels[..., 3:].astype(float) / 255
    mixed = pixels[..., :3] * share + np.array(GROUNDS[ground]) * (1 - share)
    return np.concatenate([np.rint(mixed), np.full_like(share, 255)], axis=-1).astype(np.uint8)
