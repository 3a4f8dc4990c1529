"""A pipeline of diffusers as a model of ours: it generates through its own call, and gives velocities to editors."""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import Rule
from pipelines.flow.solver import Step
from pipelines.flow.types import Site, Tap
from pipelines.models.diffusers import capture as capturing
from pipelines.models.diffusers.capture import Condition
from pipelines.models.diffusers.driver import Drive, Walk
from pipelines.models.diffusers.families import Family, family_of, multiple, spatial, temporal
from pipelines.models.diffusers.taps import Projection, projections, tapped

# What a guidance-distilled network is told while an edit runs: between the 1 of RF-Edit's inversion and the 5.5 of
# FlowEdit's target, and the same for both descriptions, so that equal descriptions cancel.
EDIT_EMBEDDED = 2.0


@dataclass(frozen=True)
class Ask:
    """What to make, in terms that every family has.

    Attributes:
        prompts: one a sample.
        negative: what to keep away from, or empty.
        guidance: scale; 1 is off.
        size: (height, width), (frames, height, width) or (samples,).
        steps: of the solver.
        seeds: one a sample, as diffusers draws from them; none for a given start.
        rate: frames a second, for families that ask.
        more: arguments of this family alone, such as lyrics or a first frame.
    """

    prompts: tuple[str, ...]
    size: tuple[int, ...]
    negative: str = ""
    guidance: float = 1.0
    steps: int = 2
    seeds: tuple[int, ...] = ()
    rate: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class DiffusersModel:
    """A loaded pipeline; safe to share: every run has its own copy of the pipeline object, over the same weights."""

    def __init__(self, pipeline: Any, name: str = "") -> None:
        self.pipeline, self.name = pipeline, name
        self.family: Family = family_of(type(pipeline).__name__)
        self._rows: int = 0

    @property
    def networks(self) -> tuple[torch.nn.Module, ...]:
        """The network, or the experts that take turns."""
        found = (getattr(self.pipeline, part, None) for part in ("transformer", "transformer_2"))
        return tuple(part for part in found if part is not None)

    @cached_property
    def places(self) -> tuple[Projection, ...]:
        """Projections of values that can be shared."""
        return projections(self.networks[0])

    @property
    def sites(self) -> tuple[Site, ...]:
        """Attention layers whose values can be shared. Taps see rows of the grid alone, so no row is text."""
        return tuple(Site(index, place.name, 0) for index, place in enumerate(self.places))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return getattr(self.networks[0], "compute_dtype", None) or self.networks[0].dtype  # type: ignore[return-value]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device(self.pipeline._execution_device)

    def drive(self, ask: Ask, rule: Rule, grid: Callable[[Tensor], Tensor] | None = None, **more: Any) -> Drive:
        """Its own call for ``ask``, walked by ``rule``; ``grid`` turns the model's own levels into those to walk.

        ``more`` are further arguments of the call, such as ``latents`` and ``output_type``.
        """
        call = {**self.arguments(ask), **more}
        return Drive(
            lambda driver: self._copy(driver, ask)(**call),
            self.pipeline.scheduler,
            Walk(rule, grid or (lambda own: own)),
        )

    def encode(self, prompts: Sequence[str], ask: Ask | None = None) -> Condition:
        """Listen to what the pipeline tells its network about ``prompts``; ``ask`` says size and further arguments.

        Raises:
            ModelError: editors cannot use this family.
        """
        assert ask is not None
        if not self.family.edits:
            raise ModelError(f"model: {self.family.title} {self.family.why_not}")
        quiet = replace(ask, prompts=tuple(prompts), negative="", guidance=1.0, seeds=tuple(range(len(prompts))))
        call = {**self.arguments(quiet), "output_type": "latent"}
        if self.family.embedded and self.distilled:
            call[self.family.embedded] = EDIT_EMBEDDED
        found = capturing.capture(
            lambda listener: self._copy(listener, quiet)(**call), self.pipeline.scheduler, self.networks
        )
        self.pipeline.maybe_free_model_hooks()
        return found

    @torch.no_grad()
    def velocity(self, x: Tensor, sigma: Tensor, condition: Condition, tap: Tap | None = None) -> Tensor:
        """Velocity [B, *S] in ``x``'s dtype at ``sigma`` [B]; the network runs in its own dtype."""
        place = x.to(self.device)
        args, kwargs = condition.call(place, sigma)
        network = self.network_at(float(sigma.max()))
        if tap is None:
            answer = network(*args, **kwargs)
        else:
            with tapped(self.networks, self.places, self.rows(x), self.family.grid_first, tap):
                answer = network(*args, **kwargs)
        return condition.velocity_of(answer, place).to(x)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        return x.shape[0], self.rows(x), max(place.last - place.first for place in self.places)

    def join(self, conditions: Sequence[Any]) -> Condition:
        """Conditions one after the other in one batch.

        Raises:
            ModelError: this family runs one prompt at a time.
        """
        if not self.family.pairs:
            raise ModelError(f"features: {self.family.title} cannot run two descriptions as a pair; choose 'recompute'")
        return capturing.join(conditions)

    def network_at(self, sigma: float) -> torch.nn.Module:
        """The expert that answers at a noise level."""
        boundary = getattr(self.pipeline.config, "boundary_ratio", None)
        low = boundary is not None and len(self.networks) > 1 and sigma < boundary
        return self.networks[1 if low else 0]

    def rows(self, x: Tensor) -> int:
        """Tokens of the grid in a state [B, *S]."""
        config: Any = self.networks[0].config
        patch = getattr(config, "patch_size", None) or (getattr(config, "all_patch_size", None) or (1,))[0]
        if x.ndim == 3:  # packed already, or a sound with time along one axis
            length = x.shape[2] if self.family.name == "stable-audio-3" else x.shape[1]
            return length // patch if self.family.medium == "audio" and isinstance(patch, int) else length
        sides = patch if isinstance(patch, tuple | list) else (getattr(config, "patch_size_t", None) or 1, patch, patch)
        count = 1
        for size, side in zip(x.shape[2:], tuple(sides)[-(x.ndim - 2) :], strict=True):
            count *= size // side
        return count

    def to_state(self, media: Tensor) -> Tensor:
        """Pixels or a wave in [-1, 1] as the state that the network knows, float32."""
        with torch.no_grad():
            return self.family.encode(self.pipeline, media.to(self.device)).cpu()

    def from_state(self, state: Tensor, size: tuple[int, ...]) -> Tensor:
        """The way back, on the CPU."""
        with torch.no_grad():
            return self.family.decode(self.pipeline, state.to(self.device), size).cpu()

    def check(self, size: tuple[int, ...]) -> None:
        """Refuse a size that the family's grid does not hold, naming the nearest that it does.

        Raises:
            ModelError: as said.
        """
        if self.family.medium == "audio":
            return
        side = multiple(self.family, self.pipeline)
        for name, value in zip(("height", "width"), size[-2:], strict=True):
            if value % side:
                near = max(side, round(value / side) * side)
                raise ModelError(f"{name}: {self.family.title} needs a multiple of {side}, got {value}; try {near}")
        step = temporal(self.pipeline)
        if self.family.medium == "video" and (size[0] - 1) % step:
            near = max(1, round((size[0] - 1) / step) * step + 1)
            raise ModelError(f"frames: {self.family.title} makes {step} k + 1 frames, got {size[0]}; try {near}")

    @property
    def distilled(self) -> bool:
        """Whether its network reads a guidance scale itself."""
        return bool(getattr(self.networks[0].config, "guidance_embeds", False))

    def arguments(self, ask: Ask) -> dict[str, Any]:
        """``ask`` in the words of this pipeline's call."""
        taken = inspect.signature(type(self.pipeline).__call__).parameters
        family = self.family
        call: dict[str, Any] = {"prompt": list(ask.prompts), "num_inference_steps": ask.steps, **family.always}
        if ask.seeds:
            call["generator"] = [torch.Generator().manual_seed(seed) for seed in ask.seeds]
        embedded = family.embedded if self.distilled else None
        if embedded:
            call[embedded] = ask.guidance
        if family.guidance in taken:
            call[family.guidance] = 1.0 - family.shifted if embedded else ask.guidance - family.shifted
        if family.negative and "negative_prompt" in taken and not embedded and ask.guidance != 1:
            call["negative_prompt"] = [ask.negative] * len(ask.prompts)
        call |= self._size(ask, taken) | dict(ask.more)
        return {name: value for name, value in call.items() if name in taken}

    def _size(self, ask: Ask, taken: Mapping[str, Any]) -> dict[str, Any]:
        if self.family.medium == "audio":
            from pipelines.models.diffusers.families import sample_rate

            seconds = ask.size[0] / sample_rate(self.pipeline)
            return {"audio_duration": seconds, "duration": seconds, "audio_duration_s": seconds}
        call: dict[str, Any] = {"height": ask.size[-2], "width": ask.size[-1]}
        if self.family.medium == "video":
            call |= {"num_frames": ask.size[0], "frames": ask.size[0]}
            if ask.rate is not None and "frame_rate" in taken:
                call["frame_rate"] = ask.rate
        return call

    def _copy(self, scheduler: Any, ask: Ask) -> Any:
        """The pipeline with another scheduler; what a call notes on itself stays on the copy."""
        made = copy.copy(self.pipeline)
        made.__dict__["scheduler"] = scheduler
        guider = getattr(self.pipeline, "guider", None)
        if guider is not None:
            made.__dict__["guider"] = guider.new(guidance_scale=ask.guidance)
        made.set_progress_bar_config(disable=True)
        return made

    def result_to_media(self, result: Any) -> Any:
        """What a call with ``return_dict=False`` returned first."""
        return result[0] if isinstance(result, tuple) else result


def steps_of(drive: Drive) -> Iterator[Step]:
    """The steps of a drive; closing stops it."""
    yield from drive.steps()


__all__ = ["Ask", "DiffusersModel", "spatial", "steps_of"]
