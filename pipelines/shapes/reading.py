"""Meshes from files of any origin that passed the gate: all parts placed and joined, and what should be known of it."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Mesh, Picture
from pipelines.shapes.colours import from_linear
from pipelines.shapes.painting import looked_up
from pipelines.shapes.units import modelled

KINDS = {".glb": "glb", ".gltf": "gltf", ".obj": "obj", ".stl": "stl", ".ply": "ply"}
MOST_PIXELS = 40_000_000  # of a texture
FARTHEST = 1e6  # metres from the origin: beyond that 32 bits no longer tell millimetres apart


def read_mesh(path: Path, kind: str | None = None) -> tuple[Mesh, list[str]]:
    """The mesh in a file, and sentences on what was left out or put right.

    ``kind`` is its format, one of :data:`KINDS`; where it is not known the ending of its name says it. Parts of a
    scene are placed as it says and joined. A single texture stays; the colours of several become those of the
    vertices. Nothing outside the file is opened, whatever it asks for.

    Raises:
        MediaError: it holds no triangles, or cannot be read.
    """
    kind = kind or KINDS.get(path.suffix.lower())
    if kind is None or kind not in KINDS.values():
        raise MediaError(f"mesh: {path.name!r} must end in {', '.join(KINDS)}")
    said: list[str] = []
    parts = _parts(path, kind, said)
    mesh = _joined([part for part in parts if len(part.faces)], said)
    if mesh is None:
        raise MediaError(
            f"mesh: {path.name!r} holds points or lines, but no faces; make a surface of them first"
            if parts
            else f"mesh: {path.name!r} is empty; export it again with its geometry"
        )
    return mesh, said


class _Part:
    """One mesh of a scene as it is placed, with what it is painted with."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, visual: Any, linear: bool) -> None:
        self.vertices, self.faces = vertices, faces
        self.colours, self.uv, self.texture = _paint(visual, len(vertices), linear)

    def at_vertices(self) -> np.ndarray:
        """Its colours at its vertices, uint8 [V, 4]; white where it has none."""
        if self.texture is not None and self.uv is not None:
            return looked_up(self.texture.pixels, self.uv)
        return np.full((len(self.vertices), 4), 255, np.uint8) if self.colours is None else self.colours


def _parts(path: Path, kind: str, said: list[str]) -> list[_Part]:
    import trimesh

    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            # An open file and no resolver: what a file calls its materials could be any file of this machine.
            scene = trimesh.load_scene(file, file_type=kind, process=False, resolver=_Nothing(), allow_remote=False)
    except Exception as error:  # a library says almost anything of a damaged file
        raise MediaError(f"file: {path.name!r} cannot be read as a mesh; it is damaged") from error
    found = []
    for node in scene.graph.nodes_geometry:
        placed, name = scene.graph[node]
        shape = scene.geometry[name]
        vertices = np.asarray(getattr(shape, "vertices", np.zeros((0, 3))), float)
        faces = np.asarray(getattr(shape, "faces", np.zeros((0, 3))), np.int64).reshape(-1, 3)
        if kind == "stl":  # three corners for each face, which share nothing
            vertices, of = np.unique(vertices.astype(np.float32), axis=0, return_inverse=True)
            vertices, faces = modelled(vertices), of.reshape(-1)[faces]
        vertices = vertices @ placed[:3, :3].T + placed[:3, 3]
        if np.linalg.det(placed[:3, :3]) < 0:
            faces = faces[:, ::-1]  # a mirror turns a surface inside out
        found.append(_Part(vertices, faces, _visual(shape, kind), kind in ("glb", "gltf")))
    if kind == "stl":
        said.append("Its numbers are taken for millimetres with Z up, as an STL for printers has them.")
    if len(found) > 1:
        said.append(f"Its {len(found)} parts were joined into one mesh.")
    return found


def _visual(shape: Any, kind: str) -> Any:
    visual = getattr(shape, "visual", None)
    # The materials of an OBJ are in another file, which is not read: what trimesh has of them is made up.
    return None if kind == "obj" and getattr(visual, "kind", None) == "texture" else visual


class _Nothing(dict[str, bytes]):
    """A folder without files."""

    def get(self, name: Any, default: Any = None) -> Any:
        raise KeyError(name)


def _joined(parts: list[_Part], said: list[str]) -> Mesh | None:
    if not parts:
        return None
    vertices = np.concatenate([part.vertices for part in parts])
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)])
    colours = uv = texture = None
    if len(parts) == 1 and parts[0].texture is not None:
        uv, texture = parts[0].uv, parts[0].texture
    elif any(part.colours is not None or part.texture is not None for part in parts):
        if any(part.texture is not None for part in parts):
            said.append("Its textures became colours of the vertices: only one can be kept.")
        colours = np.concatenate([part.at_vertices() for part in parts])
    return _usable(vertices, faces, (colours, uv, texture), said)


def _usable(vertices: np.ndarray, faces: np.ndarray, paint: tuple[Any, Any, Any], said: list[str]) -> Mesh | None:
    """A mesh of what can be used: numbers that are numbers, vertices that faces use."""
    with np.errstate(all="ignore"):
        vertices = vertices.astype(np.float32)
    good = np.isfinite(vertices).all(1) & (np.abs(vertices) < FARTHEST).all(1)
    within = np.asarray(((faces >= 0) & (faces < len(vertices))).all(1))
    kept = within.copy()
    kept[within] = good[faces[within]].all(1)
    if lost := len(faces) - int(kept.sum()):
        said.append(f"{lost:,} faces have corners that are no numbers, or nowhere near; they were left out.")
    faces = faces[kept]
    if not len(faces):
        return None
    used, faces = np.unique(faces, return_inverse=True)
    colours, uv, texture = paint
    return Mesh(
        vertices[used],
        faces.reshape(-1, 3),
        None if colours is None else colours[used],
        None if uv is None else uv[used],
        texture,
    )


def _paint(visual: Any, count: int, linear: bool) -> tuple[Any, Any, Any]:
    """Colours of vertices, places on a texture and the texture of trimesh's ``visual``; None where there are none."""
    kind = getattr(visual, "kind", None)
    if kind == "texture":
        uv, image = getattr(visual, "uv", None), _image(visual.material)
        if uv is not None and image is not None and len(uv) == count and np.isfinite(uv).all():
            return None, np.asarray(uv, np.float32), image
        if (own := _beside_material(visual, count)) is not None:
            return own, None, None
        plain = _plain(visual.material)
        return (None if plain is None else np.tile(plain, (count, 1))), None, None
    if kind in ("vertex", "face"):
        colours = np.asarray(visual.vertex_colors, np.uint8)
        if colours.shape != (count, 4):
            return None, None, None
        # glTF has the colours of vertices in linear light; they are handed through as they are.
        return (from_linear(colours / 255) if linear and kind == "vertex" else colours), None, None
    return None, None, None


def _beside_material(visual: Any, count: int) -> np.ndarray | None:
    """Colours of the vertices that stand beside a material, uint8 [count, 4] sRGB: glTF multiplies the two."""
    held = np.asarray(getattr(visual, "vertex_attributes", {}).get("color", ()))
    if held.ndim != 2 or held.shape[0] != count or held.shape[1] not in (3, 4):
        return None
    light = held / np.iinfo(held.dtype).max if held.dtype.kind == "u" else held.astype(float)
    light = np.concatenate([light, np.ones((count, 4 - light.shape[1]))], axis=1)
    factor = getattr(visual.material, "baseColorFactor", None)
    if factor is not None:
        factor = np.asarray(factor, float)
        light = light * np.resize(factor / 255 if factor.max() > 1 else factor, 4)
    return from_linear(light.clip(0, 1))


def _image(material: Any) -> Picture | None:
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if not isinstance(image, Image.Image) or image.width * image.height > MOST_PIXELS:
        return None
    return Picture(np.asarray(image.convert("RGBA")))


def _plain(material: Any) -> np.ndarray | None:
    """The one colour of a material, uint8 [4] sRGB; None where it says none."""
    factor = getattr(material, "baseColorFactor", None)
    if factor is not None:
        factor = np.asarray(factor, float)
        factor = factor / 255 if factor.max() > 1 else factor
        return from_linear(np.resize(factor, 4)[None])[0]
    diffuse = getattr(material, "diffuse", None)
    return None if diffuse is None else np.asarray(diffuse, np.uint8)[:4]
