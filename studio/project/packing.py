"""Writing a project; the same assets give the same bytes."""

import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from pipelines.catalogue import card_of
from pipelines.errors import MediaError, StudioError
from pipelines.paths import assets as shipped
from studio.library import Asset, Library, files, places
from studio.library.asset import from_row
from studio.project.manifest import MAX_ASSETS, NAME, Item, Manifest, Model

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # zip can hold no earlier time; none is told, so that equal projects are equal files


def export_project(library: Library, ids: Iterable[str], target: Path, owner: str) -> Path:
    """Write assets, and all that they were made from, into the zip ``target``.

    Raises:
        StudioError: the owner has no asset of one of the ids, or too many are asked for.
        MediaError: a file is missing or was changed, or ``target`` cannot be written.
    """
    chosen, arrows, batches = _closed(library, list(dict.fromkeys(ids)), owner)
    if not chosen:
        raise StudioError("project: there is nothing to export; choose some assets")
    if len(chosen) > MAX_ASSETS:
        raise StudioError(f"project: at most {MAX_ASSETS} files, got {len(chosen)} with all that they were made from")
    items = [
        _item(number, asset, arrows[asset.id], batches.get(asset.job, 1)) for number, asset in enumerate(chosen, 1)
    ]
    paths = {item.file: asset.path for item, asset in zip(items, chosen, strict=True)}
    used = sorted({(asset.medium, asset.model) for asset in chosen if asset.model and not asset.imported})
    models = tuple(model_card(medium, name) for medium, name in used)
    manifest = Manifest(version=version(), models=models, licences=_licences(models), assets=tuple(items))
    try:
        files.save(target, lambda out: _write(out, manifest, paths))
    except OSError as error:
        raise MediaError(f"out: {target.name} cannot be written ({error.strerror or error})") from error
    return target


def model_card(medium: str, name: str) -> Model:
    """What a project says of a model: hashes of the shipped weights and their licence, where they are here."""
    known = card_of(medium, name)
    folder = shipped() / "weights" / ((known and known.folder) or f"{medium}-{places.plain(name)}")
    try:
        shards = dict(json.loads((folder / "config.json").read_text("utf-8"))["shards"])
    except (OSError, ValueError, KeyError, TypeError):
        return Model(name=name, medium=medium)
    try:
        said = re.search(r"^Licence of the weights: (.+?)\.(?:\s|$)", (folder / "README.md").read_text("utf-8"), re.M)
    except OSError:
        said = None
    return Model(name=name, medium=medium, weights=shards, licence=said.group(1) if said else "")


def version() -> str:
    """Of this program."""
    try:
        return metadata.version("eddyline")
    except metadata.PackageNotFoundError:
        return "unknown"


def _closed(
    library: Library, ids: list[str], owner: str
) -> tuple[list[Asset], dict[str, list[tuple[str, str]]], dict[str | None, int]]:
    """The assets and all that they were made from, oldest first; (role, id) of their parents; results of each job."""
    found: dict[str, Asset] = {}
    arrows: dict[str, list[tuple[str, str]]] = {}
    with library.store.connect() as db:
        for asset in ids:
            if _row(db, asset, owner) is None:
                raise StudioError(f"project: there is no asset {asset[:8]!r}")
        waiting = ids
        while waiting:
            asset = waiting.pop()
            row = None if asset in found else _row(db, asset, owner)
            if row is not None:
                found[asset] = from_row(library.home, row)
                linked = db.execute("SELECT role, parent FROM lineage WHERE child = ? ORDER BY role, parent", (asset,))
                arrows[asset] = [(link["role"], link["parent"]) for link in linked]
                waiting += [parent for _, parent in arrows[asset]]
        jobs = {asset.job for asset in found.values() if asset.job}
        counting = "SELECT max(place) + 1 FROM assets WHERE job = ?"
        batches: dict[str | None, int] = {job: db.execute(counting, (job,)).fetchone()[0] for job in jobs}
    return sorted(found.values(), key=lambda asset: (asset.created, asset.id)), arrows, batches


def _row(db: sqlite3.Connection, asset: str, owner: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM assets WHERE id = ? AND owner = ?", (asset, owner)).fetchone()
    return row


def _item(number: int, asset: Asset, parents: list[tuple[str, str]], batch: int) -> Item:
    try:
        if files.digest(asset.path) != asset.sha256:
            raise MediaError(f"{asset.path.name}: was changed since it was entered; run `eddyline library rebuild`")
    except OSError as error:
        raise MediaError(f"{asset.path.name}: its file cannot be read ({error.strerror or error})") from error
    stem = places.escaped(asset.name) if asset.name else asset.path.name
    return Item(
        id=asset.id,
        medium=asset.medium,
        kind=asset.kind,
        file=f"files/{number:04}-{stem}",
        name=asset.name,
        created=asset.created,
        sha256=asset.sha256,
        bytes=asset.bytes,
        record=json.loads(asset.record) if asset.record else None,
        parents=tuple(parents),
        batch=min(max(batch, 1), 64),
        place=min(max(asset.place or 0, 0), 63),
    )


def _licences(models: tuple[Model, ...]) -> dict[str, str]:
    return {f"weights of {model.medium} {model.name}": model.licence or "not known here" for model in models}


def _write(out: BinaryIO, manifest: Manifest, paths: dict[str, Path]) -> None:
    # Stored, not packed: media are packed already, and packing differs between versions of zlib.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(NAME), manifest.text())
        for name, path in paths.items():
            with path.open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.create_system = 3  # the same on every system
    entry.external_attr = 0o644 << 16
    return entry
