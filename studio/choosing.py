"""Which models a tab can be told to use: starters, and checkpoints that are on this machine."""

from collections.abc import Mapping
from typing import Any

from pipelines.catalogue import cards
from pipelines.checkpoints.named import all_named
from pipelines.errors import ModelError
from pipelines.settings import SamplingSettings


def ready(medium: str) -> dict[str, str]:
    """Checkpoints that can be run here: what settings call them, and what a person reads."""
    fetched = {each.model: each.title for each in cards(medium) if each.state == "here"}
    return {**fetched, **{each.name: each.name for each in all_named().values() if each.medium == medium}}


def choices(settings: type[SamplingSettings], starters: Mapping[str, str]) -> list[tuple[str, str]]:
    """(title, name) of every model that ``settings`` can be run with; ``starters`` is what those are called."""
    return [(title, name) for name, title in {**starters, **ready(settings.MEDIUM)}.items()]


def takes_checkpoints(settings: type[SamplingSettings]) -> bool:
    """Whether these settings can name a checkpoint."""
    return settings.model_fields["model"].annotation is str and settings.MEDIUM in ("image", "video", "audio")


def usable(settings: SamplingSettings) -> None:
    """Refuse a model that pages and servers may not run: one that nobody has fetched or added here.

    Raises:
        ModelError: it says how to get it, and what there is.
    """
    there = ready(settings.MEDIUM) if takes_checkpoints(type(settings)) else {}
    if settings.model in there:
        return
    known = ", ".join([each.model for each in cards(settings.MEDIUM) if each.usable] + list(there))
    raise ModelError(f"model: {settings.model[:60]!r} cannot be used here; there is: {known}; add others in Models")


def suited(settings: type[SamplingSettings], model: str) -> dict[str, Any]:
    """Values that suit ``model``; for a starter its own defaults, for everything that checkpoints want otherwise."""
    found = settings.suited({"model": model})
    if found:
        return found
    moved = settings.suited({"model": "owner/name"}).keys() | settings.LIMITS.keys() | {"steps", "guidance", "rate"}
    return {name: field.default for name, field in settings.model_fields.items() if name in moved}
