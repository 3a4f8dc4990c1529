"""Families of checkpoints and what each can do: ``python tests/bench/families.py``.

Every mark is the outcome of a check on a tiny pipeline of random weights, saved and loaded back by the code that loads
real checkpoints; nothing here has seen published weights. ``--only NAME ...`` checks some; ``--out FILE`` keeps the
marks as JSON, one family at a time, so that a run that is cut off keeps what it has.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tiny_checkpoints import ask, loaded, model, state_of
from tiny_pipelines import FAMILIES

from pipelines.edit import EditPlan, Sharing, flow_edit, rf_edit
from pipelines.flow import conditioned, guided, solve
from pipelines.flow.rules import ALF, EULER, MIDPOINT, to_fixed

NO, YES = "–", "✓"


def driven(found, asked, rule=EULER):
    drive = found.drive(asked, rule, output_type="latent", return_dict=False)
    *_, last = drive.steps()
    return drive, last


class Bench:
    """One family, its conditions captured once."""

    def __init__(self, name):
        self.name, self.found = name, model(name)
        self.asked = ask(self.found)
        self.x = state_of(self.found, self.asked)
        self.source, self.target = (
            self.found.encode([text], self.asked) for text in ("a red cat", "nine blue dogs on a hill")
        )
        self.rising = torch.linspace(0, 0.9, 4, dtype=torch.float64)

    def invert(self):
        """Exact at 16 calls with the leapfrog; what Euler and midpoint leave, RMS, beside it."""
        velocity, left = conditioned(self.found, self.source), {}
        for rule, steps in ((ALF, 15), (EULER, 16), (MIDPOINT, 8)):
            sigmas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
            *_, there = solve(velocity, self.x, sigmas, rule)
            *_, back = solve(velocity, there.state if rule is ALF else there.state.value, sigmas.flip(0), rule)
            if rule is ALF and not torch.equal(back.state.x, to_fixed(self.x)):
                return NO
            left[rule.name] = float((back.state.value - self.x).square().mean().sqrt())
        return f"exact ({left['euler']:.0e}, {left['midpoint']:.0e})"

    def rf_edit(self):
        """Sharing moves the result; the same prompt returns the source."""
        results = []
        for target, share in ((self.target, 0), (self.target, 2), (self.source, 2)):
            *_, step = rf_edit(EditPlan(self.found, self.source, target), self.x, self.rising, ALF, Sharing(share))
            results.append(step.clean)
        plain, shared, same = results
        return YES if torch.equal(same, self.x) and not torch.equal(plain, shared) else NO

    def flow_edit(self):
        """The same prompt returns the source, another moves it."""
        results = []
        for target in (self.target, self.source):
            *_, step = flow_edit(EditPlan(self.found, self.source, target, 2.0), self.x, self.rising.flip(0), [1])
            results.append(step.clean.float())
        return YES if torch.equal(results[1], self.x) and not torch.equal(results[0], self.x) else NO

    def mask(self):
        """Outside exact, inside moved, in the layout of this family."""
        mask = torch.zeros(1, 1, *self.x.shape[2:]) if self.x.ndim > 3 else torch.zeros(1, self.x.shape[1], 1)
        mask.flatten()[mask.numel() // 2 :] = 1
        plan = EditPlan(self.found, self.source, self.target, 1.0, mask)
        if self.found.way == "flow":
            *_, step = rf_edit(plan, self.x, self.rising, ALF)
        else:
            *_, step = flow_edit(plan, self.x, self.rising.flip(0), [1])
        outside = (mask == 0).expand_as(self.x)
        kept = torch.equal(step.clean[outside].float(), self.x[outside])
        return YES if kept and not torch.equal(step.clean, self.x) else NO


class SpokenBench(Bench):
    """F5-TTS, which is no pipeline of diffusers: the same checks, two texts in place of two prompts."""

    def __init__(self):
        import tiny_f5

        from pipelines.models.f5tts import load_f5

        self.found = load_f5(tiny_f5.save(Path(tempfile.mkdtemp(prefix="eddyline-tiny-"))))
        self.found.way = "flow"
        self.x = torch.randn(1, 100, 40, generator=torch.Generator().manual_seed(0))
        self.source, self.target = (
            self.found.encode(self.found.characters.ids(text)[0], torch.zeros(1, 100, 40))
            for text in ("A red cat.", "Nine blue dogs on a hill.")
        )
        self.rising = torch.linspace(0, 0.9, 4, dtype=torch.float64)

    def generate(self):
        """Sampled from noise, guided, it is finite; how a text becomes sound is in ``test_f5tts.py``."""
        sides = [conditioned(self.found, each) for each in (self.target, self.source)]
        start = torch.randn(1, 100, 40, generator=torch.Generator().manual_seed(1))
        *_, last = solve(guided(*sides, 3.0), start, torch.linspace(1, 0, 5, dtype=torch.float64), EULER)
        return YES if bool(last.state.value.isfinite().all()) else NO

    def row(self):
        """Its marks; files for LoRA, offload and 8 bits are of diffusers."""
        marks = {"generate": self.generate, "invert": self.invert, "RF-Edit": self.rf_edit}
        marks |= {"FlowEdit": self.flow_edit, "mask": self.mask}
        return {**dict.fromkeys(COLUMNS, NO), **{name: tried(work) for name, work in marks.items()}}


def generate(found, asked):
    drive, _ = driven(found, asked)
    return YES if all(bool(part.isfinite().all()) for part in drive.result) else NO


def lora(found, asked):
    """A file made for the network changes what comes out, and is gone after the run."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    from pipelines.models.diffusers.lora import with_loras

    if not hasattr(found.pipeline, "load_lora_weights"):
        return NO
    before = driven(found, asked)[0].result[0]
    network = found.networks[0]
    layers = [place.name for place in found.places] or [".*to_v"]
    network.add_adapter(LoraConfig(r=2, target_modules=layers, init_lora_weights=False), adapter_name="made")
    state = {
        f"transformer.{key}": value for key, value in get_peft_model_state_dict(network, adapter_name="made").items()
    }
    network.delete_adapters("made")
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        with with_loras(found, f"{path}:1.0"):
            during = driven(found, asked)[0].result[0]
    after = driven(found, asked)[0].result[0]
    return YES if torch.equal(before, after) and not torch.equal(before, during) else NO


def offload(name):
    """Layers wait in memory and come one after the other; the result is the same."""
    from diffusers.hooks import apply_group_offloading

    found = loaded(name)
    asked = ask(found)
    before = driven(found, asked)[0].result[0]
    for network in found.networks:
        here = torch.device("cpu")
        apply_group_offloading(network, onload_device=here, offload_device=here, offload_type="leaf_level")
    return YES if torch.allclose(driven(found, asked)[0].result[0], before, atol=1e-5) else NO


def quantised(name):
    """Weights in 8-bit floats, layer by layer; the inversion stays exact."""
    found = loaded(name, quantised="fp8")
    asked = ask(found)
    x = state_of(found, asked)
    velocity = conditioned(found, found.encode(["a red cat"], asked))
    sigmas = torch.linspace(0, 1, 4, dtype=torch.float64)
    *_, there = solve(velocity, x, sigmas, ALF)
    *_, back = solve(velocity, there.state, sigmas.flip(0), ALF)
    return YES if torch.equal(back.state.x, to_fixed(x)) else NO


def parallel(found):
    """Whether diffusers knows how to split this network; not run, for want of several cards."""
    return "(known)" if getattr(found.networks[0], "_cp_plan", None) else NO


def tried(work):
    """The mark of one check; an error is a mark of its own, told on stderr."""
    try:
        return work()
    except Exception as error:
        print(f"    {type(error).__name__}: {str(error).splitlines()[0][:160]}", file=sys.stderr)
        return "✗"


COLUMNS = ("generate", "invert", "RF-Edit", "FlowEdit", "mask", "LoRA", "offload", "quantised", "parallel")


def row(name):
    """The marks of one family."""
    found = model(name)
    asked = ask(found)
    marks = {"generate": tried(lambda: generate(found, asked))}
    bench, back = Bench(name), found.way == "flow"
    marks |= {
        "invert": tried(bench.invert) if back else NO, "RF-Edit": tried(bench.rf_edit) if back else NO,
        "FlowEdit": tried(bench.flow_edit), "mask": tried(bench.mask),
    }  # fmt: skip
    marks |= {"LoRA": tried(lambda: lora(found, asked)), "offload": tried(lambda: offload(name))}
    return {**marks, "quantised": tried(lambda: quantised(name)), "parallel": tried(lambda: parallel(found))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[*FAMILIES, "f5-tts"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    held = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for name in options.only:
        if name not in held:
            spoken = name == "f5-tts"
            held[name] = (
                {"title": "F5-TTS", **SpokenBench().row()}
                if spoken
                else {"title": model(name).family.title, **row(name)}
            )
            print(name, held[name], file=sys.stderr, flush=True)
            if options.out:
                options.out.write_text(json.dumps(held, indent=1, ensure_ascii=False))
    print("| family | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    for name in held:
        marks = held[name]
        title = {"wan22": "Wan 2.2, two experts", "wan_ti2v": "Wan 2.2 5B, from a picture"}.get(name, marks["title"])
        print(f"| {title} | " + " | ".join(marks[column] for column in COLUMNS) + " |")


if __name__ == "__main__":
    main()
