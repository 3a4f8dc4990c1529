"""Where a file of the library lies, and what its place alone says about it.

    image/2026-11-24/00012-5-starter.png                        a job's result; its record inside names the asset
    image/2026-11-24/import-<ms>-<id>-<name>.png                brought in: time, id and name are in the file name
    image/2026-11-24/mask-<ms>-<id>-mask.png                    the same for where an edit was painted
    image/2026-11-24/shared-<ms>-<id>-<name>.png                made elsewhere, came with a project
    people/<owner>/image/...                                    the same, of somebody with an account
    .trash/<seconds>/image/...                                  deleted at that time
    .thumbs/ .records/ .stars.json                              thumbnails, records that files cannot hold, stars

A name is ASCII and holds nothing of a prompt. Where an import's own name needs other letters they are written as
``=XX``, percent-encoding with another sign, because ``%`` in a path is decoded once too often by many programs.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from pipelines.errors import MediaError, SettingsError, StudioError
from pipelines.settings import SamplingSettings

MEDIA = ("image", "video", "audio", "mesh", "lipsync")
CALLED = {
    **{"image": "a picture", "video": "a video", "audio": "a sound", "mesh": "a mesh", "lipsync": "a video"},
    **{"project": "a project", "settings": "a file of settings"},  # these are taken in, not kept
}
_BY_MEDIUM = {
    "image": "png jpg jpeg webp avif gif bmp tif tiff jp2 ppm tga ico",
    "video": "mp4 webm mov mkv avi m4v",
    "audio": "wav flac ogg oga opus mp3 m4a aif aiff",
    "mesh": "glb gltf obj stl ply",
}
SUFFIXES = {f".{ending}": medium for medium, endings in _BY_MEDIUM.items() for ending in endings.split()}
IN_PARTS = {".obj", ".stl", ".gltf"}  # these may have others beside them, whose names go on from theirs
TRASH, PEOPLE, THUMBS, RECORDS, STARS = ".trash", "people", ".thumbs", ".records", ".stars.json"
INCOMING = ".incoming"  # of projects, while they are unpacked
NAME_ROOM = 120  # characters of a file name that an import's own name may take
ID = re.compile(r"[0-9a-f]{32}")
_OWNER = re.compile(r"[a-z0-9]{1,40}")
_CAME = re.compile(r"(import|mask|shared)-(\d{1,17})-([0-9a-f]{32})-(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(\d{5,18})-")


@dataclass(frozen=True)
class Place:
    """What a path below the home folder says.

    Attributes:
        original: path without the trash in front, with forward slashes.
        owner: whose it is; empty on a machine of one person.
        medium: image, video, audio, mesh or lipsync.
        trashed: when it was deleted, seconds since 1970; None while it is there.
        came: ``import``, ``mask`` or ``shared`` where the file name says so, else empty.
        id: of the asset where the file name says so, else empty.
        created: seconds since 1970 where the file name says so, else 0.
        name: what an import was called.
    """

    original: str
    owner: str
    medium: str
    trashed: float | None = None
    came: str = ""
    id: str = ""
    created: float = 0.0
    name: str = ""


def parse(relative: str) -> Place | None:
    """Read a path below the home folder; None for what is no file of the library."""
    parts, trashed = relative.split("/"), None
    if parts[0] == TRASH:
        if len(parts) < 3 or not re.fullmatch(r"\d{1,12}\.\d{3}", parts[1]):
            return None
        trashed, parts = float(parts[1]), parts[2:]
    original, owner = "/".join(parts), ""
    if parts[0] == PEOPLE:
        owner, parts = (parts[1] if len(parts) > 1 else ""), parts[2:]
        if not _OWNER.fullmatch(owner):
            return None
    if len(parts) < 2 or parts[0] not in MEDIA or parts[-1].startswith("."):
        return None
    stem, dot, ending = parts[-1].rpartition(".")
    if not stem or f"{dot}{ending.lower()}" not in SUFFIXES:
        return None
    if parts[0] == "mesh" and is_part(parts[-1]):
        return None
    found = _CAME.fullmatch(parts[-1])
    if found is None:
        return Place(original, owner, parts[0], trashed)
    came, milliseconds, asset, text = found.groups()
    return Place(original, owner, parts[0], trashed, came, asset, int(milliseconds) / 1000, _unescaped(text))


def is_part(name: str) -> bool:
    """Whether a mesh's file belongs to another one: a texture of an OBJ, the record of an STL."""
    lower = name.lower()
    ending = PurePosixPath(lower).suffix
    return SUFFIXES.get(ending) != "mesh" and any(f"{mesh}." in lower for mesh in IN_PARTS)


def below(owner: str) -> str:
    """Folder of ``owner``'s files below the home folder, with a slash at its end, or nothing.

    Raises:
        StudioError: not an owner's id.
    """
    if owner == "":
        return ""
    if not _OWNER.fullmatch(owner):
        raise StudioError("owner: must be 1 to 40 of a-z and 0-9")
    return f"{PEOPLE}/{owner}/"


def result(number: int, created: float, place: int, settings: SamplingSettings, owner: str, suffix: str) -> str:
    """Path of a job's result below the home folder, decided by the job alone.

    The day is that of UTC, so that a run repeated after the clock's zone changed still finds its own file. The first
    result has the plain name; those after it carry their place, so that no two of a job ever share a file.

    Raises:
        SettingsError: the seed is still open.
        MediaError: the suffix is none that the library keeps.
    """
    if settings.seed is None:
        raise SettingsError("seed: must be settled before a result can be named")
    suffix = suffix.lower()
    if suffix not in SUFFIXES:
        raise MediaError(f"out: results cannot be kept as {suffix or 'a file without an ending'!r}")
    later = f"-{place + 1}" if place else ""
    model = plain(settings.model)
    return f"{below(owner)}{settings.MEDIUM}/{_day(created)}/{number:05}-{settings.seed}-{model}{later}{suffix}"


def arrival(came: str, asset: str, created: float, name: str, medium: str, owner: str) -> str:
    """Path of a file that came from outside; :func:`parse` reads all of it again, with ``created`` in milliseconds."""
    milliseconds = max(0, round(created * 1000))
    return f"{below(owner)}{medium}/{_day(milliseconds / 1000)}/{came}-{milliseconds}-{asset}-{escaped(name)}"


def in_trash(original: str, when: float) -> str:
    """Path in the trash of what was at ``original`` until ``when``."""
    return f"{TRASH}/{when:.3f}/{original}"


def job_number(original: str) -> int:
    """Number of the job that a file name begins with, or 0."""
    found = _NUMBERED.match(PurePosixPath(original).name)
    return int(found.group(1)) if found else 0


def kept_name(name: str) -> str:
    """``name`` as an import keeps it: no folders, nothing unprintable, short enough to be in a file name.

    Raises:
        MediaError: its ending is none that the library keeps.
    """
    plain = "".join(letter for letter in name.replace("\\", "/").rsplit("/", 1)[-1] if letter.isprintable()).strip()
    path = PurePosixPath(plain or "file")
    if path.suffix.lower() not in SUFFIXES:
        raise MediaError(f"{plain[:60] or 'file'}: the library keeps pictures, video, sound and meshes, not this kind")
    stem = path.stem
    while len(escaped(stem + path.suffix)) > NAME_ROOM:
        stem = stem[:-1]
    return stem + path.suffix


def result_id(job: str, place: int) -> str:
    """The id of a job's result: the same when the job runs again."""
    return derived("result", job, str(place))


def derived(*parts: str) -> str:
    """An id that follows from ``parts``, so that it comes out the same whenever it is made again."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def stand_in(asset: str, owner: str) -> str:
    """The id that ``asset`` takes for ``owner`` when its own is somebody else's already."""
    return derived("stand-in", owner, asset)


def known_as(asset: str, owner: str, owners: Mapping[str, str]) -> str:
    """The id under which ``owner`` has ``asset``; ``asset`` itself when they have it under none."""
    candidate = asset
    for _ in range(4):
        if owners.get(candidate) == owner:
            return candidate
        candidate = stand_in(candidate, owner)
    return asset


def relative(home: Path, path: Path) -> str:
    """``path`` below ``home``, with forward slashes.

    Raises:
        StudioError: it lies elsewhere.
    """
    try:
        return path.relative_to(home).as_posix()
    except ValueError:
        raise StudioError(f"library: {path.name} is not in the library's folder") from None


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def plain(name: str) -> str:
    """A model's name as part of a file name."""
    return (
        "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:40].strip("-") or "model"
    )


def escaped(name: str) -> str:
    """``name`` in ASCII letters that every system allows in a file name."""
    return quote(name, safe="", errors="replace").replace("%", "=")


def _unescaped(text: str) -> str:
    return unquote(text.replace("=", "%"), errors="replace")
