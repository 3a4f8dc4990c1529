"""How exactly each rule walks held-out pictures into noise and back: ``python tests/bench/round_trip.py``.

Both ways use the same number of model calls and the prompt of the picture. PSNR is of the float pictures (range 2);
"exact" means that every bit of the float32 picture came back.
"""

import argparse
from pathlib import Path

import torch
from common import held_out, starter, table

from pipelines.flow import CLAMP, RULES, conditioned, sigma_grid, solve
from pipelines.flow.schedule import shift

RULE_NAMES = ("euler", "midpoint", "heun", "fireflow", "alf-float", "alf")


@torch.inference_mode()
def round_trip(model, x, prompts, rule, calls, batch=16):
    """(recovered, latents) after inverting ``x`` with about ``calls`` model calls and solving back."""
    up = sigma_grid(rule.steps_for(calls), shift(2.0), start=CLAMP, end=1.0)
    recovered, latents = [], []
    for first in range(0, len(x), batch):
        velocity = conditioned(model, model.encode(prompts[first : first + batch]))
        *_, top = solve(velocity, x[first : first + batch], up, rule)
        start = top.state if rule.reversible else top.state.value
        *_, back = solve(velocity, start, up.flip(0), rule)
        recovered.append(back.state.value.float())
        latents.append(top.state.value.float())
    return torch.cat(recovered), torch.cat(latents)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--images", type=int, default=64, help="pictures at 8 calls")
    parser.add_argument("--more-images", type=int, default=16, help="pictures at 16, 32 and 64 calls")
    parser.add_argument("--networks", nargs="+", default=["float32", "bfloat16"])
    options = parser.parse_args()
    rows = []
    for dtype in (getattr(torch, name) for name in options.networks):
        model = starter(dtype)
        for calls in (8, 16, 32, 64):
            x, prompts = held_out(options.data, options.images if calls == 8 else options.more_images)
            for name in RULE_NAMES if dtype == torch.float32 else ("midpoint", "alf-float", "alf"):
                y, latent = round_trip(model, x, prompts, RULES[name], calls)
                error = (y - x).square().mean().sqrt().item()
                exact = "bit-exact" if torch.equal(y, x) else f"{20 * torch.log10(torch.tensor(2 / error)):.1f} dB"
                kind = str(dtype).removeprefix("torch.")
                rows.append(
                    (kind, calls, name, len(x), exact, f"{error:.1e}", f"{latent.mean():+.3f}", f"{latent.std():.3f}")
                )
                print(rows[-1], flush=True)
    table(("network", "calls each way", "rule", "pictures", "round trip", "RMS", "noise mean", "noise spread"), rows)


if __name__ == "__main__":
    main()
