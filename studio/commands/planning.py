"""Options of commands that run checkpoints: see the plan, or have it otherwise."""

import inspect
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.errors import MediaError, ModelError
from pipelines.settings import SamplingSettings

OutOrPlan = Annotated[Path | None, typer.Option("--out", help="File to write; its ending chooses the format.")]
_Plan = Annotated[
    bool, typer.Option("--plan", help="Say what would be loaded, where, and what it costs; load nothing.")
]
_Load = Annotated[
    str,
    typer.Option(
        "--load", help="Checkpoints: have the plan otherwise, as in 'offload=group, quantised=fp8, tiling=yes'."
    ),
]


def _own(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
ASKED: ContextVar[dict[str, str] | None] = ContextVar("asked", default=None)  # of the command that runs
PLANNING = [_own("plan", _Plan, False), _own("load", _Load, "")]


def planned(chosen: dict[str, Any], values: dict[str, Any]) -> bool:
    """Take the options of this module out of ``values``; True where the plan was all that was asked for.

    Raises:
        MediaError: nothing says where to write.
        ModelError: the model has no plan, or an override is unknown.
    """
    asked = overrides(values.pop("load"))
    if values.pop("plan"):
        from pipelines.pretrained import explain

        if "model" not in chosen:
            raise ModelError("plan: starters are loaded whole, at once; name a checkpoint with --model")
        typer.echo("\n".join(explain(chosen["model"], asked)))
        return True
    if values.get("out") is None:
        raise MediaError("out: is missing; name the file to write with --out")
    ASKED.set(asked)
    return False


def suited(kind: type[SamplingSettings], chosen: dict[str, Any]) -> dict[str, Any]:
    """``chosen`` over what suits the checkpoint in a folder that it names; settings by themselves open no path."""
    model = chosen.get("model")
    if not isinstance(model, str) or not Path(model).expanduser().is_dir():
        return chosen
    from pipelines.checkpoints.recommended import recommended

    found = recommended(model, kind.TASK, folders=True)
    # What else was typed may move a default, too.
    return {
        **kind.suited(chosen),
        **{name: each for name, each in found.items() if name in kind.model_fields},
        **chosen,
    }


def overrides(text: str) -> dict[str, str] | None:
    """What ``text`` says of a plan, as in ``"offload=group, dtype=float16"``; None where it says nothing.

    Raises:
        ModelError: a part is no name=value.
    """
    found = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign:
            raise ModelError(f"load: write name=value, as in 'offload=group', got {part!r:.60}")
        found[name.strip()] = value.strip()
    return found or None


def recorded(settings: SamplingSettings) -> SamplingSettings:
    """``settings`` as they are written into files: of a folder its name alone, for files travel."""
    path = Path(settings.model)
    return settings.model_copy(update={"model": path.name}) if settings.checkpoint and path.is_dir() else settings
