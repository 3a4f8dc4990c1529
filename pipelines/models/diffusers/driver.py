"""The driver: a scheduler that is our solver, so that a pipeline's own, unmodified call samples or inverts.

A pipeline of diffusers runs its own loop: it asks its scheduler for times, calls its network once at each, and hands
the answer to ``step``. A solver pulls: it asks for a velocity and goes on. :class:`Drive` joins the two. The pipeline
runs in a thread of its own, and its ``step`` is where it meets the solver: what it brings is the velocity that the
solver waits for, what it takes away is the state that the solver asks about next. So :func:`pipelines.flow.solve` stays
the only loop over time, every rule works, and guidance, packing and conditioning stay the pipeline's own.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import Rule
from pipelines.flow.solver import Step, solve
from pipelines.flow.types import Call
from pipelines.models.diffusers.meeting import Beside, Meeting, asking
from pipelines.models.diffusers.samplers import FLOW, WHY, flow_scheduler, settings_of, way_of

Grid = Callable[[Tensor], Tensor]  # the model's own falling levels [steps + 1] -> the levels to walk


@dataclass(frozen=True)
class Walk:
    """What a driver is to do: the ``rule``, which levels to walk, and whether a second state is ``held`` as it is."""

    rule: Rule
    grid: Grid = lambda own: own
    held: bool = False


def call_levels(rule: Rule, sigmas: Tensor) -> Tensor:
    """Levels [calls], float64, at which ``rule`` asks the model on ``sigmas``; learned by walking them with a zero."""
    levels: list[float] = []

    def listen(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        levels.append(call.sigma)
        return torch.zeros_like(x)

    for _ in solve(listen, torch.zeros(1, 1), sigmas, rule):
        pass
    return torch.tensor(levels, dtype=torch.float64)


class Driver:
    """The part of the scheduler that is ours; :func:`driver_type` joins it to the scheduler of diffusers.

    ``timesteps`` has one entry a model call and ``sigmas`` lines up with it, as pipelines expect; both in the model's
    own sense (0 to 1000, rising from data where ``invert_sigmas`` says so).
    """

    walk: Walk
    meeting: Meeting
    own: Tensor | None = None  # the model's own levels, as its scheduler lays them out
    stays: bool = False  # of a second state that is given

    def lay_out(self) -> None:
        """Replace the times that the scheduler has just set by those of the rule's calls."""
        inverted = self.config.invert_sigmas  # type: ignore[attr-defined]
        own = self.sigmas.double().cpu()  # type: ignore[has-type]
        self.own = 1 - own if inverted else own
        self.meeting.sigmas = self.walk.grid(self.own)
        calls = call_levels(self.walk.rule, self.meeting.sigmas)
        levels = torch.cat([calls, self.meeting.sigmas[-1:]])
        levels = (1 - levels if inverted else levels).float().to(self.timesteps.device)  # type: ignore[has-type]
        self.sigmas = levels
        self.timesteps = levels[:-1] * self.config.num_train_timesteps  # type: ignore[attr-defined]
        self.num_inference_steps = len(calls)

    def advance(self, output: Tensor, sample: Tensor) -> Tensor:
        """One meeting: the network's answer for the next state, in the answer's dtype."""
        backwards = self.config.invert_sigmas  # type: ignore[attr-defined]
        self._step_index = (self._step_index or 0) + 1  # type: ignore[has-type]
        state = self.meeting.bring(-output if backwards else output, sample)
        return state.to(output.device, output.dtype)


@cache
def driver_type() -> type:
    """The class of drivers; made when first asked for, because it brings in diffusers."""

    class FlowDriver(Driver, flow_scheduler()):  # type: ignore[misc]
        # Pipelines look at this signature to find out which arguments a scheduler takes.
        def set_timesteps(
            self,
            num_inference_steps: int | None = None,
            device: Any = None,
            sigmas: Any = None,
            mu: float | None = None,
            timesteps: Any = None,
        ) -> None:
            super().set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu, timesteps=timesteps)
            self.lay_out()

        def step(
            self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True, **options: Any
        ) -> Any:
            if options.get("per_token_timesteps") is not None:
                raise ModelError("model: this pipeline gives every token its own time, which no rule here can walk")
            state = sample if self.stays else self.advance(model_output, sample)
            if not return_dict:
                return (state,)
            from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
                FlowMatchEulerDiscreteSchedulerOutput as Output,
            )

            return Output(prev_sample=state)

        def __deepcopy__(self, memo: Any) -> "FlowDriver":
            # A pipeline with a second state (LTX-2's sound) copies its scheduler: the copy solves that state beside,
            # or hands it back where it was given.
            twin = copy.copy(self)
            if self.walk.held:
                twin.meeting, twin.stays = Meeting(), True
                return twin
            twin.meeting = Beside(self.walk.rule)
            self.meeting.beside.append(twin.meeting)
            return twin

    return FlowDriver


def driver_for(scheduler: Any, walk: Walk) -> Any:
    """A driver in the place of a pipeline's own ``scheduler``, with its shift.

    Raises:
        ModelError: the model is sampled by steps of its own, so no rule can walk it.
    """
    way = way_of(scheduler)
    if way != FLOW:
        raise ModelError(f"model: {WHY[way]}, so no other rule can walk it and nothing can be turned back")
    driver = driver_type()(**settings_of(scheduler))
    driver.walk, driver.meeting = walk, Meeting()
    return driver


class Drive:
    """One call of a pipeline, driven by a solver.

    Iterating yields a :class:`pipelines.flow.solver.Step` after each step; ``result`` is what the call returned.
    Closing the iterator makes the pipeline leave at its next step and waits until it has.
    """

    def __init__(self, run: Callable[[Any], Any], scheduler: Any, walk: Walk) -> None:
        """``run`` calls the pipeline with the scheduler that it is given."""
        self.driver = driver_for(scheduler, walk)
        self.result: Any = None
        self._run, self._walk = run, walk

    def steps(self) -> Iterator[Step]:
        """Run.

        Raises:
            ModelError: the pipeline failed, or ended early.
        """
        meeting: Meeting = self.driver.meeting
        thread = threading.Thread(target=self._call, name="pipeline", daemon=True)
        thread.start()
        try:
            meeting.ask(None)
            assert meeting.start is not None and meeting.sigmas is not None
            state: Step | None = None
            for state in solve(asking(meeting), meeting.start, meeting.sigmas, self._walk.rule):
                yield state
            assert state is not None
            meeting.give(state.state.value)
            thread.join()
            if meeting.failure is not None:
                raise meeting.failure
        finally:
            meeting.stop()
            thread.join()

    def _call(self) -> None:
        meeting: Meeting = self.driver.meeting
        try:
            self.result = self._run(self.driver)
        except BaseException as failure:
            meeting.end(failure)
        else:
            meeting.end()
