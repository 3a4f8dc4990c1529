"""The capture: what a pipeline tells its network, recorded once, so that an editor can ask for any velocity itself.

The pipeline's own call runs two steps at noise levels 1 and 1/2 and is left. Its network truly runs at the first; from
what goes in and what comes out :mod:`pipelines.models.diffusers.reading` reads off where the state stands among the
arguments, how times follow from noise levels, which part of the answer is the velocity and with which sign. No family
needs a table for this, and what the pipeline prepared (embeddings, ids, masks, a first frame) stays as it was made.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import ModelError
from pipelines.models.diffusers.condition import Condition
from pipelines.models.diffusers.meeting import Stopped
from pipelines.models.diffusers.reading import PROBES, Seen, read, read_consistency
from pipelines.models.diffusers.samplers import CONSISTENCY, flow_scheduler, settings_of, way_of


def capture(
    run: Callable[[Any], Any],
    scheduler: Any,
    networks: Sequence[torch.nn.Module],
    apart: Mapping[str, Any] | None = None,
) -> Condition:
    """Listen to a pipeline that ``run`` calls with the scheduler it is given; guidance must be off.

    ``apart`` are arguments of the network that take the place of the pipeline's own.

    Raises:
        ModelError: the sampler is no flow, or what the network is told cannot be read off.
    """
    consistency = way_of(scheduler) == CONSISTENCY
    probes = 1 if consistency else len(PROBES)
    seen = Seen()
    with listening(networks, seen, apart or {}), suppress(Stopped):
        run(_quiet_listener(scheduler) if consistency else _listener(scheduler, seen))
    if len(seen.calls) != probes or (not consistency and len(seen.samples) != probes):
        raise ModelError(
            f"model: called its network {len(seen.calls)} times in {probes} steps; editing it is not possible"
        )
    return read_consistency(seen) if consistency else read(seen)


def _quiet_listener(scheduler: Any) -> Any:
    """The model's own scheduler, which leaves the pipeline at its first step."""
    twin = copy.copy(scheduler)

    def step(*args: Any, **options: Any) -> Any:
        raise Stopped

    twin.step = step
    return twin


def _listener(scheduler: Any, seen: Seen) -> Any:
    class Listener(flow_scheduler()):  # type: ignore[misc]
        beside = False

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
            if self.beside:  # a second state stays where it is, so that it is read as a constant
                return (sample,) if not options.get("return_dict", True) else _Moved(sample)
            seen.outputs.append(-model_output if self.config.invert_sigmas else model_output)
            seen.samples.append(sample)
            if len(seen.samples) == len(PROBES):
                raise Stopped
            moved = 0.5 * sample + 0.25  # anything else, so that the second call shows where the state stands
            return (moved,) if not options.get("return_dict", True) else _Moved(moved)

        def __deepcopy__(self, memo: Any) -> "Listener":
            twin = copy.copy(self)
            twin.beside = True
            return twin

    return Listener(**settings_of(scheduler))


@dataclass
class _Moved:
    prev_sample: Tensor


@contextmanager
def listening(networks: Sequence[torch.nn.Module], seen: Seen, apart: Mapping[str, Any]) -> Iterator[None]:
    """Record calls of ``networks``; the first one runs, the second answers the same without running."""
    originals = [(network, network.__dict__.get("forward")) for network in networks]

    def listen(network: torch.nn.Module) -> None:
        forward = network.forward

        def heard(*args: Any, **kwargs: Any) -> Any:
            kwargs |= apart
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
