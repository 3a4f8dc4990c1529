"""How well drawn faces speak: ``python tests/bench/lipsync.py --data DATA [--part NAME ...] [--json OUT]``.

Faces are avatars of styles never trained on, voices one that was never trained on. The aperture is measured in the
picture: how thick the mouth is where the frame differs from the same face without a mouth.

Parts: listening, aperture, leak, outside, identity, drift, guidance.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from common import Report, table
from lipsync_judge import avatars, best_lag, correlation, psnr, utterances

from pipelines.events import Done
from pipelines.lipsync import LipSyncPipeline
from pipelines.lipsync.painting import Painter, painted
from pipelines.lipsync.tracks import Listener, heard
from pipelines.media import Clip, Sound
from pipelines.settings import LipSyncSettings
from pipelines.visemes import JAW, resampled, shape_of

RATE = 25.0
SHUT = 0.1  # aperture below which a mouth counts as closed: a twentieth of its width


def frames_of(avatar, patches):
    """Whole frames from the patches of a still."""
    source = avatar.picture().pixels
    made = np.repeat(source[None], len(patches), 0)
    for frame, patch in zip(made, patches, strict=True):
        if patch is not None:
            high, wide = patch.pixels.shape[:2]
            frame[patch.top : patch.top + high, patch.left : patch.left + wide] = patch.pixels
    return made


def at_frames(track, rate, seconds):
    """Rows of a track at the frames of a clip."""
    return resampled(track, rate, (np.arange(round(seconds * RATE)) + 0.5) / RATE).astype(np.float32)


def speak(pipeline, avatar, rows, settings):
    """Frames of a still whose mouth does ``rows``."""
    made = []
    model = Painter(pipeline.mouth)
    for begin in range(0, len(rows), 16):
        shape = shape_of(rows[begin : begin + 16], settings.strength, settings.expressiveness)
        frames = [avatar.picture().pixels] * len(shape)
        made += painted(model, frames, [avatar.face] * len(shape), shape, settings, 1)
    return frames_of(avatar, made)


def listening(pipeline, data, report, args):
    """Sound to track: correlation of the jaw, visemes, lag, for the held-out voice and held-out sentences of others."""
    for voice in ("rms", "heart", "slt", "awb", "kal"):
        found = []
        for sound, truth, rate in utterances(data, voice, 10):
            rows = np.concatenate([part for _, part in heard(Listener(pipeline.listener), sound, 3)])
            count = min(len(rows), len(truth))
            a, b = truth[:count], rows[:count]
            said = a[:, 0] < 0.5
            same = (a[:, :15].argmax(1) == b[:, :15].argmax(1))[said].mean()
            found.append((correlation(a[:, JAW], b[:, JAW]), same, best_lag(a[:, JAW], b[:, JAW]) * 1000 / rate))
        mean = np.mean(found, 0)
        report.add(f"listening {voice}", {"jaw correlation": mean[0], "visemes": mean[1], "lag ms": mean[2]})
    silent = Sound(np.zeros((1, 48_000), np.float32), 24_000)
    rows = np.concatenate([part for _, part in heard(Listener(pipeline.listener), silent, 3)])
    report.add("listening to silence: jaw", float(rows[:, JAW].max()))
    sound, _, _ = next(iter(utterances(data, "rms", 1)))
    takes = [
        np.concatenate([p for _, p in heard(Listener(pipeline.listener), sound, seed)])[:, JAW] for seed in (1, 2, 3)
    ]
    report.add("listening: spread by seed", float(np.std(takes, 0).mean()))


def aperture(pipeline, data, report, args):
    """Aperture in the picture against the true one: with the times of the phones known, and from sound alone."""
    settings = LipSyncSettings(seed=1)
    known, alone, lags = {}, [], []
    said = list(utterances(data, count=args.faces))
    for each, (sound, truth, rate) in zip(avatars(args.faces), said, strict=False):
        seconds = min(sound.seconds, args.seconds)
        rows = at_frames(truth, rate, seconds)
        found = [each.opened(frame)[0] for frame in speak(pipeline, each, rows, settings)]
        known[each.name] = correlation(rows[:, JAW], found)
        lags.append(best_lag(rows[:, JAW], np.array(found)))
        hears = np.concatenate([part for _, part in heard(Listener(pipeline.listener), sound, 3)])
        guessed = at_frames(hears, rate, seconds)
        found = [each.opened(frame)[0] for frame in speak(pipeline, each, guessed, settings)]
        alone.append(correlation(rows[:, JAW], found))
        lags.append(best_lag(rows[:, JAW], np.array(found)))
        report.add("aperture, phones known", {"mean": float(np.mean(list(known.values()))), **known})
        report.add("aperture, from sound alone, unheard voice", float(np.mean(alone)))
        report.add("aperture: best offset, frames", {"mean": float(np.mean(lags)), "largest": int(np.abs(lags).max())})


def leak(pipeline, data, report, args):
    """The source talks, the new voice is silent: in how many frames the mouth is closed."""
    shut, before, total = 0, 0, 0
    by = {}
    for each in avatars(args.faces):
        names = list(each.mouths)
        rng = np.random.default_rng(1)
        frames = np.stack([each.picture(names[rng.integers(len(names))]).pixels for _ in range(24)])
        settings = LipSyncSettings(
            seed=1, mouth_x=each.face.x / 256, mouth_y=each.face.y / 256, mouth_width=each.face.width / 256
        )
        silent = Sound(np.zeros((1, 24_000), np.float32), 24_000)
        *_, done = pipeline.generate(settings, Clip(frames, 25.0), silent)
        assert isinstance(done, Done)
        after = [each.opened(frame)[0] < SHUT for frame in done.items[0].frames]
        by[each.name] = float(np.mean(after))
        shut, total = shut + sum(after), total + len(after)
        before += sum(each.opened(frame)[0] < SHUT for frame in frames)
        report.add("leak: closed frames", {"after": shut / total, "before": before / total, **by})


def outside(pipeline, data, report, args):
    """What the mouth is not: bit-exact outside its square, and decibels inside the square but off both mouths."""
    inside, exact = [], []
    settings = LipSyncSettings(seed=1)
    rows = np.zeros((10, 17), np.float32)
    rows[:, JAW] = np.linspace(0, 1, 10)
    rows[:, 10] = 1
    for each in avatars(args.faces):
        source = each.picture().pixels
        box = each.face.corners(2.4)
        for frame in speak(pipeline, each, rows, settings):
            off = np.ones(source.shape[:2], bool)
            off[max(box.top, 0) : box.bottom, max(box.left, 0) : box.right] = False
            exact.append(bool((frame[off] == source[off]).all()))
            mouth = np.abs(frame[..., :3].astype(int) - each.bare).max(-1) > 24
            mouth |= np.abs(source[..., :3].astype(int) - each.bare).max(-1) > 24
            grown = (
                torch.nn.functional.max_pool2d(torch.from_numpy(mouth)[None, None].float(), 9, 1, 4)[0, 0].numpy() > 0
            )
            inside.append(psnr(frame[~grown & ~off, :3], source[~grown & ~off, :3]))
    finite = [value for value in inside if np.isfinite(value)]
    report.add(
        "outside",
        {
            "bit-exact outside the square": float(np.mean(exact)),
            "dB in the square off the mouth": float(np.median(finite or [np.inf])),
            "frames without any change there": 1 - len(finite) / len(inside),
        },
    )  # fmt: skip


def likeness(picture):
    """What a face looks like: colours and edges, a unit vector."""
    from skimage.feature import hog

    small = torch.from_numpy(np.ascontiguousarray(picture[..., :3])).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(small, (64, 64), mode="area")[0].permute(1, 2, 0).numpy() / 255
    edges = hog(small.mean(-1), pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    colours, _ = np.histogramdd(small.reshape(-1, 3), bins=(4, 4, 4), range=[(0, 1)] * 3)
    colours = np.sqrt(colours.ravel() / colours.sum())
    vector = np.concatenate([edges / np.linalg.norm(edges), colours])
    return vector / np.linalg.norm(vector)


def identity(pipeline, data, report, args):
    """Distance of what speaks to its source, against that of two characters of one style."""
    settings = LipSyncSettings(seed=1)
    rows = np.zeros((6, 17), np.float32)
    rows[:, JAW], rows[:, 10] = np.linspace(0, 1, 6), 1
    own, faces = [], avatars(args.faces)
    for each in faces:
        source = likeness(each.picture().pixels)
        own += [1 - float(source @ likeness(frame)) for frame in speak(pipeline, each, rows, settings)]
    looks = {each.name: likeness(each.picture().pixels) for each in faces}
    others = [
        1 - float(looks[a] @ looks[b]) for a in looks for b in looks if a < b and a.split()[0] == b.split()[0]
    ]  # fmt: skip
    spread = {"own, mean": np.mean(own), "own, largest": np.max(own), "others, mean": np.mean(others)}
    report.add("identity", {name: float(value) for name, value in (*spread.items(), ("others, least", np.min(others)))})


def drift(pipeline, data, report, args):
    """The same second of speech again and again for a minute: how far the last differs from the first."""
    each = avatars(1)[0]
    sound, truth, rate = next(iter(utterances(data, count=1)))
    second = at_frames(truth, rate, 1.0)
    rows = np.concatenate([second] * 60)
    made = speak(pipeline, each, rows, LipSyncSettings(seed=1, steps=4, guidance=1))
    first, last = made[:25].astype(int), made[-25:].astype(int)
    report.add("drift over 60 s", {"largest difference of 255": int(np.abs(first - last).max())})


def guidance(pipeline, data, report, args):
    """Field against plain guidance, on both axes: aperture, and what changes away from the mouth."""
    rows = []
    said = list(utterances(data, count=args.faces))
    for guide, scale in (
        ("plain", 1.0),
        *((guide, scale) for scale in (1.5, 2.5, 4.0) for guide in ("plain", "field")),
    ):
        follow, off, wrong = [], [], []
        for each, (_, truth, rate) in zip(avatars(args.faces), said, strict=False):
            track = at_frames(truth, rate, 1.6)
            settings = LipSyncSettings(seed=1, guide=guide, guidance=scale)
            frames = speak(pipeline, each, track, settings)
            found = np.array([each.opened(frame)[0] for frame in frames])
            follow.append(correlation(track[:, JAW], found))
            wrong.append(float(np.abs(found - track[:, JAW]).mean()))
            source = each.picture().pixels
            near = np.abs(frames.astype(int) - source)[..., :3].max(-1) > 8
            mouth = np.abs(source[..., :3].astype(int) - each.bare).max(-1) > 24
            high = np.flatnonzero(mouth.any(1))
            allowed = np.zeros_like(mouth)
            x, y, half = each.face.x, each.face.y, 0.65 * each.face.width
            allowed[int(high[0]) - 4 : int(y + 1.1 * half) + 6, int(x - half) : int(x + half)] = True
            off.append(float((near & ~allowed).mean()) * 1e4)
        name = "none" if scale == 1 else f"{guide} {scale}"
        rows.append((name, *(round(float(np.mean(each)), 4) for each in (follow, wrong, off))))
        report.add("guidance", rows)
    table(("guidance", "aperture correlation", "aperture error", "changed off the mouth, pixels in 10,000"), rows)


PARTS = {each.__name__: each for each in (listening, aperture, leak, outside, identity, drift, guidance)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with what `prepare` of both recipes made")
    parser.add_argument("--part", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json")
    asked = parser.parse_args()
    talking = LipSyncPipeline.load()
    results = Report(asked.json)
    for part in asked.part:
        PARTS[part](talking, asked.data / "lipsync", results, asked)
