"""``eddyline mesh``: what a mesh is, and work on it without a model."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.errors import MediaError
from pipelines.media import Mesh
from pipelines.settings import ShapeEditSettings, TurntableSettings
from pipelines.shapes import Measured, measured
from pipelines.shapes.volume import size
from studio.commands.output import say_json, say_pairs, spoken
from studio.commands.running import run_settings

app = typer.Typer(no_args_is_help=True, help="Meshes: measure, mend, simplify, smooth, hollow and scale them.")
File = Annotated[Path, typer.Argument(metavar="FILE", help="A mesh: GLB, glTF, OBJ, STL or PLY.")]
Out = Annotated[Path, typer.Option("--out", help="File to write; its ending chooses the format.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


@app.command()
@spoken
def info(
    file: File, as_json: Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")] = False
) -> None:
    """Say what a mesh is: faces, size, volume, whether it is watertight."""
    mesh, notes = _read(file)
    found = measured(mesh)
    if as_json:
        say_json({**asdict(found), "notes": notes})
        return
    say_pairs(_told(found))
    for note in notes:
        typer.echo(f"note: {note}", err=True)


@app.command()
@spoken
def repair(
    file: File,
    out: Out,
    detail: Annotated[
        int,
        typer.Option(help="Make the surface anew through so many cells, 16 to 256; 0 only where nothing else helps."),
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make a mesh watertight, with all faces showing their outside."""
    _work(file, out, overwrite, watertight=True, remesh=detail)


@app.command()
@spoken
def simplify(
    file: File, out: Out, faces: Annotated[int, typer.Option(help="How many faces to leave.")],
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Reduce a mesh to a number of faces."""
    _work(file, out, overwrite, faces=faces)


@app.command()
@spoken
def smooth(
    file: File, out: Out, passes: Annotated[int, typer.Option(help="How often, 1 to 50.")] = 5,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Smooth a mesh without shrinking it."""
    _work(file, out, overwrite, smooth=passes)


@app.command()
@spoken
def hollow(
    file: File, out: Out, wall: Annotated[float, typer.Option(help="Thickness of the wall in millimetres.")],
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Empty a watertight mesh down to a wall."""
    _work(file, out, overwrite, wall=wall)


@app.command()
@spoken
def scale(
    file: File, out: Out, millimetres: Annotated[float, typer.Option("--mm", help="Longest side in millimetres.")],
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Scale a mesh to a size in millimetres."""
    _work(file, out, overwrite, millimetres=millimetres)


@app.command()
@spoken
def paint(
    file: File, out: Out,
    colours: Annotated[str, typer.Option("--as", help="texture, vertex or none.")] = "texture",
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Put a mesh's colours on a texture, on its vertices, or take them off."""
    _work(file, out, overwrite, paint=colours)


@app.command()
@spoken
def film(
    file: File, out: Out,
    seconds: Annotated[float, typer.Option(help="How long one turn takes.")] = 4.0,
    side: Annotated[int, typer.Option("--size", help="Pixels a side, a multiple of 16.")] = 256,
    elevation: Annotated[float, typer.Option(help="Degrees above the horizon.")] = 20.0,
    ground: Annotated[str, typer.Option(help="clear, light or dark.")] = "light",
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Film one turn of a mesh, as MP4, WebM, GIF, WebP or a ZIP of pictures."""
    gate(file)
    chosen = TurntableSettings(seconds=seconds, width=side, elevation=elevation, ground=ground)
    run_settings(chosen, out, overwrite, {"source": file})


def _read(file: Path) -> tuple[Mesh, list[str]]:
    """The mesh in a file, through the same gate as what is dropped on the page.

    Raises:
        MediaError: there is none, or it is refused.
    """
    from studio.export.loading import load_mesh

    said = gate(file)
    mesh, notes = load_mesh(file)
    return mesh, [*said, *notes]


def gate(file: Path) -> tuple[str, ...]:
    """What the gate that all dropped files pass says of a mesh.

    Raises:
        MediaError: there is none, it is refused, or it is no mesh.
    """
    from studio.intake import take

    if not file.is_file():
        raise MediaError(f"{file.name}: no such file")
    taken = take(file)
    if taken.medium != "mesh":
        raise MediaError(f"{file.name}: is not a mesh; give a GLB, glTF, OBJ, STL or PLY")
    return taken.notes


def _work(file: Path, out: Path, overwrite: bool, **settings: Any) -> None:
    chosen = ShapeEditSettings(**settings)
    gate(file)
    run_settings(chosen, out, overwrite, {"source": file})


def _told(found: Measured) -> list[tuple[str, Any]]:
    closed = "yes" if found.watertight else f"no: {_why_open(found)}"
    doubled = "" if found.corners == found.vertices else f" at {found.corners:,} places"
    return [
        ("faces", f"{found.faces:,}"),
        ("vertices", f"{found.vertices:,}{doubled}"),
        ("size", " × ".join(size(side) for side in found.size)),
        ("area", f"{10_000 * found.area:,.4g} cm²"),
        ("watertight", closed),
        ("volume", None if found.volume is None else f"{1e6 * found.volume:,.4g} cm³"),
        ("outside", "the faces show their inside; repair turns them" if found.outward is False else None),
        ("pieces", found.pieces),
        ("genus", None if found.genus is None else str(found.genus)),
        ("flat faces", found.flat_faces or None),
        ("colours", f"texture, {found.texture[0]} × {found.texture[1]} px" if found.texture else found.paint or "none"),
    ]


def _why_open(found: Measured) -> str:
    counted = (
        (found.open_edges, "open edges"), (found.crowded_edges, "edges of more than two faces"),
        (found.turned_edges, "edges between faces that disagree on the outside"),
    )  # fmt: skip
    return ", ".join(f"{count:,} {what}" for count, what in counted if count) or "no faces with an area"
