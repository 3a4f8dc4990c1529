"""Shapes from pictures by Hunyuan3D-2, through its own package: its networks and codec, our solver.

Its flow runs from noise at time 0 to data at time 1 and its network answers data - noise, so sigma is 1 - time and the
velocity the negative answer. Guidance runs the picture and no picture in one batch, in this order. What the package
brings beside shapes (textures, a page, a server) is not used.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.checkpoints import Checkpoint, Plan, hunyuan3d
from pipelines.checkpoints.fetching import needs_extra
from pipelines.checkpoints.found import check
from pipelines.checkpoints.planning import require
from pipelines.errors import ModelError, SettingsError
from pipelines.events import Done, Event, Note
from pipelines.flow import SCHEDULES, noise, sigma_grid, solve
from pipelines.flow.rules import rule_named
from pipelines.flow.types import Call, Velocity
from pipelines.media import Mesh, Picture
from pipelines.mesh.colouring import coloured, thinned
from pipelines.sampling import Clock, seeds_of
from pipelines.settings import MeshEditSettings, MeshSettings

BOX = 1.01  # half the side of the cube that its codec fills
GRID = 256  # cells along it; its makers' page takes as many
AT_ONCE = 8000  # points that its codec is asked about together


class PretrainedShapes:
    """Makes meshes from pictures; safe to share, it keeps no state of a run."""

    def __init__(self, pipeline: Any, grid: int = GRID) -> None:
        """``pipeline`` is a loaded Hunyuan3DDiTFlowMatchingPipeline; ``grid`` the cells along its cube."""
        self.pipeline, self.grid = pipeline, grid

    @classmethod
    def load(cls, found: Checkpoint, made: Plan) -> "PretrainedShapes":
        """The checkpoint, loaded from its folder.

        Raises:
            ModelError: its package is missing, or the folder is not whole.
            OutOfBudget: it does not fit this machine.
        """
        assert found.folder is not None
        check(found.folder)
        require(made)
        try:
            from hy3dgen.shapegen import Hunyuan3DDiTFlowMatchingPipeline as Kind
        except ImportError as error:
            raise ModelError(needs_extra("shapes by Hunyuan3D 2", "hunyuan3d")) from error
        folder = found.folder
        pipeline = Kind.from_single_file(
            str(folder / hunyuan3d.WEIGHTS), str(folder / hunyuan3d.CONFIG), device=made.device,
            dtype=getattr(torch, made.dtype), use_safetensors=True,
        )  # fmt: skip
        return cls(pipeline)

    def generate(self, settings: MeshSettings, picture: Picture | None = None) -> Iterator[Event[Mesh]]:
        """Make ``settings.count`` meshes of a ``picture``; closing the iterator stops it.

        Raises:
            SettingsError: there is no picture, or colours are asked for in a texture.
            ModelError: nothing solid came of it.
        """
        started = time.monotonic()
        if picture is None:
            raise SettingsError("image: is missing; Hunyuan3D 2 makes shapes of a picture, not of words")
        if settings.colours == "texture":
            raise SettingsError("colours: Hunyuan3D 2 makes shapes alone; choose 'none'")
        if settings.prompt.strip():
            yield Note("Hunyuan3D 2 reads the picture alone; the words are left out.")
        seeds = seeds_of(settings, settings.count)
        clock = Clock(settings.steps * settings.count, started)
        made, calls = [], 0
        for number, seed in enumerate(seeds):  # one after the other: its codec takes gigabytes
            velocity = self.velocity(picture, settings.guidance)
            start = noise(tuple(self.pipeline.vae.latent_shape), [seed])
            for step in solve(velocity, start, _levels(settings), rule_named(settings.solver)):
                yield clock.progress(number * settings.steps + step.done)
            calls += step.calls * (2 if settings.guidance != 1 else 1)
            made.append(coloured(thinned(self.mesh(step.state.value.float()), settings.faces), "none"))
        yield Done(tuple(made), tuple(seeds), calls, time.monotonic() - started)

    def edit(self, settings: MeshEditSettings, source: Mesh, brush: object = None) -> Iterator[Event[Mesh]]:
        """Hunyuan3D 2 edits nothing.

        Raises:
            ModelError: always; it says what does.
        """
        raise ModelError("model: Hunyuan3D 2 is published without what reads a mesh, so it edits none; use the starter")

    @torch.inference_mode()
    def velocity(self, picture: Picture, guidance: float) -> Velocity:
        """The velocity toward the shape of ``picture``, guided where ``guidance`` is not 1."""
        pipeline = self.pipeline
        told = pipeline.prepare_image(_image(picture))
        distilled = bool(getattr(pipeline.model, "guidance_embed", False))
        paired = guidance != 1 and not distilled
        condition = pipeline.encode_cond(
            image=told.pop("image"), additional_cond_inputs=told, do_classifier_free_guidance=paired,
            dual_guidance=False,
        )  # fmt: skip
        scale = torch.tensor([guidance], device=pipeline.device, dtype=pipeline.dtype) if distilled else None

        @torch.inference_mode()
        def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
            state = x.to(pipeline.device, pipeline.dtype)
            both = torch.cat([state] * 2) if paired else state
            when = (1 - sigma.to(both)).expand(both.shape[0])
            answer = pipeline.model(both, when, condition, guidance=scale)
            if paired:
                toward, away = answer.chunk(2)
                answer = away + guidance * (toward - away)
            return -answer.to(x).clone()

        return velocity

    @torch.inference_mode()
    def mesh(self, latent: Tensor) -> Mesh:
        """The surface of a latent [1, N, C], in the unit cube.

        Raises:
            ModelError: there is none, or a number is none.
        """
        if not torch.isfinite(latent).all():
            raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
        state = latent.to(self.pipeline.device, self.pipeline.dtype)
        (found,) = self.pipeline._export(
            state, box_v=BOX, mc_level=0.0, num_chunks=AT_ONCE, octree_resolution=self.grid, mc_algo=None,
            enable_pbar=False,
        )  # fmt: skip
        if found is None or not len(found.faces):
            raise ModelError("model: no solid came of it; try another seed, or a picture with a plain background")
        vertices = np.ascontiguousarray(found.vertices, dtype=np.float32) / (2 * BOX)
        return Mesh(vertices, np.ascontiguousarray(found.faces, dtype=np.int64))


def _levels(settings: MeshSettings) -> Tensor:
    if settings.schedule == "model":
        return torch.linspace(1, 0, settings.steps + 1, dtype=torch.float64)
    return sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, 3072))


def _image(picture: Picture) -> Any:
    from PIL import Image

    return Image.fromarray(picture.pixels, "RGBA")
