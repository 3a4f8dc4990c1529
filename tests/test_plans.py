"""What a plan says against what loading and running then take; and what is remembered of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from pipelines.checkpoints import Means, find, plan, used
from pipelines.checkpoints.used import Used

pytestmark = [
    pytest.mark.usefixtures("home"),
    *(pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning", "UserWarning")),
]
BENCH = Path(__file__).parent / "bench" / "checkpoints.py"


def test_a_plan_is_what_loading_and_running_take(tmp_path):
    sys.path.insert(0, str(BENCH.parent))
    try:
        import checkpoints as bench
    finally:
        sys.path.remove(str(BENCH.parent))
    bench.large(tmp_path / "flux", 5)
    command = [sys.executable, str(BENCH), "--one", str(tmp_path / "flux")]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert told["planned"] > 150_000_000 and 0.7 < told["used"] / told["planned"] < 1.25


def test_files_of_another_precision_are_counted_twice_while_they_are_read(tmp_path):
    from test_checkpoints import checkpoint, header

    folder = checkpoint(tmp_path / "a", size=999_000)
    for part in ("transformer", "vae"):
        (folder / part / "model.safetensors").write_bytes(header("F32") + b"\0" * 999_000)
    found, means = find(str(folder)), Means(10**9, 10**9)
    whole, half = plan(found, means), plan(found, means, {"dtype": "bfloat16"})
    assert whole.loading_bytes == 0 and whole.memory_bytes == pytest.approx(2_400_000, rel=0.01)
    assert half.memory_bytes == half.loading_bytes == pytest.approx(3_000_000, rel=0.01)


def test_the_most_that_was_used_is_remembered_and_stands_in_the_plan():
    made = plan(find("flux-1-dev"), Means(200 * 10**9, 10**12))
    assert used.last(made.key) is None and not any(line.startswith("last time") for line in made.lines())
    for memory in (90 * 10**9, 85 * 10**9):
        used.keep(made.key, Used(memory, 0, made.memory_bytes, 0))
    assert "last time:  90.0 GB of memory were used at most" in made.lines()
    assert used.last(made.key).over == pytest.approx(90e9 / made.memory_bytes)
    assert Used(1, 30, 1, 20).over == 1.5  # the card counts where there is one
    (used.home() / "checkpoints-used.json").write_text("[")
    assert used.last(made.key) is None


def test_a_run_that_took_more_than_planned_says_so(monkeypatch):
    from dataclasses import replace

    from tiny_checkpoints import folder, model

    from pipelines.events import Note
    from pipelines.pretrained.images import PretrainedImages
    from pipelines.settings import ImageSettings

    found, made = model("flux"), plan(find(str(folder("flux"))))
    settings = ImageSettings(prompt="a cat", width=32, height=32, steps=2, seed=1, model="owner/name")
    monkeypatch.setattr(found, "loaded", 3 * 10**9)
    for planned, says in ((10**9, True), (4 * 10**9, False)):
        events = list(PretrainedImages(found, replace(made, memory_bytes=planned)).generate(settings))
        notes = [event.text for event in events if isinstance(event, Note)]
        assert ("This took 3.0 GB of memory, 1.0 GB were planned for the model." in notes) is says
    assert used.last(made.key).memory == 3 * 10**9
