"""The studio under stress, as whole processes with the real starter: twenty kills, and fifty people at once.

    python tests/bench/studio.py [--kills 20] [--people 50]

The first part starts ``python app.py``, asks for twenty jobs over HTTP, and kills the server with SIGKILL at random
moments, starting it again each time. The second starts one shared server and lets fifty visitors ask for a picture at
the same moment, while each of them keeps doing what needs no model.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipelines.settings import ImageSettings  # noqa: E402
from studio.library import Library  # noqa: E402
from studio.store import Store  # noqa: E402

COOKIE = {"eddyline": "0" * 32}


class Server:
    """``python app.py`` as a process of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        env = {**os.environ, "EDDYLINE_HOME": str(home), "EDDYLINE_MAX_PER_MINUTE": "10000"}
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> "Server":
        """Return once it answers."""
        while True:
            try:
                httpx.get(f"{self.address}studio/queue", timeout=5)
                return self
            except httpx.HTTPError:
                time.sleep(0.1)

    def states(self) -> list[str]:
        """State of every job."""
        return [job["state"] for job in httpx.get(f"{self.address}studio/queue").json()["jobs"]]

    def kill(self) -> None:
        """As ``kill -9``."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def call(name: str, values: list, session: str, config: dict) -> dict:
    """What Gradio's client sends to start an endpoint."""
    index = next(entry["id"] for entry in config["dependencies"] if entry["api_name"] == name)
    return {"fn_index": index, "session_hash": session, "data": values}


def values(prompt: str, seed: int, steps: int) -> list:
    """Values of ``/image_generate`` in its order: the prompt, then every setting."""
    fields = {k: f.default for k, f in ImageSettings.model_fields.items() if k not in ("version", "prompt")}
    return [prompt, *(fields | {"seed": seed, "steps": steps}).values()]


def survive(kills: int, jobs: int = 20) -> None:
    """Kill the server again and again, and count what is left."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = Server(home).wait()
        config = httpx.get(f"{server.address}config").json()
        for number in range(jobs):
            sent = call("image_generate", values(f"kite {number}", number, 20), f"s{number}", config)
            httpx.post(f"{server.address}gradio_api/queue/join", json=sent).raise_for_status()
        while len(httpx.get(f"{server.address}studio/queue").json()["jobs"]) < jobs:
            time.sleep(0.1)
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 4))
            server.kill()
            server = Server(home)
        server.wait()
        while any(
            job["state"] in ("queued", "running") for job in httpx.get(f"{server.address}studio/queue").json()["jobs"]
        ):
            time.sleep(0.3)
        states = [job["state"] for job in httpx.get(f"{server.address}studio/queue").json()["jobs"]]
        server.kill()
        library = Library(Store(home))
        found = library.search("", limit=1000)
        files = {path for path in (home / "image").rglob("*") if path.is_file()}
        for path in files:
            with Image.open(path) as opened:
                opened.load()
        seeds = sorted(asset.seed for asset in found.assets)
        print(f"\n| {kills} kills of the server over {jobs} jobs | measured | wanted |\n|---|---|---|")
        print(f"| jobs done | {states.count('done')} | {jobs} |")
        print(f"| results, each once | {len(set(seeds))} of {len(seeds)} | {jobs} |")
        print(f"| files that no row speaks of | {len(files - {asset.path for asset in found.assets})} | 0 |")
        print(f"| differences between index and files | {len(library.check())} | 0 |")


async def crowd(people: int) -> None:
    """Many visitors at once: order, mixing, and how long other clicks take meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), "--shared").wait()
        config = httpx.get(f"{server.address}config", cookies=COOKIE).json()
        clicks: list[float] = []

        async def visit(number: int) -> tuple[str, float]:
            limits = httpx.Limits(max_keepalive_connections=0)
            async with httpx.AsyncClient(base_url=server.address, timeout=600, limits=limits) as client:
                await client.get("/")
                sent = call("image_generate", values(f"kite {number}", number, 20), f"s{number}", config)
                (await client.post("/gradio_api/queue/join", json=sent)).raise_for_status()
                while True:
                    began = time.monotonic()
                    jobs = (await client.get("/studio/queue")).json()["jobs"]
                    clicks.append(time.monotonic() - began)
                    ended = [job for job in jobs if job["state"] not in ("queued", "running")]
                    if ended:
                        return " ".join(job["title"] for job in jobs), ended[0]["number"]
                    await asyncio.sleep(0.7)  # as the page does while something runs

        visits = await asyncio.gather(*(visit(number) for number in range(people)))
        server.kill()
        mixed = sum(title != f"kite {number}" for number, (title, _) in enumerate(visits))
        with Store(Path(folder)).connect() as db:
            order = [row[0] for row in db.execute("SELECT number FROM jobs ORDER BY started")]
        print(f"\n| {people} people at once | measured | wanted |\n|---|---|---|")
        print(f"| served | {len(order)} | {people} |")
        print(f"| served in order | {'yes' if order == sorted(order) else 'no'} | yes |")
        print(f"| who saw another's work | {mixed} | 0 |")
        share = statistics.quantiles(clicks, n=100)
        print(f"| a look at the queue meanwhile, median | {statistics.median(clicks):.3f} s | - |")
        print(f"| the slowest in a hundred | {share[98]:.3f} s | 1 s |")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--people", type=int, default=50)
    chosen = parser.parse_args()
    if chosen.kills:
        survive(chosen.kills)
    if chosen.people:
        asyncio.run(crowd(chosen.people))


if __name__ == "__main__":
    main()
