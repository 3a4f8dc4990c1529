"""Mesh files: GLB and OBJ written here, so that colours are what viewers expect; STL and PLY through trimesh."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipelines.media import Mesh
from pipelines.shapes.colours import linear
from pipelines.shapes.units import printed
from studio.export import pictures
from studio.provenance import shapes
from studio.provenance.records import Stamp

if TYPE_CHECKING:
    from trimesh import Trimesh

FLOAT, UINT, USHORT = 5126, 5125, 5123  # glTF's component types
VERTICES, INDICES = 34962, 34963  # and uses of a buffer


def write_glb(mesh: Mesh, path: Path, stamp: Stamp) -> None:
    """Write glTF 2.0 in one file: smooth normals, colours, texture."""
    parts = _Parts()
    attributes = {
        "POSITION": parts.add(mesh.vertices, FLOAT, "VEC3", VERTICES, bounds=True),
        "NORMAL": parts.add(normals(mesh), FLOAT, "VEC3", VERTICES),
    }
    if mesh.colours is not None:
        attributes["COLOR_0"] = parts.add(linear(mesh.colours), USHORT, "VEC4", VERTICES, normalized=True)
    material: dict[str, Any] = {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}}
    tree: dict[str, Any] = {"scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "materials": [material]}
    if mesh.uv is not None:
        # Ours starts at the lower left as in OBJ, glTF's at the upper left.
        attributes["TEXCOORD_0"] = parts.add(mesh.uv * [1, -1] + [0, 1], FLOAT, "VEC2", VERTICES)
    if mesh.texture is not None:
        picture = io.BytesIO()
        Image.fromarray(mesh.texture.pixels).save(picture, "png")
        tree["images"] = [{"mimeType": "image/png", "bufferView": parts.view(picture.getvalue())}]
        tree["textures"] = [{"source": 0}]
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    indices = parts.add(mesh.faces.reshape(-1), UINT, "SCALAR", INDICES)
    tree["meshes"] = [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0, "mode": 4}]}]
    tree |= parts.tree() | shapes.gltf_asset(stamp)
    path.write_bytes(_glb(tree, bytes(parts.data)))


def write_obj(mesh: Mesh, path: Path, stamp: Stamp) -> None:
    """Write Wavefront OBJ, colours behind the places; a texture lies beside, in ``name.obj.mtl`` and ``.png``."""
    lines = [f"# {line}" for line in shapes.comment_lines(stamp)]
    if mesh.texture is not None:
        picture, material = (path.with_name(f"{path.name}.{kind}") for kind in ("png", "mtl"))
        pictures.write(mesh.texture, picture, "png", stamp)
        material.write_text(f"newmtl surface\nKd 1 1 1\nmap_Kd {picture.name}\n")
        lines += [f"mtllib {material.name}", "usemtl surface"]
    places = mesh.vertices if mesh.colours is None else np.hstack([mesh.vertices, mesh.colours[:, :3] / 255])
    lines += ["v " + " ".join(f"{value:.9g}" for value in row) for row in places.tolist()]
    if mesh.uv is not None:
        lines += [f"vt {u:.9g} {v:.9g}" for u, v in mesh.uv.tolist()]
    corner = "{0}" if mesh.uv is None else "{0}/{0}"
    lines += ["f " + " ".join(corner.format(index + 1) for index in face) for face in mesh.faces.tolist()]
    path.write_text("\n".join(lines) + "\n")


def write_stl(mesh: Mesh, path: Path, stamp: Stamp) -> None:
    """Write binary STL: shape alone. The record lies beside it, in ``name.stl.json``; keep the two together.

    Its numbers are millimetres with +Z up: an STL says neither, and this is what programs for printers take it for.
    """
    from trimesh.exchange.stl import export_stl

    body = export_stl(as_trimesh(replace(mesh, vertices=printed(mesh.vertices))))
    path.write_bytes(shapes.stl_header(stamp) + body[shapes.STL_HEADER :])
    if stamp.record is not None:
        shapes.beside(path).write_text(stamp.record, encoding="utf-8")


def write_ply(mesh: Mesh, path: Path, stamp: Stamp) -> None:
    """Write binary PLY; the colours of a texture become those of the vertices."""
    from trimesh.exchange.ply import export_ply

    body = export_ply(as_trimesh(mesh, baked=True), vertex_normal=False)
    first, second, rest = body.split(b"\n", 2)  # "ply" and the format
    comments = [f"comment {line}".encode() for line in shapes.comment_lines(stamp)]
    path.write_bytes(b"\n".join([first, second, *comments, rest]))


def as_trimesh(mesh: Mesh, *, baked: bool = False) -> "Trimesh":
    """The same as trimesh has it; nothing merged, nothing reordered."""
    from trimesh import Trimesh

    colours = sampled(mesh) if baked and mesh.colours is None and mesh.texture is not None else mesh.colours
    return Trimesh(mesh.vertices, mesh.faces, vertex_colors=colours, process=False)


def sampled(mesh: Mesh) -> np.ndarray:
    """Colour of the texture at each vertex, uint8 [V, 4]."""
    assert mesh.texture is not None and mesh.uv is not None
    height, width = mesh.texture.pixels.shape[:2]
    columns = np.clip((mesh.uv[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - mesh.uv[:, 1]) * height).astype(int), 0, height - 1)
    return mesh.texture.pixels[rows, columns]


def normals(mesh: Mesh) -> np.ndarray:
    """Unit normals of the vertices, each face counting by its area, float32 [V, 3]."""
    corners = mesh.vertices[mesh.faces].astype(float)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        np.add.at(sums, mesh.faces[:, corner], across)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # A vertex of no face, or of faces that cancel out, still needs a unit vector: glTF forbids zeros.
    return np.where(lengths > 1e-20, sums / np.maximum(lengths, 1e-20), [0.0, 1.0, 0.0]).astype(np.float32)


class _Parts:
    """The binary part of a glTF, growing, and what describes it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, **more: Any) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **more})
        self.data += data + b"\x00" * (-len(data) % 4)
        return len(self.views) - 1

    def add(self, values: np.ndarray, kind: int, shape: str, use: int, *, bounds: bool = False, **more: Any) -> int:
        values = np.ascontiguousarray(values, {FLOAT: "<f4", UINT: "<u4", USHORT: "<u2"}[kind])
        if bounds:
            more |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        view = self.view(values.tobytes(), target=use)
        self.accessors.append({"bufferView": view, "componentType": kind, "count": len(values), "type": shape, **more})
        return len(self.accessors) - 1

    def tree(self) -> dict[str, Any]:
        return {"buffers": [{"byteLength": len(self.data)}], "bufferViews": self.views, "accessors": self.accessors}


def _glb(tree: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    body = b"".join(
        len(part).to_bytes(4, "little") + name + part for name, part in ((b"JSON", text), (b"BIN\x00", data))
    )
    return b"glTF" + (2).to_bytes(4, "little") + (12 + len(body)).to_bytes(4, "little") + body
