"""Small media for tests of files, and FFmpeg's own programs to look at what was written."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from pipelines.media import Clip, Mesh, Picture, Sound
from pipelines.settings import ImageEditSettings, ImageSettings
from studio.export.formats import ALL as FORMATS

MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
EDITED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SETTINGS = ImageSettings(
    prompt="a red apple", negative_prompt="blurry", seed=7, steps=12, width=72, guidance=2.5, solver="rk4", style="flat"
)
EDIT = ImageEditSettings(source_prompt="an apple", prompt="a pear", seed=3, strength=0.4, method="rf-edit")
PROMPTS = [
    "\u4e00\u53ea\u732b \U0001f431 \u2014 \u00fc\u00f1\u00ef",
    "two\nlines\r\nand\ttab",
    "<script>alert('x')</script>",
    '"}, {"kind": "image.edit" \\ \x00 \x1b[31m',
    "Steps: 1, Sampler: x\nNegative prompt: none",
    "\U0001f431" * 1000,
]
EVERY = [pytest.param(format, id=f"{format.medium}-{format.name}") for format in FORMATS]


def clip(frames=7, height=33, width=47, rate=12, sound=None):
    """A square moving over red: transparent at the left, half so beside it."""
    pixels = np.zeros((frames, height, width, 4), np.uint8)
    pixels[...] = (200, 20, 20, 255)
    pixels[:, :, :16] = (0, 0, 0, 0)
    pixels[:, :, 16:24, 3] = 128
    for number in range(frames):
        pixels[number, 8:20, 26 + number : 40 + number] = (20, 30 * number, 220, 255)
    return Clip(pixels, rate, sound)


def tone(seconds=0.5, rate=22050, channels=2):
    """A different note in each channel."""
    time = np.arange(round(seconds * rate)) / rate
    return Sound(np.stack([0.5 * np.sin(2 * np.pi * 440 * (n + 1) * time) for n in range(channels)]).astype("f4"), rate)


def tetrahedron(colours=True, texture=False):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1.25, 0], [0.1, 0.2, -0.3333333]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [0, 2, 3]])
    paint = np.array([[1, 2, 3, 255], [100, 0, 250, 255], [255, 254, 253, 255], [9, 99, 199, 100]], np.uint8)
    uv = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.25]], np.float32) if texture else None
    return Mesh(points, faces, paint if colours else None, uv, picture() if texture else None)


def picture():
    """One frame of the clip: odd size, every kind of transparency."""
    return Picture(clip().frames[3])


SMALL = {
    **{"image": picture, "audio": lambda: tone(0.05), "mesh": tetrahedron},
    "video": lambda: clip(frames=2, height=16, width=60),
}


def sample(medium):
    """Media of the kind that a format holds."""
    made = {"image": picture, "audio": tone, "mesh": tetrahedron, "video": lambda: clip(sound=tone())}
    return made[medium]()


def probe(path, *more):
    """What FFmpeg's own program says of a file, frames counted."""
    said = _run("ffprobe", "-show_format", "-show_streams", "-count_frames", "-of", "json", *more, str(path))
    return json.loads(said)


def decoded(path, shape, *before):
    """Frames of a file as FFmpeg's own program decodes them, uint8 [T, *shape, 4]."""
    said = _run(
        "ffmpeg", *before, "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgba", "-"
    )
    return np.frombuffer(said, np.uint8).reshape(-1, *shape, 4)


def heard(path, channels):
    """Samples of a file as FFmpeg's own program decodes them, float32 [channels, N]."""
    return np.frombuffer(_run("ffmpeg", "-i", str(path), "-f", "f32le", "-"), "<f4").reshape(-1, channels).T


def _run(program, *arguments):
    assert shutil.which(program), f"{program} is missing; install FFmpeg (tests/all.sh does so where apt exists)"
    done = subprocess.run([program, "-v", "error", *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
