"""Time of a default generation and edit, first preview, overhead over bare model calls, and server start.

``python tests/bench/speed.py``. Medians of several runs on whatever machine this is; the overhead is a ratio within
one run and holds anywhere.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import torch
from common import median_seconds, table

from pipelines.events import Done, Preview
from pipelines.flow import noise
from pipelines.image import ImagePipeline
from pipelines.settings import ImageEditSettings, ImageSettings


def timed(events):
    """(seconds to the first preview, seconds to Done, model calls)."""
    started, first = time.perf_counter(), None
    for event in events:
        if first is None and isinstance(event, Preview):
            first = time.perf_counter() - started
        if isinstance(event, Done):
            return first, time.perf_counter() - started, event
    raise RuntimeError("no result")


def overhead(pipe, repeats=9):
    """Time of a generation over the time of its model calls alone, alternating, median of ratios."""
    settings = ImageSettings(prompt="a red apple", seed=7, guidance=1.0)
    model = pipe.model
    condition = model.encode([f"{settings.prompt}, {settings.style}"])
    x, sigma = noise((4, 64, 64), [7]), torch.tensor([0.5])
    ratios = []
    for _ in range(repeats + 1):
        _, whole, done = timed(pipe.generate(settings))
        started = time.perf_counter()
        for _ in range(done.calls):
            model.velocity(x, sigma, condition)
        ratios.append(whole / (time.perf_counter() - started))
    return statistics.median(ratios[1:])


def server_start():
    """Seconds from process start until ``python app.py`` answers HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = Path(__file__).parents[2]
    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=root, env={**os.environ},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        while time.perf_counter() - started < 60:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).read()
                return time.perf_counter() - started
            except OSError:
                time.sleep(0.05)
    finally:
        server.terminate()
        server.wait()
    raise RuntimeError("the server did not answer within 60 s")


def main():
    pipe = ImagePipeline.load()
    make = ImageSettings(prompt="a red apple", seed=7)
    apple = timed(pipe.generate(make))[2].items[0]
    edit = ImageEditSettings(source_prompt="a red apple", prompt="a green apple", style="3d", seed=7)
    rf_edit = edit.with_(method="rf-edit")
    firsts = [timed(pipe.generate(make))[0] for _ in range(5)]
    table(("what", "measured", "wanted"), [
        ("default generation", f"{median_seconds(lambda: timed(pipe.generate(make))):.2f} s", "1.5 s"),
        ("first preview", f"{statistics.median(firsts):.2f} s", "0.4 s"),
        ("default edit", f"{median_seconds(lambda: timed(pipe.edit(edit, apple))):.2f} s", "2 s"),
        ("RF-Edit", f"{median_seconds(lambda: timed(pipe.edit(rf_edit, apple))):.2f} s", "-"),
        ("generation over its model calls", f"{overhead(pipe):.3f}", "1.05"),
        ("`python app.py` answers HTTP", f"{statistics.median(server_start() for _ in range(3)):.1f} s", "8 s"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
