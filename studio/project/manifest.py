"""``project.json``: what a project's files are, how they were made, and from what."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import MediaError, StudioError
from pipelines.settings import ANY_SETTINGS, SamplingSettings

FORMAT = 1
NAME = "project.json"
MAX_ASSETS = 10_000
Id = Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]
Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
Role = Annotated[str, Field(pattern=r"\A[a-z_]{1,20}\z")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Item(_Part):
    """One file of a project.

    ``record`` is ``{"kind", "settings"}``, ``parents`` are (role, id). It was result ``place`` of ``batch`` that were
    made together: the settings alone make it again too, but batches of other sizes may round the last bit otherwise.
    """

    id: Id
    medium: Literal["image", "video", "audio", "mesh", "lipsync"]
    kind: Annotated[str, Field(max_length=60)]
    file: Annotated[str, Field(pattern=r"\Afiles/[A-Za-z0-9_=~-][A-Za-z0-9._=~-]{0,240}\z")]
    name: Annotated[str, Field(max_length=500)] = ""
    created: Annotated[float, Field(ge=0, le=250_000_000_000)]
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    record: dict[str, Any] | None = None
    parents: Annotated[tuple[tuple[Role, Id], ...], Field(max_length=64)] = ()
    batch: Annotated[int, Field(ge=1, le=64)] = 1
    place: Annotated[int, Field(ge=0, le=63)] = 0

    @property
    def settings(self) -> SamplingSettings | None:
        """The settings that made it; None for an import or what this version cannot read."""
        try:
            held = self.record or {}
            return ANY_SETTINGS[held["kind"]].migrate(held["settings"])[0]
        except (KeyError, TypeError, AttributeError, StudioError):
            return None


class Model(_Part):
    """A model that made some of it: hashes of its files by name, and its licence where it is known."""

    name: Annotated[str, Field(max_length=200)]
    medium: Annotated[str, Field(max_length=20)]
    weights: dict[str, str] = {}
    licence: Annotated[str, Field(max_length=200)] = ""


class Manifest(_Part):
    """All of ``project.json``."""

    format: Literal[1] = 1
    program: str = "eddyline"
    version: Annotated[str, Field(max_length=60)]
    models: tuple[Model, ...] = ()
    licences: dict[str, str] = {}
    assets: Annotated[tuple[Item, ...], Field(max_length=MAX_ASSETS)]

    def text(self) -> str:
        """As JSON, the same for the same content."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1)


def read(data: bytes, name: str) -> Manifest:
    """Check what came from outside.

    Raises:
        MediaError: not a project, damaged, or of a newer version.
    """
    try:
        held = json.loads(data)
        found = held.get("format")
        if isinstance(found, int) and found > FORMAT:
            raise MediaError(f"{name}: a project of format {found}, this version reads {FORMAT}; update eddyline")
        manifest = Manifest.model_validate(held)
    except (ValueError, AttributeError, RecursionError) as error:
        raise MediaError(f"{name}: its {NAME} is damaged ({_first(error)})") from None
    if len({item.id for item in manifest.assets}) < len(manifest.assets):
        raise MediaError(f"{name}: its {NAME} lists an asset twice")
    if len({item.file for item in manifest.assets}) < len(manifest.assets):
        raise MediaError(f"{name}: its {NAME} lists a file twice")
    return manifest


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        entry = error.errors()[0]
        return f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}"
    return "not JSON of the expected kind"
