"""The ODE: noise levels, solver rules, one loop, guidance, noise."""

from pipelines.flow.guidance import conditioned, guided, interval, weighted
from pipelines.flow.noise import noise
from pipelines.flow.rules import ALF, RULES, Rule, State
from pipelines.flow.schedule import SCHEDULES, sigma_grid
from pipelines.flow.solver import Step, solve
from pipelines.flow.types import CLAMP, Call, FlowModel, Site, Tap, Velocity

__all__ = [
    "ALF", "CLAMP", "RULES", "SCHEDULES", "Call", "FlowModel", "Rule", "Site", "State", "Step", "Tap", "Velocity",
    "conditioned", "guided", "interval", "noise", "sigma_grid", "solve", "weighted",
]  # fmt: skip
