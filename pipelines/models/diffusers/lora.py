"""LoRA files: small changes to a network's weights, several at once, on for one run and off after it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.checkpoints.named import home as studio
from pipelines.errors import ModelError
from pipelines.models.diffusers.model import DiffusersModel

HOME = "EDDYLINE_LORAS"  # folder of LoRA files; else 'loras' in the home folder of the studio
LAYER = re.compile(r"(^|\.)(lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up)\b")


@dataclass(frozen=True)
class Lora:
    """One file and how strongly it acts."""

    path: Path
    weight: float

    @property
    def name(self) -> str:
        """As adapters are called."""
        return re.sub(r"\W+", "_", self.path.stem)


def home() -> Path:
    """The folder that LoRA files are looked for in."""
    return Path(os.environ.get(HOME) or studio() / "loras")


def asked_for(text: str) -> list[Lora]:
    """The files that ``text`` names, as in ``"ink, paper:0.6"``.

    Raises:
        ModelError: one is not there, is no safetensors file, or its weight is no number.
    """
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, weight = part.rpartition(":") if re.search(r":[-\d.]+$", part) else (part, "", "1")
        path = Path(name)
        if path.suffix != ".safetensors" and path.suffix:
            raise ModelError(f"lora: {path.name} is no safetensors file; others can run code when they are read")
        options = [home() / f"{name}.safetensors", home() / name]
        options += [path] if path.is_absolute() or os.sep in name else []
        held = next((each for each in options if each.is_file()), None)
        if held is None:
            here = sorted(each.stem for each in home().glob("*.safetensors"))
            known = f"there are {', '.join(here)}" if here else f"put it into {home().name!r} of the studio's folder"
            raise ModelError(f"lora: {name!r} is not here; {known}")
        try:
            found.append(Lora(held, float(weight)))
        except ValueError as error:
            raise ModelError(f"lora: the weight of {name!r} must be a number, got {weight!r}") from error
    return found


def describe(path: Path) -> str:
    """What a LoRA file says that it is for, in a line."""
    from safetensors import safe_open

    with _open(path, safe_open) as held:
        said = held.metadata() or {}
        count = sum(bool(LAYER.search(key)) for key in held.keys())  # noqa: SIM118
    base = next(
        (said[key] for key in ("base_model", "ss_base_model_version", "modelspec.architecture") if key in said), ""
    )
    return f"{path.stem}: {count // 2} layers" + (f", made for {base}" if base else ", does not say for which model")


@contextmanager
def with_loras(model: DiffusersModel, text: str) -> Iterator[list[str]]:
    """The LoRA files that ``text`` names, on while the block runs; yields notes about them.

    Raises:
        ModelError: a file is missing, damaged, or made for another model.
    """
    loras = asked_for(text)
    if not loras:
        yield []
        return
    pipeline = model.pipeline
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelError(f"lora: {model.family.title} takes no LoRA files")
    try:
        for lora in loras:
            _load(model, lora)
        pipeline.set_adapters([lora.name for lora in loras], [lora.weight for lora in loras])
        yield [describe(lora.path) for lora in loras]
    finally:
        pipeline.unload_lora_weights()


def _load(model: DiffusersModel, lora: Lora) -> None:
    from safetensors import safe_open

    with _open(lora.path, safe_open) as held:
        layers = {LAYER.split(key)[0].rstrip(".") for key in held.keys() if LAYER.search(key)}  # noqa: SIM118
    if not layers:
        raise ModelError(f"lora: {lora.path.name} holds no LoRA layers; it may be a whole model")
    try:
        model.pipeline.load_lora_weights(
            str(lora.path.parent), weight_name=lora.path.name, adapter_name=lora.name, local_files_only=True
        )
    except ImportError as error:
        raise ModelError("lora: such files need a package; run: pip install 'eddyline[pretrained]'") from error
    except Exception as error:
        raise ModelError(f"lora: {lora.path.name} does not fit {model.family.title}; {describe(lora.path)}") from error
    active = model.pipeline.get_list_adapters()
    if not any(lora.name in names for names in active.values()):
        raise ModelError(f"lora: {lora.path.name} changes nothing in {model.family.title}; {describe(lora.path)}")


@contextmanager
def _open(path: Path, opener: Any) -> Iterator[Any]:
    try:
        with opener(str(path), "pt") as held:
            yield held
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"lora: {path.name} is damaged or no safetensors file") from error
