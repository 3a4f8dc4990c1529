"""The command line. Every option of ``generate`` and ``edit`` comes from the settings class of that task."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.errors import MediaError, StudioError
from pipelines.settings import ImageEditSettings, ImageSettings, SamplingSettings, Seed
from studio.commands import models
from studio.commands.jobs import jobs
from studio.commands.library import library, replay

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Eddyline: make and edit media with flow-matching models.",
)  # fmt: skip
generate = typer.Typer(no_args_is_help=True, help="Make something new.")
edit = typer.Typer(no_args_is_help=True, help="Turn one thing into another.")
app.add_typer(generate, name="generate")
app.add_typer(edit, name="edit")
app.add_typer(library, name="library")
app.add_typer(jobs, name="jobs")
app.command()(replay)
app.add_typer(models.app, name="models")

Out = Annotated[Path, typer.Option("--out", help="File to write; its ending chooses the format.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def settings_options(kind: type[SamplingSettings]) -> list[inspect.Parameter]:
    """One command-line option per settings field, with its type, default and description."""
    parameters = []
    for name, field in kind.model_fields.items():
        if name == "version":
            continue
        option = typer.Option(f"--{name.replace('_', '-')}", help=_help(field), show_default=True)
        default = inspect.Parameter.empty if field.default is PydanticUndefined else field.default
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[_option_type(field), option]
            )
        )
    return parameters


def _option_type(field: FieldInfo) -> Any:
    # Ranges are the settings' business: it names the field and says what to do, in every front end alike.
    if Seed in get_args(field.annotation) or field.annotation == Seed | None:
        return int | None
    return field.annotation


def _help(field: FieldInfo) -> str:
    return f"{field.title}. {field.description}"


def _command(group: typer.Typer, name: str, kind: type[SamplingSettings]) -> Callable[[Callable[..., None]], None]:
    """Register a function (settings, **own options) as a command with the options of ``kind`` added."""

    def register(function: Callable[..., None]) -> None:
        own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "settings"]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        options = settings_options(kind)

        def command(**values: Any) -> None:
            with_errors(lambda: function(kind(**{p.name: values.pop(p.name) for p in options}), **values))

        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
        group.command(name)(command)

    return register


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


@_command(generate, "image", ImageSettings)
def generate_image(settings: ImageSettings, out: Out, overwrite: Overwrite = False) -> None:
    """Make pictures from words."""
    from pipelines.image import ImagePipeline

    paths = _outputs(out, settings.count, overwrite)
    _finish(ImagePipeline.load(settings.model).generate(settings), settings, paths)


@_command(edit, "image", ImageEditSettings)
def edit_image(
    settings: ImageEditSettings,
    source: Annotated[Path, typer.Argument(help="Picture to edit.")],
    out: Out,
    mask: Annotated[Path | None, typer.Option("--mask", help="Picture whose opaque or white part may change.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn one picture into another."""
    from pipelines.image import ImagePipeline, read_mask_file, read_picture

    paths = _outputs(out, 1, overwrite)
    picture, notes = read_picture(source)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    painted = None if mask is None else read_mask_file(mask, picture.size)
    _finish(ImagePipeline.load(settings.model).edit(settings, picture, painted), settings, paths)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="7860")] = None,
    auth: Annotated[str | None, typer.Option(help="name:password to ask for, several separated by commas.")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Several people come through a proxy.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve MCP tools too.")] = False,
) -> None:
    """Open the studio in the browser."""
    from studio.ui import serve as serve_studio

    with_errors(lambda: serve_studio(host, port, auth, shared=shared, mcp=mcp))


def _outputs(out: Path, count: int, overwrite: bool) -> list[Path]:
    from studio.export import format_of

    format_of(out)
    paths = [out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}") for index in range(count)]
    taken = [path.name for path in paths if path.exists()]
    if taken and not overwrite:
        raise MediaError(f"out: {', '.join(taken)} exists; choose another name or add --overwrite")
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):  # said now, not after minutes of work
        raise MediaError(f"out: nothing can be written in {folder.name!r}; choose another folder")
    return paths


def _finish(events: Iterator[Any], settings: SamplingSettings, paths: list[Path]) -> None:
    """Show progress on stderr, then write the results and print their paths."""
    from pipelines.events import Done, Note, Progress
    from studio.export import save_picture

    live = sys.stderr.isatty()
    for event in events:
        if isinstance(event, Note):
            typer.echo(f"note: {event.text}", err=True)
        elif isinstance(event, Progress) and live:
            left = "" if event.seconds_left is None else f", {event.seconds_left:.1f} s left "
            typer.echo(f"\r{event.done}/{event.total}{left}", err=True, nl=event.done == event.total)
        elif isinstance(event, Done):
            for path, picture, seed in zip(paths, event.items, event.seeds, strict=True):
                save_picture(picture, path, settings.with_(seed=seed, **_alone(settings)))
                typer.echo(path)


def _alone(settings: SamplingSettings) -> dict[str, Any]:
    # Each file of a batch replays by itself: its own seed, a count of one.
    return {"count": 1} if isinstance(settings, ImageSettings) else {}


def main() -> None:
    """Entry of the ``eddyline`` command."""
    app()
