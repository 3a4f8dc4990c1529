"""The command line. Every option of ``generate`` and ``edit`` comes from the settings class of that task."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.enlarging import Way
from pipelines.errors import MediaError
from pipelines.settings import (
    ImageEditSettings,
    ImageSettings,
    LipSyncSettings,
    MeshEditSettings,
    MeshSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    VideoEditSettings,
    VideoExtendSettings,
    VideoSettings,
)
from studio.commands import clips, meshes, models, talking
from studio.commands.jobs import jobs
from studio.commands.library import library, replay
from studio.commands.options import command
from studio.commands.output import with_errors
from studio.commands.running import run_settings, writable

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


@command(generate, "image", ImageSettings)
def generate_image(settings: ImageSettings, out: Out, overwrite: Overwrite = False) -> None:
    """Make pictures from words."""
    run_settings(settings, out, overwrite)


@command(edit, "image", ImageEditSettings)
def edit_image(
    settings: ImageEditSettings,
    source: Annotated[Path, typer.Argument(help="Picture to edit.")],
    out: Out,
    mask: Annotated[Path | None, typer.Option("--mask", help="Picture whose opaque or white part may change.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn one picture into another."""
    run_settings(settings, out, overwrite, {"source": source, "mask": mask})


@command(generate, "speech", SpeechSettings, long=("text",))
def generate_speech(
    settings: SpeechSettings,
    out: Out,
    voice_from: Annotated[
        Path | None,
        typer.Option("--voice-from", help="Recording of the voice to clone, 3 to 12 s, for a checkpoint that clones."),
    ] = None,
    subtitles: Subtitles = None,
    overwrite: Overwrite = False,
) -> None:
    """Read a text aloud."""
    run_settings(settings, out, overwrite, {"voice_from": voice_from}, subtitles)


@command(edit, "speech", SpeechEditSettings, long=("source_text", "text"))
def edit_speech(
    settings: SpeechEditSettings,
    source: Annotated[Path, typer.Argument(help="Recording to edit, of any format.")],
    out: Out,
    subtitles: Subtitles = None,
    overwrite: Overwrite = False,
) -> None:
    """Change words of a recording; everything else stays as it was."""
    run_settings(settings, out, overwrite, {"source": source}, subtitles)


@command(generate, "sound", SoundSettings)
def generate_sound(settings: SoundSettings, out: Out, overwrite: Overwrite = False) -> None:
    """Make music and sounds from words."""
    run_settings(settings, out, overwrite)


@command(edit, "sound", SoundEditSettings)
def edit_sound(
    settings: SoundEditSettings,
    source: Annotated[Path, typer.Argument(help="Sound to edit, of any format.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Turn one sound into another, or let it go on."""
    run_settings(settings, out, overwrite, {"source": source})


@command(app, "lipsync", LipSyncSettings, long=("text",))
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


@command(generate, "video", VideoSettings)
def generate_video(
    settings: VideoSettings,
    out: Out,
    first_frame: Annotated[
        Path | None, typer.Option("--first-frame", help="Picture that the clip begins with; it stays as it is.")
    ] = None,
    last_frame: Annotated[Path | None, typer.Option("--last-frame", help="Picture that the clip ends with.")] = None,
    sound: Annotated[
        Path | None,
        typer.Option(
            "--sound",
            help="Checkpoints that can (LTX-2): voice or sound that the clip follows, for as long as it lasts, or for "
            "as many --frames as are given.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make clips from words, from a picture that is to move, or after a sound."""
    given = {"first_frame": first_frame, "last_frame": last_frame, "sound": sound}
    run_settings(settings, out, overwrite, given)


@command(edit, "video", VideoEditSettings)
def edit_video(
    settings: VideoEditSettings,
    source: Annotated[Path, typer.Argument(help="Clip to edit, of any format.")],
    out: Out,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            help="Picture whose opaque or white part may change. FRAME=PICTURE, given several times, paints some "
            "frames, counted from 0; between them the shape passes over.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn what a clip shows into something else that moves alike."""
    from studio.commands.clips import masks_in

    with masks_in(mask or ()) as painted:
        run_settings(settings, out, overwrite, {"source": source, "mask": painted})


@command(app, "extend", VideoExtendSettings)
def extend(
    settings: VideoExtendSettings,
    source: Annotated[Path, typer.Argument(help="Clip that goes on, of any format.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Let a clip go on, with other words on the way where --changes says so."""
    run_settings(settings, out, overwrite, {"source": source})


@command(generate, "mesh", MeshSettings)
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


@command(edit, "mesh", MeshEditSettings)
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
    enlarge: Annotated[int, typer.Option("--enlarge", help="How many times as wide and high a picture becomes.")] = 1,
    by: Annotated[Way, typer.Option(help="How it is enlarged; lanczos suits photographs.")] = "redrawn",
    overwrite: Overwrite = False,
) -> None:
    """Write a file again in another format, its settings included; speech also as subtitles (.srt, .vtt)."""

    def write() -> None:
        from studio.export import convert as converted

        if not source.is_file():
            raise MediaError(f"{source.name}: no such file")
        writable([out], overwrite)
        typer.echo(converted(source, out, enlarge=enlarge, way=by))

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


def main() -> None:
    """Entry of the ``eddyline`` command."""
    app()
