"""``eddyline library`` and ``eddyline replay``."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.errors import MediaError, SettingsError, StudioError
from studio.commands.output import say_json, say_pairs, say_table, spoken

if TYPE_CHECKING:
    from studio.library import Asset, Library

library = typer.Typer(no_args_is_help=True, help="Find, keep and move what was made.")

Ids = Annotated[list[str], typer.Argument(help="Ids, or how they begin.", metavar="ID...")]
Owner = Annotated[str, typer.Option(help="Whose, on a machine with accounts.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Medium = Annotated[str | None, typer.Option(help="image, video, audio, mesh or lipsync.")]
Model = Annotated[str | None, typer.Option(help="Made with this model.")]
Since = Annotated[str | None, typer.Option(help="Not older than this day, as 2026-01-31.")]
Until = Annotated[str | None, typer.Option(help="Older than this day.")]
Starred = Annotated[bool, typer.Option("--starred", help="Only those with a star.")]
Imported = Annotated[bool | None, typer.Option("--imported/--made", help="Only imports, or only what was made.")]
Trashed = Annotated[bool, typer.Option("--trashed", help="Those in the trash instead.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many.")]
Offset = Annotated[int, typer.Option(min=0, help="How many to leave out before.")]
Archive = Annotated[Path, typer.Argument(help="A project, as `eddyline library export` writes it.")]


@library.command("list")
@library.command("search")
@spoken
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Beginnings of words in a prompt, model or name.")] = None,
    medium: Medium = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    starred: Starred = False,
    imported: Imported = None,
    trashed: Trashed = False,
    limit: Limit = 60,
    offset: Offset = 0,
    owner: Owner = "",
    json: Json = False,
) -> None:
    """What is in the library, newest first; with words, only what has them all."""
    found = _library().search(
        owner, " ".join(words or ()), medium, model, _day(since, "since"), _day(until, "until"), starred, imported,
        trashed, limit, offset,
    )  # fmt: skip
    if json:
        say_json({"total": found.total, "assets": [asset.to_dict() for asset in found.assets]})
        return
    _say_assets(found.assets)
    if found.total != len(found.assets):
        typer.echo(f"{len(found.assets)} of {found.total}; --limit and --offset show others", err=True)


@library.command()
@spoken
def show(
    id: Annotated[str, typer.Argument(help="Id, or how it begins.")], owner: Owner = "", json: Json = False
) -> None:
    """Everything about one asset: file, settings, what it was made from and what was made from it."""
    shelf = _library()
    asset = _asset(shelf, id, owner)
    related = {
        "parents": [{"role": role, "id": other.id} for role, other in shelf.parents(asset.id, owner)],
        "children": [{"role": role, "id": other.id} for role, other in shelf.children(asset.id, owner)],
    }
    told = {**asset.to_dict(), "path": str(asset.path), **related}
    if json:
        say_json(told)
        return
    settings = told.pop("settings") or {}
    for moment in ("created", "trashed"):
        told[moment] = told[moment] and _when(told[moment])
    say_pairs(told.items())
    if settings:
        typer.echo()
        say_pairs(settings.items())


@library.command()
@spoken
def export(
    ids: Ids,
    out: Annotated[Path, typer.Option("--out", help="A .zip for a project; or one file, its ending says the format.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    owner: Owner = "",
) -> None:
    """Write a project zip of assets and all that they were made from, or one asset as a file."""
    shelf = _library()
    chosen = [_asset(shelf, id, owner) for id in ids]
    if out.exists() and not overwrite:
        raise MediaError(f"out: {out.name} exists; choose another name or add --overwrite")
    if out.suffix.lower() == ".zip":
        from studio.project import export_project

        export_project(shelf, [asset.id for asset in chosen], out, owner)
    elif len(chosen) > 1:
        raise MediaError(f"out: {out.name} can hold one of them; several go into a .zip")
    else:
        _export_one(chosen[0], out)
    typer.echo(out)


@library.command("import")
@spoken
def import_(
    paths: Annotated[list[Path], typer.Argument(help="Projects (.zip) or media files.", metavar="FILE...")],
    owner: Owner = "",
) -> None:
    """Bring projects and files into the library; what is there already is not doubled."""
    from studio.project import import_project

    shelf = _library()
    assets: list[Asset] = []
    try:
        for path in paths:
            if not path.is_file():
                raise MediaError(f"{path.name}: no such file")
            if path.suffix.lower() == ".zip":
                assets += import_project(shelf, path, owner)
            else:
                assets.append(shelf.bring_in(path, path.name, owner))
    finally:  # those before one that was refused are in the library
        if assets:
            _say_assets(assets)


@library.command()
@spoken
def verify(
    file: Annotated[Path, typer.Argument(help="Any media file.")],
    json: Json = False,
) -> None:
    """What a file claims: the settings that made it, the AI mark, and credentials."""
    if not file.is_file():
        raise MediaError(f"{file.name}: no such file")
    claims = _claims(file)
    if json:
        say_json(claims)
        return
    settings = claims.pop("settings", None) or {}
    if not settings and not claims.get("ai_mark") and not claims.get("credentials"):
        typer.echo(f"{file.name} claims nothing about how it was made.")
    say_pairs(claims.items())
    if settings:
        typer.echo()
        say_pairs(settings.items())


@library.command()
@spoken
def rebuild() -> None:
    """Make the index again from the files alone."""
    typer.echo(f"{_library(fill=False).rebuild()} files entered")


@library.command()
@spoken
def check() -> None:
    """Hold the index against the files; exit code 1 where they differ."""
    differences = _library(fill=False).check()
    for line in differences:
        typer.echo(line)
    if differences:
        typer.echo("`eddyline library rebuild` makes the index again from the files", err=True)
        raise typer.Exit(1)
    typer.echo("index and files agree")


@library.command()
@spoken
def trash(ids: Ids, owner: Owner = "") -> None:
    """Delete; `restore` undoes it."""
    _change(ids, owner, lambda shelf, chosen: shelf.delete(chosen, owner), "in the trash")


@library.command()
@spoken
def restore(ids: Ids, owner: Owner = "") -> None:
    """Bring back from the trash."""
    _change(ids, owner, lambda shelf, chosen: shelf.restore(chosen, owner), "restored")


@library.command()
@spoken
def purge(
    days: Annotated[float, typer.Option(min=0, help="Only what has been in the trash for so long.")] = 30,
    owner: Owner = "",
) -> None:
    """Remove for good what is in the trash."""
    typer.echo(f"{_library().purge(owner, days)} removed for good")


@spoken
def replay(path: Archive, json: Json = False) -> None:
    """Make every file of a project again and say whether it came out the same; exit code 1 unless all did."""
    from studio.project import replay as replayed

    results = []
    for each in replayed(path):
        results.append(each)
        if not json:
            typer.echo(f"{'same' if each.same else 'differs' if each.same is False else '-':8}{each.file}  {each.why}")
    if json:
        say_json([{"file": each.file, "same": each.same, "why": each.why} for each in results])
    if not all(each.same for each in results):
        raise typer.Exit(1)


def _library(*, fill: bool = True) -> "Library":
    from studio.library import Library
    from studio.store import Store

    shelf = Library(Store())
    if fill:
        shelf.fill()
    return shelf


def _asset(shelf: "Library", start: str, owner: str) -> "Asset":
    if len(start) < 4:
        raise StudioError(f"id: give at least 4 letters of it, got {start!r}")
    found = shelf.find(start.lower(), owner)
    if not found:
        raise StudioError(f"id: there is no {start[:32]!r} in the library; `eddyline library list` shows what there is")
    if len(found) > 1:
        raise StudioError(f"id: {start!r} may be {' or '.join(asset.id[:12] for asset in found)}; give more letters")
    return found[0]


def _change(ids: list[str], owner: str, act: "Callable[[Library, list[str]], tuple[str, ...]]", word: str) -> None:
    shelf = _library()
    chosen = [_asset(shelf, id, owner).id for id in ids]
    changed = act(shelf, chosen)
    typer.echo(f"{len(changed)} {word}")


def _say_assets(assets: "Sequence[Asset]") -> None:
    if not assets:
        typer.echo("nothing found")
        return
    say_table(
        ("id", "made", "kind", "size", "", "title"),
        [
            (
                asset.id[:8],
                _when(asset.created),
                f"{asset.medium} import" if asset.imported else asset.kind,
                _size(asset),
                "*" if asset.starred else "",
                " ".join(asset.title.split())[:80],
            )
            for asset in assets
        ],
    )


def _size(asset: "Asset") -> str:
    if asset.size:
        return "x".join(map(str, asset.size))
    return "" if asset.seconds is None else f"{asset.seconds:.1f} s"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _day(text: str | None, field: str) -> float | None:
    try:
        return None if text is None else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise SettingsError(f"{field}: expected a day like 2026-01-31, got {text!r}") from None


def _export_one(asset: "Asset", out: Path) -> None:
    from studio.export import convert

    convert(asset.path, out)


def _claims(file: Path) -> dict[str, Any]:
    from studio.provenance import verify

    return verify(file).to_dict()
