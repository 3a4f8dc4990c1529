"""Small bodies for tests of meshes, with what is known of them."""

import numpy as np
import trimesh

from pipelines.media import Mesh, Picture


def of(shape, *, colours=True):
    """A mesh of trimesh's, coloured by where its vertices are."""
    vertices = np.asarray(shape.vertices, np.float32)
    paint = None
    if colours:
        paint = np.full((len(vertices), 4), 255, np.uint8)
        share = (vertices - vertices.min(0)) / np.maximum(np.ptp(vertices, axis=0), 1e-9)
        paint[:, :3] = np.round(255 * share)
    return Mesh(vertices, np.asarray(shape.faces, np.int64), paint)


def ball(subdivisions=3, radius=0.5):
    """Closed, genus 0."""
    return of(trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius))


def ring():
    """Closed, genus 1."""
    return of(trimesh.creation.torus(0.4, 0.15))


def crate():
    """A cube of one metre as files often have it: a vertex for each corner of each side, half of one colour."""
    shape = trimesh.creation.box()
    shape = trimesh.Trimesh(shape.vertices[shape.faces].reshape(-1, 3), np.arange(36).reshape(-1, 3), process=False)
    made = of(shape)
    paint = made.colours.copy()
    paint[:, :3] = np.where(shape.vertices[:, :1] > 0, [220, 30, 30], [30, 30, 220])
    return Mesh(made.vertices, made.faces, paint)


def sheet():
    """Two faces and no inside."""
    return Mesh(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]]))


def checked():
    """The sheet with a texture of four colours."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:4, :4, 0], pixels[:4, 4:, 1], pixels[4:, :4, 2], pixels[4:, 4:, :3] = 200, 200, 200, 200
    bare = sheet()
    return Mesh(bare.vertices, bare.faces, uv=bare.vertices[:, :2].copy(), texture=Picture(pixels))
