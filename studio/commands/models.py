"""``eddyline models``: which models there are, and why nothing has to be fetched."""

from typing import Annotated, Any

import typer

from pipelines.catalogue import Card, card, cards, hub_cache, installed, offline, size_on_disk
from pipelines.errors import ModelError
from studio.commands.output import say_json, spoken
from studio.machine import Machine, fits, machine, size

app = typer.Typer(no_args_is_help=True, help="Models: what there is, under which licence, and what fits this machine.")
Id = Annotated[str, typer.Argument(help="Which model, as 'models list' calls it.")]
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
    typer.echo(f"\nwhat is planned cannot be used in this version.\n{here.sentence()}")


@app.command()
@spoken
def fetch(id: Id) -> None:
    """Download a model."""
    known = card(id)
    if known.usable:
        raise ModelError(f"model: {id} {_origin(known)}; there is nothing to fetch")
    off = ", and this machine is set to stay off-line (HF_HUB_OFFLINE)" if offline() else ""
    raise ModelError(f"model: {id} {NOT_YET}, so nothing was downloaded{off}; use image-starter")


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
