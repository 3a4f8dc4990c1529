"""The examples of the Video tab, made anew with the shipped starter: ``python tests/bench/video_examples.py``.

Files go to ``assets/examples``; the page shows the highest number first.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from pipelines.events import Done  # noqa: E402
from pipelines.settings import VideoEditSettings, VideoSettings  # noqa: E402
from pipelines.video import VideoPipeline  # noqa: E402
from studio.export import save  # noqa: E402

FOLDER = ROOT / "assets/examples"


def made(events):
    """The first result of a run."""
    return next(event for event in events if isinstance(event, Done)).items[0]


def keep(name, item, settings, *, edited=False):
    """Write an example, named after its place and its words."""
    save(item, FOLDER / f"video-{name}.webp", settings, edited=edited)


def main():
    """Make all of them."""
    torch.set_num_threads(1)
    for old in FOLDER.glob("video-*"):
        old.unlink()
    pipe = VideoPipeline.load()
    for name, prompt in (("1-rocket-rising", "a rocket, rising"), ("3-face-nodding", "a grinning face, nodding")):
        asked = VideoSettings(prompt=prompt, seed=7)
        keep(name, made(pipe.generate(asked)), asked)
    heart = VideoSettings(prompt="a red heart, beating", seed=7)
    source = made(pipe.generate(heart))
    blue = VideoEditSettings(source_prompt="red heart", prompt="blue heart", seed=7)
    keep("2-heart-made-blue", made(pipe.edit(blue, source)), blue, edited=True)
    keep("2-heart-made-blue.before", source, heart)


if __name__ == "__main__":
    main()
