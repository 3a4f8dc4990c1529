"""What the benchmark commands share: held-out pictures, tables, medians."""

import json
import statistics
import time
from pathlib import Path

import torch

from pipelines.errors import StudioError
from pipelines.models import registry


def held_out(data: Path, count: int):
    """(signals [count, 4, 64, 64], prompts) of held-out names without skin tones, evenly spread over the set."""
    return pictures_of(data, count, held_out=True)


def pictures_of(data: Path, count: int, *, held_out: bool):
    """Signals and prompts of ``count`` pictures of the prepared sticker set."""
    from pipelines.training.data.stickers import StickerSet

    if not (data / "stickers.npz").exists():
        raise StudioError(f"{data}: no prepared pictures; run `python -m pipelines.training prepare` first")
    chosen = StickerSet.load(data).subset(held_out=held_out)
    rows = [r for r, item in enumerate(chosen.items) if "skin tone" not in item.name]
    rows = [rows[i * len(rows) // count] for i in range(min(count, len(rows)))]
    signals = torch.from_numpy(chosen.pictures[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
    return signals, [f"{chosen.items[r].name}, {chosen.items[r].style}" for r in rows]


def starter(dtype=torch.float32):
    """The shipped image model in ``dtype``."""
    model = registry.load("image", "starter")
    model.network.to(dtype)
    return model


@torch.inference_mode()
def drawn(model, prompts, seeds, at_once=16, **settings):
    """Pictures of ``prompts`` as ``ImagePipeline.generate`` makes them, several prompts in a batch."""
    from pipelines.codecs.image import to_picture, without_haze
    from pipelines.flow import CLAMP, conditioned, guided, interval, noise, solve
    from pipelines.flow.rules import rule_named
    from pipelines.sampling import sigmas_of
    from pipelines.settings import ImageSettings

    wanted, made = ImageSettings(prompt="x", **settings), []
    for first in range(0, len(prompts), at_once):
        words = [f"{prompt}, {wanted.style}" for prompt in prompts[first : first + at_once]]
        toward, away = (conditioned(model, model.encode(said)) for said in (words, [""] * len(words)))
        velocity = interval(guided(toward, away, wanted.guidance), toward, wanted.guidance_from, wanted.guidance_to)
        start = noise((4, 64, 64), seeds[first : first + len(words)])
        *_, last = solve(velocity, start, sigmas_of(wanted, 64, end=CLAMP), rule_named(wanted.solver))
        made += [without_haze(to_picture(signal)) for signal in last.clean]
    return made


def table(head, rows):
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def median_seconds(action, repeats: int = 7) -> float:
    """Median wall time of ``action`` after one warm-up."""
    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


class Report:
    """Results by name in a JSON file, written after each, so that a run cut off keeps what it measured."""

    def __init__(self, path):
        self.path = Path(path) if path else None
        self.held = json.loads(self.path.read_text()) if self.path and self.path.exists() else {}

    def add(self, name, value):
        """Keep and print one result."""
        self.held[name] = value
        print(f"{name}: {value}", flush=True)
        if self.path:
            self.path.write_text(json.dumps(self.held, indent=1))
