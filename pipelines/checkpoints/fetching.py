"""Fetching a checkpoint from the hub: only what is loaded, only safetensors, only where there is room."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.catalogue import hub_cache, offline
from pipelines.checkpoints import f5tts, hunyuan3d, licences
from pipelines.checkpoints.found import INDEX, Checkpoint, check, family_in
from pipelines.errors import ModelError

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # read by the hub's own client; never read, kept or shown here
SPARE = 2_000_000_000  # bytes that a download leaves free on the disk


def fetch(found: Checkpoint, say: Callable[[str], None] = lambda text: None) -> Checkpoint:
    """The same checkpoint on this disk; what is there already is not fetched again, what broke off goes on.

    ``say`` is told what happens, for people.

    Raises:
        ModelError: the licence was not accepted, no network, no such repository, gated, no room, or not whole; the
            message says what to do.
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
    licences.require(found)
    listed = _asked(found, lambda hub: hub.HfApi().model_info(found.repo, revision=found.revision, files_metadata=True))
    wanted = {hunyuan3d.FAMILY: _of_hunyuan3d, f5tts.FAMILY: f5tts.WANTED.__contains__}.get(
        found.family or "", _is_wanted
    )
    files = {each.rfilename: each.size or 0 for each in listed.siblings if wanted(each.rfilename)}
    if not files.keys() & {INDEX, hunyuan3d.CONFIG, f5tts.WEIGHTS}:
        raise ModelError(f"model: {found.repo} holds no {INDEX}; look for the repository that ends in '-diffusers'")
    _room(sum(files.values()))
    say(f"fetching {sum(files.values()) / 1e9:.1f} GB of {found.repo}")
    note_size(found.repo, sum(files.values()))
    folder = _asked(
        found,
        lambda hub: hub.snapshot_download(found.repo, revision=listed.sha, allow_patterns=sorted(files)),
    )
    say("checking what has arrived")
    verify(Path(folder), {each.rfilename: each.lfs.sha256 for each in listed.siblings
                          if each.rfilename in files and getattr(each, "lfs", None)})  # fmt: skip
    pin(found.repo, listed.sha)
    made = replace(found, folder=Path(folder), revision=listed.sha, family=family_in(Path(folder)))
    check(Path(folder))
    return made


def _of_hunyuan3d(name: str) -> bool:
    return name in (hunyuan3d.CONFIG, hunyuan3d.WEIGHTS)


def _is_wanted(name: str) -> bool:
    """Only what a folder of diffusers is loaded from: no single files at the top, no second precision."""
    path = Path(name)
    if path.suffix == ".safetensors":
        return len(path.parts) == 2 and not any(f".{kind}" in path.name for kind in ("fp16", "bf16", "fp8"))
    return any(path.match(pattern) for pattern in WANTED) and len(path.parts) <= 2


def verify(folder: Path, sums: Mapping[str, str]) -> None:
    """Compare files with the SHA-256 sums that the hub tells; one that differs is deleted, to be fetched again.

    Raises:
        ModelError: one differs.
    """
    for name, wanted in sums.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == wanted:
                continue
        (folder / name).resolve().unlink()
        raise ModelError(f"model: {name} arrived damaged and was deleted; fetch it again, the rest is kept")


def pin(repo: str, commit: str) -> None:
    """Keep to ``commit``: later loads take it without asking what is newest."""
    path = _folder(repo) / "refs" / "main"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(commit, "utf-8")


def note_size(repo: str, size: int) -> None:
    """Leave a note beside the files of how many bytes there will be, for whoever looks on."""
    folder = _folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eddyline-size").write_text(str(size), "utf-8")


def arrived(repo: str) -> tuple[int, int]:
    """Bytes of a repository that are here, and how many there will be (0 while that is not known)."""
    folder = _folder(repo)
    blobs = folder / "blobs"
    here = sum(path.stat().st_size for path in blobs.iterdir() if path.is_file()) if blobs.is_dir() else 0
    try:
        return here, int((folder / "eddyline-size").read_text("utf-8"))
    except (OSError, ValueError):
        return here, 0


def _folder(repo: str) -> Path:
    return hub_cache() / f"models--{repo.replace('/', '--')}"


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


def needs_extra(what: str, extra: str = "pretrained") -> str:
    """What to say where the packages are missing."""
    return f"model: {what} need the packages of the extra {extra!r}; run: pip install 'eddyline[{extra}]'"
