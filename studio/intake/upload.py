"""A file on its way in: read by parts, and known by a name that is safe to show and to keep."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

from pipelines.errors import MediaError
from studio.intake.limits import Limits

MAX_STEM = 60
# Names that Windows keeps for devices, whatever their extension.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class Facts:
    """How large a file says its content is; None where that means nothing or is not written down.

    Attributes:
        width: of a picture or a frame, in pixels.
        height: likewise.
        frames: of a video or an animated picture.
        seconds: of video and audio.
        sample_rate: of the sound, samples a second.
        channels: of the sound.
        triangles: of a mesh, counted as often as they are placed.
        vertices: of a mesh.
        entries: files in an archive.
        unpacked: size of all files of an archive, in bytes.
    """

    width: int | None = None
    height: int | None = None
    frames: int | None = None
    seconds: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    triangles: int | None = None
    vertices: int | None = None
    entries: int | None = None
    unpacked: int | None = None


@dataclass
class Upload:
    """An open file and what is allowed of it; readers leave their notes here."""

    file: BinaryIO
    size: int
    stem: str
    extension: str
    limits: Limits
    notes: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What messages call the file."""
        return f"{self.stem}.{self.extension}" if self.extension else self.stem

    def at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer where the file ends."""
        self.file.seek(offset)
        return self.file.read(length)

    def refuse(self, why: str) -> NoReturn:
        """Say what is wrong with the file and stop.

        Raises:
            MediaError: always.
        """
        raise MediaError(f"{self.label}: {why}")

    def cut_short(self) -> NoReturn:
        """Stop at a file that ends too early.

        Raises:
            MediaError: always.
        """
        self.refuse("damaged or cut short; fetch or save it again")

    def check(self, what: str, got: float, limit: float, advice: str) -> None:
        """Hold ``got`` against ``limit``.

        Raises:
            MediaError: it is above.
        """
        if got > limit:
            self.refuse(f"{what}: {_number(got)}, at most {_number(limit)}; {advice}")

    def note(self, text: str) -> None:
        """Something that the person should know, said once."""
        if text not in self.notes:
            self.notes.append(text)


def clean_name(name: str) -> tuple[str, str]:
    """``name`` as a safe ASCII stem and a lower-case extension, whatever it was.

    Folders before it are dropped, letters lose their accents, and what is left keeps letters, digits, dots, dashes and
    underscores; at most ``MAX_STEM`` characters, never empty, never hidden, never a device of Windows.
    """
    last = re.split(r"[/\\]", name[-2000:])[-1].lstrip(". ")
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    stem, dot, extension = plain.rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,12}", extension):
        stem, extension = plain, ""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)
    stem = re.sub(r"\.{2,}", ".", stem).strip("-._ ")[:MAX_STEM].rstrip("-._ ")
    if not stem or stem.split(".")[0].lower() in _DEVICES:
        stem = f"file-{stem}".rstrip("-")
    return stem, extension.lower()


def _number(value: float) -> str:
    """A number with thousands apart: 40,000,000 or 12.5."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}"
