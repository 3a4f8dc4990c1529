"""Fetching a checkpoint from the hub: only what is loaded, only safetensors, only where there is room."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.catalogue import hub_cache, offline
from pipelines.checkpoints.found import INDEX, Checkpoint, check, family_in
from pipelines.errors import ModelError

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # read by the hub's own client; never read, kept or shown here
SPARE = 2_000_000_000  # bytes that a download leaves free on the disk


def fetch(found: Checkpoint, say: Callable[[str], None] = lambda text: None) -> Checkpoint:
    """The same checkpoint on this disk; what is there already is not fetched again, what broke off goes on.

    ``say`` is told what happens, for people.

    Raises:
        ModelError: no network, no such repository, gated, no room, or not whole; the message says what to do.
    """
    if found.folder is not None:
        check(found.folder)
        return found
    if found.repo is None:
        raise ModelError(f"model: {found.name!r} is neither here nor on the hub")
    if offline():
        raise ModelError(
            f"model: {found.repo} is not on this machine, which is set to stay off-line (HF_HUB_OFFLINE); unset it, or "
            "give the folder of a copy"
        )
    listed = _asked(found, lambda hub: hub.HfApi().model_info(found.repo, revision=found.revision, files_metadata=True))
    files = {each.rfilename: each.size or 0 for each in listed.siblings if _is_wanted(each.rfilename, listed.siblings)}
    if INDEX not in files:
        raise ModelError(f"model: {found.repo} holds no {INDEX}; look for the repository that ends in '-diffusers'")
    _room(sum(files.values()))
    say(f"fetching {sum(files.values()) / 1e9:.1f} GB of {found.repo}")
    folder = _asked(
        found,
        lambda hub: hub.snapshot_download(found.repo, revision=listed.sha, allow_patterns=sorted(files)),
    )
    pin(found.repo, listed.sha)
    made = replace(found, folder=Path(folder), revision=listed.sha, family=family_in(Path(folder)))
    check(Path(folder))
    return made


def _is_wanted(name: str, siblings: Any) -> bool:
    """Only what a folder of diffusers is loaded from: no single files at the top, no second precision."""
    path = Path(name)
    if path.suffix == ".safetensors":
        return len(path.parts) == 2 and not any(f".{kind}" in path.name for kind in ("fp16", "bf16", "fp8"))
    return any(path.match(pattern) for pattern in WANTED) and len(path.parts) <= 2


def pin(repo: str, commit: str) -> None:
    """Keep to ``commit``: later loads take it without asking what is newest."""
    path = hub_cache() / f"models--{repo.replace('/', '--')}" / "refs" / "main"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(commit, "utf-8")


def _room(needed: int) -> None:
    place = hub_cache()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed + SPARE:
        raise ModelError(
            f"model: needs {needed / 1e9:.1f} GB of disk and {SPARE / 1e9:.0f} GB to spare, {free / 1e9:.1f} GB are "
            "free; make room, or set HF_HOME to a larger disk"
        )


def _asked(found: Checkpoint, work: Callable[[Any], Any]) -> Any:
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
    except ImportError as error:
        raise ModelError(needs_extra("checkpoints")) from error
    try:
        return work(hub)
    except errors.GatedRepoError as error:
        raise ModelError(
            f"model: {found.repo} is gated: accept its licence at https://huggingface.co/{found.repo}, then set "
            f"{TOKENS[0]} to a token of that account"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"model: the hub has no {found.repo}, or it is private; check the name, or set {TOKENS[0]}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"model: {found.repo} has no revision {found.revision!r}") from error
    except (errors.HfHubHTTPError, OSError, errors.LocalEntryNotFoundError) as error:
        raise ModelError(
            f"model: {found.repo} could not be fetched ({_plain(error)}); check the network and try again, what has "
            "arrived is kept"
        ) from None


def _plain(error: Exception) -> str:
    """What went wrong, without anything that could hold a token."""
    text = str(error).splitlines()[0] if str(error) else ""
    held = next((os.environ[name] for name in TOKENS if os.environ.get(name)), None)
    return (text.replace(held, "…") if held else text)[:160] or type(error).__name__


def needs_extra(what: str) -> str:
    """What to say where the packages are missing."""
    return f"model: {what} need the packages of the extra 'pretrained'; run: pip install 'eddyline[pretrained]'"
