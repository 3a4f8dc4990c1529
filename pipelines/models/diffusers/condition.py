"""A captured conditioning: what a pipeline tells its network, with the places where state and noise level go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError

Rebuild = Callable[[Tensor], Any]


@dataclass(frozen=True)
class Place:
    """How one argument of the network follows from the state: ``rebuild`` makes it of x."""

    key: int | str
    rebuild: Rebuild


@dataclass(frozen=True)
class Times:
    """An argument that follows from the noise level, element by element: slope x sigma + offset."""

    key: int | str
    slope: Tensor
    offset: Tensor
    dtype: torch.dtype

    def at(self, sigma: Tensor) -> Any:
        """Its value at ``sigma`` [B], in float32 until the end, as schedulers compute it."""
        level = sigma.float().to(self.slope.device)
        level = level.reshape(-1, *[1] * (self.slope.ndim - 1)) if self.slope.ndim else level[0]
        return (self.slope * level + self.offset).to(self.dtype)


@dataclass(frozen=True)
class Condition:
    """A captured conditioning, for ``batch`` samples.

    Attributes:
        args: positional arguments of the network, those of the state and of time as they were at the first probe.
        kwargs: the others.
        places: where the state goes.
        times: where the noise level goes.
        sign: of the network's answer, as a velocity.
        dims: which arguments have the batch as their first axis.
        moves: which tokens or frames, as the state's shape, the pipeline moves where it holds the others; None is all.
        own: the levels [steps + 1] that the pipeline's own schedule would walk, falling from 1 to 0.
        unknown: no vocabulary of ours reads these prompts.
        dropped: as ``unknown``.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    places: tuple[Place, ...]
    times: tuple[Times, ...]
    sign: float
    batch: int
    shape: tuple[int, ...]
    dims: frozenset[int | str] = frozenset()
    moves: Tensor | None = None
    own: Tensor | None = None
    unknown: tuple[tuple[str, ...], ...] = ((),)
    dropped: tuple[tuple[str, ...], ...] = ((),)

    def levels(self, start: float, end: float) -> Tensor:
        """The pipeline's own levels between ``start`` and ``end``, float64 [steps + 1]."""
        assert self.own is not None
        top = float(self.own[0])
        found = end + (start - end) * self.own.double() / top
        found[0], found[-1] = start, end
        return found

    def call(self, x: Tensor, sigma: Tensor) -> tuple[list[Any], dict[str, Any]]:
        """Arguments of the network for state ``x`` [B, *S] at ``sigma`` [B]."""
        args, kwargs = list(self.args), dict(self.kwargs)
        for key, value in [
            *((place.key, place.rebuild(x)) for place in self.places),
            *((time.key, time.at(sigma)) for time in self.times),
        ]:
            if isinstance(key, int):
                args[key] = value
            else:
                kwargs[key] = value
        return args, kwargs

    def velocity_of(self, answer: Any, x: Tensor) -> Tensor:
        """The velocity in what the network answered, in ``x``'s dtype."""
        found = first_of(answer)
        if isinstance(found, list | tuple):  # Z-Image answers a list of samples
            found = torch.stack(list(found))
        found = found[tuple(slice(0, size) for size in x.shape[: found.ndim])] if found.ndim == x.ndim else found
        velocity = self.sign * found.reshape(x.shape).to(x.dtype)
        return velocity if self.moves is None else velocity * self.moves.to(velocity)


def join(conditions: Sequence[Condition]) -> Condition:
    """Conditions one after the other in one batch.

    Raises:
        ModelError: they do not fit into one batch, as prompts of different lengths may not.
    """
    first = conditions[0]

    def joined(key: int | str, values: Sequence[Any]) -> Any:
        if key not in first.dims:
            return values[0]
        if isinstance(values[0], list | tuple):
            return [item for value in values for item in value]
        try:
            return torch.cat(list(values))
        except RuntimeError as error:
            raise ModelError(
                "features: the two descriptions have different lengths and cannot run as a pair; choose 'recompute'"
            ) from error

    args = tuple(joined(index, [each.args[index] for each in conditions]) for index in range(len(first.args)))
    kwargs = {key: joined(key, [each.kwargs[key] for each in conditions]) for key in first.kwargs}
    times = tuple(_wider(time, len(conditions)) for time in first.times)
    return replace(first, args=args, kwargs=kwargs, times=times, batch=sum(each.batch for each in conditions))


def _wider(time: Times, times: int) -> Times:
    if not time.slope.ndim:
        return time
    turns = (times, *[1] * (time.slope.ndim - 1))
    return replace(time, slope=time.slope.repeat(turns), offset=time.offset.repeat(turns))


def first_of(answer: Any) -> Any:
    """What a network answered first, whether as an object or as a tuple."""
    if hasattr(answer, "sample"):
        return answer.sample
    return answer[0] if isinstance(answer, tuple) else answer
