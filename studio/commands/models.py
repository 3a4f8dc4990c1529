"""``eddyline models``: which models there are, fetching checkpoints, and how they would be loaded."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.catalogue import Card, card, cards, hub_cache, installed, size_on_disk
from pipelines.checkpoints import named
from pipelines.errors import ModelError
from studio.commands.output import say_json, spoken
from studio.commands.planning import overrides
from studio.machine import Machine, fits, machine, size

app = typer.Typer(no_args_is_help=True, help="Models: what there is, under which licence, and what fits this machine.")
Id = Annotated[str, typer.Argument(help="Which model, as 'models list' calls it.")]
Model = Annotated[str, typer.Argument(help="Name in the catalogue, hub id, or folder.")]
Load = Annotated[str, typer.Option("--load", help="Have the plan otherwise, as in 'offload=group, quantised=fp8'.")]
NOT_YET = "cannot be used in this version; it is listed to show what is planned"


@app.command("list")
@spoken
def list_(
    medium: Annotated[str | None, typer.Option(help="Only models of one medium.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")] = False,
) -> None:
    """List every model."""
    here, found = machine(), cards(medium)
    if as_json:
        say_json([described(each, here) for each in found])
        return
    for each in found:
        typer.echo(_line(each))
    for own in named.all_named().values():
        typer.echo(f"{own.name:20}  {own.medium:8}  named     {Path(own.place).name}")
    typer.echo(f"\nwhat is away can be fetched; what is planned cannot be used in this version.\n{here.sentence()}")


@app.command()
@spoken
def fetch(
    id: Id,
    accept: Annotated[bool, typer.Option("--accept-licence", help="You have read the licence and accept it.")] = False,
) -> None:
    """Download a checkpoint: of the catalogue, or by hub id; only safetensors, and no code. Asks about its licence."""
    if "/" not in id:
        known = card(id)
        if known.usable:
            raise ModelError(f"model: {id} {_origin(known)}; there is nothing to fetch")
        if not known.fetchable:
            raise ModelError(f"model: {id} {NOT_YET}, so nothing was downloaded; use image-starter")
    from pipelines.checkpoints import fetch as fetched
    from pipelines.checkpoints import find, licences

    wanted = find(id)
    if wanted.folder is None and not licences.accepted(wanted):
        if not accept and sys.stdin.isatty():
            typer.echo("\n".join(licences.lines(wanted)), err=True)
            accept = typer.confirm("Have you read the licence, and do you accept it?", err=True)
        if accept:
            licences.accept(wanted)
    found = fetched(wanted, lambda text: typer.echo(text, err=True))
    if found.card is None:
        named.add(named.Named(str(found.repo).split("/")[1][:60], str(found.repo), found.known.medium))
    typer.echo(f"{found.title} is here")


@app.command("plan")
@spoken
def plan_(model: Model, load: Load = "") -> None:
    """Say how a checkpoint would be loaded here, and what it costs; nothing is loaded."""
    from pipelines.pretrained import explain

    typer.echo("\n".join(explain(model, overrides(load))))


@app.command()
@spoken
def add(
    place: Model,
    name: Annotated[str, typer.Option("--name", help="What settings call it.", show_default="its last part")] = "",
    load: Load = "",
) -> None:
    """Name a folder or a fetched hub id, so that pages and servers can use it."""
    from pipelines.checkpoints import find, plan
    from pipelines.checkpoints.found import check

    found = find(place)
    known = found.known
    if found.folder is None:
        raise ModelError(f"model: {place} is not on this machine; fetch it first: eddyline models fetch {place}")
    check(found.folder)
    asked = overrides(load) or {}
    plan(found, asked=asked)  # refuses what does not go
    chosen = named.Named(name or Path(place).name, found.repo or str(found.folder), known.medium, asked)
    named.add(chosen)
    typer.echo(f"{chosen.name} ({known.title}) can be chosen now")


@app.command()
@spoken
def forget(name: Annotated[str, typer.Argument(help="What settings call it.")]) -> None:
    """Take a named checkpoint off the list; its files stay."""
    typer.echo(f"{named.remove(name).name} is off the list; its files stay")


@app.command()
@spoken
def remove(id: Id) -> None:
    """Delete a downloaded model."""
    known = card(id)
    if known.usable:
        raise ModelError(f"model: {id} {_origin(known)} ({size(size_on_disk(known))}) and stays")
    if installed(known):
        where = f"{hub_cache().name}/models--{str(known.repo).replace('/', '--')}"
        raise ModelError(f"model: {id} was put there by another program and stays; it is in {where!r}")
    raise ModelError(f"model: {id} is not on this machine; there is nothing to remove")


def described(card: Card, here: Machine) -> dict[str, Any]:
    """Everything that is known of a card, sizes in bytes, and whether it fits ``here``."""
    fit = fits(card, here)
    return {
        **card.model_dump(exclude={"folder", "needs", "package", "steps", "memory_mb", "value_bytes", "layers"}),
        "state": card.state,
        "installed": installed(card),
        "download_bytes": card.download_bytes,
        "disk_bytes": card.disk_bytes,
        "on_disk_bytes": size_on_disk(card),
        "memory_bytes": card.memory_bytes,
        "sizes_are": "measured" if card.usable else "lower bounds" if card.at_least else "estimates",
        "fits": fit.ok,
        "fit": str(fit.sentence),
    }


def _origin(card: Card) -> str:
    if card.package is not None:
        return f"comes inside the Python package {card.package}"
    return "is shipped with Eddyline"


def _line(card: Card) -> str:
    about = "" if card.usable else "at least " if card.at_least else "about "
    parts = [f"{card.id:20}", f"{card.medium:8}", f"{card.state:8}", f"{about + size(card.disk_bytes):>16}"]
    return "  ".join([*parts, f"commercial use: {card.commercial:4}", card.licence])
