"""What the lip-sync benches share: avatars of styles never trained on, voices never trained on, and what to measure."""

from dataclasses import dataclass

import numpy as np

from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.lipsync.faces import Face
from pipelines.media import Picture, Sound
from pipelines.training.data.mouths import HELD_OUT, Drawer, laid_on, measured, shape_from
from pipelines.training.data.speech import SpeechSet
from pipelines.training.data.visemes import HELD_OUT_VOICE, RATE, track

GROUND = np.array([214, 220, 226])
SIDE = 256


@dataclass(frozen=True)
class Avatar:
    """A drawn face with every mouth that it has, on a plain ground."""

    name: str
    drawer: Drawer
    bare: np.ndarray
    mouths: dict[str, tuple[np.ndarray, tuple[float, ...]]]
    face: Face
    stroke: float

    def opened(self, picture):
        """How far a mouth is open in ``picture`` [H, W, 3 or 4], 0 to 1, and its thickness in pixels."""
        found = measured(picture[..., :3], self.bare)
        if found is None:
            return 0.0, 0.0
        return shape_from(found, self.face.width, self.stroke)[0], found.thick

    def rest(self):
        """The name of a mouth that is shut."""
        return min(self.mouths, key=lambda mouth: self.mouths[mouth][1][0] + 0.2 * abs(self.mouths[mouth][1][4]))

    def picture(self, mouth=None):
        """The face with one of its mouths, the one that is shut unless another is asked for."""
        pixels = self.mouths[mouth or self.rest()][0]
        return Picture(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))


def avatar(style, seed):
    """An avatar, its mouth measured; None for one whose mouths are too few or too small."""
    drawer = Drawer(style)
    bare = laid_on(drawer.draw(seed, None, SIDE), GROUND)
    drawn = {mouth: laid_on(drawer.draw(seed, mouth, SIDE), GROUND) for mouth in drawer.mouths}
    found = {m: (p, each) for m, p in drawn.items() if (each := measured(p, bare)) is not None}
    if len(found) < 3:
        return None
    width = float(np.median([each.right - each.left for _, each in found.values()]))
    stroke = min(each.thick for _, each in found.values())
    mouths = {m: (p, shape_from(each, width, stroke)) for m, (p, each) in found.items()}
    rest = min(mouths, key=lambda m: mouths[m][1][0] + 0.2 * abs(mouths[m][1][4]))
    at = found[rest][1]
    if width < 14:
        return None
    face = Face((at.left + at.right) / 2, at.top + at.thick / 2, width, smile=mouths[rest][1][4])
    return Avatar(f"{style} {seed}", drawer, bare, mouths, face, stroke)


def avatars(count, seed="never"):
    """Avatars of the styles that were held out, in turn."""
    found, number = [], 0
    while len(found) < count:
        made = avatar(HELD_OUT[number % len(HELD_OUT)], f"{seed}-{number}")
        number += 1
        if made is not None:
            found.append(made)
    return found


def utterances(data, voice=HELD_OUT_VOICE, count=8, seconds=2.0):
    """(sound, true track float32 [T, 17], its rate) of sentences that were never trained on."""
    speech = SpeechSet.load(data / "speech")
    chosen = [u for u in speech.utterances if u.voice == voice and (u.held_out or voice == HELD_OUT_VOICE)]
    chosen = [u for u in chosen if u.frames * HOP / SAMPLE_RATE > seconds][:count]
    for u in chosen:
        wave = np.asarray(speech.waves[u.begin * HOP : (u.begin + u.frames) * HOP], np.float32) / 32768
        rows = track(u)
        yield Sound(wave[None], SAMPLE_RATE), np.pad(rows, ((0, 0), (0, 17 - rows.shape[1]))), RATE


def correlation(a, b):
    """Pearson's; 0 where one of them does not move."""
    return float(np.corrcoef(a, b)[0, 1]) if np.std(a) > 1e-6 and np.std(b) > 1e-6 else 0.0


def best_lag(truth, found, reach=5):
    """By how many frames ``found`` is later than ``truth``, where both agree best."""

    def at(lag):
        first, second = (truth[: len(truth) - lag], found[lag:]) if lag >= 0 else (truth[-lag:], found[:lag])
        return correlation(first, second)

    return max(range(-reach, reach + 1), key=at)


def psnr(a, b):
    """Decibels; infinite where both are equal."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
