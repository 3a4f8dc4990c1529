"""Which models a tab can be told to use: starters, and checkpoints that are on this machine."""

from collections.abc import Mapping
from typing import Any

from pipelines.catalogue import card_of, cards
from pipelines.checkpoints import loras
from pipelines.checkpoints.found import family_name
from pipelines.checkpoints.known import KNOWN
from pipelines.checkpoints.named import all_named
from pipelines.errors import ModelError
from pipelines.settings import AudioSettings, SamplingSettings, SoundSettings, SpeechSettings, ToolSettings


def ready(medium: str, subject: str = "") -> dict[str, str]:
    """Checkpoints that can be run here: what settings call them, and what a person reads.

    Of a medium with several subjects, ``subject`` leaves those of one.
    """
    fetched = {
        each.model: each.title for each in cards(medium) if each.state == "here" and _makes(each.family, subject)
    }
    named = (each for each in all_named().values() if each.medium == medium)
    chosen = {
        each.name: each.name for each in named if not subject or _makes(family_name(each.place, folders=True), subject)
    }
    return {**fetched, **chosen}


def _makes(family: str | None, subject: str) -> bool:
    made = KNOWN[family].subject if family in KNOWN else ""
    return not (made and subject) or made == subject


def choices(settings: type[SamplingSettings], starters: Mapping[str, str]) -> list[tuple[str, str]]:
    """(title, name) of every model that ``settings`` can be run with; ``starters`` is what those are called."""
    return [(title, name) for name, title in {**starters, **ready(settings.MEDIUM, settings.SUBJECT)}.items()]


def takes_checkpoints(settings: type[SamplingSettings]) -> bool:
    """Whether these settings can name a checkpoint."""
    model = settings.model_fields.get("model")  # what works without a model has none
    return model is not None and model.annotation is str and settings.MEDIUM in ("image", "video", "audio", "mesh")


def follows_sound(model: str) -> bool:
    """Whether clips of ``model`` follow a sound that is given; paths are not looked at."""
    family = family_name(model)
    return family in KNOWN and KNOWN[family].sound


def suits(settings: SamplingSettings, *, folders: bool = False) -> None:
    """Refuse a model of sounds where speech is asked for, and the other way round.

    Raises:
        ModelError: as said; paths are looked at only with ``folders``.
    """
    if not isinstance(settings, AudioSettings):
        return
    kinds = {"speech": SpeechSettings.STARTERS, "sound": SoundSettings.STARTERS}
    made = next((subject for subject, starters in kinds.items() if settings.model in starters), "")
    family = family_name(settings.model, folders=folders) if not made else None
    made = made or (KNOWN[family].subject if family in KNOWN else "")
    if made and made != settings.SUBJECT:
        known = ", ".join([*settings.STARTERS, *ready("audio", settings.SUBJECT)])
        raise ModelError(f"model: {settings.model[:60]!r} makes {made}, not {settings.SUBJECT}; there is: {known}")


def usable(settings: SamplingSettings) -> None:
    """Refuse what pages and servers may not open: models that nobody has fetched or added here, and paths.

    Raises:
        ModelError: it says how to get it, and what there is.
    """
    loras.asked_for(getattr(settings, "lora", ""), anywhere=False)
    suits(settings)
    card = card_of(settings.MEDIUM, settings.model)
    if isinstance(settings, ToolSettings) or (card is not None and card.usable):
        return
    there = ready(settings.MEDIUM, settings.SUBJECT) if takes_checkpoints(type(settings)) else {}
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
