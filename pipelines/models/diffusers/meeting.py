"""Where a running pipeline and a solver meet: the one has a velocity, the other the state to go on from."""

import threading
from collections.abc import Callable
from contextlib import suppress

from torch import Tensor

from pipelines.errors import ModelError
from pipelines.flow.rules import Rule
from pipelines.flow.solver import solve
from pipelines.flow.types import Call

EARLY = "model: the pipeline ended before its solver did"


class Stopped(BaseException):
    """Raised inside a pipeline's call to leave it; no ``except Exception`` on the way may swallow it."""


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

    def watch(self, last: Tensor | None) -> Tensor | None:
        """For a side that only looks on: let the pipeline go on after ``last``, return what comes; None at the end."""
        with self._change:
            if last is not None:
                self._give(last)
            self._change.wait_for(lambda: self._brought is not None or self.ended or self.stopped)
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


class Beside(Meeting):
    """A second state of the same call, solved by the same rule in a thread of its own."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self._rule = rule
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
            for step in solve(asking(self), self.start, self.sigmas, self._rule):
                last = step
            self.give(last.state.value)


def asking(meeting: Meeting) -> Callable[[Tensor, Tensor, Call], Tensor]:
    """The velocity of a running pipeline. The first call's answer is there already: it brought the start along."""
    first = True

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        nonlocal first
        answer = meeting.ask(None if first else x)
        first = False
        return answer.to(x.dtype)

    return velocity
