"""What talking faces cost: ``python tests/bench/lipsync_speed.py [--minutes 10] [--threads 2] [--json OUT]``.

Frames a second of a 256 px character end to end (voice to frames), seconds to the first preview, memory for 10 s and
for so many minutes, and the offset between sound and picture of the written file, as ffprobe tells it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from common import Report
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))  # before this folder, which has a module named studio too

from pipelines.events import Done, Preview  # noqa: E402
from pipelines.lipsync import LipSyncPipeline, character  # noqa: E402
from pipelines.media import Picture, Sound  # noqa: E402
from pipelines.settings import LipSyncSettings  # noqa: E402
from studio.export import save  # noqa: E402


def voice(seconds):
    """A buzz that opens and shuts like speech."""
    t = np.arange(round(seconds * 24_000)) / 24_000
    wave = 0.2 * np.sign(np.sin(2 * np.pi * 130 * t)) * (0.5 - 0.5 * np.cos(2 * np.pi * 3.3 * t))
    return Sound(wave.astype(np.float32)[None], 24_000)


def face(side):
    """A shipped character at a size, and where its mouth is."""
    chosen = character("pip")
    image = Image.fromarray(chosen.picture().pixels)
    scale = 1 / image.width
    placed = {
        "mouth_x": chosen.face.x * scale,
        "mouth_y": chosen.face.y * scale,
        "mouth_width": chosen.face.width * scale,
    }
    return Picture(np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))), placed


def run(pipeline, seconds, **changes):
    """(clip, seconds to the first preview, seconds in all and of processor, most memory above the beginning in MB)."""
    picture, placed = face(256)
    settings = LipSyncSettings(seed=1, **placed, **changes)
    process = psutil.Process()
    begun, started, busy, first, most = process.memory_info().rss, time.perf_counter(), time.process_time(), None, 0
    for event in pipeline.generate(settings, picture, voice(seconds)):
        if isinstance(event, Preview):
            first = first or time.perf_counter() - started
            most = max(most, process.memory_info().rss)
        if isinstance(event, Done):
            took = time.perf_counter() - started, time.process_time() - busy
            return event.items[0], first, took, (most - begun) / 1e6
    raise AssertionError("no result")


def offset(clip):
    """Milliseconds between the first picture and the first sound in MP4 and WebM, and how long both streams are."""
    found = {}
    for ending in (".mp4", ".webm"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f'it\'s "so"{ending}'
            save(clip, path, LipSyncSettings(seed=1))
            shown = "stream=codec_type,start_time:format=duration"
            command = ["ffprobe", "-v", "error", "-show_entries", shown, "-of", "json", str(path)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            starts = {each["codec_type"]: float(each.get("start_time") or 0) for each in told["streams"]}
            found[ending] = {
                "offset ms": round(1000 * (starts["audio"] - starts["video"]), 2),
                "file, s": float(told["format"]["duration"]), "clip, s": round(clip.seconds, 3),
            }  # fmt: skip
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    report, talking = Report(asked.json), LipSyncPipeline.load()
    run(talking, 1.0)
    clip, first, (wall, busy), _ = run(talking, 10.0)
    frames, load = len(clip.frames), psutil.getloadavg()[0]
    report.add(
        "speed",
        {
            "frames a second": frames / wall, "frames a processor second": frames / busy, "first preview, s": first,
            "load of the machine": load,
        },
    )  # fmt: skip
    clip, _, (_, busy), _ = run(talking, 10.0, blinking=0, head_motion=0)
    report.add("speed without blinks and head motion, frames a processor second", len(clip.frames) / busy)
    report.add("offset", offset(clip))
    del clip
    # Few steps and frames: what is measured grows with the length, if at all, and not with the work.
    _, _, _, short = run(talking, 10.0, guidance=1, steps=1, rate=10)
    clip, _, _, long = run(talking, 60 * asked.minutes, guidance=1, steps=1, rate=10)
    report.add(
        "memory",
        {"10 s, MB": short, f"{asked.minutes:g} min, MB": long, "of it the sound, MB": clip.sound.samples.nbytes / 1e6},
    )
