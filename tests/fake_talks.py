"""A runner that makes faces talk without a model: a drawn mouth that opens as its track says, and a voice of tones."""

import os
import time

import numpy as np
from fake_sounds import Talker, joined, sentence

from pipelines.errors import MediaError
from pipelines.events import Done, Note, Preview, Progress
from pipelines.media import CHANNELS, VISEMES, Clip, Picture, Sound, Visemes

SIDE, FRAMES = 128, 25.0  # pixels, frames a second
SHAPES = ("PP", "aa", "E", "FF", "O", "DD", "I", "SS", "U")


class Mouths(Talker):
    """As :class:`Talker` for the other media. A text with "nobody" finds no face, one with "slow" takes its time."""

    def __call__(self, job, inputs):
        settings = job.settings
        if settings.MEDIUM != "lipsync":
            yield from super().__call__(job, inputs)
            return
        if "nobody" in settings.text:
            raise MediaError("face: none is found in frames 1 to 25; show the face larger, or say where the mouth is")
        pause = 0.3 if "slow" in settings.text else float(os.environ.get("PAUSE", "0.01"))
        sound = read(inputs["recording"]) if "recording" in inputs else joined([sentence(settings.text, 0.2)])
        track = moved(sound, settings.strength)
        faces = [drawn(row, settings.character) for row in track.weights]
        for step in range(1, 5):
            time.sleep(pause)
            yield Progress(step, 4, (4 - step) * pause)
            yield Preview((Picture(faces[len(faces) * step // 5]),))
        yield Note(f"Drawn face: its mouth is painted anew. Given: {', '.join(sorted(inputs)) or 'nothing'}.")
        yield Done((Clip(np.stack(faces), FRAMES, sound, track),), (settings.seed,), 4, 4 * pause)


def read(path):
    """A recording, and when each of its words is said."""
    import soundfile

    from studio.provenance import read_words

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return Sound(np.ascontiguousarray(samples.T[:2]), rate, read_words(path))


def moved(sound, strength=1.0):
    """A track that opens the mouth where the sound is loud, a shape after the other, and blinks every second."""
    count = max(1, round(sound.seconds * FRAMES))
    edges = np.linspace(0, sound.samples.shape[1], count + 1).astype(int)
    loud = np.array([np.abs(sound.samples[:, a : max(b, a + 1)]).max() for a, b in zip(edges, edges[1:], strict=False)])
    weights = np.zeros((count, len(CHANNELS)), np.float32)
    for row in range(count):
        name = SHAPES[row // 4 % len(SHAPES)] if loud[row] > 0.02 else "sil"
        weights[row, VISEMES.index(name)] = 1
        weights[row, -2] = min(1, 2.5 * loud[row] * strength) * (0.15 if name in ("PP", "FF") else 1)
        weights[row, -1] = max(0, 1 - abs(row % 25 - 12) / 2)
    return Visemes(weights, FRAMES)


def drawn(row, name=""):
    """A round face of a colour of its own on a see-through ground, its mouth as a row of a track says."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) - SIDE / 2
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    skin = {"": (240, 196, 150), "wren": (150, 200, 220)}.get(name, (200, 180, 230))
    pixels[x**2 + y**2 < 56**2] = (*skin, 255)
    for side in (-20, 20):
        pixels[((x - side) / 6) ** 2 + ((y + 14) / max(1.2, 8 * (1 - row[-1]))) ** 2 < 1] = (40, 40, 50, 255)
    pixels[(x / 18) ** 2 + ((y - 26) / (1.5 + 14 * row[-2])) ** 2 < 1] = (120, 30, 40, 255)
    return pixels
