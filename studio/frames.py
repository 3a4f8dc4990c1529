"""Clips as a page shows them: all frames on one sheet, so that each can be looked at, compared and stepped through.

A film element of a browser cannot step to a frame exactly, stutters where a loop closes, and does not show
transparency everywhere; and a page has to compare two clips frame by frame. Clips that are too long for that are shown
as films after all.
"""

import base64
import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.media import Clip
from studio.jsonfile import write_json
from studio.language import Phrase, phrase

SIDE = 480  # pixels of a frame's longer side that a page needs at most
MOST = 360  # frames that a page steps through
ROOM = 40_000_000  # pixels of all frames together
LOSSLESS = 256  # pixels of a frame's longer side up to which a sheet is exact
PAINTED = 320  # the same of frames that are painted over
EXPORTS = ".exports"


def sheet(frames: np.ndarray, rate: float) -> dict[str, Any]:
    """Frames uint8 [T, H, W, 4] on one sheet: ``width`` and ``height`` of one, ``columns``, and the picture itself."""
    count, height, width = frames.shape[:3]
    columns = max(1, math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    whole = np.zeros((rows * height, columns * width, 4), np.uint8)
    for number, frame in enumerate(frames):
        top, left = number // columns * height, number % columns * width
        whole[top : top + height, left : left + width] = frame
    held = io.BytesIO()
    kind = "png" if max(height, width) <= LOSSLESS else "webp"
    Image.fromarray(whole).save(
        held, kind, **({"compress_level": 1} if kind == "png" else {"quality": 88, "method": 1})
    )
    address = f"data:image/{kind};base64,{base64.b64encode(held.getvalue()).decode()}"
    return {"frames": count, "rate": rate, "width": width, "height": height, "columns": columns, "picture": address}


def sheet_of(home: Path, path: Path) -> dict[str, Any]:
    """The sheet of a file, kept beside the library; of one that is too long only how long and how large it is.

    Raises:
        MediaError: there are no moving pictures in it that can be read.
    """
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    kept = home / EXPORTS / f"{content[:32]}.frames.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        return found
    made = _made(path)
    write_json(kept, made)
    return made


def clip_sheet(clip: Clip) -> dict[str, Any]:
    """The sheet of a clip in memory, small enough for a page."""
    from pipelines.clips import scaled

    width, height = clip.size
    longest = max(width, height)
    if longest <= SIDE:
        return sheet(clip.frames, clip.rate)
    size = max(1, round(width * SIDE / longest)), max(1, round(height * SIDE / longest))
    return sheet(np.stack([scaled(frame, size) for frame in clip.frames]), clip.rate)


def _made(path: Path) -> dict[str, Any]:
    from pipelines.clips import Cut, film_in, plan, read_clip

    film = film_in(path)
    use = plan(film, Cut(side=SIDE, frames=MOST + 1), path.name)
    told = {"size": film.size, "sound": film.sound, "alpha": film.alpha, "seconds": film.seconds}
    if use.frames > MOST or use.frames * use.size[0] * use.size[1] > ROOM:
        return {**told, "long": True, "rate": use.rate, "width": use.size[0], "height": use.size[1]}
    clip, notes = read_clip(path, Cut(side=SIDE, frames=MOST, sound=False))
    return {**told, **sheet(clip.frames, clip.rate), "notes": notes}


def first_frame(path: Path, side: int | None = None) -> Image.Image:
    """How a clip begins; ``side`` is that of :class:`pipelines.clips.Cut`.

    Raises:
        MediaError: there are no moving pictures in it that can be read.
    """
    from pipelines.clips import Cut, read_clip

    clip, _ = read_clip(path, Cut(frames=1, side=side, sound=False))
    return Image.fromarray(clip.frames[0])


def edited_frames(path: Path, frames: int) -> dict[str, Any]:
    """The sheet of the first ``frames`` of a clip, small, for a page to paint masks over.

    Raises:
        MediaError: there are no moving pictures in it that can be read.
    """
    from pipelines.clips import Cut, read_clip

    clip, _ = read_clip(path, Cut(frames=frames, side=PAINTED, sound=False))
    return sheet(clip.frames, clip.rate)


def uses(path: Path, frames: int, side: int) -> tuple[Phrase, ...]:
    """What an edit will use of a clip, said before it starts, where that is not all of it.

    Raises:
        MediaError: there are no moving pictures in it that can be read.
    """
    from pipelines.clips import Cut, film_in, plan

    film = film_in(path)
    use = plan(film, Cut(frames=frames, side=side), path.name)
    if film.seconds is None or use.end >= film.seconds - 0.5 / use.rate:
        return ()
    text = "It lasts {whole}; an edit uses its first {count} frames ({time}). Cut out another part under Cut and loop."
    whole, used = (f"{seconds:.1f} s" for seconds in (film.seconds, use.end))
    return (phrase(text, whole=whole, count=use.frames, time=used),)
