"""Mesh files as the pipeline takes them: one surface of triangles, upright, in metres, with its colours."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Mesh, Picture

FACES = 2_000_000  # more than that takes minutes
NODES = 2000


def read_mesh(path: Path) -> tuple[Mesh, list[str]]:
    """Read GLB, glTF, OBJ, STL or PLY, all of a scene in one surface.

    Returns:
        The mesh, and what a person should know of how it was read.

    Raises:
        MediaError: it cannot be read, holds no triangles, or is too large.
    """
    import trimesh

    notes: list[str] = []
    kind = path.suffix.lower().lstrip(".")
    if kind not in {"glb", "gltf", "obj", "stl", "ply"}:
        raise MediaError(f"mesh: {path.suffix or path.name!r} is not a mesh format; use GLB, glTF, OBJ, STL or PLY")
    try:
        # No resolver: what a file names elsewhere is not fetched.
        with path.open("rb") as file:
            loaded = trimesh.load(file, file_type=kind, process=False)
    except Exception as error:  # trimesh's readers raise whatever their parsers do
        raise MediaError(
            f"mesh: {path.name} cannot be read ({str(error) or type(error).__name__:.120}); export it again"
        ) from error
    parts = _parts(loaded, notes)
    if not parts:
        raise MediaError(f"mesh: there are no triangles in {path.name}; points and lines are not a surface")
    if sum(len(part.faces) for part in parts) > FACES:
        raise MediaError(f"mesh: {path.name} has more than {FACES:,} triangles; simplify it first")
    mesh = joined([_converted(part) for part in parts])
    return _checked(mesh, notes), notes


def _parts(loaded: object, notes: list[str]) -> list:
    import trimesh

    if isinstance(loaded, trimesh.Scene):
        if len(loaded.graph.nodes_geometry) > NODES:
            raise MediaError(f"mesh: a scene of {len(loaded.graph.nodes_geometry):,} parts; join them first")
        parts = [part for part in loaded.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        if len(parts) > 1:
            notes.append(f"The scene's {len(parts)} parts were joined to one mesh.")
        return parts
    return [loaded] if isinstance(loaded, trimesh.Trimesh) and len(loaded.faces) else []


def _converted(part) -> Mesh:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """One part with colours on its vertices, whatever it had."""
    visual = part.visual
    vertices = np.asarray(part.vertices, np.float32)
    if not np.isfinite(vertices).all():
        raise MediaError("mesh: it holds coordinates that are not numbers; export it again")
    faces = np.asarray(part.faces, np.int64)
    colours, uv, texture = None, None, None
    if visual.kind == "texture" and getattr(visual, "uv", None) is not None:
        image = getattr(visual.material, "baseColorTexture", None) or getattr(visual.material, "image", None)
        if isinstance(image, Image.Image):
            uv, texture = np.asarray(visual.uv, np.float32), Picture(np.asarray(image.convert("RGBA")).copy())
    if texture is None and visual.kind in {"vertex", "face", "texture"}:
        colours = np.asarray(visual.to_color().vertex_colors if visual.kind == "texture" else visual.vertex_colors)
        colours = colours.astype(np.uint8) if colours.shape == (len(vertices), 4) else None
    return Mesh(vertices, faces, colours, uv if texture is not None else None, texture)


def joined(parts: list[Mesh]) -> Mesh:
    """Several meshes as one; where they are not alike, textures become colours of vertices."""
    if len(parts) == 1:
        return parts[0]
    from pipelines.codecs.surface import colours_at

    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    rows = []
    for part in parts:
        colours = np.full((len(part.vertices), 4), (200, 200, 200, 255), np.uint8)
        if part.colours is not None:
            colours = part.colours
        elif part.texture is not None:
            corner = part.faces.reshape(-1)
            told = colours_at(part, np.repeat(np.arange(len(part.faces)), 3), part.vertices[corner], part.vertices)
            colours[corner, :3] = told
        rows.append(colours)
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate(rows),
    )


def _checked(mesh: Mesh, notes: list[str]) -> Mesh:
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    size = float((mesh.vertices.max(0) - mesh.vertices.min(0)).max())
    if size <= 0 or not area.any():
        raise MediaError("mesh: all of its triangles are degenerate (no area); export it again")
    if size < 1e-6 or size > 1e6:
        raise MediaError(f"mesh: it is {size:.3g} m long; scale it to between a millionth and a million metres")
    flat = int((area <= 1e-14 * size * size).sum())
    if flat:
        notes.append(f"{flat:,} triangles without an area do nothing and were passed over.")
    return mesh
