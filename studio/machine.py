"""What this machine has, and whether a model fits into it. Nothing is loaded and no network is tried to find out."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.catalogue import Card
from pipelines.checkpoints import Means, graphics
from studio.language import Phrase, phrase
from studio.store import home

SPARE = 500_000_000  # bytes of disk that are left alone: a full disk breaks more than this program
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


@dataclass(frozen=True)
class Graphics:
    """A graphics card; memory in bytes."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Machine:
    """What there is to run on; sizes in bytes. ``graphics`` is None where torch could not use one."""

    cores: int
    memory: int
    free: int
    disk: int
    graphics: Graphics | None = None

    @property
    def means(self) -> Means:
        """The same for plans."""
        cards = (self.graphics.free,) if self.graphics else ()
        return Means(self.free, self.disk, cards, "cuda" if cards else "cpu")

    @property
    def room(self) -> int:
        """Bytes that a model may take where it would run: on the graphics card, else in memory."""
        return self.graphics.free if self.graphics else self.free

    def sentence(self) -> Phrase:
        """The machine in one line."""
        held = {"free": size(self.free), "memory": size(self.memory), "disk": size(self.disk), "cores": self.cores}
        if self.graphics is None:
            return phrase("Here: {free} of {memory} memory free, {disk} disk free, processor cores: {cores}.", **held)
        held["card"] = f"{self.graphics.name} ({size(self.graphics.memory)})"
        text = (
            "Here: {free} of {memory} memory free, {disk} disk free, processor cores: {cores}, graphics card: {card}."
        )
        return phrase(text, **held)


@dataclass(frozen=True)
class Fit:
    """Whether a model fits and, in one sentence, why or why not."""

    ok: bool
    sentence: Phrase


def machine(folder: Path | None = None) -> Machine:
    """What this machine has now; disk where ``folder`` (else the home folder) is or would be made."""
    held = psutil.virtual_memory()
    memory, free = _in_container(held.total, held.available)
    place = (folder or home()).absolute()
    place = next((each for each in (place, *place.parents) if each.exists()), Path("/"))
    return Machine(_cores(), memory, free, psutil.disk_usage(str(place)).free, _graphics())


def fits(card: Card, here: Machine | None = None) -> Fit:
    """Whether ``card`` could be kept and run on ``here`` (else this machine), as far as its sizes are known."""
    here = here or machine()
    need = size(card.memory_bytes)
    if card.download_bytes and here.disk < card.disk_bytes + SPARE:
        text = "Too large for this disk: it takes {need}, {free} are free."
        return Fit(False, phrase(text, need=size(card.disk_bytes), free=size(here.disk)))
    most = here.graphics.memory if here.graphics else here.memory
    if most < card.memory_bytes:
        text = "Too large for this machine: it needs {need} of memory, this machine has {there}."
        return Fit(False, phrase(text, need=need, there=size(most)))
    if here.room < card.memory_bytes:
        text = "Not now: it needs {need} of memory, {free} are free. Close other programs."
        return Fit(False, phrase(text, need=need, free=size(here.room)))
    if card.at_least:
        text = "May fit: it needs at least {need} of memory, {free} are free."
        return Fit(True, phrase(text, need=need, free=size(here.room)))
    return Fit(True, phrase("Fits: it needs {need} of memory, {free} are free.", need=need, free=size(here.room)))


def size(count: float) -> str:
    """Bytes as a person says them, in steps of a thousand."""
    for unit, worth in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= 0.995 * worth:
            value = count / worth
            return f"{value:.1f} {unit}" if value < 9.95 and unit != "MB" else f"{value:.0f} {unit}"
    return f"{max(count, 0) / 1e3:.0f} kB"


def threads(workers: int = 1) -> int:
    """Threads of each of so many worker processes: all cores but one, which the page and the browser keep.

    OpenMP's threads wait for one another by spinning. Where one of them has no core to itself all wait, and a run
    beside a browser that draws takes ten times as long; without the last core it takes a third longer on two cores.
    """
    # As torch counts: two threads on one core are no faster than one.
    return max(1, (min(_cores(), psutil.cpu_count(logical=False) or 1) - 1) // workers)


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


def _in_container(total: int, free: int) -> tuple[int, int]:
    # A container sees the memory of the machine around it, and is ended when it takes more than its own part.
    limit = next((found for path in _LIMITS if (found := _number(path)) is not None), None)
    if limit is None or limit >= total:
        return total, free
    used = next((found for path in _USES if (found := _number(path)) is not None), 0)
    return limit, min(free, max(0, limit - used))


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # there is no such group, or it says "max"
        return None


def _graphics() -> Graphics | None:
    cards = graphics.found()
    if not cards:
        return None
    largest = max(cards, key=lambda each: each.total)
    return Graphics(largest.name, largest.total, largest.free)
