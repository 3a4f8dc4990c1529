"""Bytes that RF-Edit's shared values take under each policy, same picture: ``python tests/bench/memory.py``."""

import argparse
from pathlib import Path

import torch
from common import held_out, starter, table

from pipelines.edit import EditPlan, Sharing, rf_edit
from pipelines.flow import ALF, CLAMP, sigma_grid
from pipelines.flow.schedule import shift


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    model = starter()
    x, prompts = held_out(options.data, 1)
    plan = EditPlan(model, model.encode(prompts), model.encode(["blue heart, 3d"]), guidance=2.0)
    up = sigma_grid(options.steps, shift(2.0), start=CLAMP, end=1.0)
    rows, held, pictures = [], {}, {}
    for policy in ("cache", "recompute", "paired"):
        *_, step = rf_edit(plan, x, up, ALF, Sharing(options.steps, policy=policy))
        held[policy], pictures[policy] = step.held, step.clean
        gap = (step.clean - pictures["cache"]).abs().max().item()
        rows.append((policy, f"{step.held:,}", f"1/{held['cache'] / step.held:.1f}", step.calls, f"{gap:.1e}"))
    table(("policy", "peak bytes", "of cache", "model calls", "largest difference to cache"), rows)


if __name__ == "__main__":
    main()
