"""One trainer for every starter: resumable, seeded, with an EMA and a log, from a model, batches and a loss.

A run is a folder: ``state.safetensors`` (weights, EMA, optimizer moments, step), ``progress.json`` (step, seconds and
seed, to look at) and ``log.csv``. Killed at any moment, it goes on from its last checkpoint with the batches that were
still to come.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.errors import StudioError

Loss = Callable[[nn.Module, int], Tensor]  # (model, step) -> scalar; draws its own batch by step


@dataclass(frozen=True)
class TrainSettings:
    """How long and how fast to train.

    Attributes:
        steps: optimizer steps of the whole run.
        warmup: steps of linear warm-up.
        decay: share of the run, at its end, over which the learning rate falls linearly to zero.
        muon_rate: learning rate of the matrices inside blocks (Muon, matched to AdamW's update size); 0 leaves them to
            AdamW, where bf16 is slow, in which Muon works.
        adam_rate: learning rate of everything else (AdamW).
        ema: decay of the weight average per step, warmed up as (1 + step) / (10 + step).
        seed: seeds initial weights, batches and noise.
        save_minutes: wall-clock minutes between checkpoints.
    """

    steps: int
    warmup: int = 100
    decay: float = 0.4
    muon_rate: float = 2e-3
    adam_rate: float = 1e-3
    weight_decay: float = 0.01
    ema: float = 0.998
    seed: int = 0
    save_minutes: float = 3.0

    def lasting(self, steps: int | None) -> "TrainSettings":
        """These settings for as many steps as are asked for, where any are."""
        return self if steps is None else replace(self, steps=steps)

    def rate(self, step: int) -> float:
        """Factor on both learning rates at ``step``: warm-up, constant, linear decay."""
        tail = max(1, round(self.steps * self.decay))
        return min(1.0, (step + 1) / max(1, self.warmup), max(0, self.steps - step) / tail)


def make_optimizers(model: nn.Module, settings: TrainSettings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside blocks where it has a rate, AdamW for embeddings, heads, norms and vectors."""
    muon: list[nn.Parameter] = []
    adam: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (muon if parameter.ndim == 2 and "blocks." in name and "offset" not in name else adam).append(parameter)
    if not settings.muon_rate:
        groups = [{"params": muon, "weight_decay": settings.weight_decay}, {"params": adam, "weight_decay": 0.0}]
        return [torch.optim.AdamW(groups, lr=settings.adam_rate, betas=(0.9, 0.98))]
    return [
        torch.optim.Muon(
            muon, lr=settings.muon_rate, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(adam, lr=settings.adam_rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


class Trainer:
    """Train ``model`` on ``loss`` in ``folder``; see the module for what the folder holds."""

    def __init__(self, model: nn.Module, loss: Loss, settings: TrainSettings, folder: Path) -> None:
        self.model, self.loss, self.settings, self.folder = model, loss, settings, folder
        self.optimizers = make_optimizers(model, settings)
        self.average = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.safetensors").exists():
            self._restore()

    def run(self, until: int | None = None, *, log_every: int = 20) -> Iterator[dict[str, float]]:
        """Train up to ``until`` (default: all) steps; yields one log row every ``log_every`` steps."""
        last = self.settings.steps if until is None else min(until, self.settings.steps)
        saved = mark = time.monotonic()
        losses: list[float] = []
        while self.step < last:
            losses.append(self._advance())
            if self.step % log_every == 0 or self.step == last:
                now = time.monotonic()
                self.seconds, mark, spent = self.seconds + now - mark, now, now - mark
                row = {
                    "step": self.step, "loss": sum(losses) / len(losses), "seconds": round(self.seconds, 1),
                    "steps_per_second": round(len(losses) / spent, 3),
                }  # fmt: skip
                losses.clear()
                self._log(row)
                yield row
            if time.monotonic() - saved > 60 * self.settings.save_minutes:
                saved = time.monotonic()
                self.save()
        self.save()

    def _advance(self) -> float:
        factor = self.settings.rate(self.step)
        for optimizer in self.optimizers:
            base = self.settings.muon_rate if isinstance(optimizer, torch.optim.Muon) else self.settings.adam_rate
            for group in optimizer.param_groups:
                group["lr"] = base * factor
        loss = self.loss(self.model, self.step)
        if not torch.isfinite(loss):
            raise StudioError(f"training: the loss is {loss.item()} at step {self.step}; lower the learning rates")
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        keep = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        parameters = [p.detach() for p in self.model.parameters()]
        torch._foreach_lerp_(list(self.average.values()), parameters, 1 - keep)
        self.step += 1
        return loss.item()

    def save(self) -> None:
        """Write a checkpoint; a crash in the middle leaves the former one whole."""
        tensors = {f"model.{k}": v.detach() for k, v in self.model.named_parameters()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for index, optimizer in enumerate(self.optimizers):
            for key, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{index}.{key}.{k}": v for k, v in state.items()}
        temporary = self.folder / "state.tmp"
        # The step travels inside the state: a crash before progress.json follows must not pair two checkpoints.
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, {"step": str(self.step)})
        os.replace(temporary, self.folder / "state.safetensors")
        progress = self.folder / "progress.tmp"
        progress.write_text(json.dumps({"step": self.step, "seconds": self.seconds, "seed": self.settings.seed}))
        os.replace(progress, self.folder / "progress.json")

    def _restore(self) -> None:
        path = self.folder / "state.safetensors"
        with safe_open(path, "pt") as state_file:
            self.step = int(state_file.metadata()["step"])
        if (self.folder / "progress.json").exists():
            self.seconds = float(json.loads((self.folder / "progress.json").read_text())["seconds"])
        tensors = load_file(path)
        parameters = dict(self.model.named_parameters())
        wanted = {k.removeprefix("model.") for k in tensors if k.startswith("model.")}
        if wanted != set(parameters):
            raise StudioError(f"{self.folder}: the checkpoint is of another model; use a new run folder")
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"model.{name}"])
                self.average[name] = tensors[f"average.{name}"].clone()
        for index, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"optimizer.{index}."):
                    _, _, row, name = key.split(".", 3)
                    state.setdefault(int(row), {})[name] = value
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

    def _log(self, row: dict[str, float]) -> None:
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
