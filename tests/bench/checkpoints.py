"""Memory and time of checkpoints under our engine: ``python tests/bench/checkpoints.py``.

Memory of RF-Edit with shared values: what the policies predict and what they then held on the tiny FLUX and the tiny
Wan, and the same formula with the shapes of the published networks. Time: how much longer a pipeline's call takes under
our driver than under its own Euler scheduler, as a part of the network's own time. Plans: what loading and running a
FLUX of 570 MB of random weights took beside what was planned, each in a process of its own.

``--only memory``, ``overhead`` or ``plans`` runs one of the three.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from common import table
from tiny_checkpoints import ask, model

from pipelines.edit import EditPlan, Sharing, rf_edit
from pipelines.flow.rules import ALF, EULER
from pipelines.models.diffusers.model import DiffusersModel

# (grid tokens, width, sites that share, bytes of a value, numbers in the state) of the published networks. FLUX at
# 1024 x 1024 shares its 38 single blocks' deeper half and its double blocks are not counted; Wan 14B at 832 x 480, 81
# frames shares the deeper 20 of 40.
PUBLISHED = {
    "FLUX.1 dev, 1024²": (4096, 3072, 19, 2, 4096 * 64),
    "Wan 2.1 14B, 832x480x81": (21 * 30 * 52, 5120, 20, 2, 16 * 21 * 60 * 104),
}
PAUSES = (0.02, 0.1)  # seconds of a network's call, at the least; those of the published networks take tenths
STEPS = 5  # shared calls, as in published settings


def policies(rows, width, sites, itemsize, state, calls):
    """Bytes by policy: cache holds every shared call, recompute one call and two solver states of 64-bit numbers."""
    values = rows * width * itemsize
    return {"cache": calls * sites * values, "recompute": sites * values + 2 * 8 * state}


def held(name):
    """(predicted, held) bytes by policy on a tiny network."""
    found = model(name)
    asked = ask(found)
    drive = found.drive(asked, EULER, output_type="latent", return_dict=False)
    for _ in drive.steps():
        pass
    x = 0.5 * drive.driver.meeting.start
    source, target = (found.encode([text], asked) for text in ("a red cat", "nine dogs"))
    rising = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    batch, rows, width = found.value_shape(x)
    formula = policies(batch * rows, width, len(found.sites), 4, x.numel(), STEPS)
    peak = {}
    for policy in ("cache", "recompute"):
        *_, step = rf_edit(EditPlan(found, source, target), x, rising, ALF, Sharing(STEPS, policy=policy))
        peak[policy] = step.held
    return formula, peak


def memory():
    rows = []
    for name in ("flux", "wan"):
        formula, peak = held(name)
        rows.append([f"tiny {name}", *(f"{formula[p]:,} / {peak[p]:,}" for p in ("cache", "recompute"))])
    for title, (tokens, width, sites, itemsize, state) in PUBLISHED.items():
        formula = policies(tokens, width, sites, itemsize, state, STEPS)
        rows.append([title, *(f"{formula[p] / 1e9:.2f} GB" for p in ("cache", "recompute"))])
    table((f"values shared for {STEPS} steps", "cache: formula / held", "recompute: formula / held"), rows)


WAYS = ({}, {"dtype": "bfloat16"}, {"quantised": "fp8"})


def plans(width=9):
    """A table of plans and what was then used; ``width`` heads of 128 channels make 570 MB."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        large(Path(place) / "flux", width)
        for asked in WAYS:
            command = [sys.executable, __file__, "--one", str(Path(place) / "flux"), "--load", json.dumps(asked)]
            told = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
            rows.append([json.dumps(asked), *(f"{told[name] / 1e6:.0f} MB" for name in ("planned", "loaded", "used")),
                         f"{told['used'] / told['planned']:.2f}"])  # fmt: skip
    table(("asked for", "planned", "loading took", "loading and running took", "of the plan"), rows)


def large(where, width):
    """Save a FLUX of random weights whose network has ``width`` heads of 128 channels."""
    from diffusers import FluxTransformer2DModel
    from tiny_pipelines import tiny

    pipeline = tiny("flux")
    network = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=128,
        num_attention_heads=width, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=[16, 56, 56],
        guidance_embeds=True,
    )  # fmt: skip
    pipeline.register_modules(transformer=network)
    pipeline.save_pretrained(where)


def one(where, asked):
    """Load and run a folder as planned; prints what was planned and what was used, in bytes."""
    from pipelines.checkpoints import find, plan
    from pipelines.checkpoints.used import Peak
    from pipelines.models.diffusers.loading import load

    found = find(where)
    made = plan(found, asked=asked)
    model = load(found, made)
    with Peak(model.before) as peak:
        for _ in model.drive(ask(model, size=(64, 64)), EULER, output_type="pt", return_dict=False).steps():
            pass
    used = max(peak.memory, model.loaded)
    print(json.dumps({"planned": made.memory_bytes, "loaded": model.loaded, "used": used}))


class Slow(torch.nn.Module):
    """A network whose calls take ``pause`` seconds longer."""

    def __init__(self, network, pause):
        super().__init__()
        self.network, self.pause, self.spent, self.worked = network, pause, 0.0, 0.0

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)

    def forward(self, *args, **kwargs):
        started, worked = time.perf_counter(), time.process_time()
        time.sleep(self.pause)
        answer = self.network(*args, **kwargs)
        self.spent += time.perf_counter() - started
        self.worked += time.process_time() - worked
        return answer


def overhead(repeats=9):
    """For each of PAUSES; see :func:`_overhead`."""
    for pause in PAUSES:
        _overhead(pause, repeats)


def _overhead(pause, repeats):
    """Medians of (whole call - network) a second of the network, under our driver less under the Euler scheduler."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    from pipelines.models.diffusers.samplers import settings_of

    held = model("flux")
    pipeline = held._copy(held.pipeline.scheduler, ask(held))
    pipeline.__dict__["transformer"] = slow = Slow(pipeline.transformer, pause)
    found = DiffusersModel(pipeline)
    asked = ask(found, steps=20)

    def ours():
        for _ in found.drive(asked, EULER, output_type="latent", return_dict=False).steps():
            pass

    def theirs():
        scheduler = FlowMatchEulerDiscreteScheduler(**settings_of(pipeline.scheduler))
        found._copy(scheduler, asked)(**found.arguments(asked), output_type="latent", return_dict=False)

    beside, work = {ours: [], theirs: []}, {ours: [], theirs: []}
    for turn in range(2 * repeats + 2):  # interleaved, so that both see the same machine
        run = (ours, theirs)[turn % 2]
        slow.spent = slow.worked = 0.0
        started, worked = time.perf_counter(), time.process_time()
        run()
        if turn > 1:
            beside[run].append((time.perf_counter() - started - slow.spent) / slow.spent)
            work[run].append((time.process_time() - worked - slow.worked) / slow.spent)
    # On a busy machine the clock counts the wait for a processor at each change of thread, which is not the driver's.
    clock, cpu = ([100 * (each(held[ours]) - each(held[theirs])) for each in (median, min)] for held in (beside, work))
    print(
        f"\ndriver over the plain pipeline, of the network's time, {repeats} runs each of 20 calls of "
        f"{1000 * pause:.0f} ms: {cpu[0]:+.2f}% processor, {clock[0]:+.2f}% clock (medians; "
        f"least: {cpu[1]:+.2f}%, {clock[1]:+.2f}%)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("memory", "overhead", "plans"))
    parser.add_argument("--one")
    parser.add_argument("--load", type=json.loads, default={})
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if options.one:
        one(options.one, options.load)
        return
    for work in (memory, overhead, plans):
        if options.only in (None, work.__name__):
            work()


if __name__ == "__main__":
    main()
