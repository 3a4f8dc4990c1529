"""What pictures, clips and sounds from checkpoints share: asking, running, looking on, editing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.checkpoints import Plan
from pipelines.checkpoints.used import Peak, Used, keep
from pipelines.edit import EditPlan, EditStep
from pipelines.errors import ModelError, SettingsError
from pipelines.events import Event, Note, Preview
from pipelines.flow import SCHEDULES, sigma_grid
from pipelines.flow.rules import rule_named
from pipelines.models.diffusers.driver import Drive
from pipelines.models.diffusers.loading import cached_steps
from pipelines.models.diffusers.lora import with_loras
from pipelines.models.diffusers.model import Ask, DiffusersModel
from pipelines.models.diffusers.own import OwnRun
from pipelines.sampling import Clock, edited

OVER = 1.25  # times its plan that a run may take before it is said
LOOK = 0.1  # part of the time so far that previews may take: decoding costs as much as steps on large models


@dataclass(frozen=True)
class Shown:
    """One finished run: what the pipeline returned, and how often its network was asked."""

    result: Any
    calls: int


class Running:
    """One checkpoint, ready to run; keeps no state of a run."""

    def __init__(self, model: DiffusersModel, plan: Plan) -> None:
        self.model, self.plan = model, plan

    def generate(
        self, ask: Ask, settings: Any, started: float, show: Callable[[Tensor], tuple[Any, ...]], **more: Any
    ) -> Iterator[Event[Any] | Shown]:
        """Events of the pipeline's own call, walked by the rule and the levels of ``settings``; the last is Shown."""
        _whole_interval(settings)
        if ask.negative and not self._takes_negative():
            yield Note(f"{self.model.family.title} knows no 'avoid'; those words are left out.")
        rule, steps = rule_named(settings.solver), settings.steps
        self.model.check(ask.size)
        with with_loras(self.model, settings.lora) as notes, cached_steps(self.model, self.plan.cache):
            for note in notes:
                yield Note(note)
            drive = self.model.drive(ask, rule, self._grid(settings, ask), return_dict=False, **more)
            clock, look = Clock(steps, started), Glance()
            calls = 0
            with Peak(self.model.before) as peak:
                for step in _closing(drive):
                    calls = step.calls
                    yield clock.progress(step.done)
                    if step.done < steps and look.due():
                        yield Preview(show(step.clean))
                        look.seen()
        yield from self._compared(peak)
        yield Shown(drive.result, calls)

    def _compared(self, peak: Peak) -> Iterator[Note]:
        """Keep what a run took beside its plan; a note where it was clearly more."""
        if self.model.before is None:
            return
        plan = self.plan
        used = Used(max(peak.memory, self.model.loaded), peak.graphics, plan.memory_bytes, plan.graphics_bytes)
        keep(plan.key, used)
        if used.over > OVER:
            took, planned = (used.graphics, used.planned_graphics) if plan.graphics_bytes else (
                used.memory, used.planned_memory
            )  # fmt: skip
            yield Note(f"This took {took / 1e9:.1f} GB of memory, {planned / 1e9:.1f} GB were planned for the model.")

    def edit(
        self, settings: Any, x: Tensor, size: tuple[int, ...], mask: Tensor | None, seed: int, **more: Any
    ) -> Iterator[EditStep]:
        """The editor that ``settings`` name on the state ``x``, velocities from what the pipeline told its network.

        Raises:
            ModelError: this editor cannot work with this model; the message says which can.
        """
        self.model.can_edit(settings.method)
        asked = {"steps": settings.steps, "size": size, "more": more}
        source = self.model.encode([settings.source_prompt], Ask(("",), **asked))
        target = self.model.encode([settings.prompt], Ask(("",), **asked))
        if source.moves is not None:  # a first frame that the model holds stays as it is
            held = source.moves.to(x.device, torch.float32)
            mask = held if mask is None else mask * held
        plan = EditPlan(self.model, source, target, settings.guidance, mask)
        levels = None if settings.schedule != "model" else source.levels
        yield from edited(plan, settings, x, [seed], self.model.rows(x), levels=levels, end=0.0)

    def _grid(self, settings: Any, ask: Ask) -> Callable[[Tensor], Tensor] | None:
        if settings.schedule == "model":
            return None
        tokens = max(1, ask.size[-1] * ask.size[-2] // 256) if len(ask.size) > 1 else 256
        return lambda own: sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, tokens))

    def _takes_negative(self) -> bool:
        return self.model.family.negative and not (self.model.family.embedded and self.model.distilled)


class Glance:
    """When to show a preview: at once, and then as long as looking takes a tenth of the time."""

    def __init__(self) -> None:
        self._begun = self._asked = time.monotonic()
        self._spent = 0.0

    def due(self) -> bool:
        """Whether there is time for one now."""
        self._asked = time.monotonic()
        return self._spent <= LOOK * (self._asked - self._begun)

    def seen(self) -> None:
        """One was made since :meth:`due`."""
        self._spent += time.monotonic() - self._asked


def _closing(drive: Drive | OwnRun) -> Iterator[Any]:
    steps = drive.steps()
    try:
        yield from steps
    finally:
        steps.close()  # type: ignore[attr-defined]


def _whole_interval(settings: Any) -> None:
    low, high = getattr(settings, "guidance_from", 0.0), getattr(settings, "guidance_to", 1.0)
    if (low, high) != (0.0, 1.0):
        raise SettingsError(f"guidance_from: checkpoints guide at every noise level; use 0 and 1, got {low} and {high}")


def finite(media: Tensor) -> Tensor:
    """``media``, or a ModelError where a number in it is none."""
    if not torch.isfinite(media).all():
        raise ModelError("model: the result is not finite; use fewer or more steps, less guidance, or dtype bfloat16")
    return media
