"""LoRA files: where they lie, which ones a setting names, and what each says that it is for. Runs without torch."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.checkpoints.named import NAME
from pipelines.checkpoints.named import home as studio
from pipelines.errors import ModelError

HOME = "EDDYLINE_LORAS"  # folder of LoRA files; else 'loras' in the home folder of the studio
LAYER = re.compile(r"(^|\.)(lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up)\b")
ENDING = ".safetensors"
MOST = 5_000_000_000  # bytes of a file that is taken in


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


def held() -> list[str]:
    """Names of the files there."""
    return sorted(each.stem for each in home().glob(f"*{ENDING}"))


def asked_for(text: str, *, anywhere: bool = True) -> list[Lora]:
    """The files that ``text`` names, as in ``"ink, paper:0.6"``.

    ``anywhere`` also takes paths, as a command of this machine's own user may give them. Pages and servers ask without
    it: then a name stands for a file of the studio's folder alone, and says nothing of any other.

    Raises:
        ModelError: one is not there, is no safetensors file, or its weight is no number.
    """
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, weight = part.rpartition(":") if re.search(r":[-\d.]+$", part) else (part, "", "1")
        try:
            found.append(Lora(_file(name, anywhere), float(weight)))
        except ValueError as error:
            raise ModelError(f"lora: the weight of {name!r:.80} must be a number, got {weight!r}") from error
    return found


def _file(name: str, anywhere: bool) -> Path:
    path = Path(name)
    is_path = path.name != name
    if is_path and not anywhere:
        raise ModelError(f"lora: name a file of the studio's folder, not a path, got {name!r:.80}; {_known()}")
    if path.suffix and path.suffix != ENDING and not (home() / f"{name}{ENDING}").is_file():
        raise ModelError(f"lora: {path.name} is no safetensors file; others can run code when they are read")
    options = [path] if is_path else [home() / f"{name}{ENDING}", home() / name]
    there = next((each for each in options if each.is_file() and each.suffix == ENDING), None)
    if there is None:
        raise ModelError(f"lora: {name!r:.80} is not here; {_known()}")
    return there


def _known() -> str:
    here = held()
    return f"there are {', '.join(here)}" if here else f"put it into {home().name!r} of the studio's folder"


def describe(path: Path) -> str:
    """What a LoRA file says that it is for, in a line.

    Raises:
        ModelError: it is damaged, or no safetensors file.
    """
    with opened(path) as file:
        said = file.metadata() or {}
        count = len(layers_of(file))
    base = next(
        (said[key] for key in ("base_model", "ss_base_model_version", "modelspec.architecture") if said.get(key)), ""
    )
    return f"{path.stem}: {count} layers" + (f", made for {base[:80]}" if base else ", does not say for which model")


def keep(path: Path, name: str = "") -> str:
    """Take a file into the studio's folder and return what it is called there; ``name`` is its name, else its own.

    Raises:
        ModelError: it is no LoRA file, or cannot be called that, or another file is.
    """
    called = Path(name or path.name).stem
    if not NAME.match(called) or "," in called or ":" in called:
        raise ModelError(f"lora: letters, digits, spaces and . + - _ in its name, at most 60, got {called!r:.70}")
    if path.suffix.lower() != ENDING:
        raise ModelError(f"lora: {path.name} is no safetensors file; others can run code when they are read")
    if path.stat().st_size > MOST:
        raise ModelError(f"lora: {path.name} has more than {MOST / 1e9:.0f} GB; it may be a whole model")
    with opened(path) as file:
        if not layers_of(file):
            raise ModelError(f"lora: {path.name} holds no LoRA layers; it may be a whole model")
    target = home() / f"{called}{ENDING}"
    if target.exists() and target.read_bytes() != path.read_bytes():
        raise ModelError(f"lora: there is another file called {called!r}; rename yours")
    home().mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    shutil.copyfile(path, part)
    os.replace(part, target)
    return called


def remove(name: str) -> None:
    """Delete a file of the studio's folder.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in held():
        raise ModelError(f"lora: {name!r:.80} is not here; {_known()}")
    (home() / f"{name}{ENDING}").unlink()


def layers_of(file: Any) -> set[str]:
    """Names of the layers that an open file changes."""
    return {LAYER.split(key)[0].rstrip(".") for key in file.keys() if LAYER.search(key)}  # noqa: SIM118


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file, open to read its names.

    Raises:
        ModelError: it is damaged, or none.
    """
    from safetensors import safe_open

    try:
        with safe_open(str(path), "np") as file:
            yield file
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"lora: {path.name} is damaged or no safetensors file") from error
