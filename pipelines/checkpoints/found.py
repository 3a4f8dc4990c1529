"""Which checkpoint a name means: one of the catalogue, a folder, or a hub id; and what lies in its folder.

A checkpoint is a folder as diffusers saves it: ``model_index.json`` beside one folder a part, weights as safetensors.
Everything else is refused before anything is read: unsafe weights, remote code, families that are not known here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines.catalogue import Card, card_named, cards, hub_cache
from pipelines.checkpoints import f5tts, hunyuan3d, unsafe
from pipelines.checkpoints.known import KNOWN, Known
from pipelines.checkpoints.named import all_named
from pipelines.errors import ModelError

INDEX = "model_index.json"
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found, or that could be fetched.

    Attributes:
        name: as it was asked for.
        repo: on the hub, if it comes from there.
        revision: the commit to use; None takes the newest once and keeps to it.
        folder: where it lies, or None while it is not here.
        family: name of its pipeline class, or None while that is not known.
        card: its card in the catalogue, if it has one.
    """

    name: str
    repo: str | None = None
    revision: str | None = None
    folder: Path | None = None
    family: str | None = None
    card: Card | None = field(default=None, compare=False)

    @property
    def known(self) -> Known:
        """What is known of its family.

        Raises:
            ModelError: nothing is.
        """
        if self.family is None:
            raise ModelError(f"model: {self.name!r} is not here yet, so its family is not known; fetch it first")
        if self.family not in KNOWN:
            titles = ", ".join(each.title for each in KNOWN.values() if not each.first_frame)
            raise ModelError(f"model: {self.family} is of no family that is known here; known are {titles}")
        return KNOWN[self.family]

    @property
    def title(self) -> str:
        """For people; of a folder its last part alone, for results travel."""
        return self.card.title if self.card is not None else self.repo or Path(self.name).name


def find(model: str, *, folders: bool = True) -> Checkpoint:
    """The checkpoint that ``model`` means: a catalogue name, a folder, or a hub id. Reads no network.

    Without ``folders`` a path means nothing and none is looked at: so are names read that came from elsewhere.

    Raises:
        ModelError: it means none, its folder is not a checkpoint, or it is of no known family.
    """
    card = card_named(model)
    if card is not None and card.repo is not None:
        if card.family is None:
            raise ModelError(f"model: {card.title} needs more than diffusers; {card.note or 'it cannot be run here'}")
        folder = cached(card.repo, card.revision)
        return Checkpoint(model, card.repo, card.revision, folder, family_in(folder) if folder else card.family, card)
    chosen = all_named().get(model)
    if chosen is not None and chosen.place != model:
        return replace(find(chosen.place), name=model)
    path = Path(model).expanduser() if folders else None
    if path is not None and path.is_dir():
        found = Checkpoint(model, folder=path.resolve(), family=family_in(path))
        _ = found.known
        return found
    if HUB_ID.match(model) and (path is None or not path.exists()):
        folder = cached(model)
        return Checkpoint(model, model, None, folder, family_in(folder) if folder else None)
    if path is not None and path.is_file():
        raise ModelError(f"model: {path.name} is a file; name the folder that holds {INDEX}")
    known = ", ".join(each.model for each in cards() if each.repo and each.family)
    raise ModelError(
        f"model: {model[:80]!r} is no model here, no folder and no hub id (owner/name); in the catalogue are {known}"
    )


def family_name(model: str, *, folders: bool = False) -> str | None:
    """Pipeline class of a checkpoint, or None where it cannot be told without a network."""
    try:
        return find(model, folders=folders).family
    except ModelError:
        return None


def index_of(folder: Path) -> dict[str, Any]:
    """What ``model_index.json`` says.

    Raises:
        ModelError: it is missing or damaged, or asks for code of its own.
    """
    path = folder / INDEX
    if not path.is_file():
        inner = sorted(each.parent.name for each in folder.glob(f"*/{INDEX}"))
        advice = f"choose its folder {inner[0]!r}" if inner else "choose the folder that diffusers saved the model into"
        raise ModelError(f"model: {folder.name!r} holds no {INDEX}; {advice}")
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model: {INDEX} of {folder.name!r} is damaged ({error}); fetch the model again") from error
    if not isinstance(held, dict) or not isinstance(held.get("_class_name"), str):
        raise ModelError(f"model: {INDEX} of {folder.name!r} names no pipeline; it is not a model of diffusers")
    return held


def _other(folder: Path) -> ModuleType | None:
    """What knows the layout of a folder that is laid out in a way of its own."""
    return next((each for each in (hunyuan3d, f5tts) if each.lies_in(folder)), None)


def family_in(folder: Path) -> str:
    """The pipeline class that a folder says it is, or the package that runs it."""
    other = _other(folder)
    return str(other.FAMILY if other else index_of(folder)["_class_name"])


def parts_of(folder: Path) -> dict[str, tuple[str, str]]:
    """Parts that are loaded: name to (library, class)."""
    return {
        name: (str(value[0]), str(value[1]))
        for name, value in index_of(folder).items()
        if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
    }


def check(folder: Path) -> None:
    """Refuse a folder that is not whole, or that could run code.

    Raises:
        ModelError: a part or its weights are missing, weights are unsafe, or code would have to come along.
    """
    other = _other(folder)
    if other:
        other.check(folder)
        return
    for name, (library, kind) in parts_of(folder).items():
        inside = folder / name
        if library not in ("diffusers", "transformers", "tokenizers") and library not in _LIBRARIES:
            raise ModelError(f"model: its part {name!r} needs code of its own ({library}); no foreign code is run here")
        if not inside.is_dir():
            if kind.endswith("Scheduler"):
                continue  # its pipeline brings a usual one
            raise ModelError(f"model: its part {name!r} is missing in {folder.name!r}; fetch the model again")
        if any(inside.glob("*.py")):
            raise ModelError(f"model: its part {name!r} brings code of its own; no foreign code is run here")
        if not needs_weights(kind):
            continue
        weights = list(inside.glob("*.safetensors"))
        if not weights:
            unsafe.refuse(inside)
            raise ModelError(f"model: the weights of its part {name!r} are missing in {folder.name!r}; fetch it again")
        for shard in _shards(inside):
            if not (inside / shard).is_file():
                raise ModelError(f"model: {name}/{shard} is missing in {folder.name!r}; fetch the model again")


_LIBRARIES = {"ace_step", "stable_audio_3", "ltx2", "longcat_audio_dit", "diffusers.guiders"}


def needs_weights(kind: str) -> bool:
    """Whether a part of this class has weights of its own."""
    plain = ("Scheduler", "Tokenizer", "TokenizerFast", "Processor", "ProcessorPil", "Extractor", "Guidance")
    return not kind.endswith(plain)


def _shards(inside: Path) -> Iterator[str]:
    for path in inside.glob("*.safetensors.index.json"):
        try:
            yield from sorted(set(json.loads(path.read_text("utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"model: {inside.name}/{path.name} is damaged; fetch the model again") from error


def weights_of(folder: Path) -> dict[str, int]:
    """Bytes of weights by part, as they lie on the disk."""
    other = _other(folder)
    if other:
        return {other.NETWORK: other.weights_in(other.place_of(folder)).stat().st_size}
    return {
        name: sum(path.stat().st_size for path in (folder / name).glob("*.safetensors"))
        for name, (_, kind) in parts_of(folder).items()
        if needs_weights(kind) and (folder / name).is_dir()
    }


def place_of(folder: Path, part: str) -> Path:
    """The folder in which the weights of a part lie."""
    other = _other(folder)
    return other.place_of(folder) if other else folder / part


def bytes_a_number(folder: Path) -> int:
    """Bytes of one number of the weights in a folder, from the header of its first file."""
    first = next(iter(sorted(folder.glob("*.safetensors"))), None)
    if first is None:
        return 2
    with first.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < 100_000_000:
            raise ModelError(f"model: {folder.name}/{first.name} is no safetensors file; fetch the model again")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ModelError(f"model: {folder.name}/{first.name} is damaged; fetch the model again") from error
    kinds = {str(entry.get("dtype")) for name, entry in header.items() if name != "__metadata__"}
    return 4 if "F32" in kinds else 1 if kinds <= {"F8_E4M3", "F8_E5M2", "I8", "U8"} and kinds else 2


@lru_cache(maxsize=64)
def _pinned(path: Path, changed: float) -> str:
    return path.read_text("utf-8").strip()


def cached(repo: str, revision: str | None = None) -> Path | None:
    """The snapshot of a repository in the hub's cache, or None; of ``revision``, else of what 'main' was last."""
    home = hub_cache() / f"models--{repo.replace('/', '--')}"
    named = home / "refs" / (revision or "main")
    commit = _pinned(named, named.stat().st_mtime) if named.is_file() else revision
    folder = home / "snapshots" / commit if commit else None
    whole = folder is not None and ((folder / INDEX).is_file() or _other(folder) is not None)
    return folder if whole else None
