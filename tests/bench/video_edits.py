"""Edits of clips with known answers: ``python tests/bench/video_edits.py --data data/video``.

Pairs of real clips that move alike and whose names differ in one word ("blue heart" -> "green heart") have a true
target. Reported per method: RMS distance to the target (range 1); the share of edits nearer to it than the source is;
agreement of the optical flow with the source's; and flicker, the mean difference of consecutive frames after the
source's own flow is undone, over what is shown. A source left alone stands first, and the moved key frame without the
flow model second. Frame by frame is the image starter's editor on every frame, with the same noise for each. Written
after every pair, so that a run cut off keeps its numbers.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from common import table
from moving import agreement, flicker, flow, frames_of, rms
from video import finished, signal

from pipelines.backbone.text import split_words
from pipelines.edit import EditPlan
from pipelines.events import Preview
from pipelines.media import Clip
from pipelines.sampling import edited
from pipelines.settings import ImageEditSettings, VideoEditSettings
from pipelines.training.data.clips import ClipSet
from pipelines.video import VideoPipeline

PLACES = list(range(0, 24, 3))  # 8 frames of a loop
OTHERS = (("SDEdit .6", "sdedit", 0.6), ("SDEdit 1", "sdedit", 1.0), ("RF-Edit", "rf-edit", 1.0))
ALIKE = 0.5  # correlation of the motions read off two clips


def pairs_of(clips, count):
    """(source row, target row) of one-word pairs that move alike, two of each kind, spread over all."""
    groups = defaultdict(list)
    for row, item in enumerate(clips.items):
        words = split_words(item.name)
        for place in range(len(words)) if len(words) > 1 else ():
            groups[tuple(words[:place]), tuple(words[place + 1 :])].append(row)
    pairs = []
    for rows in groups.values():
        every = [(a, b) for a in rows for b in rows if a != b and alike(clips, a, b)]
        pairs += [every[0], every[len(every) // 2]] if len(every) > 2 else every
    return [pairs[i * len(pairs) // count] for i in range(min(count, len(pairs)))]


def alike(clips, a, b):
    """Whether two clips move alike."""
    one, two = (clips.fields[row, 0].astype(np.float32).ravel() for row in (a, b))
    size = np.linalg.norm(one) * np.linalg.norm(two)
    return size > 1e-3 and one @ two / size > ALIKE


def real(clips, row):
    """Frames [8, 4, 64, 64] of a clip."""
    return torch.from_numpy(np.asarray(clips.frames[row][PLACES])).permute(0, 3, 1, 2).float() / 255


def as_clip(frames):
    """Premultiplied frames as a Clip."""
    straight = torch.cat([frames[:, :3] / frames[:, 3:].clamp(min=1e-3), frames[:, 3:]], 1).clamp(0, 1)
    return Clip((straight.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8), 8.0)


def results(pipe, frames, source, target, seed):
    """Frames by method."""
    asked = {"source_prompt": source, "prompt": target, "seed": seed}
    found = {"source": frames}
    clip = as_clip(frames)
    run = pipe.edit(VideoEditSettings(**asked), clip)
    for event in run:
        if isinstance(event, Preview) and "moved key frame" not in found:
            found["moved key frame"] = frames_of(event.items[0])
    found["FlowEdit over space and time (default)"] = frames_of(event.items[0])
    for name, method, strength in OTHERS:
        done = finished(pipe.edit(VideoEditSettings(**asked, method=method, strength=strength), clip))[0]
        found[name] = frames_of(done.items[0])
    model = pipe.model.pictures
    count = len(frames)
    plan = EditPlan(model, model.encode([source] * count), model.encode([target] * count), 2.0)
    x = signal(frames)[0].transpose(0, 1)
    *_, step = edited(plan, ImageEditSettings(**asked, steps=20), x, [seed] * count, 64)
    found["frame by frame"] = (step.clean.clamp(-1, 1) + 1) / 2
    return found


def main() -> None:
    """Edit and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/video"))
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe, clips = VideoPipeline.load(), ClipSet.load(options.data)
    kept = defaultdict(list)
    for place, (a, b) in enumerate(pairs_of(clips, options.pairs)):
        frames, target = real(clips, a), real(clips, b)
        along = flow(frames)
        for method, made in results(pipe, frames, clips.items[a].name, clips.items[b].name, place).items():
            distance = rms(made, target)
            kept[method].append((
                distance, distance < rms(frames, target), agreement(flow(made), along, frames), flicker(made, along)
            ))  # fmt: skip
        print(f"{place + 1}: {clips.items[a].name} -> {clips.items[b].name}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(kept))
    head = ("method", "distance to the target", "nearer than the source", "flow as the source's", "flicker")
    table(head, [
        (method, *(f"{value:.{digits}f}" for value, digits in zip(np.mean(rows, 0), (3, 2, 2, 4), strict=True)))
        for method, rows in kept.items()
    ])  # fmt: skip


if __name__ == "__main__":
    main()
