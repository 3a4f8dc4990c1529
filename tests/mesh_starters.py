"""Small random mesh starters, and the meshes that tests are made of."""

import numpy as np
import torch
import trimesh
from starters import shaken

from pipelines.backbone import BackboneConfig
from pipelines.media import Mesh
from pipelines.models.mesh import MeshConfig, MeshModel, MeshNetwork
from pipelines.training.data.object_set import VIEWS

SHAPE, COLOUR = 24, 4
TINY = BackboneConfig(
    channels=SHAPE + 3 * COLOUR, grid=(4, 4, 4), patch=(1, 1, 1), overlap=False, dim=32, depth=2, heads=2, bottleneck=16
)


def random_mesh_starter(seed=0):
    """A mesh starter of few weights, all random, whose signal at zero is a ball."""
    views = tuple(tuple(float(v) for v in view.rotation().reshape(-1)) for view in VIEWS)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = MeshNetwork(MeshConfig(TINY, SHAPE, COLOUR, views, 1.2, width=32))
    shaken(network, seed)
    with torch.no_grad():
        # What it draws of noise alone is no solid: it is made faint beside a block in the middle cells, which every
        # token of the grid says by its sign.
        network.backbone.head.weight.mul_(0.02)
        middle = torch.zeros(4, 4, 4)
        middle[1:3, 1:3, 1:3] = 1.0
        network.basis.shape_axes[0] = 1.0
        network.backbone.head.bias.zero_()
        network.backbone.head.weight[0] = 0.6 / TINY.dim
        network.home.copy_(20 * (1 - 2 * middle).reshape(-1, 1).expand(-1, TINY.dim))
        network.draft.head.weight.mul_(0.02)
        network.draft.base.mul_(0.02)
    return MeshModel(network, name="tiny")


def solid(made, colour=(200, 60, 40, 255)):
    """A trimesh primitive as one of our meshes, in one colour."""
    colours = np.full((len(made.vertices), 4), colour, np.uint8)
    return Mesh(np.asarray(made.vertices, np.float32), np.asarray(made.faces, np.int64), colours)


def ball(radius=0.4):
    """A ball in the unit cube."""
    return solid(trimesh.creation.icosphere(3, radius))


def as_trimesh(mesh):
    """The same as trimesh has it, nothing merged."""
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
