"""Which faces are where in a clip: found, followed from frame to frame, and what is to be said of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch.nn.functional import interpolate

from pipelines.errors import MediaError
from pipelines.lipsync.faces import Box, Engine, Face
from pipelines.lipsync.moving import Lips
from pipelines.models.landmarks import Region, region_of
from pipelines.settings import LipSyncSettings

LOOK_AGAIN = 1.0  # seconds between looks for faces that have come in
FLAT = 0.62  # part of neighbouring pixels that hardly differ, from which a face counts as drawn
TURNED = 4.0  # how much nearer the nose may be to one cheek than to the other, before a face is a profile
SMALLEST = 8.0  # pixels of a mouth, below which nothing of it can be seen
AGAIN = 2  # more looks at a face that was just found
JUMP = 0.6  # of a face's side, between two frames: more is another face or a cut

Found = dict[int, Face]  # slot (whose voice) -> face


class Nets(Protocol):
    """What finds faces and their landmarks: :class:`pipelines.models.landmarks.FaceNets`."""

    def find(self, frame: np.ndarray) -> list[Region]:
        """Regions of the faces in a frame."""
        ...

    def mesh(self, frame: np.ndarray, region: Region) -> np.ndarray | None:
        """Landmarks of the face in a region."""
        ...


def settled(nets: Nets, frame: np.ndarray, region: Region) -> np.ndarray | None:
    """Landmarks of the face in a region, looked for again where they themselves say that the face is.

    The network was made for faces that lie in the middle of what it is shown, as those do that it has followed. A face
    that is seen from the side is left at the first look, for the next may take it for one that is not.
    """
    points = nets.mesh(frame, region)
    for _ in range(AGAIN):
        if points is not None and not _profile(points):
            points = nets.mesh(frame, region_of(points))
    return points


class Finder:
    """Finds the faces of a run, window by window; every face keeps its slot, which says whose voice it has."""

    def __init__(self, place: Callable[[np.ndarray], Face] | None, settings: LipSyncSettings | None = None) -> None:
        self._place, self.settings = place, settings
        self.nets: Nets | None = None
        self._followed: dict[int, np.ndarray] = {}
        self._kept: Found = {}
        self._drawing: Face | None = None
        self._look = 0
        self._empty: list[int] = []
        self._turned: list[int] = []
        self._crowd = 1
        self.engines: dict[Engine, str] = {}

    @classmethod
    def known(cls, face: Face) -> "Finder":
        """For a picture whose one face is known."""
        made = cls(lambda frame: face)
        made.engines["drawn"] = "it is one of the characters that ship"
        return made

    @classmethod
    def of(cls, settings: LipSyncSettings, nets: Callable[[], Nets]) -> "Finder":
        """For a picture or clip as it comes; ``settings`` may say where the mouth is, else ``nets`` find it."""
        x, y = settings.mouth_x, settings.mouth_y
        if x is not None and y is not None:

            def placed(frame: np.ndarray) -> Face:
                height, width = frame.shape[:2]
                return Face(x * width, y * height, max(SMALLEST, settings.mouth_width * width))

            made = cls(placed, settings)
            made.engines["drawn"] = "the place of its mouth was given"
            return made
        made = cls(None, settings)
        made.nets = nets()
        return made

    def faces(self, window: Sequence[np.ndarray], begin: int, rate: float, still: bool = False) -> list[Found]:
        """Faces by slot in each frame of a window that begins at frame ``begin``.

        Raises:
            MediaError: a still shows no face.
        """
        if self._place is not None:
            face = self._place(window[0])
            return [{0: face} for _ in window]
        if still and begin:
            return [dict(self._kept) for _ in window]
        found: list[Found] = []
        for number, frame in enumerate(window[:1] if still else window, start=begin):
            found.append(self._in(frame, number, rate))
        if still:
            if not found[0]:
                raise MediaError(self._nothing(1))
            self._kept = found[0]
            return [dict(found[0]) for _ in window]
        return found

    def _in(self, frame: np.ndarray, number: int, rate: float) -> Found:
        assert self.nets is not None and self.settings is not None
        kept: dict[int, np.ndarray] = {}
        for slot, before in self._followed.items():
            region = region_of(before)
            points = self.nets.mesh(frame, region)
            if points is not None and _moved(before, points) < JUMP * region.side / 1.5:
                kept[slot] = _steadied(before, points)
        if number >= self._look or len(kept) < max(len(self._followed), 1):
            kept = self._looked(frame, kept)
            self._look = number + max(1, round(LOOK_AGAIN * rate))
        self._followed = kept
        faces: Found = {}
        for slot, points in kept.items():
            if _profile(points):
                self._turned.append(number)
                continue
            faces[slot] = self._face(frame, points)
        if not kept and self._drawing is not None:
            faces[0] = self._drawing
        if not faces and not kept:
            self._empty.append(number)
        return faces

    def _looked(self, frame: np.ndarray, kept: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """``kept`` and the faces that were not followed yet, each in a slot."""
        assert self.nets is not None and self.settings is not None
        fresh: list[np.ndarray] = []
        for region in self.nets.find(frame):
            points = settled(self.nets, frame, region)
            if points is None or Lips.of(points).width < SMALLEST:
                continue
            middle = points.mean(0)
            near = [
                held for held in (*kept.values(), *fresh) if np.hypot(*(held.mean(0) - middle)) < 0.25 * _side(held)
            ]
            if not near:
                fresh.append(points)
        if self.settings.faces == "all":
            fresh.sort(key=lambda points: float(points[:, 0].mean()))
            free = [slot for slot in range(len(kept) + len(fresh)) if slot not in kept]
            return kept | dict(zip(free, fresh, strict=False))
        if not kept and not fresh and self.settings.engine != "photograph" and "photograph" not in self.engines:
            self._drawing = drawing(frame, self.nets.find(frame), self._drawing)
            if self._drawing is not None:
                self.engines.setdefault("drawn", "a face was found but no landmarks, as in drawings")
        if kept or not fresh:
            return kept
        self._crowd = max(self._crowd, len(fresh))
        order = {
            "largest": lambda points: -_side(points), "left": lambda points: float(points[:, 0].mean()),
            "right": lambda points: -float(points[:, 0].mean()),
        }[self.settings.faces]  # fmt: skip
        return {0: min(fresh, key=order)}

    def _face(self, frame: np.ndarray, points: np.ndarray) -> Face:
        assert self.settings is not None
        lips = Lips.of(points)
        low, high = points.min(0), points.max(0)
        face = Face(
            lips.x, lips.y, lips.width, float(np.arctan2(lips.sin, lips.cos)), "photograph",
            Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1), landmarks=points,
        )  # fmt: skip
        engine: Engine = "photograph"
        if self.settings.engine != "auto":
            engine, why = self.settings.engine, "it was chosen"
        elif drawn(frame, face):
            engine, why = "drawn", "it is drawn in flat colours"
        else:
            why = "its landmarks were found and it is shaded like a photograph"
        self.engines.setdefault(engine, why)
        # A mouth that was talking in the source hides how wide it is at rest; the eyes do not.
        return face if engine == "photograph" else replace(face, engine="drawn")

    def said(self) -> list[str]:
        """Which engine moves the faces, and why; and which of several it is."""
        means = {
            "drawn": "The mouth is repainted by the flow model, because {why}",
            "photograph": "The mouth is moved by the face's landmarks, because {why}",
        }
        said = [means[engine].format(why=why) for engine, why in self.engines.items()]
        if self.settings is not None and self._crowd > 1:
            which = {"largest": "largest", "left": "leftmost", "right": "rightmost"}.get(self.settings.faces, "")
            said.append(f"{self._crowd} faces are seen; the {which} speaks and the others are left alone")
        return said

    def notes(self, count: int, rate: float) -> list[str]:
        """What a person should know after the run: stretches without a face.

        Raises:
            MediaError: no frame shows one.
        """
        if self._place is not None:
            return []
        if len(self._empty) + len(self._turned) >= count:
            raise MediaError(self._nothing(count))
        made = []
        for frames, what in ((self._empty, "No face is seen"), (self._turned, "The face is turned away")):
            if frames and count > 1:
                shown = ", ".join(_stretch(first, last, rate) for first, last in _stretches(frames)[:6])
                more = "" if len(_stretches(frames)) <= 6 else " and more"
                made.append(f"{what} in {shown}{more}; there the clip is left as it was")
        return made

    def _nothing(self, count: int) -> str:
        if self._turned:
            return (
                f"face: the face is turned away in {_share(len(self._turned), count)}; give one that is seen more from "
                "the front"
            )
        where = "the picture" if count == 1 else f"any of the {count} frames (1 to {count})"
        return (
            f"face: no face is found in {where}; give one that is seen from the front, or say where the mouth is "
            "(Mouth, across and down)"
        )


def _share(some: int, count: int) -> str:
    return "the picture" if count == 1 else f"{some} of the {count} frames, and in the others none is found"


def drawing(frame: np.ndarray, regions: Sequence[Region], before: Face | None) -> Face | None:
    """A drawn face from what the detector takes for one: its mouth is what stands out where a mouth should be.

    While it is nearly where it was ``before`` it stays there, so that it does not tremble.
    """
    region = next((each for each in regions if each.mouth is not None), None)
    if region is None or region.mouth is None:
        return None
    x, y = region.mouth
    if before is not None and abs(before.x - x) + abs(before.y - y) < 0.15 * region.side:
        return before
    half, middle = round(0.3 * region.side), (region.x + x) / 2
    top, left = max(0, round(y) - half), max(0, round(middle) - half)
    part = frame[top : round(y) + half, left : round(middle) + half]
    width = 0.22 * region.side
    if min(part.shape[:2]) >= 8 and (blob := _mouth_in(part, middle - left, y - top, region.side)) is not None:
        x, y, width = left + blob[0], top + blob[1], blob[2]
    if width < SMALLEST:
        return None
    wide = region.side / 3
    box = Box(int(region.x - wide), int(region.y - wide), int(region.x + wide), int(region.y + wide))
    return Face(float(x), float(y), float(width), box=box)


def _mouth_in(part: np.ndarray, x: float, y: float, side: float) -> tuple[float, float, float] | None:
    """Middle and width of what in a part of a drawing is likest to a mouth near (x, y): wide, and in the middle."""
    import scipy.ndimage as shapes

    solid = part[..., 3] > 128
    if not solid.any():
        return None
    skin = np.median(part[solid][:, :3], axis=0)
    stands_out = (np.abs(part[..., :3].astype(int) - skin).max(-1) > 50) & solid
    best: tuple[float, tuple[float, float, float]] | None = None
    for rows, columns in shapes.find_objects(shapes.label(stands_out, np.ones((3, 3)))[0]):
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        at_edge = rows.start == 0 or columns.start == 0 or columns.stop == part.shape[1] or rows.stop == part.shape[0]
        if at_edge or not 0.08 * side < wide < 0.42 * side or high > 1.4 * wide:
            continue
        place = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2, float(wide)
        cost = 4 * abs(place[0] - x) + abs(place[1] - y) + (0.1 * side if wide < 1.3 * high else 0)
        if cost < 0.6 * side and (best is None or cost < best[0]):
            best = cost, place
    return None if best is None else best[1]


def drawn(frame: np.ndarray, face: Face) -> bool:
    """Whether a face is drawn in flat colours: most neighbouring pixels hardly differ, even small."""
    assert face.box is not None
    box = face.box
    part = frame[max(box.top, 0) : max(box.bottom, 1), max(box.left, 0) : max(box.right, 1), :3]
    if min(part.shape[:2]) < 8:
        return False
    values = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].float()
    small = interpolate(values, size=(64, 64), mode="area")[0]
    steps = torch.cat([small.diff(dim=1).abs().amax(0).flatten(), small.diff(dim=2).abs().amax(0).flatten()])
    return bool((steps < 1.5).float().mean() > FLAT)


def _side(points: np.ndarray) -> float:
    return float((points.max(0) - points.min(0)).max())


def _moved(before: np.ndarray, points: np.ndarray) -> float:
    return float(np.hypot(*(points.mean(0) - before.mean(0))))


def _steadied(before: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Landmarks that tremble less: what hardly moves follows slowly, what moves follows at once."""
    away = np.hypot(*(points - before).T)
    follow = np.clip(away / (0.012 * _side(points)), 0.25, 1.0)[:, None]
    return np.asarray(before + follow * (points - before), np.float32)


def _profile(points: np.ndarray) -> bool:
    nose, left, right = points[4], points[234], points[454]
    near, far = sorted((float(np.hypot(*(nose - left))), float(np.hypot(*(nose - right)))))
    return far > TURNED * max(near, 1e-3)


def _stretches(frames: Sequence[int]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if made and frame == made[-1][1] + 1:
            made[-1] = made[-1][0], frame
        else:
            made.append((frame, frame))
    return made


def _stretch(first: int, last: int, rate: float) -> str:
    return f"frames {first + 1} to {last + 1} ({first / rate:.1f} to {(last + 1) / rate:.1f} s)"
