"""The command line. Every option of ``generate`` and ``edit`` comes from the settings class of that task."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.errors import MediaError, StudioError
from pipelines.settings import (
    ImageEditSettings,
    ImageSettings,
    LipSyncSettings,
    MeshEditSettings,
    MeshSettings,
    SamplingSettings,
    Seed,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    VideoEditSettings,
    VideoExtendSettings,
    VideoSettings,
)
from studio.commands import clips, meshes, models, talking, texts
from studio.commands.jobs import jobs
from studio.commands.library import library, replay
from studio.commands.planning import ASKED, CONTEXT, PLANNING, OutOrPlan, planned, recorded

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
app.add_typer(meshes.app, name="mesh")
app.add_typer(clips.app, name="video")

Out = Annotated[Path, typer.Option("--out", help="File to write; its ending chooses the format.")]
Subtitles = Annotated[
    Path | None, typer.Option("--subtitles", help="File for the words as subtitles too, .srt or .vtt.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


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


def _command(
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

        def command(**values: Any) -> None:
            def run() -> None:
                context = values.pop("context")
                chosen = _typed({p.name: values.pop(p.name) for p in options}, long, context)
                if free and planned(chosen, values):
                    return
                for field in long:
                    texts.settle(chosen, field, required=kind.model_fields[field].is_required())
                function(kind(**chosen), **values)

            with_errors(run)

        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature([CONTEXT, *own, *options])  # type: ignore[attr-defined]
        group.command(name)(command)

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
    run_settings(settings, out, overwrite)


@_command(edit, "image", ImageEditSettings)
def edit_image(
    settings: ImageEditSettings,
    source: Annotated[Path, typer.Argument(help="Picture to edit.")],
    out: Out,
    mask: Annotated[Path | None, typer.Option("--mask", help="Picture whose opaque or white part may change.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn one picture into another."""
    run_settings(settings, out, overwrite, {"source": source, "mask": mask})


@_command(generate, "speech", SpeechSettings, long=("text",))
def generate_speech(
    settings: SpeechSettings, out: Out, subtitles: Subtitles = None, overwrite: Overwrite = False
) -> None:
    """Read a text aloud."""
    run_settings(settings, out, overwrite, subtitles=subtitles)


@_command(edit, "speech", SpeechEditSettings, long=("source_text", "text"))
def edit_speech(
    settings: SpeechEditSettings,
    source: Annotated[Path, typer.Argument(help="Recording to edit, of any format.")],
    out: Out,
    subtitles: Subtitles = None,
    overwrite: Overwrite = False,
) -> None:
    """Change words of a recording; everything else stays as it was."""
    run_settings(settings, out, overwrite, {"source": source}, subtitles)


@_command(generate, "sound", SoundSettings)
def generate_sound(settings: SoundSettings, out: Out, overwrite: Overwrite = False) -> None:
    """Make music and sounds from words."""
    run_settings(settings, out, overwrite)


@_command(edit, "sound", SoundEditSettings)
def edit_sound(
    settings: SoundEditSettings,
    source: Annotated[Path, typer.Argument(help="Sound to edit, of any format.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Turn one sound into another, or let it go on."""
    run_settings(settings, out, overwrite, {"source": source})


@_command(app, "lipsync", LipSyncSettings, long=("text",))
def lipsync(
    settings: LipSyncSettings,
    face: Annotated[str, typer.Argument(metavar="FACE", help="Picture or clip of a face, or character:NAME.")],
    out: Out,
    recording: Annotated[
        Path | None, typer.Argument(metavar="VOICE", help="Recording of what is said; or give --text.")
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="With --faces all: recording for the next face from the left; may be repeated."),
    ] = None,
    visemes: talking.Visemes = None,
    subtitles: Subtitles = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a face talk: a picture or clip, and a voice or a text."""
    chosen, source = talking.face_of(settings, face)
    inputs = {"source": source, **talking.voices(chosen, recording, also or [])}
    run_settings(chosen, out, overwrite, inputs, subtitles, visemes)


@_command(generate, "video", VideoSettings)
def generate_video(
    settings: VideoSettings,
    out: Out,
    first_frame: Annotated[
        Path | None, typer.Option("--first-frame", help="Picture that the clip begins with; it stays as it is.")
    ] = None,
    last_frame: Annotated[Path | None, typer.Option("--last-frame", help="Picture that the clip ends with.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make clips from words, or from a picture that is to move."""
    run_settings(settings, out, overwrite, {"first_frame": first_frame, "last_frame": last_frame})


@_command(edit, "video", VideoEditSettings)
def edit_video(
    settings: VideoEditSettings,
    source: Annotated[Path, typer.Argument(help="Clip to edit, of any format.")],
    out: Out,
    mask: Annotated[Path | None, typer.Option("--mask", help="Picture whose opaque or white part may change.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn what a clip shows into something else that moves alike."""
    run_settings(settings, out, overwrite, {"source": source, "mask": mask})


@_command(app, "extend", VideoExtendSettings)
def extend(
    settings: VideoExtendSettings,
    source: Annotated[Path, typer.Argument(help="Clip that goes on, of any format.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Let a clip go on, with other words on the way where --changes says so."""
    run_settings(settings, out, overwrite, {"source": source})


@_command(generate, "mesh", MeshSettings)
def generate_mesh(
    settings: MeshSettings,
    out: Out,
    image: Annotated[
        Path | None, typer.Option("--image", help="Picture of what to make; words may be left out.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make meshes from words, from a picture, or from both."""
    run_settings(settings, out, overwrite, {"image": image})


@_command(edit, "mesh", MeshEditSettings)
def edit_mesh(
    settings: MeshEditSettings,
    source: Annotated[Path, typer.Argument(help="Mesh to edit: GLB, glTF, OBJ, STL or PLY.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Turn one mesh into another; outside a box nothing moves."""
    meshes.gate(source)
    run_settings(settings, out, overwrite, {"source": source})


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A file that was made here, of any format.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Write a file again in another format, its settings included; speech also as subtitles (.srt, .vtt)."""

    def write() -> None:
        from studio.export import convert as converted

        if not source.is_file():
            raise MediaError(f"{source.name}: no such file")
        _writable([out], overwrite)
        typer.echo(converted(source, out))

    with_errors(write)


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


def run_settings(
    settings: SamplingSettings,
    out: Path,
    overwrite: bool,
    inputs: Mapping[str, Path | None] | None = None,
    subtitles: Path | None = None,
    visemes: Path | None = None,
) -> None:
    """Make what ``settings`` say and write it into ``out``.

    Its words go into ``subtitles``, the movement of its mouth into ``visemes``, where they are given.
    """
    from studio.export import format_of

    count = getattr(settings, "count", 1)
    paths = [out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}") for index in range(count)]
    format_of(out, settings.MEDIUM)
    beside = {"subtitles": subtitles, "visemes": visemes}
    extra = {field: path for field, path in beside.items() if path is not None}
    for field, path in extra.items():
        format_of(path, {"visemes": "track"}.get(field, field), field)
    _writable([*paths, *extra.values()], overwrite)

    from studio.jobs.runner import Runner  # after what costs nothing to refuse

    given = {role: path for role, path in (inputs or {}).items() if path is not None}
    runner = Runner(may_fetch=True, asked=ASKED.get())
    _finish(runner.run(settings, given), recorded(settings), paths, list(extra.values()), given)


def _writable(paths: Sequence[Path], overwrite: bool) -> None:
    taken = [path.name for path in paths if path.exists()]
    if taken and not overwrite:
        raise MediaError(f"out: {', '.join(taken)} exists; choose another name or add --overwrite")
    for path in paths:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):  # said now, not after minutes of work
            raise MediaError(f"out: nothing can be written in {folder.name!r}; choose another folder")


def _finish(
    events: Iterator[Any],
    settings: SamplingSettings,
    paths: Sequence[Path],
    extra: Sequence[Path],
    given: Mapping[str, Path],
) -> None:
    """Show progress on stderr, then write the results and print their paths.

    ``extra`` are files for what else is known of the first result; ``given`` is what the run was made from, by role.
    """
    from pipelines.events import Done, Note, Progress
    from studio.export import save
    from studio.jobs.results import alone, how_made

    live, notes = sys.stderr.isatty(), []
    for event in events:
        if isinstance(event, Note):
            notes.append(event.text)
            typer.echo(f"note: {event.text}", err=True)
        elif isinstance(event, Progress) and live:
            left = "" if event.seconds_left is None else f", {event.seconds_left:.1f} s left "
            typer.echo(f"\r{event.done}/{event.total}{left}", err=True, nl=event.done == event.total)
        elif isinstance(event, Done):
            how = how_made(settings, given, notes)
            for path, item, seed in zip(paths, event.items, event.seeds, strict=True):
                typer.echo(save(item, path, alone(settings, seed), sources=list(given.values()), **how))
            for path in extra:
                typer.echo(save(event.items[0], path, alone(settings, event.seeds[0]), **how))


def main() -> None:
    """Entry of the ``eddyline`` command."""
    app()
