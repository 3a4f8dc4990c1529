"""Which models there are, by medium and name."""

from pathlib import Path

from pipelines.errors import ModelError
from pipelines.models.starter import StarterModel, load_starter
from pipelines.paths import assets

STARTERS = {("image", "starter"): "image-starter"}


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


def load(medium: str, name: str) -> StarterModel:
    """Load a model of ``medium`` by name.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    return load_starter(starter_folder(medium, name))
