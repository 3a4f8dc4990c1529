"""Public checkpoints: which one is meant, whether it is here, what it needs, and fetching it. Runs without torch."""

from pipelines.checkpoints.fetching import fetch
from pipelines.checkpoints.found import Checkpoint, find
from pipelines.checkpoints.planning import Means, Plan, measured, plan

__all__ = ["Checkpoint", "Means", "Plan", "fetch", "find", "measured", "plan"]
