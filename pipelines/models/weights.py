"""Weights on disk: bf16 safetensors in small shards beside a ``config.json`` that names and hashes them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.errors import ModelError

SHARD_BYTES = 9_000_000  # plain files on a Space must stay under 10 MB


def save_weights(tensors: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path) -> None:
    """Write ``tensors`` as bf16 shards and ``config`` with their hashes into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("weights-*.safetensors"):
        old.unlink()
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD_BYTES
    for name, tensor in tensors.items():
        half = tensor.detach().to(torch.bfloat16).contiguous()
        if half.nbytes > room and shards[-1]:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = half
        room -= half.nbytes
    hashes = {}
    for index, shard in enumerate(shards, start=1):
        path = folder / f"weights-{index:02}.safetensors"
        save_file(shard, path)
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps({**config, "shards": hashes}, indent=2) + "\n")


def load_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a starter.

    Raises:
        ModelError: the folder holds no starter, or the file is damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"model: no starter in {folder.name!r} (config.json is missing); reinstall eddyline")
    try:
        config = json.loads(path.read_text())
        config["shards"].items()
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} is damaged ({error}); reinstall eddyline") from error
    return config


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Read every shard of a starter as float32.

    Raises:
        ModelError: a shard is missing or is not what ``config.json`` says it is.
    """
    tensors: dict[str, Tensor] = {}
    for name, digest in load_config(folder)["shards"].items():
        path = folder / Path(name).name
        if not path.is_file():
            raise ModelError(f"model: {name} of {folder.name!r} is missing; reinstall eddyline")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise ModelError(f"model: {name} of {folder.name!r} is damaged (wrong checksum); reinstall eddyline")
        try:
            tensors |= {key: value.float() for key, value in load_file(path).items()}
        except SafetensorError as error:
            raise ModelError(f"model: {name} of {folder.name!r} cannot be read ({error})") from error
    return tensors


def fill(module: nn.Module, folder: Path) -> None:
    """Load the shards of ``folder`` into ``module``; buffers are its own and stay.

    Raises:
        ModelError: a shard is missing or damaged, or they hold other tensors than ``module`` has.
    """
    tensors = load_weights(folder)
    expected = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        odd = sorted({name for name, _ in expected.items() ^ found.items()})[:3]
        raise ModelError(f"model: weights of {folder.name!r} do not fit its config (for example {', '.join(odd)})")
    module.load_state_dict(tensors, strict=False)
