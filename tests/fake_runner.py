"""A runner without a model, for the queue, the workers and the pages: quick, exact, and accident-prone on demand."""

import os
import signal
import time

import numpy as np

from pipelines.errors import OutOfBudget
from pipelines.events import Done, Note, Preview, Progress
from pipelines.media import Picture


class FakeRunner:
    """Runs jobs without a model: a flat picture after a few previews, and accidents that the prompt asks for.

    ``PAUSE`` in the environment is the time in seconds between steps; a prompt with "slow" takes its time.
    """

    def __call__(self, job, inputs):
        prompt, steps = job.settings.prompt, job.settings.steps
        pause = 0.25 if "slow" in prompt else float(os.environ.get("PAUSE", "0.01"))
        if "unknown" in prompt:
            yield Note("Not in the vocabulary: unknown")
        for step in range(1, steps + 1):
            time.sleep(pause)
            if step == 2:
                self._accident(prompt)
            yield Progress(step, steps, (steps - step) * pause)
            yield Preview((self._picture(job.settings.seed, step),))
        count = getattr(job.settings, "count", 1)
        seeds = tuple(job.settings.seed + place for place in range(count))
        yield Done(tuple(self._picture(seed, 0) for seed in seeds), seeds, steps, steps * pause)

    def _accident(self, prompt):
        if "segfault" in prompt:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "killed" in prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        if "memory" in prompt:
            raise MemoryError("64 GB")
        if "cuda" in prompt:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        if "bug" in prompt:
            raise ZeroDivisionError("a bug")
        if "budget" in prompt:
            raise OutOfBudget("shared values: need 9 MB, may take 1 MB; raise the budget")

    def _picture(self, seed, step):
        pixels = np.full((64, 64, 4), 255, np.uint8)
        pixels[..., :3] = (seed % 251, seed // 251 % 251, step)
        return Picture(pixels)
