"""A viseme track as JSON: how a mouth moves, frame by frame, also by ARKit's names, so that it can drive another face.

ARKit knows no visemes but 52 blend shapes, among them those of the mouth, the jaw and the eyelids. What each viseme
asks of them is written down in ``ARKIT``: closed lips press, "ff" tucks the lower lip in, "oo" puckers, and so on, as
phonetics describes these sounds. The jaw is not in that table: the track has a channel of its own for it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import CHANNELS, VISEMES, Clip, Visemes
from studio.provenance.records import KEY, SOURCE_TYPE, TRACK, WORDS, Stamp

FORMAT = "viseme-track"
PLACES = 3  # decimals: the track is exact to 1/255
BOTH = ("Left", "Right")  # what has a side moves alike on both
SIDED = {
    *("mouthPress", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthSmile", "eyeBlink"),
}
ARKIT: dict[str, dict[str, float]] = {
    "sil": {},
    "PP": {"mouthPress": 0.6, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "FF": {"mouthRollLower": 0.6, "mouthUpperUp": 0.25},
    "TH": {"tongueOut": 0.4, "mouthLowerDown": 0.15, "mouthUpperUp": 0.1},
    "DD": {"mouthLowerDown": 0.25, "mouthUpperUp": 0.15, "mouthStretch": 0.1},
    "kk": {"mouthLowerDown": 0.2, "mouthStretch": 0.15},
    "CH": {"mouthFunnel": 0.6, "mouthPucker": 0.2, "mouthShrugUpper": 0.1},
    "SS": {"mouthStretch": 0.35, "mouthLowerDown": 0.2, "mouthSmile": 0.1},
    "nn": {"mouthLowerDown": 0.15, "mouthUpperUp": 0.1},
    "RR": {"mouthFunnel": 0.35, "mouthPucker": 0.25},
    "aa": {"mouthLowerDown": 0.3, "mouthUpperUp": 0.2},
    "E": {"mouthStretch": 0.3, "mouthLowerDown": 0.25, "mouthSmile": 0.2, "mouthUpperUp": 0.15},
    "I": {"mouthSmile": 0.4, "mouthStretch": 0.2},
    "O": {"mouthFunnel": 0.7},
    "U": {"mouthPucker": 0.8, "mouthFunnel": 0.2},
    "jaw": {"jawOpen": 1.0},
    "blink": {"eyeBlink": 1.0},
}


def arkit(track: Visemes) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the blend shapes that a track moves, and their weights float32 [T, B] in [0, 1]."""
    names = tuple(dict.fromkeys(name for shapes in ARKIT.values() for shape in shapes for name in _sides(shape)))
    table = np.zeros((len(CHANNELS), len(names)), np.float32)
    for row, channel in enumerate(CHANNELS):
        for shape, weight in ARKIT[channel].items():
            for name in _sides(shape):
                table[row, names.index(name)] = weight
    return names, np.clip(track.weights @ table, 0, 1)


def write_json(clip: Clip, path: Path, stamp: Stamp) -> None:
    """Write the track of a clip, with its words where they are known, and the record.

    ``others`` are the tracks of further faces, from left to right after the first; null is one that is left alone.

    Raises:
        MediaError: it is not known how the mouth in this clip moves.
    """
    track = clip.visemes
    if track is None:
        raise MediaError(
            "out: it is not known how a mouth in this clip moves, so it has no viseme track; it comes with clips that "
            "the Lip-sync tab made"
        )
    names, weights = arkit(track)
    others = [None if each is None else {"weights": _rows(each.weights), "arkit": _rows(arkit(each)[1])}
              for each in track.others]  # fmt: skip
    held: dict[str, Any] = {
        "format": FORMAT,
        "version": 1,
        "rate": track.rate,
        "frames": len(track.weights),
        "visemes": list(VISEMES),
        "names": list(CHANNELS),
        "weights": _rows(track.weights),
        "arkit": {"names": list(names), "weights": _rows(weights)},
        "others": others,
        "words": [] if clip.sound is None else [[word.text, word.start, word.end] for word in clip.sound.words],
    }
    if stamp.record is not None:
        record = json.loads(stamp.record)
        held[KEY] = {name: value for name, value in record.items() if name not in (TRACK, WORDS)}
    if stamp.source_type:
        held[SOURCE_TYPE] = stamp.source_type
    path.write_text(json.dumps(held, ensure_ascii=False), "utf-8")


def _sides(shape: str) -> tuple[str, ...]:
    return tuple(shape + side for side in BOTH) if shape in SIDED else (shape,)


def _rows(weights: np.ndarray) -> list[list[float]]:
    return [[round(float(value), PLACES) for value in row] for row in weights]
