"""Edits with known answers: ``python tests/bench/edits.py``.

Pairs of real pictures of one style whose names differ in one word ("blue heart" -> "green heart") have a true target.
Reported per method: RMS distance of the edit to the true target (range 2), the share of edits nearer to the target
than to the source, and PSNR against the source where source and true target agree. A source left alone stands first.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import torch
from common import starter, table

from pipelines.backbone.text import split_words
from pipelines.edit import EditPlan, Sharing, flow_edit, magic_mix, rf_edit, sde_edit
from pipelines.edit.types import EditStep, counted
from pipelines.flow import CLAMP, RULES, noise, sigma_grid
from pipelines.flow.schedule import shift
from pipelines.flow.types import Call
from pipelines.training.data.stickers import StickerSet


def pairs_of(stickers, count):
    """(source rows, target rows) of ``count`` one-word pairs, spread evenly over all that exist."""
    groups = defaultdict(list)
    for row, item in enumerate(stickers.items):
        words = split_words(item.name)
        if "skin" in words or len(words) < 2:
            continue
        for place in range(len(words)):
            groups[item.style, tuple(words[:place]), tuple(words[place + 1 :])].append(row)
    pairs = []
    for rows in groups.values():  # a few of each: "man X" and "X face" would be nearly all pairs otherwise
        every = [(a, b) for a in rows for b in rows if a != b]
        pairs += [every[i * len(every) // 6] for i in range(6)] if len(every) > 6 else every
    pairs = [pairs[i * len(pairs) // count] for i in range(min(count, len(pairs)))]
    return [a for a, _ in pairs], [b for _, b in pairs]


def scores(result, source, target):
    """(distance to target, nearer to target, PSNR kept), each [B]."""

    def rms(d):
        return d.flatten(1).square().mean(1).sqrt()

    agree = ((source - target).abs().amax(1, keepdim=True) < 0.05).expand_as(source)
    error = ((result - source).square() * agree).flatten(1).sum(1) / agree.flatten(1).sum(1).clamp(min=1)
    to_target, to_source = rms(result - target), rms(result - source)
    return to_target, (to_target < to_source).float(), 20 * torch.log10(2 / error.sqrt().clamp(min=1e-4))


def grid(calls, start, rising=False):
    """Levels for ``calls`` steps between ``start`` and the clamp."""
    down = sigma_grid(calls, shift(2.0), start=start, end=CLAMP)
    return down.flip(0) if rising else down


def direct_edit(plan, x, up):
    """DirectEdit's stored residual (ICML 2026), without its value sharing.

    Euler there, and Euler back plus what the way back of the source would have missed, so that between equal
    descriptions it returns the source.
    """
    plan, model = counted(plan)
    source, target = plan.source_velocity(), plan.target_velocity()
    state, velocities, steps = x, [], len(up) - 1

    def at(velocity, state, index):
        return velocity(state, up[index].float().expand(len(x)), Call(index, 0, float(up[index])))

    for index in range(steps):
        velocities.append(at(source, state, index))
        state = state + (up[index + 1] - up[index]).float() * velocities[-1]
    velocities.append(at(source, state, steps))
    for index in range(steps, 0, -1):
        h = (up[index - 1] - up[index]).float()
        residual = h * (velocities[index - 1] - velocities[index])
        state = state + h * at(target, state, index) + residual
        yield EditStep(2 * steps - index + 1, 2 * steps, state, model.calls)


def methods(steps):
    """Name -> function (plan, x, e, seeds) -> edit steps."""
    found = {}
    for start in (0.8, 1.0):
        found[f"SDEdit from {start}"] = lambda p, x, e, s, a=start: sde_edit(p, x, grid(steps, a), e)
        found[f"FlowEdit from {start}"] = lambda p, x, e, s, a=start: flow_edit(p, x, grid(steps, a), s)
        found[f"MagicMix from {start}"] = lambda p, x, e, s, a=start: magic_mix(p, x, grid(steps, a), e)
        found[f"DirectEdit from {start}"] = lambda p, x, e, s, a=start: direct_edit(p, x, grid(steps, a, rising=True))
        for name in ("midpoint", "fireflow", "alf"):
            n = RULES[name].steps_for(steps)
            for share in (0, 2):
                found[f"RF-Edit {name} from {start}, values shared for {share}"] = (
                    lambda p, x, e, s, a=start, r=RULES[name], n=n, k=share: rf_edit(
                        p, x, grid(n, a, rising=True), r, Sharing(k)
                    )
                )
    return found


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--steps", type=int, nargs="+", default=[16])
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 2.5, 4.0])
    parser.add_argument("--only", nargs="+", default=[""], help="methods whose name contains one of these")
    options = parser.parse_args()
    stickers = StickerSet.load(options.data)
    sources, targets = pairs_of(stickers, options.pairs)
    pictures = torch.from_numpy(stickers.pictures).permute(0, 3, 1, 2)
    source, target = (pictures[rows].float() / 127.5 - 1 for rows in (sources, targets))
    model = starter()
    prompts = [[f"{stickers.items[r].name}, {stickers.items[r].style}" for r in rows] for rows in (sources, targets)]
    seeds = list(range(len(sources)))
    e = noise(source.shape[1:], seeds)
    d, near, _ = scores(source, source, target)
    rows = [("source untouched", "-", 0, f"{d.mean():.3f}", f"{near.mean():.2f}", "-")]
    for guidance in options.guidance:
        plan = EditPlan(model, model.encode(prompts[0]), model.encode(prompts[1]), guidance)
        for name, method in [pair for steps in options.steps for pair in methods(steps).items()]:
            if any(part in name for part in options.only):
                *_, step = method(plan, source, e, seeds)
                d, near, kept = scores(step.clean.clamp(-1, 1), source, target)
                calls = step.calls
                rows.append((name, guidance, calls, f"{d.mean():.3f}", f"{near.mean():.2f}", f"{kept.mean():.1f} dB"))
                print(rows[-1], flush=True)
    table(("method", "guidance", "model calls", "distance to target", "nearer to target", "kept"), rows)


if __name__ == "__main__":
    main()
