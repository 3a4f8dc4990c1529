"""Edits with known answers: ``python tests/bench/edits.py``.

Pairs of real pictures of one style whose names differ in one word ("blue heart" -> "green heart") have a true target.
Reported per method: RMS distance of the edit to the true target (range 2), the share of edits nearer to the target
than to the source, and PSNR against the source where source and true target agree. A source left alone stands first.
Each method has the start level, guidance and sharing that were best for it at 16 model calls on other pairs; a model
call is one run of the network for one description.
"""

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Method:
    """An editor with what is searched of it.

    ``run`` takes (plan, x, e, seeds, steps, knobs) and gives edit steps; ``price`` takes knobs and gives the model
    calls of one step and those that come once.
    """

    name: str
    knobs: dict[str, tuple[float, ...]]
    run: Callable[..., Iterator[EditStep]]
    price: Callable[[dict[str, float]], tuple[int, int]]

    def settings(self):
        """Every combination of the knobs."""
        return [dict(zip(self.knobs, values, strict=True)) for values in itertools.product(*self.knobs.values())]

    def steps(self, calls, knobs):
        """Most steps that ``calls`` model calls pay for; 0 where they pay for none."""
        each, once = self.price(knobs)
        return max(0, (calls - once) // each)


def branches(knobs):
    """Model calls of one guided velocity."""
    return 1 if knobs["guidance"] == 1 else 2


COMMON = {"start": (0.9, 1.0), "guidance": (1.0, 2.0, 3.0)}


def noised(editor):
    """SDEdit or MagicMix."""
    return lambda plan, x, e, seeds, steps, k: editor(plan, x, grid(steps, k["start"]), e)


def flow(rule, fresh):
    """FlowEdit's difference equation by a rule, with fresh or with one noise."""
    return lambda plan, x, e, seeds, steps, k: flow_edit(
        plan, x, grid(steps, k["start"]), seeds, rule=RULES[rule], fresh=fresh
    )


def inverting(rule):
    """RF-Edit by a rule; 'share' is the part of the way back that shares values."""
    return lambda plan, x, e, seeds, steps, k: rf_edit(
        plan, x, grid(steps, k["start"], rising=True), RULES[rule],
        Sharing(round(k["share"] * steps), policy="cache", budget=10**11),
    )  # fmt: skip


def rf(title, name):
    """RF-Edit's row by a rule, first calls of both ways counted."""
    rule = RULES[name]

    def price(knobs):
        # A reversible rule asks both descriptions at the turn; the others begin their way back as they began.
        turn = 2 if rule.reversible else rule.start_calls * branches(knobs)
        return rule.calls * (1 + branches(knobs)), rule.start_calls + turn

    return Method(title, {**COMMON, "share": (0.0, 0.25)}, inverting(name), price)


METHODS = (
    Method("SDEdit", COMMON, noised(sde_edit), lambda k: (branches(k), 0)),
    Method("MagicMix", COMMON, noised(magic_mix), lambda k: (branches(k), 0)),
    Method("FlowEdit", COMMON, flow("euler", True), lambda k: (1 + branches(k), 0)),
    Method("FlowEdit, one noise", COMMON, flow("euler", False), lambda k: (1 + branches(k), 0)),
    Method("FlowEdit, one noise, second order (AB2)", COMMON, flow("ab2", False), lambda k: (1 + branches(k), 0)),
    Method(
        "Euler + stored residual (DirectEdit)", COMMON,
        lambda plan, x, e, seeds, steps, k: direct_edit(plan, x, grid(steps, k["start"], rising=True)),
        lambda k: (1 + branches(k), 1),
    ),
    rf("Euler + values", "euler"),
    rf("midpoint + values (published RF-Edit)", "midpoint"),
    rf("FireFlow + values", "fireflow"),
    rf("bit-exact leapfrog + values", "alf"),
)  # fmt: skip


class Cases:
    """Pairs of pictures with their prompts, and what an editor makes of them."""

    def __init__(self, model, stickers, sources, targets):
        pictures = torch.from_numpy(stickers.pictures)
        self.model, self.rows = model, len(sources)
        self.source, self.target = (
            pictures[rows].permute(0, 3, 1, 2).float() / 127.5 - 1 for rows in (sources, targets)
        )
        self.words = [
            [f"{stickers.items[row].name}, {stickers.items[row].style}" for row in rows] for rows in (sources, targets)
        ]

    def score(self, method, calls, knobs):
        """(distance to target, share nearer to target, dB kept, model calls used)."""
        steps, found, used = method.steps(calls, knobs), [], 0
        for first in range(0, self.rows, CHUNK):
            rows = slice(first, first + CHUNK)
            source, target = self.source[rows], self.target[rows]
            plan = EditPlan(
                self.model, *(self.model.encode(words[rows]) for words in self.words), guidance=knobs["guidance"]
            )
            seeds = list(range(first, first + len(source)))
            *_, step = method.run(plan, source, noise(source.shape[1:], seeds), seeds, steps, knobs)
            found.append(torch.stack(scores(step.clean.float().clamp(-1, 1), source, target)))
            used = step.calls
        distance, near, kept = torch.cat(found, dim=1).mean(1).tolist()
        return distance, near, kept, used


CHUNK = 50
SEARCHED_AT = 16


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--search", type=int, default=40, help="other pairs, on which knobs are chosen")
    parser.add_argument("--calls", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--out", type=Path, default=Path("runs/edits.jsonl"), help="rows so far: a second run goes on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stickers, model = StickerSet.load(options.data), starter(torch.bfloat16)
    sources, targets = pairs_of(stickers, options.pairs + options.search)
    apart = set(range(0, len(sources), len(sources) // options.search)) if options.search else set()
    split = [[i for i in range(len(sources)) if (i in apart) == searched] for searched in (True, False)]
    search, test = (Cases(model, stickers, [sources[i] for i in rows], [targets[i] for i in rows]) for rows in split)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    kept = {(row["part"], row["method"], row["calls"], json.dumps(row["knobs"])): row for row in done}

    def score(part, cases, method, calls, knobs):
        key = part, method.name, calls, json.dumps(knobs)
        if key not in kept:
            distance, near, decibels, used = cases.score(method, calls, knobs)
            kept[key] = {
                "part": part, "method": method.name, "calls": calls, "knobs": knobs, "distance": distance,
                "near": near, "kept": decibels, "used": used, "pairs": cases.rows,
            }  # fmt: skip
            with options.out.open("a") as file:
                file.write(json.dumps(kept[key]) + "\n")
        return kept[key]

    untouched = scores(test.source, test.source, test.target)[0].mean()
    best = {
        method.name: min(
            (score("search", search, method, SEARCHED_AT, knobs) for knobs in method.settings()
             if method.steps(SEARCHED_AT, knobs)), key=lambda row: row["distance"],
        )["knobs"]
        for method in METHODS
    }  # fmt: skip
    rows = [("source untouched", "-", 0, f"{untouched:.4f}", "0.00", "-")]
    for calls in options.calls:
        for method in METHODS:
            knobs = best[method.name]
            if not method.steps(calls, knobs):
                continue
            row = score("test", test, method, calls, knobs)
            told = ", ".join(f"{name} {value:g}" for name, value in knobs.items())
            rows.append(
                (
                    method.name,
                    told,
                    row["used"],
                    f"{row['distance']:.4f}",
                    f"{row['near']:.2f}",
                    f"{row['kept']:.1f} dB",
                )
            )
    table(("method", "chosen on other pairs", "model calls", "distance to target", "nearer to target", "kept"), rows)


if __name__ == "__main__":
    main()
