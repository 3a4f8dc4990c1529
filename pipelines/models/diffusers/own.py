"""A pipeline under its own sampler, watched step by step: for models that no other rule can sample."""

import copy
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import State
from pipelines.flow.solver import Step
from pipelines.models.diffusers.meeting import Meeting


class OwnRun:
    """One call of a pipeline under a copy of its own scheduler; the same to use as a :class:`Drive`."""

    def __init__(self, run: Callable[[Any], Any], scheduler: Any) -> None:
        """``run`` calls the pipeline with the scheduler that it is given."""
        self.meeting, self.result = Meeting(), None
        self._run, self._scheduler = run, self._watched(scheduler)

    def _watched(self, scheduler: Any) -> Any:
        twin = copy.copy(scheduler)

        @functools.wraps(scheduler.step)  # pipelines look at its signature
        def step(output: Tensor, timestep: Any, sample: Tensor, *args: Any, **options: Any) -> Any:
            index = twin.step_index or 0
            answer = type(scheduler).step(twin, output, timestep, sample, *args, **options)
            self.meeting.bring(_clean(twin, index, output, sample, answer), sample)
            return answer

        twin.step = step
        return twin

    def steps(self) -> Iterator[Step]:
        """Run; yields after each of its steps, with the clean estimate in the place of the state.

        Raises:
            ModelError: the pipeline failed, or ended without a step.
        """
        thread = threading.Thread(target=self._call, name="pipeline", daemon=True)
        thread.start()
        done, clean = 0, None
        try:
            while (clean := self.meeting.watch(clean)) is not None:
                done += 1
                yield Step(done, torch.zeros((), dtype=torch.float64), State(clean), clean, done)
            thread.join()
            if self.meeting.failure is not None:
                raise self.meeting.failure
            if not done:
                raise ModelError("model: the pipeline took no step")
        finally:
            self.meeting.stop()
            thread.join()

    def _call(self) -> None:
        try:
            self.result = self._run(self._scheduler)
        except BaseException as failure:
            self.meeting.end(failure)
        else:
            self.meeting.end()


def _clean(scheduler: Any, index: int, output: Tensor, sample: Tensor, answer: Any) -> Tensor:
    """What the model takes the result for at this step."""
    if hasattr(answer, "denoised") or (isinstance(answer, tuple) and len(answer) > 1):
        found = answer[1] if isinstance(answer, tuple) else answer.denoised
        return found.float() / scheduler.config.sigma_data
    return (sample - scheduler.sigmas[index].to(sample) * output).float()
