"""Options of the command line from settings: each field is one, with its type, default and description."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.settings import SamplingSettings, Seed
from studio.commands import texts
from studio.commands.output import with_errors
from studio.commands.planning import CONTEXT, PLANNING, OutOrPlan, planned, suited


def settings_options(kind: type[SamplingSettings], long: Sequence[str] = ()) -> list[inspect.Parameter]:
    """One command-line option per settings field, with its type, default and description.

    Those called ``long`` may be texts of many lines: ``-`` stands for standard input, and ``--name-file`` reads a file.
    """
    parameters = []
    for name, field in kind.model_fields.items():
        if name == "version":
            continue
        default = inspect.Parameter.empty if field.default is PydanticUndefined else field.default
        if name in long:
            parameters += [_option(name, _help(field) + " '-' reads standard input.", str | None, None)]
            parameters += [_option(f"{name}_file", f"File that holds it ({field.title}), UTF-8.", Path | None, None)]
        else:
            parameters.append(_option(name, _help(field), _option_type(field), default))
    return parameters


def _option(name: str, told: str, kind: Any, default: Any) -> inspect.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", help=told, show_default=default is not None)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _option_type(field: FieldInfo) -> Any:
    # Ranges are the settings' business: it names the field and says what to do, in every front end alike.
    if Seed in get_args(field.annotation) or field.annotation == Seed | None:
        return int | None
    return field.annotation


def _help(field: FieldInfo) -> str:
    return f"{field.title}. {field.description}"


def command(
    group: typer.Typer, name: str, kind: type[SamplingSettings], long: Sequence[str] = ()
) -> Callable[[Callable[..., None]], None]:
    """Register a function (settings, **own options) as a command with the options of ``kind`` added."""

    def register(function: Callable[..., None]) -> None:
        own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "settings"]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        options = settings_options(kind, long)
        free = kind.model_fields["model"].annotation is str  # also checkpoints, which can be planned
        if free:
            own = [p.replace(annotation=OutOrPlan, default=None) if p.name == "out" else p for p in own] + PLANNING

        def typed(**values: Any) -> None:
            def run() -> None:
                context = values.pop("context")
                chosen = _typed({p.name: values.pop(p.name) for p in options}, long, context)
                if free and planned(chosen, values):
                    return
                for field in long:
                    texts.settle(chosen, field, required=kind.model_fields[field].is_required())
                function(kind(**(suited(kind, chosen) if free else chosen)), **values)

            with_errors(run)

        typed.__doc__ = function.__doc__
        typed.__signature__ = inspect.Signature([CONTEXT, *own, *options])  # type: ignore[attr-defined]
        group.command(name)(typed)

    return register


def _typed(chosen: dict[str, Any], long: Sequence[str], context: typer.Context) -> dict[str, Any]:
    """``chosen`` without what nobody typed: its default is the settings' business, and depends on the model."""
    texts_of = {name for field in long for name in (field, f"{field}_file")}
    sources = {name: context.get_parameter_source(name) for name in chosen}
    return {
        name: value
        for name, value in chosen.items()
        if name in texts_of or (source := sources[name]) is None or source.name != "DEFAULT"
    }
