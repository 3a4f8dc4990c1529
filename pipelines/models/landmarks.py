"""Faces in photographs: a detector and a mesh of 468 landmarks, through LiteRT.

The networks are BlazeFace (arXiv 1907.05047) and the face mesh of MediaPipe (arXiv 1907.06724), as Google published
them under Apache-2.0.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import ModelError
from pipelines.paths import assets

NEAR, FAR, MESH = "face_detection_short_range", "face_detection_full_range_sparse", "face_landmark"
# Side of the picture, and (cells a side, anchors a cell) of each layer.
_LAYERS = {NEAR: (128, ((16, 2), (8, 6))), FAR: (192, ((48, 1),))}
SURE = 0.5  # score of a face, and of a mesh that lies on one
OVERLAP = 0.3  # two boxes that share more of their area are one face
LEFT_EYE, RIGHT_EYE = (33, 133), (362, 263)  # corners of the eyes, as seen in the picture


@dataclass(frozen=True)
class Region:
    """A square in a picture: middle and side in pixels, and how far it is turned, radians, clockwise.

    ``mouth`` is where the detector takes the mouth to be, where it was the detector that found the face.
    """

    x: float
    y: float
    side: float
    roll: float
    mouth: tuple[float, float] | None = None


class FaceNets:
    """Both networks, ready to be called; not to be shared by threads."""

    def __init__(self, folder: Path | None = None) -> None:
        """Load them.

        Raises:
            ModelError: LiteRT is not installed, or the files are missing or damaged.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise ModelError(
                "photographs: finding faces needs LiteRT; run pip install ai-edge-litert, or say where the mouth is"
            ) from None
        folder = folder or assets() / "weights" / "faces"
        self._nets: dict[str, Any] = {}
        for name in (NEAR, FAR, MESH):
            try:
                self._nets[name] = Interpreter(model_path=str(folder / f"{name}.tflite"), num_threads=1)
            except (ValueError, RuntimeError, OSError) as error:
                raise ModelError(f"model: {name}.tflite cannot be read ({error}); reinstall eddyline") from error
            self._nets[name].allocate_tensors()
        self._anchors = {name: _anchors(layers) for name, (_, layers) in _LAYERS.items()}

    def find(self, frame: np.ndarray) -> list[Region]:
        """Regions of the faces in a frame uint8 [H, W, 4], the surest first; near ones, or else those far away."""
        return self._detect(NEAR, frame) or self._detect(FAR, frame)

    def _detect(self, name: str, frame: np.ndarray) -> list[Region]:
        side, _ = _LAYERS[name]
        height, width = frame.shape[:2]
        long = max(height, width)
        image = Image.fromarray(_opaque(frame))
        small = image.resize(
            (max(1, round(width * side / long)), max(1, round(height * side / long))), Image.Resampling.BOX
        )
        square = Image.new("RGB", (side, side))
        left, top = (side - small.width) // 2, (side - small.height) // 2
        square.paste(small, (left, top))
        boxes, scores = self._call(name, np.asarray(square, np.float32)[None] / 127.5 - 1)
        likely = 1 / (1 + np.exp(-np.clip(scores.reshape(-1), -80, 80)))
        chosen = np.flatnonzero(likely > SURE)
        chosen = chosen[np.argsort(-likely[chosen])]
        points = boxes.reshape(-1, 8, 2)[chosen] / side
        points[:, [0, *range(2, 8)]] += self._anchors[name][chosen][:, None]
        found: list[Region] = []
        for (x, y), (wide, high), *keys in points:
            (rx, ry), (lx, ly) = keys[0], keys[1]  # the eyes, the person's right one first
            region = Region(
                *_unpadded(x, y, side, left, top, long), 1.5 * float(max(wide, high)) * long,
                math.atan2(ly - ry, lx - rx), _unpadded(keys[3][0], keys[3][1], side, left, top, long),
            )  # fmt: skip
            if all(_shared(region, other) < OVERLAP for other in found):
                found.append(region)
        return found

    def mesh(self, frame: np.ndarray, region: Region) -> np.ndarray | None:
        """Landmarks float32 [468, 2] in pixels of ``frame`` inside ``region``; None where there is no face."""
        cos, sin, step = math.cos(region.roll), math.sin(region.roll), region.side / 192
        matrix = (
            cos * step, -sin * step, region.x - 96 * step * (cos - sin),
            sin * step, cos * step, region.y - 96 * step * (sin + cos),
        )  # fmt: skip
        image = Image.fromarray(_opaque(frame))
        cut = image.transform((192, 192), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        points, score = self._call(MESH, np.asarray(cut, np.float32)[None] / 255)
        if 1 / (1 + math.exp(-float(score.reshape(-1)[0]))) < SURE:
            return None
        x, y = points.reshape(468, 3)[:, :2].T.astype(np.float64)
        found = np.stack([matrix[0] * x + matrix[1] * y + matrix[2], matrix[3] * x + matrix[4] * y + matrix[5]], -1)
        return found.astype(np.float32)

    def _call(self, name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        net = self._nets[name]
        net.set_tensor(net.get_input_details()[0]["index"], values.astype(np.float32))
        net.invoke()
        first, second = (net.get_tensor(each["index"]) for each in net.get_output_details())
        return np.array(first), np.array(second)


def region_of(points: np.ndarray) -> Region:
    """The region to look for a face in the next frame, from its landmarks [468, 2] in this one."""
    low, high = points.min(0), points.max(0)
    (left, right) = points[list(LEFT_EYE)].mean(0), points[list(RIGHT_EYE)].mean(0)
    x, y = (low + high) / 2
    return Region(
        float(x), float(y), 1.5 * float((high - low).max()), math.atan2(right[1] - left[1], right[0] - left[0])
    )


def _opaque(frame: np.ndarray) -> np.ndarray:
    """RGB of a frame, on white where it is transparent."""
    if (frame[..., 3] == 255).all():
        return np.ascontiguousarray(frame[..., :3])
    alpha = frame[..., 3:].astype(np.float32) / 255
    return (frame[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _unpadded(x: float, y: float, side: int, left: int, top: int, long: int) -> tuple[float, float]:
    """Pixels of the picture, from parts of the square that it was put into."""
    return float(x * side - left) / side * long, float(y * side - top) / side * long


def _anchors(layers: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Middles [N, 2] of what each output stands for, in parts of the picture."""
    found = []
    for cells, each in layers:
        line = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(line, line, indexing="ij")
        found.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), each, axis=0))
    return np.concatenate(found).astype(np.float32)


def _shared(a: Region, b: Region) -> float:
    """Part of the smaller of two squares that both cover, as if they were upright."""
    wide = min(a.x + a.side / 2, b.x + b.side / 2) - max(a.x - a.side / 2, b.x - b.side / 2)
    high = min(a.y + a.side / 2, b.y + b.side / 2) - max(a.y - a.side / 2, b.y - b.side / 2)
    return max(0.0, wide) * max(0.0, high) / min(a.side, b.side) ** 2
