"""Settings that suit a checkpoint: what its makers recommend, over what suits them all."""

from typing import Any

from pipelines.checkpoints.found import family_name
from pipelines.checkpoints.known import EDITING, KNOWN, PLAIN


def recommended(model: str, task: str) -> dict[str, Any]:
    """Defaults for ``task`` ('generate' or 'edit') with the checkpoint that ``model`` names; reads no network."""
    from pipelines.catalogue import card_named

    card = card_named(model)
    family = KNOWN.get(family_name(model) or "")
    own = dict(card.defaults) if card is not None else {}
    if task != "generate":
        return {**EDITING, **{name: value for name, value in own.items() if name == "schedule"}}
    return {**PLAIN, **(family.generate if family else {}), **own}
