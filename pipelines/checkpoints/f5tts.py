"""F5-TTS as its publisher lays it out: a folder with one file of weights and a vocabulary, and no index."""

import re
from pathlib import Path
from typing import Any

from pipelines.checkpoints import unsafe
from pipelines.errors import ModelError

FAMILY = "f5-tts"
PART = "F5TTS_v1_Base"  # the folder of its repository that is fetched
NETWORK = "transformer"  # what plans call the part that has weights
VOCABULARY = "vocab.txt"
WEIGHTS = f"{PART}/model_1250000.safetensors"
WANTED = (WEIGHTS, f"{PART}/{VOCABULARY}")
_FOLDERS = re.compile(r"^F5TTS_(v1_)?(Base|Small)", re.IGNORECASE)
_FOREIGN = ("model_index.json", "config.json")  # what folders of other libraries hold


def lies_in(folder: Path) -> bool:
    """Whether ``folder`` is one, or holds the folders of its repository."""
    return _own(folder) or any(_own(each) for each in _inner(folder))


def _inner(folder: Path) -> list[Path]:
    """Folders of the repository in ``folder``, the newest version first."""
    if not folder.is_dir():
        return []
    return sorted((each for each in folder.iterdir() if _FOLDERS.match(each.name)), reverse=True)


def _own(folder: Path) -> bool:
    if any((folder / name).exists() for name in _FOREIGN):
        return False
    return (folder / VOCABULARY).is_file() or any(folder.glob("model_*.*"))


def place_of(folder: Path) -> Path:
    """The folder that holds weights and vocabulary: ``folder`` or one in it."""
    if _own(folder):
        return folder
    named = folder / PART
    return named if _own(named) else next((each for each in _inner(folder) if _own(each)), folder)


def weights_in(place: Path) -> Path:
    """The file of weights.

    Raises:
        ModelError: there is none, none that is safe to read, or several.
    """
    found = sorted(place.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found[:4])
        raise ModelError(f"model: {place.name!r} holds several files of weights ({names}); keep one of them there")
    unsafe.refuse(place)
    raise ModelError(f"model: {place.name!r} holds no weights (*.safetensors); fetch the model again")


def version_of(place: Path) -> str:
    """'v1' or 'v0': how its network encodes text and places, which its weights do not tell.

    Raises:
        ModelError: neither a configuration nor the folder's name says it.
    """
    for path in sorted(place.glob("*.yaml")):
        found = _arch(path)
        if "pe_attn_head" in found or "text_mask_padding" in found:
            if found.get("text_embedding_average_upsampling") or found.get("long_skip_connection"):
                raise ModelError(f"model: {path.name} describes a variant of F5-TTS that is not run here; use its Base")
            return "v1" if found.get("pe_attn_head") is None and found.get("text_mask_padding", True) else "v0"
    named = next((name for name in (place.name, place.parent.name) if "f5tts" in name.lower()), "")
    if not named:
        raise ModelError(
            f"model: nothing says which F5-TTS lies in {place.name!r}; put its F5TTS_….yaml beside the weights, or "
            "call the folder F5TTS_v1_Base, or F5TTS_Base for what is older than March 2025"
        )
    return "v1" if "v1" in named.lower() else "v0"


def _arch(path: Path) -> dict[str, Any]:
    import yaml

    try:
        held = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ModelError(f"model: {path.name} of {path.parent.name!r} is damaged; fetch the model again") from error
    model = held.get("model", {}) if isinstance(held, dict) else {}
    arch = model.get("arch", {}) if isinstance(model, dict) else {}
    return arch if isinstance(arch, dict) else {}


def check(folder: Path) -> None:
    """Refuse a folder that is not whole.

    Raises:
        ModelError: as said.
    """
    place = place_of(folder)
    _ = weights_in(place), version_of(place)
    if not (place / VOCABULARY).is_file():
        raise ModelError(f"model: {VOCABULARY} is missing in {place.name!r}; it belongs to the weights, fetch it again")
