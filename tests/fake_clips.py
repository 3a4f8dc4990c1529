"""A runner that makes clips without a model: shapes that move, pieces that come one after the other."""

import os
import time
from dataclasses import replace

import numpy as np
from fake_sounds import Talker

from pipelines.events import Done, Note, Piece, Preview, Progress
from pipelines.media import Clip, Mask
from studio.jobs.reins import Reins
from studio.jobs.runner import Runner

SIDE = 64


class Mover(Talker):
    """As :class:`Talker` for pictures and sounds; clips are a disc that circles, in a colour of its seed.

    ``PAUSE`` in the environment is the time in seconds of a step or a piece; a prompt with "slow" takes 1.
    Reading sources and the tools are the real ones.
    """

    def __call__(self, job, inputs):
        settings = job.settings
        if settings.MEDIUM != "video":
            yield from super().__call__(job, inputs)
            return
        if settings.SUBJECT == "clip":
            yield from Runner().run(settings, inputs)
            return
        pause = 1.0 if "slow" in settings.prompt else float(os.environ.get("PAUSE", "0.01"))
        self._accident(settings.prompt)
        act = {"generate": self._make, "edit": self._change, "extend": self._extend}[settings.TASK]
        yield from act(settings, inputs, pause)

    def _make(self, settings, inputs, pause):
        for step in range(1, settings.steps + 1):
            time.sleep(pause)
            yield Progress(step, settings.steps, (settings.steps - step) * pause)
            yield Preview(
                tuple(disc(settings.seed + n, settings, step / settings.steps) for n in range(settings.count))
            )
        if inputs:
            yield Note(f"Given: {', '.join(sorted(inputs))}.")
        seeds = tuple(settings.seed + n for n in range(settings.count))
        yield Done(tuple(disc(seed, settings) for seed in seeds), seeds, settings.steps, settings.steps * pause)

    def _change(self, settings, inputs, pause):
        from pipelines.clips import read_clip

        clip, _ = read_clip(inputs["source"])
        frames = clip.frames.copy()
        frames[..., :3] = frames[..., [2, 0, 1]]
        if "mask" in inputs:
            from pipelines.video import read_masks_file

            mask = read_masks_file(inputs["mask"], clip.size)
            keys = "all frames" if isinstance(mask, Mask) else f"frames {', '.join(str(frame) for frame, _ in mask)}"
            yield Note(f"Given: mask of {keys}.")
        time.sleep(pause)
        yield Progress(1, 1, 0.0)
        yield Done((replace(clip, frames=frames),), (settings.seed,), 1, pause)

    def _extend(self, settings, inputs, pause):
        from pipelines.clips import read_clip

        clip, _ = read_clip(inputs["source"])
        reins = Reins(inputs.get("reins"), settings)
        yield Piece(clip)
        yield from reins.driven(grown(settings, clip, reins.steer, pause), clip, settings.seed)


def grown(settings, clip, steer, pause):
    """A second of ten frames after the other, in a colour that each new word changes."""
    parts, colour = [clip.frames], settings.seed
    for second in range(max(1, round(settings.seconds))):
        words = steer(float(second))
        colour = colour if words is None else colour + len(words)
        time.sleep(pause)
        yield Progress(second + 1, round(settings.seconds), None)
        parts.append(disc(colour, FRAMES, size=clip.size).frames)
        yield Piece(replace(clip, frames=parts[-1], sound=None))
    yield Done((replace(clip, frames=np.concatenate(parts)),), (settings.seed,), 1, pause)


class _Frames:
    frames, rate = 10, 10.0


FRAMES = _Frames()


def disc(seed, settings, done=1.0, size=(SIDE, SIDE)):
    """A disc on nothing that goes round once; unfinished ones are pale."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    count = settings.frames
    frames = np.zeros((count, height, width, 4), np.uint8)
    colour = [60 + seed * 47 % 190, 60 + seed * 89 % 190, 60 + seed * 13 % 190]
    for n in range(count):
        angle = 2 * np.pi * n / count
        cx, cy = width / 2 + 0.3 * width * np.cos(angle), height / 2 + 0.3 * height * np.sin(angle)
        distance = np.hypot(x - cx, y - cy)
        frames[n, ..., :3] = colour
        frames[n, ..., 3] = (255 * done * np.clip(0.2 * min(width, height) - distance, 0, 1)).astype(np.uint8)
    return Clip(frames, settings.rate)
