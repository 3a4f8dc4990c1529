"""Model cards: what a weight file was trained on, how long, and what it cannot do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.training.data.packages import Package


@dataclass(frozen=True)
class Card:
    """Facts of one trained starter.

    Attributes:
        name: of the weights folder.
        summary: one sentence on what it does.
        packages: data it was trained on.
        facts: rows of the training table: steps, samples, seconds, parameters, settings.
        limits: what it cannot do, a sentence each.
        metrics: rows measured by ``tests/bench``; empty until measured.
    """

    name: str
    summary: str
    packages: Sequence[Package]
    facts: Sequence[tuple[str, str]]
    limits: Sequence[str]
    metrics: Sequence[tuple[str, str]] = field(default=())

    def markdown(self) -> str:
        """The card as a README."""
        data = "\n".join(
            f"| `{p.name}` {p.version} ({p.registry}) | {p.licence} | {p.use} | `{p.sha256[:16]}` |"
            for p in self.packages
        )
        facts = "\n".join(f"| {key} | {value} |" for key, value in self.facts)
        metrics = "\n".join(f"| {key} | {value} |" for key, value in self.metrics)
        measured = f"\n## Measured\n| what | value |\n|---|---|\n{metrics}\n" if metrics else ""
        limits = "\n".join(f"- {limit}" for limit in self.limits)
        return (
            f"# {self.name}\n\n{self.summary}\n\nLicence of the weights: Apache-2.0. Format: bf16 safetensors.\n\n"
            f"## Data\n| package | licence | use | sha256 |\n|---|---|---|---|\n{data}\n\n"
            f"## Training\n| what | value |\n|---|---|\n{facts}\n{measured}\n## Limits\n{limits}\n"
        )

    def save(self, folder: Path) -> None:
        """Write it beside the weights."""
        (folder / "README.md").write_text(self.markdown())
