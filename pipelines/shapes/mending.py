"""A mesh made sound: what a file got wrong put right, holes closed, the outside out."""

from dataclasses import replace

import numpy as np

from pipelines.media import Mesh
from pipelines.shapes.measuring import enclosed
from pipelines.shapes.painting import repainted
from pipelines.shapes.topology import Topology
from pipelines.shapes.volume import DETAIL, remeshed


def mended(mesh: Mesh) -> tuple[Mesh, list[str]]:
    """``mesh`` with what can be put right without making its surface anew, and a sentence on each thing done.

    Flat and doubled faces go, small holes are closed, and all faces are turned to show their outside. The surface
    itself stays where it is, and keeps its colours and texture.
    """
    said: list[str] = []
    topology = Topology.of_mesh(mesh)
    kept = topology.kept[_once(topology.faces)]
    if lost := len(mesh.faces) - len(kept):
        said.append(f"Flat or doubled faces removed: {lost:,}.")
        mesh = replace(mesh, faces=mesh.faces[kept]) if len(kept) else mesh
        topology = Topology.of_mesh(mesh)
    if topology.open_edges or topology.turned_edges:
        mesh, topology = _closed(mesh, topology, said)
    if topology.watertight:
        turned = _outward(mesh, topology)
        if turned is not mesh:
            said.append("Faces that showed their inside were turned round.")
            mesh = turned
    return mesh, said


def watertight(mesh: Mesh, detail: int = DETAIL) -> tuple[Mesh, list[str]]:
    """A closed surface with the shape of ``mesh``, and what had to be done.

    First as :func:`mended` does; only where that is not enough is the surface made anew through a volume of ``detail``
    cells along its longest side, which closes holes and joins what overlaps, and rounds edges to the size of a cell.

    Raises:
        MediaError: there is nothing that could enclose a volume.
    """
    made, said = mended(mesh)
    if Topology.of_mesh(made).watertight:
        return made, said or ["It is watertight already; nothing had to be done."]
    made, more = remeshed(made, detail)
    return made, [*said, "Closed by making its surface anew.", *more]


def _once(faces: np.ndarray) -> np.ndarray:
    """Which faces are not the same three places as one before them."""
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return np.sort(first)


def _closed(mesh: Mesh, topology: Topology, said: list[str]) -> tuple[Mesh, Topology]:
    """Holes filled and faces made to agree, through trimesh; the mesh as it was where that made nothing better."""
    from trimesh import Trimesh, repair

    shape = Trimesh(topology.places.astype(float), topology.faces, process=False)
    before = topology.open_edges
    if topology.turned_edges:
        repair.fix_winding(shape)
    if before and topology.crowded_edges == 0:
        repair.fill_holes(shape, use_fan=True)
    new = Mesh(np.asarray(shape.vertices, np.float32), np.asarray(shape.faces, np.int64))
    found = Topology.of_mesh(new)
    if found.crowded_edges > topology.crowded_edges or found.open_edges > before:
        return mesh, topology
    if found.open_edges < before:
        said.append(f"Holes closed: {before - found.open_edges:,} open edges less.")
    if found.turned_edges < topology.turned_edges:
        said.append("Faces made to agree on which side is outside.")
    added = len(new.faces) - len(topology.faces)
    if not added and len(mesh.faces) == len(new.faces):
        # Only turned: the mesh keeps its own vertices, and what is on them.
        flip = (np.roll(new.faces, 0, 1) != topology.faces).any(1)
        faces = mesh.faces.copy()
        faces[flip] = faces[flip][:, ::-1]
        kept = replace(mesh, faces=faces)
        return kept, Topology.of_mesh(kept)
    new = repainted(new, mesh)
    return new, Topology.of_mesh(new)


def _outward(mesh: Mesh, topology: Topology) -> Mesh:
    """Every piece turned so that it encloses a positive volume; a hollow's inside, within another piece, stays."""
    count, piece = topology.pieces
    if count == 1 or count > 1000:
        return replace(mesh, faces=mesh.faces[:, ::-1]) if enclosed(mesh) < 0 else mesh
    faces = mesh.faces.copy()
    lows, highs = np.empty((count, 3)), np.empty((count, 3))
    volumes = np.empty(count)
    for number in range(count):
        part = topology.kept[piece == number]
        own = mesh.vertices[mesh.faces[part]].reshape(-1, 3)
        lows[number], highs[number] = own.min(0), own.max(0)
        volumes[number] = enclosed(Mesh(mesh.vertices, mesh.faces[part]))
    changed = False
    for number in map(int, np.flatnonzero(volumes < 0)):
        inside = ((lows < lows[number]) & (highs > highs[number])).all(1) & (volumes > 0)
        if not inside.any():
            part = topology.kept[piece == number]
            faces[part] = faces[part][:, ::-1]
            changed = True
    return replace(mesh, faces=faces) if changed else mesh
