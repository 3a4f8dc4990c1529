"""A contact sheet of unpicked clips as one animated picture: ``python tests/bench/sheet.py --out sheet.webp``.

Sixteen prompts, seed 7 for each, written down here before anything was looked at.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from video import finished

from pipelines.settings import VideoSettings
from pipelines.video import VideoPipeline

PROMPTS = (
    "a grinning face, nodding", "a red heart, beating", "a rocket, rising", "a panda, spinning slowly",
    "face with tears of joy", "a ghost, floating", "a frog, jumping", "a pumpkin, wobbling",
    "waving hand", "a star, twirling fast", "a bell, swinging", "a fish, swimming",
    "a car, driving to the left", "a robot, dancing", "a bouncing ball", "clown face",
)  # fmt: skip
ACROSS, CELL, BACK = 4, 128, (246, 246, 248)


def main() -> None:
    """Make them and lay them out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("sheet.webp"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = VideoPipeline.load()
    clips = [finished(pipe.generate(VideoSettings(prompt=prompt, seed=7)))[0].items[0] for prompt in PROMPTS]
    pages = []
    for frame in range(len(clips[0].frames)):
        page = Image.new("RGB", (ACROSS * CELL, -(-len(clips) // ACROSS) * CELL), BACK)
        for place, clip in enumerate(clips):
            cell = Image.fromarray(np.ascontiguousarray(clip.frames[frame]))
            cell = cell.convert("RGBa").resize((CELL - 12, CELL - 12), Image.Resampling.BICUBIC).convert("RGBA")
            page.paste(cell, (place % ACROSS * CELL + 6, place // ACROSS * CELL + 6), cell)
        pages.append(page)
    pages[0].save(options.out, save_all=True, append_images=pages[1:], duration=round(1000 / clips[0].rate), loop=0,
                  quality=80, method=6)  # fmt: skip
    print(options.out, f"{options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
