"""Contact sheets of what the starters make, unpicked: ``python tests/bench/sheet.py [--of meshes] --out sheet.webp``.

Clips: one animated picture of sixteen prompts, seed 7 for each, written down here before anything was looked at.
Meshes: each kind once, asked for by its name alone, seed 3, 2,000 faces.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from video import finished

from pipelines.mesh import MeshPipeline, View, render
from pipelines.models.shapes import NAMES
from pipelines.settings import MeshSettings, VideoSettings
from pipelines.video import VideoPipeline

PROMPTS = (
    "a grinning face, nodding", "a red heart, beating", "a rocket, rising", "a panda, spinning slowly",
    "face with tears of joy", "a ghost, floating", "a frog, jumping", "a pumpkin, wobbling",
    "waving hand", "a star, twirling fast", "a bell, swinging", "a fish, swimming",
    "a car, driving to the left", "a robot, dancing", "a bouncing ball", "clown face",
)  # fmt: skip
ACROSS, CELL, BACK = 4, 128, (246, 246, 248)


def clips(path: Path) -> None:
    """Make the clips and lay them out."""
    pipe = VideoPipeline.load()
    made = [finished(pipe.generate(VideoSettings(prompt=prompt, seed=7)))[0].items[0] for prompt in PROMPTS]
    pages = []
    for frame in range(len(made[0].frames)):
        page = Image.new("RGB", (ACROSS * CELL, -(-len(made) // ACROSS) * CELL), BACK)
        for place, clip in enumerate(made):
            cell = Image.fromarray(np.ascontiguousarray(clip.frames[frame]))
            cell = cell.convert("RGBa").resize((CELL - 12, CELL - 12), Image.Resampling.BICUBIC).convert("RGBA")
            page.paste(cell, (place % ACROSS * CELL + 6, place // ACROSS * CELL + 6), cell)
        pages.append(page)
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=round(1000 / made[0].rate), loop=0,
                  quality=80, method=6)  # fmt: skip


def meshes(path: Path) -> None:
    """Make the meshes and lay them out."""
    pipe = MeshPipeline.load()
    made = [finished(pipe.generate(MeshSettings(prompt=f"a {name}", seed=3)))[0].items[0] for name in NAMES]
    columns, side = 10, 120
    page = Image.new("RGB", (columns * side, -(-len(made) // columns) * side), "white")
    for place, mesh in enumerate(made):
        tile = Image.fromarray(render(mesh, View(35, 25), side).pixels)
        page.paste(tile, (place % columns * side, place // columns * side), tile)
    page.save(path)


def main() -> None:
    """Make one sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=("clips", "meshes"), default="clips")
    parser.add_argument("--out", type=Path, default=Path("sheet.webp"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    {"clips": clips, "meshes": meshes}[options.of](options.out)
    print(options.out, f"{options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
