"""Which models there are, by medium and name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.errors import ModelError
from pipelines.models.starter import load_starter
from pipelines.paths import assets

STARTERS = {
    ("image", "starter"): "image-starter",
    ("audio", "speech"): "speech-starter",
    ("audio", "sound"): "sound-starter",
    ("video", "starter"): "video-starter",
    ("lipsync", "starter"): "mouth-starter",
    ("mesh", "starter"): "mesh-starter",
}


def _speech(folder: Path) -> Any:
    from pipelines.models.speech import load_speech  # brings in the reading of texts

    return load_speech(folder)


def _mouth(folder: Path) -> Any:
    from pipelines.models.mouth import load_mouth

    return load_mouth(folder)


def _video(folder: Path) -> Any:
    from pipelines.models.video import load_video

    return load_video(folder)


def _mesh(folder: Path) -> Any:
    from pipelines.models.mesh import load_mesh

    return load_mesh(folder)


def _sound(folder: Path) -> Any:
    from pipelines.models.sound import load_sound  # brings in the reading of prompts

    return load_sound(folder)


# What makes a model of a starter's files.
LOADERS: dict[tuple[str, str], Callable[[Path], Any]] = {
    ("image", "starter"): load_starter,
    ("audio", "speech"): _speech,
    ("audio", "sound"): _sound,
    ("video", "starter"): _video,
    ("lipsync", "starter"): _mouth,
    ("mesh", "starter"): _mesh,
}


def names(medium: str) -> list[str]:
    """Models that can make ``medium``."""
    return [name for kind, name in STARTERS if kind == medium]


def starter_folder(medium: str, name: str) -> Path:
    """Folder of a shipped starter.

    Raises:
        ModelError: there is no such model.
    """
    if (medium, name) not in STARTERS:
        raise ModelError(f"model: unknown {medium} model {name!r}; choose one of {', '.join(names(medium))}")
    return assets() / "weights" / STARTERS[medium, name]


def load(medium: str, name: str) -> Any:
    """Load a model of ``medium`` by name: what its pipeline expects, for images a ``StarterModel``.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    folder = starter_folder(medium, name)
    return LOADERS[medium, name](folder)
