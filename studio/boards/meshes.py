"""Meshes on the stage: a viewer of our own, drawn by the page's script (``studio/look/mesh.js``).

The HTML says which mesh is to be seen; the script fetches it as a light GLB, and its figures, and lets it be turned.
Not Gradio's viewer: that one knows nothing of wireframes, of figures, or of a mesh before its edit.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

from studio.jobs import Job
from studio.language import Phrase, phrase, said, say
from studio.session import Result, Session
from studio.sources import named, source_named
from studio.stage import badge, place, tile

SHAPES = (".glb", ".gltf", ".obj", ".stl", ".ply")


class Meshes:
    """The :class:`~studio.boards.Board` of meshes."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """The picked result in its viewer, and those of the same run."""
        result = session.result
        if result is None:
            return '<div class="board empty"><p>' + say("Your mesh will appear here.") + "</p></div>"
        together = session.together
        takes = "".join(tile(i, each, i == session.picked, self.tile(each)) for i, each in together)
        beside = f'<div class="takes" role="group" {said("aria-label", "Meshes of this run")}>{takes}</div>'
        shown = viewer("stage", seen(result))
        return f'<div class="board solid">{shown}{beside if len(together) > 1 else ""}{badge(result)}</div>'

    def running(self, job: Job, folder: Path) -> str | None:
        """The latest estimate of a running job, which can be turned already."""
        if not (folder / "preview-0.glb").exists():
            return None
        so_far = {"live": job.id, "run": job.id, "preview": job.preview}
        return f'<div class="board solid running">{viewer("stage", so_far)}</div>'

    def facts(self, result: Result) -> list[Phrase | str]:
        """How many faces were asked for; what the mesh has is said by the viewer."""
        faces = getattr(result.settings, "faces", None)
        return [] if faces is None else [phrase("{count} faces asked for", count=f"{faces:,}")]

    def tile(self, result: Result) -> str:
        """A picture of it, as the library draws it."""
        return f'<img src="{place(result, "thumbnail")}" alt="">'


def viewer(where: str, mesh: dict[str, Any]) -> str:
    """A viewer; ``where`` names it on the page, so that it looks from the same side when its HTML is written anew."""
    held = escape(json.dumps(mesh), quote=True)
    return f'<eddy-mesh data-where="{where}" data-mesh="{held}"></eddy-mesh>'


def seen(result: Result) -> dict[str, Any]:
    """What a viewer is told of a result."""
    told: dict[str, Any] = {"run": result.run, "name": named(result), "picture": place(result, "thumbnail")}
    if result.source is not None and result.source.suffix.lower() in SHAPES and (before := source_named(result)):
        told["before"] = before
    return told
