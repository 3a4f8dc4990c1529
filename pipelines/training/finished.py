"""What a run folder has come to, as the exports of all starters read it."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor


@dataclass(frozen=True)
class Finished:
    """A run to be shipped.

    Attributes:
        step: optimizer steps taken.
        seconds: that they took.
        seed: that batches and noise were drawn by.
        average: the averaged weights by name.
        metrics: rows (what, value) from ``metrics.json``, which the benches write; empty without it.
        remarks: one row for the card from ``notes.txt``; empty without it.
    """

    step: int
    seconds: float
    seed: int
    average: dict[str, Tensor]
    metrics: list[tuple[str, str]]
    remarks: list[tuple[str, str]]

    @classmethod
    def read(cls, run: Path) -> "Finished":
        """What is in the folder ``run`` of a :class:`pipelines.training.trainer.Trainer`."""
        progress = json.loads((run / "progress.json").read_text())
        metrics = json.loads((run / "metrics.json").read_text()) if (run / "metrics.json").exists() else []
        notes = (run / "notes.txt").read_text() if (run / "notes.txt").exists() else ""
        return cls(
            progress["step"],
            progress["seconds"],
            progress.get("seed", 0),  # runs that do not tell were all drawn by 0
            averages(run),
            [(what, value) for what, value in metrics],
            [("remarks", " ".join(notes.split()))] if notes else [],
        )

    @property
    def minutes(self) -> float:
        """How long it took."""
        return self.seconds / 60


def averages(run: Path) -> dict[str, Tensor]:
    """The averaged weights in a run's checkpoint."""
    tensors = load_file(run / "state.safetensors")
    return {name.removeprefix("average."): t for name, t in tensors.items() if name.startswith("average.")}


def millions(tensors: dict[str, Tensor]) -> float:
    """Parameters in millions."""
    return sum(tensor.numel() for tensor in tensors.values()) / 1e6
