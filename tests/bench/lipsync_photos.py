"""How well photographs speak: ``python tests/bench/lipsync_photos.py [--json OUT] [--sheet OUT.png] [--only NAME]``.

Three people: scikit-image's astronaut (NASA, public domain), as she is, in three sizes, mirrored, tilted, seen from the
side (by a perspective map), darker, and in black and white; the portrait that comes with Matplotlib (Grace Hopper, US
Navy, public domain), in two sizes and tilted; and a face that nobody has, the mean of both. Scikit-image's cameraman
(CC0) is seen from the side, and is to be left alone.
Landmarks are measured again on the result; their aperture is compared with the intended one. Away from the mouth
nothing may change from frame to frame.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from common import Report, table
from lipsync_judge import correlation
from PIL import Image

from pipelines.errors import MediaError
from pipelines.events import Done, Note
from pipelines.lipsync import LipSyncPipeline
from pipelines.lipsync.finding import Finder, settled
from pipelines.lipsync.moving import Lips, moved
from pipelines.media import Clip, Sound
from pipelines.models.landmarks import FaceNets
from pipelines.settings import LipSyncSettings
from pipelines.visemes import phone_weights, shape_of

TEXT = "_ɡʊdmɔɹnɪŋ_ðəwɔtɹɹɛstsbɪloʊ_mɑmɑpɑpɑ_hiɪzɡoɪŋhoʊm_"


def variants():
    """(name, RGBA) of the face."""
    from skimage import data

    whole = Image.fromarray(data.astronaut()).convert("RGBA")
    yield "as it is, 512", whole
    yield "small, 256", whole.resize((256, 256), Image.Resampling.LANCZOS)
    yield "large, 1024", whole.resize((1024, 1024), Image.Resampling.LANCZOS)
    yield "mirrored", whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield "tilted 20 degrees", whole.rotate(20, Image.Resampling.BICUBIC)
    side = (0.62, 0.0, 70.0, -0.10, 0.86, 25.0, -0.0012, 0.0)
    yield (
        "turned, by perspective",
        whole.transform((420, 420), Image.Transform.PERSPECTIVE, side, Image.Resampling.BICUBIC),
    )
    yield "dark", Image.fromarray((np.asarray(whole) * (0.35, 0.35, 0.4, 1)).astype(np.uint8))
    yield "black and white", whole.convert("L").convert("RGBA")
    second = portrait()
    yield "portrait", second
    yield "portrait, 256", second.resize((218, 256), Image.Resampling.LANCZOS)
    yield "portrait, tilted 15 degrees", second.rotate(-15, Image.Resampling.BICUBIC)
    yield "mean of both", between(whole, second)
    yield "cameraman, from the side", Image.fromarray(data.camera()).convert("RGBA")


def between(first, second):
    """The mean of two faces: their landmarks are brought to the mean of both, then their colours are."""
    from scipy.interpolate import griddata
    from scipy.ndimage import map_coordinates

    nets, pictures, points = FaceNets(), [], []
    for image in (first, second):
        frame = np.asarray(image)
        region = nets.find(frame)[0]
        side = 2.4 * region.side
        corner = region.x - side / 2, region.y - side / 2
        part = image.crop((*map(int, corner), int(corner[0] + side), int(corner[1] + side))).resize((512, 512))
        pictures.append(np.asarray(part, np.float32))
        found = nets.mesh(np.asarray(part), nets.find(np.asarray(part))[0])
        edge, low, high = np.linspace(0, 511, 9), np.zeros(9), np.full(9, 511.0)
        points.append(np.concatenate([found] + [
            np.stack(each, -1) for each in ((edge, low), (edge, high), (low, edge), (high, edge))
        ]))  # fmt: skip
    mean = (points[0] + points[1]) / 2
    rows, columns = np.mgrid[:512, :512]
    made = np.zeros((512, 512, 4), np.float32)
    for picture, own in zip(pictures, points, strict=True):
        x, y = (griddata(mean, own[:, axis], (columns, rows), "linear", float(0)) for axis in (0, 1))
        made += np.stack([map_coordinates(picture[..., c], (y, x), order=1, mode="nearest") for c in range(4)], -1) / 2
    return Image.fromarray(made.clip(0, 255).astype(np.uint8))


def portrait():
    """Matplotlib's sample photograph; the package need only be there, it is not imported."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise SystemExit("matplotlib: is missing, its sample portrait is one of the faces; pip install matplotlib")
    return Image.open(Path(found.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg").convert("RGBA")


def small(frame, box):
    """A part of a frame at the size of the sheet's tiles."""
    part = Image.fromarray(frame).convert("RGB").crop(box)
    return np.asarray(part.resize((200, 200), Image.Resampling.LANCZOS))


def run(report, sheet, only=()):
    """Every variant says the same; rows of the table, and a contact sheet."""
    nets = FaceNets()
    seconds = np.full(len(TEXT), 0.09)
    track = phone_weights(TEXT, seconds, 25.0)
    rows, shown = [], []
    for name, image in variants():
        if only and name not in only:
            continue
        frame = np.asarray(image)
        try:
            faces = Finder.of(LipSyncSettings(), lambda: nets).faces([frame], 0, 25.0, still=True)[0]
        except MediaError as error:
            rows.append((name, str(error).split(";")[0], "-", "-", "-", True))
            report.add("photographs", rows)
            continue
        face, shape = faces[0], shape_of(track)
        found, outside, frames = [], [], []
        for each in shape:
            patch = moved(frame, face, each)
            made = frame.copy()
            made[patch.top : patch.top + patch.pixels.shape[0], patch.left : patch.left + patch.pixels.shape[1]] = (
                patch.pixels
            )
            frames.append(made)
            region = nets.find(made)
            points = settled(nets, made, region[0]) if region else None
            found.append(np.nan if points is None else Lips.of(points).gap)
            off = np.ones(frame.shape[:2], bool)
            off[patch.top : patch.top + patch.pixels.shape[0], patch.left : patch.left + patch.pixels.shape[1]] = False
            outside.append(bool((made[off] == frame[off]).all()))
        seen = np.isfinite(found)
        agrees = correlation(shape[seen, 0], np.array(found)[seen])
        rows.append(
            (name, face.engine, round(float(face.width)), round(float(seen.mean()), 3), round(agrees, 3), all(outside))
        )
        report.add("photographs", rows)
        order = np.argsort(shape[:, 0])
        box = (max(0, int(face.x - 2.4 * face.width)), max(0, int(face.y - 2.6 * face.width)))
        size = int(4.8 * face.width)
        shown.append(np.concatenate([
            small(frames[i], (*box, box[0] + size, box[1] + size))
            for i in order[[0, len(order) // 3, 2 * len(order) // 3, -4, -1]]
        ], 1))  # fmt: skip
    table(("face", "engine", "mouth, px", "found again", "aperture correlation", "bit-exact outside"), rows)
    if sheet and shown:
        Image.fromarray(np.concatenate(shown)).save(sheet)


def cutaway(report):
    """A clip in which the face is gone for a while: those frames pass untouched, and are named."""
    from skimage import data

    face = np.dstack([data.astronaut(), np.full((512, 512), 255, np.uint8)])
    other = np.dstack([data.chelsea()[:300, :300], np.full((300, 300), 255, np.uint8)])
    gone = np.asarray(Image.fromarray(other).resize((512, 512)))
    frames = np.stack([face] * 10 + [gone] * 8 + [face] * 10)
    wave = (0.2 * np.sin(np.arange(24_000) * 0.05)).astype(np.float32)[None]
    *events, done = LipSyncPipeline.load().generate(LipSyncSettings(seed=1), Clip(frames, 25.0), Sound(wave, 24_000))
    assert isinstance(done, Done)
    same = [bool((made == frame).all()) for made, frame in zip(done.items[0].frames, frames, strict=True)]
    report.add(
        "cutaway", {"untouched while away": all(same[10:18]), "said": [e.text for e in events if isinstance(e, Note)]}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--sheet")
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    results = Report(asked.json)
    run(results, asked.sheet, asked.only)
    cutaway(results)
