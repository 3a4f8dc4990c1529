"""A runner of meshes without a model: a ball that gets finer, coloured by its seed; tools and films are real."""

import time

import numpy as np
import trimesh

from pipelines.events import Done, Note, Preview, Progress
from pipelines.media import Mesh
from studio.jobs.runner import Runner


def ball(fineness, colour, squeezed=1.0):
    """A ball of 20 x 4^fineness faces in one colour."""
    shape = trimesh.creation.icosphere(subdivisions=fineness, radius=0.4)
    vertices = np.asarray(shape.vertices * [1, squeezed, 1], np.float32)
    return Mesh(vertices, np.asarray(shape.faces, np.int64), np.full((len(vertices), 4), (*colour, 255), np.uint8))


class MeshRunner:
    """Balls for words, squeezed ones for edits; a prompt with "slow" takes its time."""

    def __init__(self):
        self.real = Runner()

    def __call__(self, job, inputs):
        if job.kind in ("shape.edit", "turntable.edit"):
            yield from self.real.run(job.settings, inputs)
            return
        settings = job.settings
        pause = 1.5 if "slow" in settings.prompt else 0.02
        colour = (60 + settings.seed % 190, 60, 200 - settings.seed % 140)
        if "image" in inputs:
            yield Note("Made from a picture.")
        for step in range(1, 5):
            time.sleep(pause)
            yield Progress(step, 4, (4 - step) * pause)
            yield Preview((ball(min(step, 2), colour),))
        count = getattr(settings, "count", 1)
        seeds = tuple(settings.seed + place for place in range(count))
        yield Done(tuple(ball(3, colour, 0.6 if job.kind == "mesh.edit" else 1) for _ in seeds), seeds, 4, 4 * pause)
