"""Reading a captured call: which arguments of a network are the state and the time, and what its answer means."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.models.diffusers.condition import Condition, Place, Rebuild, Times

PROBES = (1.0, 0.5)  # exact in every float format, so that the fit of the times is exact too
UNREAD = "model: where its state or its time goes could not be read off; editing it is not possible"
ENDS = "timestep_r"  # where a mean velocity ends; the velocity at a moment is the mean of no time at all


@dataclass
class Seen:
    """What passed through the network and the scheduler while a pipeline was listened to."""

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    answer: Any = None
    outputs: list[Tensor] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)
    own: Tensor | None = None


def read(seen: Seen) -> Condition:
    """The condition that two calls, at the levels of :data:`PROBES`, tell.

    Raises:
        ModelError: what is what cannot be told.
    """
    (args, kwargs), (later_args, later_kwargs) = seen.calls
    sample, batch = seen.samples[0], seen.samples[0].shape[0]
    before, after = _by_place(args, kwargs), _by_place(later_args, later_kwargs)
    moved = {key for key, value in before.items() if not _same(value, after[key])}
    places = tuple(
        Place(key, rebuild) for key in before if key in moved and (rebuild := _rebuilder(before[key], sample))
    )
    moves = None
    if not places:
        place, moves = _part(before, after, moved, sample)
        places, sample = (place,), before[place.key]
    taken = {place.key for place in places}
    times = [
        _fit(key, before[key], after[key]) for key in before if key in moved - taken and isinstance(before[key], Tensor)
    ]
    if not times:
        raise ModelError(UNREAD)
    held = Condition(
        tuple(args), dict(kwargs), places, _instant(times), 1.0, batch, tuple(sample.shape), _dims(before, batch),
        moves, seen.own,
    )  # fmt: skip
    return replace(held, sign=_sign(held, seen, sample))


def read_consistency(seen: Seen) -> Condition:
    """The condition of a model whose sampler takes consistency steps (sCM, arXiv 2410.11081).

    Its pipeline turns angles into noise levels and a flow's velocity into a consistency function around the network,
    so the network itself reads the state and its level as they are.

    Raises:
        ModelError: what is what cannot be told.
    """
    args, kwargs = seen.calls[0]
    if not args or not isinstance(args[0], Tensor) or not isinstance(kwargs.get("timestep"), Tensor):
        raise ModelError(UNREAD)
    state, level = args[0], kwargs["timestep"]
    dtype = state.dtype
    slope = torch.ones(level.shape, device=level.device)
    times = (Times("timestep", slope, torch.zeros_like(slope), level.dtype),)
    batch = state.shape[0]
    places = (Place(0, lambda x: x.to(dtype)),)
    dims = _dims(_by_place(args, kwargs), batch)
    own = torch.linspace(1, 0, 29, dtype=torch.float64)  # it has no levels of its own that an editor could walk
    return Condition(tuple(args), dict(kwargs), places, times, 1.0, batch, tuple(state.shape), dims, own=own)


def _by_place(args: Sequence[Any], kwargs: dict[str, Any]) -> dict[int | str, Any]:
    found: dict[int | str, Any] = dict(enumerate(args))
    found.update(kwargs)
    return found


def _part(
    before: dict[int | str, Any], after: dict[int | str, Any], moved: set[int | str], sample: Tensor
) -> tuple[Place, Tensor]:
    """The state where a pipeline steps a part of it alone: the argument whose moving tokens are that part, and which.

    Such pipelines hold their first frame. They may lay the rest out in an order of its own; so values are compared
    whatever their order.
    """
    for key in moved:
        value, later = before[key], after[key]
        if not isinstance(value, Tensor) or value.ndim not in (3, 5) or not value.is_floating_point():
            continue
        axis = 1 if value.ndim == 3 else 2  # of tokens, or of frames
        rest = [each for each in range(value.ndim) if each != axis]
        mask = (value != later).amax(rest, keepdim=True)
        if torch.equal(_moving(value, mask), _moving(sample.to(value.dtype), mask)):
            return Place(key, _held(value, mask)), mask
    raise ModelError(UNREAD)


def _held(value: Tensor, mask: Tensor) -> Rebuild:
    """The state where ``mask`` is, what was there elsewhere."""
    return lambda x: torch.where(mask, x.to(value.dtype), _repeated(value, x.shape[0]))


def _moving(values: Tensor, mask: Tensor) -> Tensor:
    """What moves of ``values`` in an order that does not depend on how it is laid out; all, where it is that part."""
    fits = values.ndim == mask.ndim and all(m in (1, v) for m, v in zip(mask.shape, values.shape, strict=True))
    return (values[mask.expand_as(values)] if fits else values).flatten().sort().values


def _sign(held: Condition, seen: Seen, sample: Tensor) -> float:
    """Of the network's answer, as the velocity that the pipeline hands its scheduler."""
    answer, output = held.velocity_of(seen.answer, sample).float(), seen.outputs[0].float()
    close = 1e-3 * float(output.abs().max())
    for sign in (1.0, -1.0):
        one, other = sign * answer, output
        if held.moves is not None:
            one, other = _moving(one, held.moves), _moving(other, held.moves)
        if other.any() and torch.allclose(one, other.reshape(one.shape), rtol=1e-2, atol=close):
            return sign
    raise ModelError("model: makes more of its network's answer than a sign; editing it is not possible")


def _rebuilder(value: Any, sample: Tensor) -> Rebuild | None:
    """How ``value`` is made of the state that is now ``sample``, or None when it is not."""
    if isinstance(value, list) and len(value) == sample.shape[0] and all(isinstance(v, Tensor) for v in value):
        parts = torch.stack(value)
        if parts.numel() == sample.numel() and _equal(parts.reshape(sample.shape), sample):
            shape, dtype = parts.shape[1:], parts.dtype
            return lambda x: [each.reshape(shape) for each in x.to(dtype)]
        return None
    if not isinstance(value, Tensor) or value.ndim != sample.ndim or not value.is_floating_point():
        return None
    dtype = value.dtype
    if value.shape == sample.shape:
        return (lambda x: x.to(dtype)) if _equal(value, sample) else None
    axes = [axis for axis in range(value.ndim) if value.shape[axis] != sample.shape[axis]]
    if len(axes) != 1 or axes[0] == 0 or value.shape[axes[0]] < sample.shape[axes[0]]:
        return None
    return _beside(value, sample, axes[0])


def _beside(value: Tensor, sample: Tensor, axis: int) -> Rebuild | None:
    """The state first, something constant behind it along ``axis``: a mask, a first frame, references."""
    size, dtype = sample.shape[axis], value.dtype
    if not _equal(value.narrow(axis, 0, size), sample):
        return None
    rest = value.narrow(axis, size, value.shape[axis] - size)
    return lambda x: torch.cat([x.to(dtype), _repeated(rest, x.shape[0])], axis)


def _repeated(rest: Tensor, batch: int) -> Tensor:
    return rest if rest.shape[0] == batch else rest.repeat(batch // rest.shape[0], *[1] * (rest.ndim - 1))


def _equal(value: Tensor, sample: Tensor) -> bool:
    return torch.equal(value, sample.to(value.device, value.dtype))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return not isinstance(one, Tensor | list)


def _fit(key: int | str, at_first: Tensor, at_second: Tensor) -> Times:
    slope = (at_first.double() - at_second.double()) / (PROBES[0] - PROBES[1])
    offset = at_first.double() - slope * PROBES[0]
    return Times(key, slope.float(), offset.float(), at_first.dtype)


def _instant(times: Sequence[Times]) -> tuple[Times, ...]:
    """``times`` where a mean velocity ends as it begins, if the network is told an end (MeanFlow, arXiv 2505.13447)."""
    start = next((time for time in times if time.key == "timestep"), None)
    return tuple(replace(start, key=ENDS) if time.key == ENDS and start is not None else time for time in times)


def _dims(before: dict[int | str, Any], batch: int) -> frozenset[int | str]:
    return frozenset(key for key, value in before.items() if _batched(key, value, batch))


def _batched(key: int | str, value: Any, batch: int) -> bool:
    if isinstance(value, Tensor):
        # Position ids of FLUX have no batch; one row of them is not one sample.
        return value.ndim > 0 and value.shape[0] == batch and not (str(key).endswith("_ids") and value.ndim == 2)
    return isinstance(value, list) and len(value) == batch
