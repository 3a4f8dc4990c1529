"""Weights that can run code when they are read: none is ever opened, and one that lies in the way is named."""

from pathlib import Path

from pipelines.errors import ModelError

ENDINGS = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}


def refuse(folder: Path) -> None:
    """Say so where ``folder``, which holds no safetensors, holds a pickle instead.

    Raises:
        ModelError: it does.
    """
    found = sorted(each.name for each in folder.iterdir() if each.suffix in ENDINGS) if folder.is_dir() else []
    if found:
        raise ModelError(
            f"model: {folder.name}/{found[0]} is a pickle, which can run code when it is read; use a checkpoint that "
            "has safetensors, or convert it where you trust it"
        )
