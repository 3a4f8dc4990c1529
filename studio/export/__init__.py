"""Files from media: every format carries its settings and the AI mark, and is written whole or not at all.

``save`` writes a picture, clip, sound or mesh in the format of the file's name; ``convert`` writes a kept file again
in another format, with the same record; ``formats_of`` lists what there is for a medium.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.enlarging import Way, enlarged
from pipelines.errors import MediaError
from pipelines.media import Clip, Media, Picture, Sound
from pipelines.settings import SamplingSettings, ToolSettings
from studio.export import loading
from studio.export.atomic import atomic
from studio.export.formats import Format, chosen, formats_of
from studio.provenance import credentials
from studio.provenance.reading import carried, sniff
from studio.provenance.records import Origin, Stamp, marked, stamp
from studio.provenance.shapes import beside

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Format",
    "convert",
    "format_of",
    "formats_of",
    "larger",
    "save",
    "save_picture",
    "write",
]

SUFFIXES = {suffix: format.name for format in formats_of("image") for suffix in format.suffixes}
FORMATS = tuple(format.name for format in formats_of("image"))


def format_of(path: str | Path, medium: str = "image", field: str = "out") -> str:
    """Format of a file of ``medium`` by its name; ``field`` is what the message calls it.

    Raises:
        MediaError: the name ends in nothing that such a medium can be written as.
    """
    suffix = Path(path).suffix.lower()
    known = {ending: format.name for format in formats_of(medium) for ending in format.suffixes}
    if suffix not in known:
        raise MediaError(f"{field}: {Path(path).name!r} must end in {', '.join(known)}")
    return known[suffix]


def save(
    media: Media,
    path: str | Path,
    settings: SamplingSettings,
    *,
    edited: bool | None = None,
    origin: Origin | None = None,
    sources: Sequence[Path] = (),
    sign: bool | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write ``media`` with the settings that made it; the format is that of the file's name.

    Args:
        media: what to write. What its format cannot hold is told by :attr:`Format.loses`.
        path: where; an old file there is replaced once the new one is whole.
        settings: what made it.
        edited: whether it began as another medium; by default when the settings are an edit's.
        origin: which asset of the library the file is.
        sources: files that a tool began from: no model makes what a tool makes, so the AI mark is that of its source.
        notes: what a person should know of how it was made.
        sign: add content credentials; None does so where ``EDDYLINE_C2PA=1`` and the format can carry them.

    Raises:
        MediaError: the format is unknown, cannot be signed though asked to, or the file cannot be written.
    """
    sound = media.sound if isinstance(media, Clip) else media
    words = sound.words if isinstance(sound, Sound) else ()
    track = media.visemes if isinstance(media, Clip) else None
    ready = stamp(settings, edited=edited, origin=origin, words=words, visemes=track, notes=notes)
    if isinstance(settings, ToolSettings):
        ready = marked(ready, next(filter(None, (carried(each).mark for each in sources)), None))
    return write(media, path, ready, sign=sign)


def save_picture(
    picture: Picture,
    path: str | Path,
    settings: SamplingSettings,
    *,
    edited: bool | None = None,
    origin: Origin | None = None,
) -> Path:
    """:func:`save` for a picture."""
    return save(picture, path, settings, edited=edited, origin=origin)


def convert(
    path: str | Path, target: str | Path, *, sign: bool | None = None, enlarge: int = 1, way: Way = "redrawn"
) -> Path:
    """Write a kept file again in the format of the name ``target``, with the same record and mark.

    A picture may be ``enlarge`` times as wide and high in it, in a ``way`` of :func:`pipelines.enlarging.enlarged`.

    A file that stays in its format is copied byte for byte, credentials included. Otherwise credentials do not survive;
    with ``sign`` the new ones say what the file was converted from.

    Raises:
        MediaError: the file cannot be read, or what it holds cannot be written as asked.
    """
    path, target = Path(path), Path(target)
    media = loading.load(path)
    if enlarge != 1:
        media = larger(media, enlarge, way)
    kind = chosen(media, target)
    if kind.name == sniff(path) and not sign and enlarge == 1:
        return copy(path, target)
    return write(media, target, carried(path), sign=sign, parent=path)


def larger(media: Media, times: int, way: Way = "redrawn") -> Picture:
    """A picture ``times`` as wide and high.

    Raises:
        MediaError: it is no picture, or would become smaller or too large.
    """
    if not isinstance(media, Picture):
        raise MediaError("enlarge: only pictures are enlarged when they are written; clips by `eddyline video enlarge`")
    return Picture(enlarged(media.pixels, times, way))


def copy(path: Path, target: Path) -> Path:
    """Copy a file, and the files that belong beside it, whole or not at all."""
    with atomic(target) as temporary:
        shutil.copyfile(path, temporary)
        if sniff(path) == "stl" and beside(path).is_file():
            shutil.copyfile(beside(path), beside(temporary))
        for ending in (".mtl", ".png") if sniff(path) == "obj" else ():
            if (companion := path.with_name(path.name + ending)).is_file():
                shutil.copyfile(companion, temporary.with_name(companion.name))  # the name that the OBJ calls it by
    return target


def write(
    media: Media, path: str | Path, stamp: Stamp, *, sign: bool | None = None, parent: Path | None = None
) -> Path:
    """Write ``media`` with a ready ``stamp``; see :func:`save`. ``parent`` is what it was converted from.

    Raises:
        MediaError: as :func:`save`.
    """
    path = Path(path)
    kind = chosen(media, path)
    reason = credentials.why_not(kind.name)
    if sign and reason:
        raise MediaError(f"sign: {reason}")
    with atomic(path) as temporary:
        kind.write(media, temporary, stamp)
        if credentials.wanted(sign) and reason is None:
            credentials.sign(temporary, kind.name, stamp, parent=parent)
    return path
