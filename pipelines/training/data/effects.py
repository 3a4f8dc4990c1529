"""Sounds made from nothing, with captions that are exact because their parameters are known.

Every maker takes a random generator and a number of samples at 24 kHz and returns (wave [n] float64, captions), where
any of the captions describes the wave; the loudness is set later.
"""

from pipelines.training.data.machines import MACHINES
from pipelines.training.data.nature import NATURE

MAKERS = (*NATURE, *MACHINES)
