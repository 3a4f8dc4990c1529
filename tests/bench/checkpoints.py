"""Memory and time of checkpoints under our engine: ``python tests/bench/checkpoints.py``.

Memory of RF-Edit with shared values: what the policies predict and what they then held on the tiny FLUX and the tiny
Wan, and the same formula with the shapes of the published networks. Time: how much longer a pipeline's call takes under
our driver than under its own Euler scheduler, as a part of the network's own time.
"""

import sys
import time
import warnings
from pathlib import Path

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


class Slow(torch.nn.Module):
    """A network whose calls take as long as those of a real one would at the least: 20 ms."""

    def __init__(self, network):
        super().__init__()
        self.network, self.spent, self.worked = network, 0.0, 0.0

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)

    def forward(self, *args, **kwargs):
        started, worked = time.perf_counter(), time.process_time()
        time.sleep(0.02)
        answer = self.network(*args, **kwargs)
        self.spent += time.perf_counter() - started
        self.worked += time.process_time() - worked
        return answer


def overhead(repeats=9):
    """Least of (whole call - network) under our driver, less that under the Euler scheduler, per network second."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    from pipelines.models.diffusers.driver import settings_of

    held = model("flux")
    pipeline = held._copy(held.pipeline.scheduler, ask(held))
    pipeline.__dict__["transformer"] = slow = Slow(pipeline.transformer)
    found = DiffusersModel(pipeline)
    asked = ask(found, steps=20)

    def ours():
        drive = found.drive(asked, EULER, output_type="latent", return_dict=False)
        for _ in drive.steps():
            pass

    def theirs():
        scheduler = FlowMatchEulerDiscreteScheduler(**settings_of(pipeline.scheduler))
        found._copy(scheduler, asked)(**found.arguments(asked), output_type="latent", return_dict=False)

    beside = {ours: [], theirs: []}
    work = {ours: [], theirs: []}
    for turn in range(2 * repeats + 2):
        run = (ours, theirs)[turn % 2]
        slow.spent = slow.worked = 0.0
        started, worked = time.perf_counter(), time.process_time()
        run()
        if turn > 1:
            beside[run].append((time.perf_counter() - started - slow.spent) / slow.spent)
            work[run].append((time.process_time() - worked - slow.worked) / slow.spent)
    # The least of several. On a busy machine the clock counts the wait for a processor at each change of thread, which
    # is not the driver's; the processor's own time is what it costs.
    clock, cpu = (100 * (min(held[ours]) - min(held[theirs])) for held in (beside, work))
    print(f"\ndriver over the plain pipeline, of the network's time: {cpu:+.2f}% processor, {clock:+.2f}% clock")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    memory()
    overhead()
