"""Downloads that the Models page starts: each in a process of its own, which can be stopped and later goes on."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.catalogue import Card
from pipelines.checkpoints import find, licences
from pipelines.checkpoints.fetching import arrived

State = Literal["running", "stopped", "failed", "done"]


@dataclass(frozen=True)
class Standing:
    """How far a download is; bytes, ``total`` 0 while it is not known."""

    state: State
    here: int
    total: int
    reason: str = ""


class Fetches:
    """Downloads of one server, one process each; what has arrived is kept whatever ends them."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "pipelines.checkpoints")) -> None:
        """``command`` fetches what is named after it."""
        self._command = command
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._ended: dict[str, Standing] = {}
        self._lock = threading.Lock()

    def start(self, card: Card) -> None:
        """Begin, or go on; the licence counts as accepted by whoever asks for this."""
        licences.accept(find(card.model))
        with self._lock:
            if card.id in self._running:
                return
            self._ended.pop(card.id, None)
            root = Path(__file__).parent.parent
            self._running[card.id] = subprocess.Popen(
                [*self._command, card.model], cwd=root, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        threading.Thread(target=self._wait, args=(card,), name=f"fetch {card.id}", daemon=True).start()

    def stop(self, card: Card) -> None:
        """End one; what has arrived is kept."""
        with self._lock:
            process = self._running.get(card.id)
            if process is not None:
                self._ended[card.id] = Standing("stopped", *arrived(str(card.repo)))
                process.terminate()

    def close(self) -> None:
        """End all."""
        with self._lock:
            for process in self._running.values():
                process.terminate()

    def of(self, card: Card) -> Standing | None:
        """How far the download of a card is, or None where there was none."""
        with self._lock:
            if card.id in self._running:
                return Standing("running", *arrived(str(card.repo)))
            return self._ended.get(card.id)

    @property
    def busy(self) -> bool:
        """Whether any runs."""
        with self._lock:
            return bool(self._running)

    def _wait(self, card: Card) -> None:
        process = self._running[card.id]
        _, said = process.communicate()
        with self._lock:
            del self._running[card.id]
            if card.id in self._ended:  # it was stopped
                return
            here = arrived(str(card.repo))
            if process.returncode == 0:
                self._ended[card.id] = Standing("done", *here)
            else:
                reason = next((line for line in reversed(said.splitlines()) if line.strip()), "it ended by itself")
                self._ended[card.id] = Standing("failed", *here, reason[:400])
