"""Which models there are and what is known of each: read from ``catalogue.toml``, without torch and without a network.

Starters and what comes inside a Python package can be used in this version. The others are listed with their facts so
that a person can see what is planned, what it would need and under which licence.
"""

import os
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.errors import ModelError
from pipelines.paths import assets

Medium = Literal["image", "video", "audio", "mesh", "lipsync"]
MEDIA: tuple[Medium, ...] = ("image", "video", "audio", "mesh", "lipsync")
BYTES_A_PARAMETER = 2  # 16-bit weights, as these models are published or are usually run
ROOM_TO_WORK = 1.2  # weights and what a run holds beside them, as a factor


class Card(BaseModel):
    """What is known of one model; ``parameters`` and ``helpers`` are in billions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    medium: Medium
    model: str  # what the setting 'model' says
    title: str
    about: str
    licence: str
    commercial: Literal["yes", "no", "ask"]
    gated: bool | None = None  # None: not known, the hub's page says
    parameters: float = Field(gt=0)
    helpers: float | None = None  # text encoders and codecs; None: not known
    capabilities: tuple[Literal["generate", "edit", "invert"], ...]
    repo: str | None = None
    folder: str | None = None  # below assets/weights; starters only
    needs: tuple[str, ...] = ()  # further folders there: vocoders and the like, which it shares with others
    package: str | None = None  # that holds it whole, by the name that pip knows
    steps: bool = True  # whether a solver takes steps; not of what is no flow model
    memory_mb: int | None = None  # measured; of those that can be used
    value_bytes: int = 0  # what one layer shares at one model call, at the default size
    layers: int = 0
    note: str = ""
    family: str | None = None  # its pipeline class in diffusers, or the package that runs it; None: nothing here does
    revision: str | None = None  # commit on the hub; None: the newest at the first fetch, and that one ever after
    defaults: dict[str, int | float | str] = {}  # where this checkpoint wants other settings than its family

    @property
    def usable(self) -> bool:
        """Whether this version can run it."""
        return self.folder is not None or self.package is not None

    @property
    def fetchable(self) -> bool:
        """Whether it is a public checkpoint that this version can run once it is fetched."""
        return not self.usable and self.family is not None

    @property
    def state(self) -> Literal["ready", "damaged", "planned", "here", "away"]:
        """Whether it can be used: 'here' and 'away' are of checkpoints, fetched and not."""
        if self.usable:
            return "ready" if installed(self) else "damaged"
        return "planned" if not self.fetchable else "here" if installed(self) else "away"

    @property
    def at_least(self) -> bool:
        """Whether its sizes are lower bounds, because its text encoders and codecs are not counted."""
        return not self.usable and self.helpers is None

    @property
    def download_bytes(self) -> int:
        """What fetching it would transfer: nothing for what ships; for others an estimate at 16 bits a parameter."""
        return 0 if self.usable else self._weights

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk: counted for what ships, estimated for the others."""
        return size_on_disk(self) if self.usable else self._weights

    @property
    def memory_bytes(self) -> int:
        """What a run needs in memory: measured for what ships, estimated for the others with everything loaded."""
        return self.memory_mb * 1_000_000 if self.memory_mb is not None else int(ROOM_TO_WORK * self._weights)

    @property
    def _weights(self) -> int:
        return int((self.parameters + (self.helpers or 0)) * 1e9 * BYTES_A_PARAMETER)


def cards(medium: str | None = None) -> tuple[Card, ...]:
    """Every model, or those of one medium; starters first, then as listed.

    Raises:
        ModelError: there is no such medium.
    """
    if medium is not None and medium not in MEDIA:
        raise ModelError(f"medium: unknown medium {medium!r}; choose one of {', '.join(MEDIA)}")
    return tuple(each for each in _all() if medium in (None, each.medium))


def card(id: str) -> Card:
    """The model with this id.

    Raises:
        ModelError: there is none; the message names those there are.
    """
    found = next((each for each in _all() if each.id == id), None)
    if found is None:
        raise ModelError(f"model: unknown model {id!r}; known are {', '.join(each.id for each in _all())}")
    return found


def card_of(medium: str, model: str) -> Card | None:
    """The card of what a ``model`` setting of ``medium`` names, or None for one without a card."""
    return next((each for each in _all() if (each.medium, each.model) == (medium, model)), None)


def card_named(name: str) -> Card | None:
    """The card that a person means by id, by the name that settings use, or by hub id."""
    return next((each for each in _all() if name in (each.id, each.model, each.repo) and each.repo is not None), None)


def installed(card: Card) -> bool:
    """Whether its files are on this machine: shipped, or in the hub's cache where another program put them."""
    if card.package is not None:
        return _distribution(card.package) is not None
    folders = _folders(card)
    if not folders:
        return False
    if card.fetchable:
        return _whole(folders[0])
    sign = "config.json" if card.usable else "snapshots"
    return all((folder / sign).exists() for folder in folders)


def _whole(folder: Path) -> bool:
    """Whether a folder of the hub's cache says which commit it is at and holds that."""
    try:
        commit = (folder / "refs" / "main").read_text("utf-8").strip()
    except OSError:
        return False
    signs = ("model_index.json", "hunyuan3d-dit-v2-0/config.yaml", "F5TTS_v1_Base/vocab.txt")
    return bool(commit) and any((folder / "snapshots" / commit / sign).exists() for sign in signs)


def size_on_disk(card: Card) -> int:
    """Bytes that its files take on this machine; 0 when there are none."""
    if card.package is not None:
        held = _distribution(card.package)
        paths = [Path(str(file.locate())) for file in (held.files or [])] if held else []
        return sum(path.stat().st_size for path in paths if path.is_file())
    # In the hub's cache snapshots are links to blobs: counting the links as well would double everything.
    paths = [path for folder in _folders(card) for path in folder.rglob("*") if not path.is_symlink()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _distribution(package: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None


def _folders(card: Card) -> list[Path]:
    if card.folder is not None:
        return [assets() / "weights" / name for name in (card.folder, *card.needs)]
    return [] if card.repo is None else [hub_cache() / f"models--{card.repo.replace('/', '--')}"]


def hub_cache() -> Path:
    """Where the Hugging Face libraries keep what they download, by their own environment variables."""
    named = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(named or Path(home) / "hub").expanduser()


def offline() -> bool:
    """Whether this machine is told to stay off the network (``HF_HUB_OFFLINE``); nothing is tried."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}


@cache
def _all() -> tuple[Card, ...]:
    listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["model"]
    return tuple(sorted((Card(**entry) for entry in listed), key=lambda each: not each.usable))
