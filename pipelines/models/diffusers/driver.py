"""The driver: a scheduler that is our solver, so that a pipeline's own, unmodified call samples or inverts.

A pipeline of diffusers runs its own loop: it asks its scheduler for times, calls its network once at each, and hands
the answer to ``step``. A solver pulls: it asks for a velocity and goes on. :class:`Drive` joins the two. The pipeline
runs in a thread of its own, and its ``step`` is where it meets the solver: what it brings is the velocity that the
solver waits for, what it takes away is the state that the solver asks about next. So :func:`pipelines.flow.solve` stays
the only loop over time, every rule works, and guidance, packing and conditioning stay the pipeline's own.
"""

import copy
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import Rule
from pipelines.flow.solver import Step, solve
from pipelines.flow.types import Call

Grid = Callable[[Tensor], Tensor]  # the model's own falling levels [steps + 1] -> the levels to walk


EARLY = "model: the pipeline ended before its solver did"


class Stopped(BaseException):
    """Raised inside a pipeline's call to leave it; no ``except Exception`` on the way may swallow it."""


@dataclass(frozen=True)
class Walk:
    """What a driver is to do: the ``rule``, and which levels to walk."""

    rule: Rule
    grid: Grid = lambda own: own


def call_levels(rule: Rule, sigmas: Tensor) -> Tensor:
    """Levels [calls], float64, at which ``rule`` asks the model on ``sigmas``; learned by walking them with a zero."""
    levels: list[float] = []

    def listen(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        levels.append(call.sigma)
        return torch.zeros_like(x)

    for _ in solve(listen, torch.zeros(1, 1), sigmas, rule):
        pass
    return torch.tensor(levels, dtype=torch.float64)


class Meeting:
    """Where one state of a running pipeline meets its solver: both sides wait for each other here."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._brought: Tensor | None = None
        self._taken: Tensor | None = None
        self.start: Tensor | None = None
        self.sigmas: Tensor | None = None
        self.failure: BaseException | None = None
        self.ended = self.stopped = False
        self.beside: list[Meeting] = []

    def bring(self, velocity: Tensor, sample: Tensor) -> Tensor:
        """The pipeline's side: hand a velocity over, wait for the state to go on from."""
        with self._change:
            if self.start is None:
                self.start = sample.detach().float()
            self._brought, self._taken = velocity, None
            self._change.notify_all()
            self._change.wait_for(lambda: self._taken is not None or self.stopped)
            if self.stopped:
                raise Stopped
            assert self._taken is not None
            return self._taken

    def ask(self, x: Tensor | None) -> Tensor:
        """The solver's side: give the next state (None at the first call), wait for its velocity."""
        with self._change:
            if x is not None:
                self._give(x)
            self._change.wait_for(lambda: self._brought is not None or self.ended or self.stopped)
            if self._brought is None:
                raise self.failure or (Stopped() if self.stopped else ModelError(EARLY))
            return self._brought

    def give(self, x: Tensor) -> None:
        """The solver's side: the last state; no velocity is asked for."""
        with self._change:
            self._give(x)

    def _give(self, x: Tensor) -> None:
        self._taken, self._brought = x, None
        self._change.notify_all()

    def end(self, failure: BaseException | None = None) -> None:
        """The pipeline has returned or failed."""
        with self._change:
            self.ended, self.failure = True, failure
            self._change.notify_all()

    def stop(self) -> None:
        """Make the pipeline leave at its next step."""
        with self._change:
            self.stopped = True
            self._change.notify_all()
        for other in self.beside:
            other.stop()


class Driver:
    """The part of the scheduler that is ours; :func:`driver_type` joins it to the scheduler of diffusers.

    ``timesteps`` has one entry a model call and ``sigmas`` lines up with it, as pipelines expect; both in the model's
    own sense (0 to 1000, rising from data where ``invert_sigmas`` says so).
    """

    walk: Walk
    meeting: Meeting
    own: Tensor | None = None  # the model's own levels, as its scheduler lays them out

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
    from diffusers import FlowMatchEulerDiscreteScheduler

    class FlowDriver(Driver, FlowMatchEulerDiscreteScheduler):
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
            state = self.advance(model_output, sample)
            if not return_dict:
                return (state,)
            from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
                FlowMatchEulerDiscreteSchedulerOutput as Output,
            )

            return Output(prev_sample=state)

        def __deepcopy__(self, memo: Any) -> "FlowDriver":
            # A pipeline with a second state (LTX-2's sound) copies its scheduler: the copy solves that state beside.
            twin = copy.copy(self)
            twin.meeting = Beside(self.walk)
            self.meeting.beside.append(twin.meeting)
            return twin

    return FlowDriver


class Beside(Meeting):
    """A second state of the same call, solved by the same rule in a thread of its own."""

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self._walk = walk
        self._thread: threading.Thread | None = None

    def bring(self, velocity: Tensor, sample: Tensor) -> Tensor:
        """As of any meeting; the first one starts the solver."""
        if self._thread is None:
            self.start = sample.detach().float()
            self._thread = threading.Thread(target=self._solve, name="second state", daemon=True)
            self._thread.start()
        return super().bring(velocity, sample)

    def _solve(self) -> None:
        assert self.start is not None and self.sigmas is not None
        with suppress(Stopped):
            for step in solve(_asking(self), self.start, self.sigmas, self._walk.rule):
                last = step
            self.give(last.state.value)


def driver_for(scheduler: Any, walk: Walk) -> Any:
    """A driver in the place of a pipeline's own ``scheduler``, with its shift.

    Raises:
        ModelError: the scheduler adds fresh noise at every step, or is of no flow.
    """
    refuse(scheduler)
    driver = driver_type()(**settings_of(scheduler))
    driver.walk, driver.meeting = walk, Meeting()
    return driver


def settings_of(scheduler: Any) -> dict[str, Any]:
    """A scheduler's settings in the words of the Euler scheduler for flows; what has no place there is left out."""
    found = dict(scheduler.config)
    if found.get("flow_shift") is not None:
        found["shift"] = found["flow_shift"]
    taken = inspect.signature(driver_type().__mro__[2].__init__).parameters  # type: ignore[misc]
    return {name: value for name, value in found.items() if name in taken and name != "stochastic_sampling"}


def refuse(scheduler: Any) -> None:
    """Raise a ModelError that says what works instead, where a model's sampler is no differential equation."""
    name = type(scheduler).__name__
    config = scheduler.config
    if config.get("stochastic_sampling"):
        raise ModelError("model: draws new noise at every step, so it has no way back; use its base model")
    flows = "FlowMatch" in name or config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction"
    if not flows or "SCM" in name or "LCM" in name:
        raise ModelError(
            f"model: its sampler ({name}) is no flow that a solver could walk; FlowEdit and SDEdit may still work"
        )


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
            for state in solve(_asking(meeting), meeting.start, meeting.sigmas, self._walk.rule):
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


def _asking(meeting: Meeting) -> Callable[[Tensor, Tensor, Call], Tensor]:
    """The velocity of a running pipeline. The first call's answer is there already: it brought the start along."""
    first = True

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        nonlocal first
        answer = meeting.ask(None if first else x)
        first = False
        return answer.to(x.dtype)

    return velocity
