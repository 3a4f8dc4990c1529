"""What every editor takes and yields."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch import Tensor

from pipelines.flow.guidance import conditioned, guided
from pipelines.flow.types import FlowModel, Tap, Velocity


@dataclass(frozen=True)
class EditPlan:
    """One edit, whatever the method.

    Attributes:
        model: where velocities come from.
        source: condition that describes ``x``.
        target: condition that describes what it should become.
        guidance: pull from source to target; 1 is off. The source description is the negative branch, so an edit
            between equal descriptions is the identity at every guidance scale.
        mask: weights [B or 1, 1, *S] in [0, 1], 0 where nothing may change; None edits everything.
    """

    model: FlowModel
    source: Any
    target: Any
    guidance: float = 1.0
    mask: Tensor | None = None

    def source_velocity(self) -> Velocity:
        """Velocity under the source description alone."""
        return conditioned(self.model, self.source)

    def target_velocity(self) -> Velocity:
        """Velocity under the target description, guided away from the source description."""
        return guided(conditioned(self.model, self.target), conditioned(self.model, self.source), self.guidance)


class CountedModel:
    """A model that counts its calls; every branch of a guided velocity is one."""

    def __init__(self, model: FlowModel) -> None:
        self._model, self.calls = model, 0
        self.sites, self.value_dtype = model.sites, model.value_dtype

    def velocity(self, x: Tensor, sigma: Tensor, condition: Any, tap: Tap | None = None) -> Tensor:
        """Count and pass on."""
        self.calls += 1
        return self._model.velocity(x, sigma, condition, tap)

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Pass on."""
        return self._model.value_shape(x)

    def join(self, conditions: Sequence[Any]) -> Any:
        """Pass on."""
        return self._model.join(conditions)


def counted(plan: EditPlan) -> tuple[EditPlan, CountedModel]:
    """``plan`` over a model that counts, and that model."""
    model = CountedModel(plan.model)
    return replace(plan, model=model), model


class EditStep(NamedTuple):
    """Progress of an edit; the ``clean`` of its last step is the result.

    Attributes:
        done: steps finished.
        total: steps of the whole edit, inversion included.
        clean: estimate of the edited signal [B, *S].
        calls: model calls so far.
        held: most bytes that shared values have taken so far.
    """

    done: int
    total: int
    clean: Tensor
    calls: int
    held: int = 0
