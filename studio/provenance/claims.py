"""Everything that a file claims about itself, and how far its credentials bear that out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import MediaError
from studio.provenance import credentials
from studio.provenance.credentials import Credentials
from studio.provenance.reading import ai_mark, record_in, sniff, texts
from studio.provenance.records import Origin, parsed


@dataclass(frozen=True)
class Claims:
    """What a file says, whoever made it.

    Attributes:
        format: of its content, or None for a file of no known format.
        kind: what made it, for example ``image.generate``, if this program did.
        settings: the settings that made it, as written, if this program did.
        unknown: names of settings among them that this version does not know.
        ai_mark: value of DigitalSourceType in the file's metadata, or None.
        origin: which asset of which library it is, if it says so.
        credentials: what its content credentials say, or None when it has none.
        notes: what could not be read or checked, and why; in words for a person.
    """

    format: str | None
    kind: str | None = None
    settings: dict[str, Any] | None = None
    unknown: tuple[str, ...] = ()
    ai_mark: str | None = None
    origin: Origin | None = None
    credentials: Credentials | None = None
    notes: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether the file claims nothing at all."""
        return self.settings is None and self.ai_mark is None and self.credentials is None

    @property
    def changed(self) -> bool:
        """Whether the file was changed after it was signed."""
        return self.credentials is not None and self.credentials.changed

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {**asdict(self), "claims_nothing": self.none, "changed_after_signing": self.changed}


def verify(path: str | Path) -> Claims:
    """Read and check what a file claims.

    Raises:
        MediaError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"file: there is no file {path.name!r}")
    kind = sniff(path)
    if kind is None:
        return Claims(None, notes=("This is none of the formats that Eddyline reads; nothing was looked for.",))
    found, notes = texts(path), []
    raw = record_in(found)
    origin: Origin | None = None
    unknown: tuple[str, ...] = ()
    if raw is not None:
        try:
            known = parsed(raw, None, path.name)
            origin, unknown = known.origin, tuple(known.unknown)
        except MediaError as error:
            notes.append(f"Its settings cannot be used here: {error}")
    signed = None
    try:
        if kind not in credentials.FORMATS:
            notes.append(f"{kind.upper()} files cannot carry content credentials.")
        signed = credentials.read(path, kind)
    except MediaError as error:
        notes.append(f"Not looked for: {error}")
    if signed is not None and signed.changed:
        notes.append("It was changed after it was signed: what it claims may not be true of it.")
    elif signed is not None and not signed.trusted:
        notes.append("Its signature fits, but nobody on this machine vouches for who signed it.")
    claims = Claims(
        kind,
        None if raw is None else str(raw["kind"]),
        None if raw is None else dict(raw["settings"]),
        unknown,
        ai_mark(found),
        origin,
        signed,
    )
    if claims.none:
        notes.append("It claims nothing: no settings, no AI mark, no content credentials.")
    return Claims(**{**claims.__dict__, "notes": tuple(notes)})
