"""``eddyline video``: what a clip is, and work on it without a model."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from pipelines.errors import SettingsError
from pipelines.settings import ClipEditSettings
from studio.commands.output import say_json, say_pairs, spoken
from studio.commands.running import run_settings

app = typer.Typer(no_args_is_help=True, help="Clips: cut, loop, turn round, pace, enlarge and voice them.")
File = Annotated[Path, typer.Argument(metavar="FILE", help="A clip: MP4, WebM, MOV, AVI, GIF, animated WebP or PNG.")]
Out = Annotated[Path, typer.Option("--out", help="File to write; its ending chooses the format.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Start = Annotated[float | None, typer.Option(help="Seconds; the beginning if left out.")]
KEYED = re.compile(r"(\d{1,6})=(.+)")  # a mask and the frame that it is painted on
End = Annotated[float | None, typer.Option(help="Seconds; the end if left out.")]


@app.command()
@spoken
def info(
    file: File, as_json: Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")] = False
) -> None:
    """Say what a clip is, and what reading all of it would take."""
    from pipelines.clips import film_in

    film = film_in(file)
    width, height = film.size
    frames = None if film.seconds is None else max(1, round(film.seconds * film.rate))
    held = None if frames is None else 4 * width * height * frames
    if as_json:
        say_json({
            "width": width, "height": height, "rate": film.rate, "seconds": film.seconds, "frames": frames,
            "sound": film.sound, "alpha": film.alpha, "memory_bytes": held,
        })  # fmt: skip
        return
    say_pairs([
        ("size", f"{width} × {height} px"),
        ("rate", f"{film.rate:g} frames a second"),
        ("length", "not written down" if film.seconds is None else f"{film.seconds:.2f} s, {frames:,} frames"),
        ("sound", "yes" if film.sound else "none"),
        ("alpha", "may be transparent" if film.alpha else "none"),
        ("memory", None if held is None else f"{held / 1e6:,.0f} MB for all frames"),
    ])  # fmt: skip


@app.command()
@spoken
def trim(file: File, out: Out, start: Start = None, end: End = None, overwrite: Overwrite = False) -> None:
    """Cut a part out of a clip; of a long film no more than that part is held in memory."""
    _work(file, out, overwrite, start=start, end=end)


@app.command()
@spoken
def loop(
    file: File,
    out: Out,
    way: Annotated[str, typer.Option("--as", help="swing: forth and back; fade: the end fades into the beginning.")] = (
        "swing"
    ),
    fade: Annotated[float, typer.Option(help="Seconds of the end that fade.")] = 0.4,
    times: Annotated[int, typer.Option(help="How often it is played.")] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Make the end of a clip run into its beginning."""
    _work(file, out, overwrite, loop=way, fade=fade, repeat=times)


@app.command()
@spoken
def reverse(file: File, out: Out, overwrite: Overwrite = False) -> None:
    """Play a clip from its end, its sound too."""
    _work(file, out, overwrite, reverse=True)


@app.command()
@spoken
def speed(
    file: File,
    out: Out,
    times: Annotated[float, typer.Option(help="2 is twice as fast, .5 half as fast.")],
    smooth: Annotated[bool, typer.Option("--smooth", help="Slower: make frames in between, along what moves.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Make a clip faster or slower; its sound keeps its pitch."""
    _work(file, out, overwrite, speed=times, smooth=smooth)


@app.command()
@spoken
def enlarge(
    file: File,
    out: Out,
    times: Annotated[int, typer.Option(help="Times as wide and high.")],
    by: Annotated[
        str, typer.Option(help="redrawn for drawings; lanczos is smooth and invents nothing; pixels keeps squares.")
    ] = "redrawn",
    overwrite: Overwrite = False,
) -> None:
    """Make a clip larger."""
    _work(file, out, overwrite, enlarge=times, filter=by)


@app.command()
@spoken
def sound(
    file: File,
    out: Out,
    add: Annotated[Path | None, typer.Option(help="Sound file of any format; without it, the clip becomes silent.")] = (
        None
    ),
    mix: Annotated[bool, typer.Option("--mix", help="Beside the clip's own sound, not in its place.")] = False,
    start: Annotated[float, typer.Option(help="Seconds of the sound file that are left out.")] = 0.0,
    again: Annotated[bool, typer.Option("--again", help="A shorter sound begins again.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Give a clip a sound, or take it away."""
    if add is None:
        _work(file, out, overwrite, sound="none")
        return
    settings = {"sound": "mix" if mix else "new", "sound_start": start, "sound_fit": "loop" if again else "once"}
    _work(file, out, overwrite, add, **settings)


def _work(file: Path, out: Path, overwrite: bool, sound_file: Path | None = None, **settings: Any) -> None:
    run_settings(ClipEditSettings(**settings), out, overwrite, {"source": file, "sound_file": sound_file})


@contextmanager
def masks_in(told: Sequence[str]) -> Iterator[Path | None]:
    """The file that holds what ``--mask`` says: a picture, or FRAME=PICTURE several times, put together for as long.

    Raises:
        SettingsError: a frame is named twice or not by all.
        MediaError: a picture cannot be read.
    """
    if len(told) == 1 and not KEYED.match(told[0]):
        yield Path(told[0])
        return
    if not told:
        yield None
        return
    from pipelines.video import read_mask_file, read_picture, save_masks

    found = {}
    for each in told:
        if (match := KEYED.match(each)) is None:
            raise SettingsError(f"mask: several masks are given as FRAME=PICTURE, as in '8=mask.png', got {each!r}")
        frame = int(match[1])
        if frame in found:
            raise SettingsError(f"mask: frame {frame} is painted twice; give one picture for each frame")
        found[frame] = read_mask_file(match[2], read_picture(match[2])[0].size)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "masks.png"
        save_masks(found, path)
        yield path
