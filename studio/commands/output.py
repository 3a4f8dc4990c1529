"""How commands speak: one-line errors, tables for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import typer

from pipelines.errors import StudioError


def with_errors(action: Callable[[], None]) -> None:
    """Run ``action``; an error meant for people becomes one line and exit code 2."""
    try:
        action()
    except StudioError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(130) from None


def spoken(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function a command whose errors are one line and exit code 2."""

    @wraps(function)
    def command(*given: Any, **named: Any) -> None:
        with_errors(lambda: function(*given, **named))

    return command


def say_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def say_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as they need to be; the last one runs on."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        typer.echo("  ".join([*cells, line[-1]]).rstrip())


def say_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print what there is to say, one thing a line."""
    told = [(name, value) for name, value in pairs if value not in (None, "", (), [], {})]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple | bool) else str(value)
        typer.echo(f"{name.ljust(width)}  {text}")
