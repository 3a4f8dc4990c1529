"""The examples of the Video tab, made anew with the shipped starter: ``python tests/bench/clip_examples.py``.

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


def keep(name, item, settings, suffix="webm"):
    """Write an example, named after its place and its words."""
    print(save(item, FOLDER / f"video-{name}.{suffix}", settings), flush=True)


def main():
    """Make all of them."""
    torch.set_num_threads(1)
    for old in FOLDER.glob("video-*"):
        old.unlink()
    video = VideoPipeline.load("starter")
    face = VideoSettings(prompt="a grinning face, nodding", seed=7)
    source = made(video.generate(face))
    keep("2-grinning-face-nodding", source, face)
    crying = VideoEditSettings(source_prompt="a grinning face", prompt="a crying face", seed=7)
    keep("1-face-made-to-cry", made(video.edit(crying, source)), crying)
    keep("1-face-made-to-cry.before", source, face)
    heart = VideoSettings(prompt="a red heart, growing", seed=7)
    keep("3-heart-growing", made(video.generate(heart)), heart)
    rocket = VideoSettings(prompt="a rocket, rising", seed=7)
    keep("4-rocket-rising", made(video.generate(rocket)), rocket, "webp")
    beating = VideoSettings(prompt="a red heart, beating", seed=7)
    source = made(video.generate(beating))
    blue = VideoEditSettings(source_prompt="red heart", prompt="blue heart", seed=7)
    keep("5-heart-made-blue", made(video.edit(blue, source)), blue, "webp")
    keep("5-heart-made-blue.before", source, beating, "webp")


if __name__ == "__main__":
    main()
