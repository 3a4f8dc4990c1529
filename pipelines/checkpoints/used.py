"""What loading and running a checkpoint then took, measured beside its plan and kept, so that estimates can be judged.

On a processor this is what the process held at most, looked at many times a second and counted from before the weights
were read; what is counted twice because it is mapped twice is taken off at the end. On a graphics card it is the most
that torch held there.
"""

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.checkpoints.named import home

PERIOD = 0.02  # seconds between looks


@dataclass(frozen=True)
class Used:
    """Bytes that one run took at most, beside what was planned."""

    memory: int
    graphics: int
    planned_memory: int
    planned_graphics: int

    @property
    def over(self) -> float:
        """How many times the plan was taken, on the card where there is one."""
        one, other = (self.graphics, self.planned_graphics) if self.planned_graphics else (
            self.memory, self.planned_memory
        )  # fmt: skip
        return one / max(other, 1)


class Peak:
    """Looks at this process's memory while a block runs; ``before`` is what it counts from, None for what is now."""

    def __init__(self, before: int | None = None) -> None:
        self.before = share() if before is None else before
        self._most, self._over = 0, threading.Event()

    def __enter__(self) -> "Peak":
        torch: Any = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        self._thread.join()
        self._most -= max(_resident() - share(), 0)

    def _look(self) -> None:
        while True:
            self._most = max(self._most, _resident())
            if self._over.wait(PERIOD):
                self._most = max(self._most, _resident())
                return

    @property
    def memory(self) -> int:
        """Most bytes so far, above where it began."""
        return max(self._most - self.before, 0)

    @property
    def graphics(self) -> int:
        """Most bytes on any card so far; 0 without one."""
        torch: Any = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available():
            return 0
        return max(int(torch.cuda.max_memory_allocated(index)) for index in range(torch.cuda.device_count()))


def _resident() -> int:
    """Bytes that are in memory now, quick to ask for."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def share() -> int:
    """The same without what is mapped twice or belongs to several processes; slow to ask for."""
    import psutil

    found = psutil.Process().memory_full_info()
    return int(getattr(found, "pss", 0) or found.uss)


def keep(key: str, used: Used) -> None:
    """Remember the most that was used under ``key``; a folder that cannot be written is no reason to fail."""
    held = _read()
    last = held.get(key)
    if last is not None and last["planned_memory"] == used.planned_memory and last["memory"] >= used.memory:
        return
    path = home() / "checkpoints-used.json"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({**held, key: asdict(used)}, indent=1), "utf-8")
        os.replace(part, path)
    except OSError:
        return


def last(key: str) -> Used | None:
    """What was used under ``key`` before, on this machine."""
    try:
        return Used(**_read()[key])
    except (KeyError, TypeError):
        return None


def _read() -> dict[str, Any]:
    try:
        held = json.loads((home() / "checkpoints-used.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
