"""Settings that suit a checkpoint: what its makers recommend, over what suits them all."""

from typing import Any

from pipelines.checkpoints.found import family_name
from pipelines.checkpoints.known import EDITING, KNOWN, PLAIN


def recommended(model: str, task: str, *, folders: bool = False) -> dict[str, Any]:
    """Defaults for ``task`` ('generate' or 'edit') with the checkpoint that ``model`` names; reads no network.

    Settings come from pages and files of strangers, so paths in them are looked at only with ``folders``.
    """
    from pipelines.catalogue import card_named

    card = card_named(model)
    family = KNOWN.get(family_name(model, folders=folders) or "")
    own = dict(card.defaults) if card is not None else {}
    if task != "generate":
        held = {name: value for name, value in own.items() if name == "schedule"}
        return {**EDITING, **(family.edit if family else {}), **held}
    return {**PLAIN, **(family.generate if family else {}), **own}
