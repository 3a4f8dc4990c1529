"""Graphics cards of this machine and their memory, asked of torch where it is loaded, else of the driver's own tool."""

import shutil
import subprocess
import sys
import time
from importlib import metadata
from typing import Any, NamedTuple

FRESH = 10.0  # seconds that an answer of the tool counts
ASK = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")


class Found(NamedTuple):
    """One graphics card; bytes."""

    name: str
    total: int
    free: int


_answer: tuple[float, tuple[Found, ...]] = (-FRESH, ())


def found() -> tuple[Found, ...]:
    """The cards that torch could compute on; none where it was built without them."""
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        if not torch.cuda.is_available():
            return ()
        return tuple(_of_torch(torch.cuda, index) for index in range(torch.cuda.device_count()))
    return _asked() if _built_for_cards() else ()


def _of_torch(cuda: Any, index: int) -> Found:
    free, total = cuda.mem_get_info(index)
    return Found(cuda.get_device_name(index), total, free)


def _built_for_cards() -> bool:
    try:
        return not metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def _asked() -> tuple[Found, ...]:
    """What ``nvidia-smi`` says: torch takes seconds to load, and pages and plans only want to know."""
    global _answer
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    if time.monotonic() - _answer[0] > FRESH:
        try:
            said = subprocess.run([tool, *ASK], capture_output=True, text=True, timeout=5, check=True).stdout
            lines = [line.rsplit(",", 2) for line in said.splitlines() if line.strip()]
            held = tuple(Found(name.strip(), int(total) << 20, int(free) << 20) for name, total, free in lines)
        except (OSError, ValueError, subprocess.SubprocessError):
            held = ()
        _answer = time.monotonic(), held
    return _answer[1]
