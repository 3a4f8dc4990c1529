"""How a checkpoint fits this machine: decided from measured free memory before anything is loaded, shown, overridable.

An estimate counts weights as they will lie in memory and adds room to work. What loading and running then took is
measured and kept (:mod:`pipelines.checkpoints.used`), stands in the plan the next time, and is said after a run that
went over its plan.
"""

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines.catalogue import hub_cache
from pipelines.checkpoints import graphics, used
from pipelines.checkpoints.found import Checkpoint, bytes_a_number, place_of, weights_of
from pipelines.errors import ModelError, OutOfBudget

Offload = Literal["none", "model", "group", "disk"]
Quant = Literal["none", "fp8", "4bit", "gguf"]
WORKING = 1.2  # weights and what a run holds beside them, as a factor
CAST = 2.0  # on a processor, weights in 8 bits beside the whole ones that they are cast from and back to, as a factor
NETWORKS = ("transformer", "transformer_2")
SHARE = {"none": 1.0, "fp8": 0.5, "4bit": 0.28, "gguf": 0.32}  # of 16 bits a number, scales included
CHOICES: dict[str, tuple[str, ...]] = {
    "dtype": ("bfloat16", "float16", "float32"),
    "offload": ("none", "model", "group", "disk"),
    "quantised": ("none", "fp8", "4bit", "gguf"),
    "tiling": ("yes", "no"),
    "attention": ("native", "flash", "_flash_3", "sage", "xformers"),
    "compiled": ("yes", "no"),
    "cache": ("none", "first-block", "cache-dit"),
}


@dataclass(frozen=True)
class Means:
    """What the machine has to give, in bytes."""

    memory: int
    disk: int
    graphics: tuple[int, ...] = ()  # free on each graphics card
    device: str = "cpu"


@dataclass(frozen=True)
class Plan:
    """How to load and run one checkpoint.

    Attributes:
        title: of the checkpoint.
        family: its pipeline class.
        parts: bytes of weights by part, as they will lie in memory.
        device: where it computes.
        dtype: of its weights and sums.
        offload: what waits in memory ('model', 'group') or on disk until it is needed.
        quantised: how the network's weights are held; fp8 is layer by layer, and computes in ``dtype``.
        tiling: whether the codec works in tiles.
        attention: backend of the attention.
        compiled: whether repeated blocks are compiled.
        cache: step cache while generating.
        cards: graphics cards that share one network.
        graphics_bytes: most that it takes on the graphics card.
        memory_bytes: most that it takes in memory.
        loading_bytes: of that, what turning files of another precision takes; none where they are read as they are.
        download_bytes: what is still to be fetched.
        gguf: a file that takes the place of the network's weights.
        notes: what a person should know.
    """

    title: str
    family: str
    parts: Mapping[str, int]
    device: str
    dtype: str
    offload: Offload = "none"
    quantised: Quant = "none"
    tiling: bool = False
    attention: str = "native"
    compiled: bool = False
    cache: str = "none"
    cards: int = 1
    graphics_bytes: int = 0
    memory_bytes: int = 0
    loading_bytes: int = 0
    download_bytes: int = 0
    gguf: Path | None = None
    notes: tuple[str, ...] = ()
    fits: bool = True
    means: Means = field(default=Means(0, 0), compare=False)

    def held(self, part: str) -> float:
        """Bytes of a part's weights as they are held."""
        return self.parts[part] * (SHARE[self.quantised] if part in NETWORKS else 1)

    @property
    def key(self) -> str:
        """What is remembered of its runs goes by this."""
        return " ".join((self.title, self.device, self.dtype, self.offload, self.quantised))

    def lines(self) -> list[str]:
        """The plan for people, one thing a line."""
        parts = ", ".join(f"{name} {_gb(self.held(name))}" for name, size in self.parts.items() if size)
        told = [
            f"model:      {self.title} ({self.family})",
            f"weights:    {parts}; {self.dtype}"
            + ("" if self.quantised == "none" else f", network in {self.quantised}"),
            f"computes:   on {self.device}" + (f", {self.cards} cards share the network" if self.cards > 1 else ""),
            f"waits:      {_OFFLOAD[self.offload]}",
            f"codec:      {'in tiles' if self.tiling else 'whole'}",
            f"attention:  {self.attention}; compiled: {'yes' if self.compiled else 'no'}; step cache: {self.cache}",
            f"needs:      {_gb(self.memory_bytes)} of memory ({_gb(self.means.memory)} free)"
            + (f", {_gb(self.graphics_bytes)} on the card ({_gb(max(self.means.graphics))} free)"
               if self.means.graphics else ""),
            f"download:   {_gb(self.download_bytes) if self.download_bytes else 'nothing'}",
            f"fits:       {'yes' if self.fits else 'no'}",
        ]  # fmt: skip
        if (before := used.last(self.key)) is not None:
            card = f", {_gb(before.graphics)} on the card" if before.graphics else ""
            told.append(f"last time:  {_gb(before.memory)} of memory{card} were used at most")
        if self.compiled or self.cache != "none":
            told.append("editing:    step caches are off while a picture is turned back or values are shared")
        return [*told, *(f"note:       {note}" for note in self.notes)]


_OFFLOAD = {
    "none": "nothing, all of it is loaded",
    "model": "whole parts wait in memory until they are needed",
    "group": "layers wait in memory until they are needed",
    "disk": "layers wait on the disk until they are needed",
}


def measured() -> Means:
    """What is free on this machine now."""
    import psutil

    place = hub_cache()
    while not place.exists():
        place = place.parent
    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(place).free
    cards = tuple(each.free for each in graphics.found())
    return Means(memory, disk, cards, "cuda" if cards else "cpu")


def plan(found: Checkpoint, means: Means | None = None, asked: Mapping[str, str] | None = None) -> Plan:
    """How ``found`` would be loaded here.

    Args:
        found: a checkpoint, on this machine or not.
        means: what there is; measured when None.
        asked: overrides, by the names of :data:`CHOICES` ('gguf' names a file).

    Raises:
        ModelError: an override is unknown, or does not go with this machine.
    """
    means = means or measured()
    wanted = _checked(dict(asked or {}))
    known = found.known
    dtype = wanted.get("dtype") or ("bfloat16" if means.device != "cpu" else "float32")
    parts, download, rough = _parts(found, 4 if dtype == "float32" else 2)
    if "dtype" not in wanted and dtype == "float32" and sum(parts.values()) * WORKING > means.memory:
        dtype, (parts, download, rough) = "bfloat16", _parts(found, 2)  # slower on a processor, and half as large
    first = Plan(
        found.title, found.family or "", parts, means.device, dtype, means=means, download_bytes=download,
        loading_bytes=_turning(found, parts),
        tiling=known.medium == "video" or bool(means.graphics and max(means.graphics) < 12_000_000_000),
        notes=(("sizes are estimates from its card; they are counted once it is here",) if rough else ()) + known.notes,
    )  # fmt: skip
    if "gguf" in wanted:
        first = _with_gguf(first, Path(wanted.pop("gguf")))
    made = _fitted(first, wanted)
    if len(means.graphics) > 1 and known.parallel and made.offload == "none":
        made = replace(made, cards=len(means.graphics))
    changes: dict[str, Any] = {name: wanted[name] for name in ("attention", "cache") if name in wanted}
    changes |= {name: wanted[name] == "yes" for name in ("tiling", "compiled") if name in wanted}
    if changes.get("cache", "none") == "first-block" and not known.caches:
        raise ModelError(f"cache: {known.title} has no step cache in diffusers; choose 'none' or 'cache-dit'")
    if changes.get("cache") == "cache-dit" and not _installed("cache_dit"):
        raise ModelError("cache: 'cache-dit' needs its package; run: pip install cache-dit")
    return replace(made, **changes)


def require(made: Plan) -> None:
    """Refuse a plan that does not fit.

    Raises:
        OutOfBudget: it says what is missing and what would help.
    """
    if made.fits:
        return
    help = "close other programs, or choose a smaller model"
    if made.device != "cpu":
        help += ", or have its layers wait on the disk (offload 'disk')"
    raise OutOfBudget(
        f"model: {made.title} needs {_gb(made.memory_bytes)} of memory, {_gb(made.means.memory)} are free; {help}"
    )


def _checked(wanted: dict[str, str]) -> dict[str, str]:
    for name, value in wanted.items():
        if name == "gguf":
            continue
        if name not in CHOICES:
            raise ModelError(f"plan: unknown choice {name!r}; there are {', '.join((*CHOICES, 'gguf'))}")
        if value not in CHOICES[name]:
            raise ModelError(f"{name}: choose one of {', '.join(CHOICES[name])}, got {value!r:.40}")
    return wanted


def _parts(found: Checkpoint, width: int) -> tuple[dict[str, int], int, bool]:
    """Bytes by part at ``width`` bytes a number, what is to be fetched, and whether both are rough."""
    if found.folder is not None:
        sizes = weights_of(found.folder)
        folder = found.folder
        at = {name: bytes_a_number(place_of(folder, name)) for name in sizes}
        return {name: int(size / at[name] * width) for name, size in sizes.items()}, 0, False
    if found.card is None:
        raise ModelError(f"model: {found.name!r} is not here yet, so its size is not known; fetch it first")
    networks = int(found.card.parameters * 1e9 * width)
    helpers = int((found.card.helpers or 0) * 1e9 * width)
    return {"transformer": networks, "text encoders and codec": helpers}, found.card.download_bytes, True


def _turning(found: Checkpoint, parts: Mapping[str, int]) -> int:
    """Bytes of the files of another precision than ``parts`` will have, and of what they become."""
    if found.folder is None:
        return 0
    files = weights_of(found.folder)
    return sum(files[name] + size for name, size in parts.items() if abs(files[name] - size) > 0.1 * files[name])


def _with_gguf(made: Plan, path: Path) -> Plan:
    if path.suffix.lower() != ".gguf" or not path.is_file():
        raise ModelError(f"gguf: {path.name} is no GGUF file; name one that ends in .gguf")
    if not _installed("gguf"):
        raise ModelError("gguf: such files need a package; run: pip install 'eddyline[pretrained]' gguf")
    parts = {**made.parts, "transformer": int(path.stat().st_size / SHARE["gguf"])}
    return replace(made, parts=parts, quantised="gguf", gguf=path)


def _fitted(first: Plan, wanted: Mapping[str, str]) -> Plan:
    """The first of the ways to load it, from fast to thrifty, that fits; the last one where none does."""
    quantised = wanted.get("quantised") or first.quantised
    if quantised in ("fp8", "4bit") and first.device == "cpu" and quantised == "4bit":
        raise ModelError("quantised: 4 bits need a graphics card; choose 'fp8' or 'none'")
    if quantised == "4bit" and not _installed("bitsandbytes"):
        raise ModelError("quantised: '4bit' needs a package; run: pip install bitsandbytes")
    if quantised == "gguf" and first.gguf is None:
        raise ModelError("quantised: 'gguf' needs its file; name it with gguf=FILE")
    ways = _WAYS_ON_A_CARD if first.device != "cpu" else _WAYS_ON_THE_PROCESSOR
    tried = first
    for offload, quant in ways:
        if quantised != "none" and quant == "none":
            quant = quantised  # type: ignore[assignment]
        if "quantised" in wanted and quant != wanted["quantised"]:
            continue
        if "offload" in wanted and offload != wanted["offload"]:
            continue
        if quant == "4bit" and not _installed("bitsandbytes"):
            continue
        tried = _counted(replace(first, offload=offload, quantised=quant))
        if tried.fits:
            return tried
    if tried is first:  # no way is exactly as asked: take the wish as it is
        wish = {"offload": wanted.get("offload", "none"), "quantised": wanted.get("quantised", first.quantised)}
        tried = _counted(replace(first, **wish))  # type: ignore[arg-type]
    return tried


_WAYS_ON_A_CARD: tuple[tuple[Offload, Quant], ...] = (
    ("none", "none"), ("model", "none"), ("model", "fp8"), ("none", "4bit"), ("model", "4bit"), ("group", "none"),
    ("disk", "none"),
)  # fmt: skip
_WAYS_ON_THE_PROCESSOR: tuple[tuple[Offload, Quant], ...] = (("none", "none"),)  # 8 bits save nothing there


def _counted(made: Plan) -> Plan:
    """The plan with what it takes, and whether that is there."""
    held = {name: made.held(name) for name in made.parts}
    total, largest = sum(held.values()), max(held.values(), default=0)
    if made.device == "cpu":
        whole = sum(made.parts.values())  # 8-bit weights are cast from whole ones, and back to them layer by layer
        memory = int(max(whole * CAST if made.quantised == "fp8" else total * WORKING, made.loading_bytes))
        return replace(made, memory_bytes=memory, fits=memory <= made.means.memory)
    on_card = {"none": total, "model": largest, "group": 0.12 * largest, "disk": 0.12 * largest}[made.offload]
    waiting = {"none": 0.0, "model": total, "group": total, "disk": 0.15 * total}[made.offload]
    graphics, memory = int(on_card * WORKING + 1e9), int(waiting + 0.5e9)
    fits = graphics <= max(made.means.graphics, default=0) and memory <= made.means.memory
    return replace(made, graphics_bytes=graphics, memory_bytes=memory, fits=fits)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 0.05e9 else f"{count / 1e6:.1f} MB"
