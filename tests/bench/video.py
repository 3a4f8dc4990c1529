"""The video starter, measured: ``python tests/bench/video.py PART ... --data data``; parts as in ``PARTS``.

``--json`` collects rows for the model card and is written after every part, so that a run cut off keeps its numbers.
"""

import argparse
import json
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import torch
from common import table
from moving import MOVING, agreement, closure, energy, flow, frames_of, judged_verb, rms

from pipelines.events import Done, Piece, Preview
from pipelines.flow import ALF, CLAMP, conditioned, sigma_grid, solve
from pipelines.flow.filling import fill
from pipelines.flow.rules import rule_named
from pipelines.flow.schedule import shift
from pipelines.media import Clip
from pipelines.models.motion import performed
from pipelines.models.tracking import track
from pipelines.settings import VideoExtendSettings, VideoSettings
from pipelines.training.data.clips import FRAMES, ClipSet
from pipelines.video import VideoPipeline
from pipelines.video.making import BEGIN, END, along, settled

# Frames of the set that make a clip of 16: one loop of it.
LOOP = [round(frame * FRAMES / 16) % FRAMES for frame in range(16)]


def rows_of(clips, count, *, held_out):
    """``count`` rows of full weight, spread by a hash of the name."""
    rows = [row for row in clips.rows(held_out) if clips.items[row].weight == 1]
    return sorted(rows, key=lambda row: zlib.crc32(clips.items[row].name[::-1].encode()))[:count]


def real(clips, row, places=LOOP):
    """Frames [T, 4, 64, 64] of a clip of the set."""
    return torch.from_numpy(np.asarray(clips.frames[row][places])).permute(0, 3, 1, 2).float() / 255


def signal(frames):
    """As the model takes it, [1, 4, T, H, W]."""
    return (frames * 2 - 1).transpose(0, 1)[None]


def coarse(frames):
    """Frames at a quarter of their size, [T, 4, 16, 16]."""
    return torch.nn.functional.avg_pool2d(frames, 4)


def finished(events):
    """Done of a run, seconds to its first preview, and all seconds."""
    started, first = time.monotonic(), None
    for event in events:
        if first is None and isinstance(event, Preview | Piece):
            first = time.monotonic() - started
    assert isinstance(event, Done)
    return event, first, time.monotonic() - started


def mean(values):
    """Mean, two digits."""
    return f"{np.mean(values):.2f}"


def round_trip(pipe, clips, count):
    """Held-out clips to noise and back at 8 calls each way: latents bit for bit."""
    model, exact, spread = pipe.model, [], []
    up = sigma_grid(8, start=CLAMP, end=1.0)
    for row in rows_of(clips, count, held_out=True):
        x = signal(real(clips, row))
        score = track(real(clips, row))
        condition = model.shown(model.summary([clips.items[row].name]), performed(x[0, :, 0], score)[None], [score])
        velocity = conditioned(model, condition)
        *_, there = solve(velocity, x, up, ALF)
        *_, back = solve(velocity, there.state, up.flip(0), ALF)
        *_, again = solve(velocity, back.state, up, ALF)
        same = torch.equal(again.state.x, there.state.x)
        exact.append(same and float((back.state.value.float() - x).abs().max()) < 1e-6)
        spread.append(float(there.state.value.std()))
    return [
        (f"round trip at 8 calls, {count} held-out clips, bit-exact latents", mean(exact)),
        ("spread of the inverted noise (1 is right)", mean(spread)),
    ]


def adds(pipe, clips, count):
    """Real clips from their first frame and their own motion: what the network adds to the moved picture.

    As it ships, and from pure noise with all that it draws.
    """
    model, found = pipe.model, []
    for held_out in (False, True):
        moved_error, made_error, alone_error, better = [], [], [], []
        for row in rows_of(clips, count, held_out=held_out):
            frames = real(clips, row)
            score = track(frames)
            shown = performed(signal(frames)[0, :, 0], score)
            condition = model.shown(model.summary([clips.items[row].name]), shown[None], [score])
            known = torch.arange(16) < 1
            begun = []
            for begin in (BEGIN, 1.0):
                grid = sigma_grid(8, shift(2.0), start=begin, end=END)
                velocity = along(model, condition, True)
                *_, step = fill(velocity, signal(frames), known, grid, rule_named("ab2"), [row], shown[None])
                begun.append(step.clean)
            made, alone, moved = settled(begun[0], shown[None], known)[0], begun[1][0], shown
            errors = (rms((each.transpose(0, 1) + 1) / 2, frames) for each in (moved, made, alone))
            for kept, error in zip((moved_error, made_error, alone_error), errors, strict=True):
                kept.append(error)
            better.append(made_error[-1] < moved_error[-1])
        names = "held-out" if held_out else "training"
        found += [
            (
                f"RMS to the real clip, {count} {names} names: moved picture / as shipped / network alone",
                " / ".join(f"{np.mean(each):.4f}" for each in (moved_error, made_error, alone_error)),
            ),
            (f"- as shipped nearer than the moved picture, {names} names", mean(better)),
        ]
    return found


def verbs(pipe, clips, count):
    """One clip a verb: is the flow that of the verb asked for?"""
    right, shown_right, loops, things = [], [], [], ("red heart", "panda", "rocket", "star", "pumpkin")
    for place, verb in enumerate(MOVING[:count]):
        thing = things[place % len(things)]
        asked = VideoSettings(prompt=f"a {thing}, {verb}", seed=place)
        previews = []
        for event in pipe.generate(asked):
            if isinstance(event, Preview) and len(event.items[0].frames) == asked.frames and not previews:
                previews.append(event.items[0])
        frames = frames_of(event.items[0])
        right.append(judged_verb(frames, asked.rate) == verb)
        shown_right.append(judged_verb(frames_of(previews[0]), asked.rate) == verb)
        loops.append(closure(frames))
    return [
        (f"verb heard by optical flow, {len(right)} verbs (chance {1 / len(MOVING):.2f})", mean(right)),
        ("- the same of the picture moved by the score, without the network", mean(shown_right)),
        ("- loop closure (1 is without a seam), median", f"{np.median(loops):.2f}"),
    ]


def names(pipe, clips, count):
    """Clips of names alone: the right name found again among all, motion energy, agreement with the real motion."""
    found = []
    small = torch.stack(
        [
            real(clips, row).unflatten(-1, (16, 4)).unflatten(-3, (16, 4)).mean((-1, -3))
            for row in range(len(clips.items))
        ]
    )
    for held_out in (False, True):
        top1, top10, power, agree, loops = [], [], [], [], []
        for row in rows_of(clips, count, held_out=held_out):
            clip = finished(pipe.generate(VideoSettings(prompt=clips.items[row].name, seed=row)))[0].items[0]
            frames = frames_of(clip)
            near = (small - coarse(frames)).square().flatten(1).mean(1)
            rank = int((near < near[row]).sum())
            top1.append(rank == 0)
            top10.append(rank < 10)
            truth = real(clips, row)
            power.append(energy(frames) / energy(truth))
            agree.append(agreement(flow(frames), flow(truth), truth))
            loops.append(closure(frames))
        kind = "held-out" if held_out else "training"
        found += [
            (
                f"name found again among {len(small)} clips, {count} {kind} names, top-1 / top-10",
                f"{mean(top1)} / {mean(top10)}",
            ),
            ("- motion energy over the real clip's, median", f"{np.median(power):.2f}"),
            ("- flow agreement with the real clip, mean", mean(agree)),
            ("- loop closure (1 is without a seam), median", f"{np.median(loops):.2f}"),
        ]
    return found


def streaming(pipe, clips, count):
    """A minute of video: memory, pace, and how soon a change of prompt is seen."""
    source = Clip(np.zeros((4, 64, 64, 4), np.uint8), 8.0)
    frames = real(clips, rows_of(clips, 1, held_out=False)[0], [0, 0, 0, 0])
    pixels = torch.cat([frames[:, :3] / frames[:, 3:].clamp(min=1e-3), frames[:, 3:]], 1).clamp(0, 1)
    source = Clip((pixels.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8), 8.0)
    asked = VideoExtendSettings(prompt="swaying", changes="5: spinning", seconds=count, seed=1)
    memory, process, started, cpu = [], psutil.Process(), time.monotonic(), time.process_time()
    for event in pipe.extend(asked, source):
        if isinstance(event, Piece):  # in use now, rather than the most there ever was
            memory.append(process.memory_info().rss / 2**20)
    wall, cpu = time.monotonic() - started, time.process_time() - cpu
    made = len(event.items[0].frames) - 4
    minute = round(60 * len(memory) / count)
    held = " / ".join(f"{np.median(memory[place : place + 20]):.0f}" for place in range(10, len(memory) - 19, minute))
    tail = np.median(memory[-20:])
    return [
        (f"streaming, {count} s of 8 frames a second: frames a second", f"{made / wall:.1f}"),
        ("- frames to a second of one core", f"{made / cpu:.1f}"),
        ("- memory in use at the beginning of each minute and at the end, MB", f"{held} / {tail:.0f}"),
        ("- of it the frames that are kept, MB", f"{len(event.items[0].frames) * 64 * 64 * 4 / 2**20:.0f}"),
        ("- frames from a change of prompt to the first that differs", str(lag(pipe, source))),
    ]


def lag(pipe, source):
    """Frames between a change of prompt and the first frame that is not as without it."""
    asked = VideoExtendSettings(prompt="swaying", seconds=2.5, seed=1)
    changed_at = []

    def steer(seconds):
        if seconds >= 1 and not changed_at:
            changed_at.append(round(seconds * source.rate))
            return "spinning"
        return None

    with_, without = (finished(pipe.extend(asked, source, each))[0].items[0].frames for each in (steer, None))
    differs = np.abs(with_.astype(int) - without).mean((1, 2, 3))[len(source.frames) :] > 1
    return int(differs.argmax()) - changed_at[0] + 1


def speed(pipe, clips, count):
    """A clip of 16 frames with the defaults."""
    rows = []
    for seed in range(3):
        cpu = time.process_time()
        _, first, total = finished(pipe.generate(VideoSettings(prompt="a grinning face, nodding", seed=seed)))
        rows.append((total, first, time.process_time() - cpu))
    total, first, cpu = np.median(np.array(rows), 0)
    return [
        ("16 frames from words: wall seconds / seconds of one core", f"{total:.1f} / {cpu:.1f}"),
        ("- first preview, wall seconds", f"{first:.2f}"),
    ]


PARTS = {
    "speed": (speed, 1), "round_trip": (round_trip, 8), "adds": (adds, 16), "verbs": (verbs, len(MOVING)),
    "names": (names, 16), "streaming": (streaming, 60),
}  # fmt: skip


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--data", type=Path, default=Path("data/video"))
    parser.add_argument("--count", type=int, help="examples of each part, instead of its own number")
    parser.add_argument("--json", type=Path, help="where the rows for the model card go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe, clips = VideoPipeline.load(), ClipSet.load(options.data)
    for part in options.parts or PARTS:
        measure, count = PARTS[part]
        rows = measure(pipe, clips, options.count or count)
        table((part, "value"), rows)
        if options.json:
            kept = json.loads(options.json.read_text()) if options.json.exists() else []
            said = {what for what, _ in rows}
            options.json.write_text(json.dumps([*[row for row in kept if row[0] not in said], *rows], indent=1))


if __name__ == "__main__":
    main()
