"""``eddyline lipsync``: a face and a voice in, a talking clip out."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import MediaError, SettingsError
from pipelines.settings import LipSyncSettings
from studio.characters import CHARACTER, characters

MOST = 3  # voices beside the first: the pipeline moves up to four faces
Visemes = Annotated[Path | None, typer.Option("--visemes", help="File for the movement of the mouth too, .json.")]


def face_of(settings: LipSyncSettings, face: str) -> tuple[LipSyncSettings, Path | None]:
    """Settings and file of what a person named as FACE: a picture or clip, or ``character:NAME``.

    Raises:
        SettingsError: there is no such character, or two are named.
        MediaError: there is no such file.
    """
    if not face.startswith(CHARACTER):
        if settings.character:
            raise SettingsError("character: a file is given for the face already; leave one of the two out")
        if not Path(face).is_file():
            raise MediaError(f"face: {Path(face).name!r}: no such file; name a picture or clip, or {CHARACTER}NAME")
        return settings, Path(face)
    name, known = face.removeprefix(CHARACTER), characters()
    if settings.character not in ("", name):
        raise SettingsError(f"character: {name!r} and {settings.character!r} are both named; leave one out")
    if name not in known:
        raise SettingsError(
            f"character: there is no {name!r}; choose one of {', '.join(known) or 'none, they are missing'}"
        )
    return settings.with_(character=name), None


def voices(settings: LipSyncSettings, recording: Path | None, others: list[Path]) -> dict[str, Path]:
    """Recordings by the role that a run knows them by.

    Raises:
        SettingsError: nothing is said, or twice.
        MediaError: a file is not there.
    """
    if recording is not None and settings.text.strip():
        raise SettingsError("text: is given beside a recording; leave one of the two out")
    if recording is None and not settings.text.strip():
        raise SettingsError("recording: nothing to say; give a recording after the face, or --text")
    if others and settings.faces != "all":
        raise SettingsError("also: further voices are for further faces; add --faces all")
    if len(others) > MOST:
        raise SettingsError(f"also: at most {MOST} further voices, got {len(others)}")
    given = {"recording": recording, **{f"recording_{number}": path for number, path in enumerate(others, start=2)}}
    found = {role: path for role, path in given.items() if path is not None}
    for role, path in found.items():
        if not path.is_file():
            raise MediaError(f"{role}: {path.name!r}: no such file")
    return found
