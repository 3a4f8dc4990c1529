"""How a model is sampled: along a flow, which any rule can walk both ways, or by steps of its own."""

import inspect
from functools import cache
from typing import Any, Literal

from pipelines.errors import ModelError

Way = Literal["flow", "noisy", "consistency"]
FLOW: Way = "flow"
NOISY: Way = "noisy"  # distilled; draws new noise at every step
CONSISTENCY: Way = "consistency"  # distilled; jumps to the end and back (sCM, LCM)
WHY: dict[Way, str] = {
    NOISY: "was distilled to draw new noise at every step",
    CONSISTENCY: "was distilled to jump to the end at every step and add new noise",
}


def way_of(scheduler: Any) -> Way:
    """How the model of a ``scheduler`` is sampled.

    Raises:
        ModelError: by no velocity at all, as diffusion models that predict noise.
    """
    name, config = type(scheduler).__name__, scheduler.config
    if "SCM" in name:
        return CONSISTENCY
    if config.get("stochastic_sampling"):
        return NOISY
    flows = "FlowMatch" in name or config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction"
    if not flows or "LCM" in name:
        raise ModelError(
            f"model: its sampler ({name}) follows no flow, which everything here does; choose a flow-matching model"
        )
    return FLOW


@cache
def flow_scheduler() -> type:
    """The Euler scheduler for flows of diffusers; imported when first asked for."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler


def settings_of(scheduler: Any) -> dict[str, Any]:
    """A scheduler's settings in the words of the Euler scheduler for flows; what has no place there is left out."""
    found = dict(scheduler.config)
    if found.get("flow_shift") is not None:
        found["shift"] = found["flow_shift"]
    taken = inspect.signature(flow_scheduler().__init__).parameters  # type: ignore[misc]
    return {name: value for name, value in found.items() if name in taken and name != "stochastic_sampling"}
