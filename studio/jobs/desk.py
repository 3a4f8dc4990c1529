"""What a run has said so far: its progress for the database, its previews and finished pieces as files for the page."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.events import Event, Note, Piece, Preview, Progress
from pipelines.media import Clip, Mesh, Picture, Sound
from studio.jobs import Standing

EVERY = 0.08  # seconds between reports of progress: more often than a page can show is wasted
SLOWER = 0.25  # seconds between previews of clips and meshes: each takes its time to draw
DRAWN = 160  # pixels of a mesh in the queue
MARKS = ("preview-*", "piece-*")  # what a desk leaves in its folder


def _write_picture(picture: Picture, path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture.pixels).save(path, "PNG", compress_level=1)


def _write_sound(sound: Sound, path: Path) -> None:
    import soundfile

    # 16 bits: for the ear alone, and half the bytes on their way to it. What is kept has every bit.
    soundfile.write(path, sound.samples.T, sound.sample_rate, subtype="PCM_16", format="WAV")


def _write_first(clip: Clip, path: Path) -> None:
    _write_picture(Picture(clip.frames[0]), path)


def _write_sheet(clip: Clip, path: Path) -> None:
    path.write_text(json.dumps(_sheet(clip)), "utf-8")


def _write_drawn(mesh: Mesh, path: Path) -> None:
    from pipelines.shapes.seeing import small

    _write_picture(small(mesh, DRAWN), path)


def _write_shape(mesh: Mesh, path: Path) -> None:
    from studio.export.shapes import write_glb
    from studio.provenance.records import Stamp

    write_glb(mesh, path, Stamp())


def _sheet(clip: Clip) -> dict[str, Any]:
    from studio.frames import clip_sheet

    return clip_sheet(clip)


# For each medium: how its previews end, and what writes one; of a clip or a mesh first what the queue shows.
WRITERS: dict[type, tuple[tuple[str, Callable[[Any, Path], None]], ...]] = {
    Picture: ((".png", _write_picture),),
    Clip: ((".png", _write_first), (".json", _write_sheet)),
    Sound: ((".wav", _write_sound),),
    Mesh: ((".png", _write_drawn), (".glb", _write_shape)),
}


class _Moment:
    """Lets through at most one event every so often."""

    def __init__(self) -> None:
        self._told = 0.0

    def come(self, every: float = EVERY) -> bool:
        now = time.monotonic()
        if now - self._told < every:
            return False
        self._told = now
        return True


class Desk:
    """Takes the events of one run.

    In its folder lie ``preview-0.png`` and on (``.wav`` of sounds), replaced at each preview, and ``piece-000.wav`` and
    on, one for each finished piece, with ``piece-000.json`` beside: ``start`` and ``seconds`` of the piece within the
    whole, and its ``words`` with their times within the piece. Each appears whole, the JSON before its sound. A
    :class:`Standing`'s ``preview`` counts both, so that it moves when there is something new.

    Frames of clips stand on one sheet (:func:`studio.frames.sheet`): that of a preview is ``preview-0.json``, with its
    first frame beside as ``preview-0.png``; that of a piece is in ``piece-000.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._notes: list[str] = []
        self._progress = Progress(0, 0, None)
        self._shown, self._pieces, self._length = 0, 0, 0.0
        self._previews, self._steps, self._previewed = _Moment(), _Moment(), False
        for mark in MARKS:  # of an attempt that crashed: its pieces must not be heard before this one's
            for old in folder.glob(mark):
                old.unlink(missing_ok=True)
        self._take: dict[type, Callable[[Any], bool]] = {
            Note: self._note, Progress: self._step, Preview: self._preview, Piece: self._piece,
        }  # fmt: skip

    def take(self, event: Event[Any]) -> bool:
        """Note an event; True when it is time to report."""
        return self._take[type(event)](event)

    def standing(self) -> Standing:
        """As the database takes it."""
        p = self._progress
        return Standing(p.done, p.total, p.seconds_left, self._shown, tuple(dict.fromkeys(self._notes)))

    def _note(self, note: Note) -> bool:
        self._notes.append(note.text)
        return True

    def _step(self, progress: Progress) -> bool:
        self._progress = progress
        return not self._previewed and self._steps.come()  # where there are previews, one follows at once

    def _preview(self, preview: Preview[Any]) -> bool:
        slow = any(isinstance(item, Clip | Mesh) for item in preview.items)
        if not self._previews.come(SLOWER if slow else EVERY):
            return False
        self._previewed = True
        for index, item in enumerate(preview.items):
            self._put(item, f"preview-{index}")
        self._shown += 1
        return True

    def _piece(self, piece: Piece[Any]) -> bool:
        item, name = piece.item, f"piece-{self._pieces:03}"
        told: dict[str, Any] = {"start": self._length, "seconds": item.seconds}
        if isinstance(item, Clip):
            told |= _sheet(item)
        else:
            told["words"] = [{"text": word.text, "start": word.start, "end": word.end} for word in item.words]
        part = self.folder / f".{name}.part"
        self.folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        os.replace(part, self.folder / f"{name}.json")
        if not isinstance(item, Clip):
            self._put(item, name)
        self._pieces += 1
        self._length += item.seconds
        self._shown += 1
        return True

    def _put(self, item: Any, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}.part"
        for suffix, write in WRITERS[type(item)]:
            write(item, part)
            os.replace(part, self.folder / f"{name}{suffix}")  # a page may be reading the one before
