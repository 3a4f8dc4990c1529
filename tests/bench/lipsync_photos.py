"""How well photographs speak: ``python tests/bench/lipsync_photos.py [--json OUT] [--sheet OUT.png]``.

The face is scikit-image's astronaut (NASA, public domain): as she is, in three sizes, mirrored, tilted, seen from the
side (by a perspective map), darker, and in black and white. Landmarks are measured again on the result; their aperture
is compared with the intended one. Away from the mouth nothing may change from frame to frame.
"""

import argparse

import numpy as np
from common import table
from lipsync_judge import Report, correlation
from PIL import Image

from pipelines.events import Done, Note
from pipelines.lipsync import LipSyncPipeline
from pipelines.lipsync.finding import Finder
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


def small(frame, box):
    """A part of a frame at the size of the sheet's tiles."""
    part = Image.fromarray(frame).convert("RGB").crop(box)
    return np.asarray(part.resize((200, 200), Image.Resampling.LANCZOS))


def run(report, sheet):
    """Every variant says the same; rows of the table, and a contact sheet."""
    nets = FaceNets()
    seconds = np.full(len(TEXT), 0.09)
    track = phone_weights(TEXT, seconds, 25.0)
    rows, shown = [], []
    for name, image in variants():
        frame = np.asarray(image)
        faces = Finder.of(LipSyncSettings(), lambda: nets).faces([frame], 0, 25.0, still=True)[0]
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
            points = nets.mesh(made, region[0]) if region else None
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
    if sheet:
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
    asked = parser.parse_args()
    results = Report(asked.json)
    run(results, asked.sheet)
    cutaway(results)
