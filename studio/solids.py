"""What a page is told of a mesh that is kept: a light GLB to turn, and its figures; both made once and kept beside."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio.export.atomic import atomic

FOLDER = ".exports"


def turned(home: Path, path: Path) -> Path:
    """A GLB of the mesh in ``path`` that a browser can turn: one part, nothing compressed, not too many faces.

    Raises:
        MediaError: it holds no mesh that can be read.
    """
    target = home / FOLDER / f"{_content(path)}-turned.glb"
    if not target.exists():
        from pipelines.shapes.seeing import light
        from studio.export.loading import load_mesh
        from studio.export.shapes import write_glb
        from studio.provenance.records import Stamp

        mesh = light(load_mesh(path)[0])
        with atomic(target) as temporary:
            write_glb(mesh, temporary, Stamp())
    return target


def figures(home: Path, path: Path) -> dict[str, Any]:
    """The figures of the mesh in ``path``, as :class:`pipelines.shapes.Measured` has them.

    Raises:
        MediaError: it holds no mesh that can be read.
    """
    target = home / FOLDER / f"{_content(path)}-figures.json"
    if not target.exists():
        from pipelines.shapes import measured
        from studio.export.loading import load_mesh

        found = asdict(measured(load_mesh(path)[0]))
        with atomic(target) as temporary:
            temporary.write_text(json.dumps(found), "utf-8")
    held: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return held


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
