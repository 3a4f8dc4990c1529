"""Hunyuan3D-2 as its publisher lays it out: a folder with a configuration and one file of weights, and no index."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.checkpoints import unsafe
from pipelines.errors import ModelError

FAMILY = "hy3dgen"  # the Python package that runs it
PART = NETWORK = "hunyuan3d-dit-v2-0"  # the folder, and what plans call it
CONFIG, WEIGHTS = f"{PART}/config.yaml", f"{PART}/model.fp16.safetensors"


def lies_in(folder: Path) -> bool:
    """Whether ``folder`` holds it."""
    return (folder / CONFIG).is_file()


def place_of(folder: Path) -> Path:
    """The folder that holds the weights."""
    return folder / PART


def weights_in(place: Path) -> Path:
    """The file of weights."""
    return place.parent / WEIGHTS


def check(folder: Path) -> None:
    """Refuse a folder that is not whole, or whose configuration would run code from elsewhere.

    Raises:
        ModelError: as said.
    """
    if not (folder / WEIGHTS).is_file():
        unsafe.refuse(place_of(folder))
        raise ModelError(f"model: {WEIGHTS} is missing in {folder.name!r}; fetch the model again")
    import yaml

    try:
        held = yaml.safe_load((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ModelError(f"model: {CONFIG} of {folder.name!r} is damaged; fetch the model again") from error
    # The package makes whatever class a configuration names.
    for name in _targets(held):
        if not name.startswith(f"{FAMILY}."):
            raise ModelError(f"model: {CONFIG} of {folder.name!r} asks for {name[:80]!r}; no foreign code is run here")


def _targets(held: Any) -> Iterator[str]:
    if isinstance(held, dict):
        if "target" in held:
            yield str(held["target"])
        for value in held.values():
            yield from _targets(value)
    elif isinstance(held, list):
        for value in held:
            yield from _targets(value)
