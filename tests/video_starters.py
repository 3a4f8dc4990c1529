"""Small random video starters, and clips."""

from dataclasses import replace

import numpy as np
from starters import TINY, random_starter, shaken

from pipelines.media import Clip
from pipelines.models.bank import Bank, Entry
from pipelines.models.motions import MotionBank
from pipelines.models.verbs import Move, perform
from pipelines.models.video import VideoModel
from pipelines.training.video import video_network

TINY_VIDEO = replace(TINY, grid=(16, 8, 8), patch=(1, 8, 8), reference=True, lean=0.0, temporal=64)


def random_video(seed=0, **changes):
    """A video starter of few weights, all of them random, that knows one learned motion."""
    network = shaken(video_network(replace(TINY_VIDEO, **changes), seed), seed)
    score = perform([Move("sway")], 24, 8.0, loop=True)
    entries = [Entry("grinning face", ("happy",), ("3d",)), Entry("tiger", ("cat",), ("3d",))]
    bank = Bank(entries, None)
    fields = (score.field[None] * 160).round().numpy().astype(np.int8).repeat(2, 0)
    return VideoModel(network, random_starter(seed), MotionBank(bank, fields))


def any_clip(frames=6, width=20, height=16, rate=8.0, seed=0):
    """A bright square that crosses a clip of random pixels."""
    rng = np.random.default_rng(seed)
    made = np.zeros((frames, height, width, 4), np.uint8)
    for frame in range(frames):
        made[frame, 4:12, 2 + frame : 10 + frame] = (*rng.integers(100, 255, 3), 255)
    return Clip(made, rate)
