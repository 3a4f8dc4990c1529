"""The one way in: a file of unknown origin becomes what it is, or a sentence on why it is not taken."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.errors import MediaError, StudioError
from pipelines.settings import SamplingSettings, kind_of
from studio.intake.foreign import Foreign, read_foreign, to_image_settings
from studio.intake.limits import Limits
from studio.intake.sniff import EXTENSIONS, MESHES, PICTURES, STREAMS, note_name, sniff
from studio.intake.upload import Facts, Upload, clean_name

if TYPE_CHECKING:
    from studio.provenance import Provenance

log = logging.getLogger(__name__)
Medium = Literal["image", "video", "audio", "mesh", "project", "settings"]
OWN = "Eddyline"


@dataclass(frozen=True)
class Taken:
    """What a file turned out to be.

    Attributes:
        medium: which tab it belongs to.
        format: of the container, by content: a key of :data:`studio.intake.sniff.EXTENSIONS`.
        name: safe ASCII stem of its name, for showing and for new files.
        size: of the file, in bytes.
        facts: how large its content says it is.
        studio: who wrote the settings in it, or empty.
        settings: what made it, in our ranges; None where nothing usable is written down.
        foreign: another studio's settings as they were.
        provenance: our own record as it was.
        preset: the JSON of a preset, which has a name and may leave out what to make; ``settings`` is then None.
        notes: sentences for the person.
        unknown: fields that were found and are kept, though nothing here knows them.
    """

    medium: Medium
    format: str
    name: str
    size: int
    facts: Facts = field(default_factory=Facts)
    studio: str = ""
    settings: SamplingSettings | None = None
    foreign: Foreign | None = None
    provenance: "Provenance | None" = None
    preset: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    unknown: dict[str, Any] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        """A safe name with the extension that belongs to the content."""
        sound = self.medium == "audio" and self.format == "mp4"
        return f"{self.name}.{'m4a' if sound else EXTENSIONS[self.format][0]}"

    @property
    def moves(self) -> bool:
        """Whether it holds moving pictures: a film, or an animated picture."""
        return self.medium == "video" or (self.medium == "image" and (self.facts.frames or 1) > 1)

    @property
    def kind(self) -> str | None:
        """Key of the settings in :data:`pipelines.settings.ANY_SETTINGS`, for example ``image.generate``."""
        return None if self.settings is None else kind_of(self.settings)


def take(path: str | Path, name: str | None = None, limits: Limits | None = None) -> Taken:
    """Look at the file at ``path``, which its owner calls ``name``; reads parts of it and decodes nothing.

    Without ``limits``, those of this host apply (:meth:`Limits.from_environment`).

    Raises:
        MediaError: it is not taken; the message says what was found, what is allowed and what to do, and never where
            the file is kept.
    """
    limits = limits or Limits.from_environment()
    stem, extension = clean_name(name if name is not None else Path(path).name)
    upload = Upload(None, 0, stem, extension, limits)  # type: ignore[arg-type]  # opened below, named for refusals
    try:
        if not Path(path).is_file():
            upload.refuse("there is no such file; drop it again")
        with Path(path).open("rb") as file:
            upload.file, upload.size = file, Path(path).stat().st_size
            upload.check("bytes", upload.size, limits.upload_bytes, "make it smaller, or cut it, first")
            return _look(upload, Path(path))
    except StudioError:
        raise
    except Exception as error:  # whatever a hostile file provokes, the answer is a sentence
        log.warning("upload %s refused: %s", upload.label, type(error).__name__, exc_info=True)
        raise MediaError(f"{upload.label}: damaged in a way that cannot be read; save it again") from None


def _look(upload: Upload, path: Path) -> Taken:
    found = sniff(upload)
    medium: Medium
    if found in PICTURES:
        from studio.intake.images import read_picture_facts

        medium, facts = "image", read_picture_facts(upload, found)
    elif found in STREAMS:
        from studio.intake.streams import read_stream_facts

        medium, facts = read_stream_facts(upload, found)
    elif found in MESHES:
        from studio.intake.meshes import read_mesh_facts

        medium, facts = "mesh", read_mesh_facts(upload, found)
    elif found == "zip":
        from studio.intake.archives import read_zip_facts

        medium, facts = read_zip_facts(upload)
    else:
        return _settings_file(upload, found)
    note_name(upload, found)
    restored = {} if medium == "project" else _restored(upload, path, medium)
    return Taken(medium, found, upload.stem, upload.size, facts, notes=tuple(upload.notes), **restored)


def _restored(upload: Upload, path: Path, medium: Medium) -> dict[str, Any]:
    """The settings in a media file: our own record first, then what other studios write."""
    from studio.provenance import read_settings

    try:
        own = read_settings(path)
    except StudioError as error:
        upload.note(f"its settings could not be restored: {error}".replace(path.name, upload.label))
        return {}
    except Exception:  # readers of metadata raise whatever they like on damaged files
        log.warning("settings of %s could not be read", upload.label, exc_info=True)
        own = None
    if own is not None:
        return {"studio": OWN, "settings": own.settings, "provenance": own, "unknown": dict(own.unknown)}
    foreign = read_foreign({key.lower(): text for key, text in upload.texts.items()})
    if foreign is None:
        return {}
    return _mapped(upload, foreign, medium)


def _mapped(upload: Upload, foreign: Foreign, medium: Medium) -> dict[str, Any]:
    found: dict[str, Any] = {"studio": foreign.studio, "foreign": foreign, "unknown": dict(foreign.everything)}
    if medium not in ("image", "settings"):
        upload.note(f"{foreign.studio} made it; its words were read, but there are no settings here for its kind yet")
        return found
    settings, notes = to_image_settings(foreign)
    upload.note(f"its settings were written by {foreign.studio}")
    for note in notes:
        upload.note(note)
    return {**found, "settings": settings}


def _settings_file(upload: Upload, found: str) -> Taken:
    """A preset of ours, a workflow or the parameters of another studio, as a file of their own."""
    from studio.intake.texts import is_preset, parse_json, read_preset

    upload.check("bytes of settings", upload.size, upload.limits.metadata_bytes, "drop the settings alone")
    raw = upload.at(0, upload.size)
    restored: dict[str, Any] = {}
    texts = {"parameters": raw.decode("utf-8-sig", errors="replace")}
    if found == "json":
        held = parse_json(upload, raw)
        preset = read_preset(upload, held)
        if preset and is_preset(held):
            restored = {"studio": OWN, "preset": held, "unknown": preset[1]}
        elif preset:
            restored = {"studio": OWN, "settings": preset[0], "unknown": preset[1]}
        texts = {"json": texts["parameters"]}
    if not restored:
        foreign = read_foreign(texts)
        if foreign is None:
            upload.refuse(
                "no settings that are known here; drop a preset, a workflow of ComfyUI, or the parameters of "
                "AUTOMATIC1111, SwarmUI or Wan2GP"
            )
        restored = _mapped(upload, foreign, "settings")
    note_name(upload, found)
    return Taken("settings", found, upload.stem, upload.size, notes=tuple(upload.notes), **restored)
