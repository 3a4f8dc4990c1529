"""The capture: what a pipeline tells its network, recorded once, so that an editor can ask for any velocity itself.

The pipeline's own call runs two steps at noise levels 1 and 1/2 and is left. Its network truly runs at the first; from
what goes in and what comes out it is read off where the state stands among the arguments, how times follow from noise
levels, which part of the answer is the velocity and with which sign. No family needs a table for this, and what the
pipeline prepared (embeddings, ids, masks, a first frame) stays as it was made.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.models.diffusers.driver import Stopped, driver_type, refuse, settings_of

PROBES = (1.0, 0.5)  # exact in every float format, so that the fit of the times is exact too
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
        found = _first(answer)
        if isinstance(found, list | tuple):  # Z-Image answers a list of samples
            found = torch.stack(list(found))
        found = found[tuple(slice(0, size) for size in x.shape[: found.ndim])] if found.ndim == x.ndim else found
        return self.sign * found.reshape(x.shape).to(x.dtype)


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


@dataclass
class _Seen:
    """What passed through the network and the scheduler while a pipeline was listened to."""

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    answer: Any = None
    outputs: list[Tensor] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)
    own: Tensor | None = None


def capture(run: Callable[[Any], Any], scheduler: Any, networks: Sequence[torch.nn.Module]) -> Condition:
    """Listen to a pipeline that ``run`` calls with the scheduler it is given; guidance must be off.

    Raises:
        ModelError: the sampler is no flow, or what the network is told cannot be read off.
    """
    refuse(scheduler)
    seen = _Seen()
    with listening(networks, seen):
        try:
            run(_listener(scheduler, seen))
        except Stopped:
            pass
    if len(seen.calls) != 2 or len(seen.samples) != 2:
        raise ModelError(f"model: called its network {len(seen.calls)} times in two steps; editing it is not possible")
    return _read(seen)


def _listener(scheduler: Any, seen: _Seen) -> Any:
    base = driver_type().__mro__[2]  # the scheduler of diffusers itself

    class Listener(base):  # type: ignore[misc, valid-type]
        def set_timesteps(
            self,
            num_inference_steps: int | None = None,
            device: Any = None,
            sigmas: Any = None,
            mu: float | None = None,
            timesteps: Any = None,
        ) -> None:
            super().set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu, timesteps=timesteps)
            own = self.sigmas.double().cpu()  # type: ignore[has-type]
            seen.own = 1 - own if self.config.invert_sigmas else own
            levels = torch.tensor([*PROBES, 0.0], device=self.timesteps.device)  # type: ignore[has-type]
            self.sigmas = 1 - levels if self.config.invert_sigmas else levels
            self.timesteps = self.sigmas[:-1] * self.config.num_train_timesteps

        def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
            seen.outputs.append(-model_output if self.config.invert_sigmas else model_output)
            seen.samples.append(sample)
            if len(seen.samples) == len(PROBES):
                raise Stopped
            moved = 0.5 * sample + 0.25  # anything else, so that the second call shows where the state stands
            return (moved,) if not options.get("return_dict", True) else _Moved(moved)

        def __deepcopy__(self, memo: Any) -> "Listener":
            raise ModelError(
                "model: makes sound beside its pictures, which editors cannot follow yet; it generates, and a silent "
                "video model edits"
            )

    return Listener(**settings_of(scheduler))


@dataclass
class _Moved:
    prev_sample: Tensor


@contextmanager
def listening(networks: Sequence[torch.nn.Module], seen: _Seen) -> Iterator[None]:
    """Record calls of ``networks``; the first one runs, the second answers the same without running."""
    originals = [(network, network.__dict__.get("forward")) for network in networks]

    def listen(network: torch.nn.Module) -> None:
        forward = network.forward

        def heard(*args: Any, **kwargs: Any) -> Any:
            seen.calls.append((args, kwargs))
            if len(seen.calls) == 1:
                seen.answer = forward(*args, **kwargs)
            return seen.answer

        network.forward = heard

    try:
        for network in networks:
            listen(network)
        yield
    finally:
        for network, original in originals:
            if original is None:
                network.__dict__.pop("forward", None)
            else:
                network.forward = original


def _by_place(args: Sequence[Any], kwargs: dict[str, Any]) -> dict[int | str, Any]:
    found: dict[int | str, Any] = dict(enumerate(args))
    found.update(kwargs)
    return found


def _read(seen: _Seen) -> Condition:
    (args, kwargs), (later_args, later_kwargs) = seen.calls
    sample, batch = seen.samples[0], seen.samples[0].shape[0]
    before, after = _by_place(args, kwargs), _by_place(later_args, later_kwargs)
    places: list[Place] = []
    times: list[Times] = []
    for key, value in before.items():
        rebuild = _rebuilder(value, sample)
        if rebuild is not None and not _same(value, after[key]):
            places.append(Place(key, rebuild))
        elif isinstance(value, Tensor) and not _same(value, after[key]):
            times.append(_fit(key, value, after[key]))
    if not places or not times:
        raise ModelError("model: where its state or its time goes could not be read off; editing it is not possible")
    dims = frozenset(key for key, value in before.items() if _batched(key, value, batch))
    held = Condition(
        tuple(args), dict(kwargs), tuple(places), tuple(times), 1.0, batch, tuple(sample.shape), dims, seen.own
    )
    answer = held.velocity_of(seen.answer, sample).float()
    output = seen.outputs[0].float().reshape(answer.shape)
    for sign in (1.0, -1.0):
        if output.any() and torch.allclose(sign * answer, output, rtol=1e-2, atol=1e-3 * float(output.abs().max())):
            return replace(held, sign=sign)
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
    axis, size = axes[0], sample.shape[axes[0]]
    if not _equal(value.narrow(axis, 0, size), sample):
        return None
    rest = value.narrow(axis, size, value.shape[axis] - size)  # a mask, a first frame, references
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


def _batched(key: int | str, value: Any, batch: int) -> bool:
    if isinstance(value, Tensor):
        # Position ids of FLUX have no batch; one row of them is not one sample.
        return value.ndim > 0 and value.shape[0] == batch and not (str(key).endswith("_ids") and value.ndim == 2)
    return isinstance(value, list) and len(value) == batch


def _first(answer: Any) -> Any:
    if hasattr(answer, "sample"):
        return answer.sample
    return answer[0] if isinstance(answer, tuple) else answer
