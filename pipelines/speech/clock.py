"""How far a run over several stretches is."""

import time

from pipelines.events import Progress


class StretchClock:
    """Progress over all stretches, counted in frames, with the time left from the pace so far."""

    def __init__(self, total: int, steps: int, started: float) -> None:
        self.total, self.steps, self.started, self.behind = total, steps, started, 0.0

    def said(self, frames: int, done: int) -> Progress:
        """Where a run stands ``done`` steps into a sentence of so many frames."""
        part = (self.behind + frames * done / self.steps) / self.total
        left = None if not part else (time.monotonic() - self.started) * (1 - part) / part
        return Progress(round(100 * part), 100, left)

    def finished(self, frames: int) -> None:
        """A sentence is done."""
        self.behind += frames
