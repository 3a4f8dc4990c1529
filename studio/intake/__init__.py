"""The gate: every file that a person drops or uploads is told apart, measured and cleaned here before it is used."""

from studio.intake.gate import Taken, take
from studio.intake.limits import LIMITS, Limits
from studio.intake.upload import Facts, clean_name

__all__ = ["LIMITS", "Facts", "Limits", "Taken", "clean_name", "take"]
