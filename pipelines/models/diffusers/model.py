"""A pipeline of diffusers as a model of ours: it generates through its own call, and gives velocities to editors."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import Rule
from pipelines.flow.types import Site, Tap
from pipelines.models.diffusers.capture import capture
from pipelines.models.diffusers.codecs import spatial, temporal
from pipelines.models.diffusers.condition import Condition, join
from pipelines.models.diffusers.driver import Drive, Walk
from pipelines.models.diffusers.families import FROM_A_PICTURE, Family, family_of, multiple
from pipelines.models.diffusers.hearing import heard, hearing_rate, told_clean
from pipelines.models.diffusers.own import OwnRun
from pipelines.models.diffusers.samplers import FLOW, WHY, Way, way_of
from pipelines.models.diffusers.taps import Projection, projections, tapped

# What a guidance-distilled network is told while an edit runs: between the 1 of RF-Edit's inversion and the 5.5 of
# FlowEdit's target, and the same for both descriptions, so that equal descriptions cancel.
EDIT_EMBEDDED = 2.0
_WAITING = ("_all_hooks", "_offload_device", "_offload_gpu_id")


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
        sound: latents [1, channels, T, bands] of a sound that the pictures follow, from :meth:`DiffusersModel.hear`.
        more: arguments of this family alone, such as lyrics or a first frame.
    """

    prompts: tuple[str, ...]
    size: tuple[int, ...]
    negative: str = ""
    guidance: float = 1.0
    steps: int = 2
    seeds: tuple[int, ...] = ()
    rate: float | None = None
    sound: Tensor | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class DiffusersModel:
    """A loaded pipeline; safe to share: every run has its own copy of the pipeline object, over the same weights."""

    def __init__(self, pipeline: Any, name: str = "") -> None:
        self.pipeline, self.name = pipeline, name
        self.family: Family = family_of(type(pipeline).__name__)
        self.before: int | None = None  # bytes that the program took before this was loaded
        self.loaded = 0  # most bytes that loading took

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

    @cached_property
    def from_a_picture(self) -> "DiffusersModel | None":
        """The same weights under the pipeline that starts from a picture, where they were made for one."""
        import diffusers

        name = FROM_A_PICTURE.get(type(self.pipeline).__name__)
        if self.family.first_frame:
            return self
        if name is None or (name.startswith("Wan") and not self.pipeline.config.expand_timesteps):
            return None
        kind = getattr(diffusers, name)
        taken = inspect.signature(kind.__init__).parameters
        made = kind(**{key: value for key, value in self.pipeline.config.items() if key in taken and key[0] != "_"}
                    | {key: value for key, value in self.pipeline.components.items() if key in taken})  # fmt: skip
        # Parts that wait in memory until they are needed are known to the pipeline that they were loaded with.
        made.__dict__ |= {key: value for key, value in self.pipeline.__dict__.items() if key in _WAITING}
        return DiffusersModel(made, self.name)

    @property
    def way(self) -> Way:
        """How it is sampled; anything but a flow has no way back."""
        return way_of(self.pipeline.scheduler)

    @property
    def mean(self) -> bool:
        """Whether its network is told where a step ends and answers with the mean velocity on the way (MeanFlow)."""
        return bool(getattr(self.networks[0].config, "use_meanflow", False))

    def drive(
        self, ask: Ask, rule: Rule, grid: Callable[[Tensor], Tensor] | None = None, **more: Any
    ) -> Drive | OwnRun:
        """Its own call for ``ask``, walked by ``rule``; ``grid`` turns the model's own levels into those to walk.

        ``more`` are further arguments of the call, such as ``latents`` and ``output_type``.

        Raises:
            ModelError: the model was made to be sampled in its own way alone.
        """
        call = {**self.arguments(ask), **more}
        held = ask.sound is not None

        def run(scheduler: Any) -> Any:
            with told_clean(self.networks) if held else nullcontext():
                return self._copy(scheduler, ask)(**call)

        if self.way == FLOW:
            if self.mean and rule.name != "euler":
                raise ModelError(
                    f"solver: {self.family.title} answers for whole steps (MeanFlow), so only 'euler' can sample it"
                )
            return Drive(run, self.pipeline.scheduler, Walk(rule, grid or (lambda own: own), held))
        if held:
            raise ModelError(f"sound: {self.family.title} {WHY[self.way]}, so no sound can lead it; leave it out")
        if rule.name != "euler" or grid is not None:
            raise ModelError(
                f"solver: {self.family.title} {WHY[self.way]}, which it does itself; choose 'euler' and the spacing "
                "'model', which leave that to it"
            )
        return OwnRun(run, self.pipeline.scheduler)

    def can_edit(self, method: str) -> None:
        """Refuse an editor that cannot work with this model.

        Raises:
            ModelError: it says which editors can.
        """
        if not self.family.edits:
            raise ModelError(f"model: {self.family.title} {self.family.why_not}")
        if method == "rf-edit" and self.way != FLOW:
            raise ModelError(
                f"method: {self.family.title} {WHY[self.way]}, so nothing can be turned back; 'flowedit' and 'sdedit' "
                "work with it, or take the base model that it was distilled from"
            )

    def encode(self, prompts: Sequence[str], ask: Ask | None = None) -> Condition:
        """Listen to what the pipeline tells its network about ``prompts``; ``ask`` says size and further arguments.

        Raises:
            ModelError: editors cannot use this family.
        """
        assert ask is not None
        self.can_edit("")
        quiet = replace(ask, prompts=tuple(prompts), negative="", guidance=1.0, seeds=tuple(range(len(prompts))))
        call = {**self.arguments(quiet), "output_type": "latent", **self.family.quiet}
        if self.family.embedded and self.distilled:
            call[self.family.embedded] = EDIT_EMBEDDED
        found = capture(
            lambda listener: self._copy(listener, quiet)(**call), self.pipeline.scheduler, self.networks,
            self.family.apart,
        )  # fmt: skip
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
        return join(conditions)

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

    def hear(self, wave: Tensor, seconds: float) -> Tensor:
        """A sound for :class:`Ask`: ``wave`` [channels, N] at :attr:`hearing_rate`, no shorter than ``seconds``."""
        return heard(self.pipeline, wave, seconds).cpu()

    @property
    def hearing_rate(self) -> int:
        """Samples a second of what :meth:`hear` is given."""
        return hearing_rate(self.pipeline)

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
        if "intermediate_timesteps" in taken and ask.steps != 2:
            call["intermediate_timesteps"] = None  # SANA-Sprint has one for two steps alone
        if family.negative and "negative_prompt" in taken and not embedded and ask.guidance != 1:
            call["negative_prompt"] = [ask.negative] * len(ask.prompts)
        if ask.sound is not None:
            call["audio_latents"] = ask.sound.to(self.device).expand(len(ask.prompts), -1, -1, -1)
            call |= family.follows or {}
        call |= self._size(ask, taken) | dict(ask.more)
        if family.each_its_picture and "image" in call:
            call["image"] = [call["image"]] * len(ask.prompts)
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
        if self.family.own_size:
            sizes = copy.copy(made.video_processor)
            sizes.calculate_default_height_width = lambda height, width, target_size: ask.size[-2:]
            made.__dict__["video_processor"] = sizes
        made.set_progress_bar_config(disable=True)
        return made


__all__ = ["Ask", "DiffusersModel", "spatial"]
