"""Meshes: words and pictures to mesh, meshes to other meshes, and a light renderer."""

from pipelines.codecs.rendering import View, render, turntable
from pipelines.mesh.pipeline import MeshPipeline
from pipelines.shapes import read_mesh

__all__ = ["MeshPipeline", "View", "read_mesh", "render", "turntable"]
