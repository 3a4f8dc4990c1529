"""Pictures from public checkpoints."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from pipelines.edit import feathered
from pipelines.errors import MediaError
from pipelines.events import Done, Event, Preview
from pipelines.media import Mask, Picture
from pipelines.models.diffusers.families import multiple
from pipelines.models.diffusers.model import Ask
from pipelines.pretrained.canvas import Canvas, frames_of
from pipelines.pretrained.running import Running, Shown, finite
from pipelines.sampling import Clock, seeds_of
from pipelines.settings import ImageEditSettings, ImageSettings

AREA = 1024 * 1024  # pixels that these models were made for


class PretrainedImages(Running):
    """Makes and edits pictures with one checkpoint; safe to share, it keeps no state of a run."""

    def generate(self, settings: ImageSettings) -> Iterator[Event[Picture]]:  # type: ignore[override]
        """Make ``settings.count`` pictures by the checkpoint's own pipeline; closing the iterator stops it.

        Raises:
            ModelError: the size does not fit the model's grid, or the result is no picture.
        """
        started = time.monotonic()
        seeds = seeds_of(settings, settings.count)
        prompt = settings.prompt if settings.style == "none" else f"{settings.prompt}, {settings.style}"
        size = (settings.height, settings.width)
        ask = Ask(
            (prompt,) * settings.count, size, settings.negative_prompt, settings.guidance, settings.steps, tuple(seeds)
        )

        def show(clean: Tensor) -> tuple[Picture, ...]:
            return _pictures(self.model.from_state(clean, size))

        for event in super().generate(ask, settings, started, show, output_type="pt"):
            if not isinstance(event, Shown):
                yield event
                continue
            made = finite(event.result[0].float()) * 2 - 1
            yield Done(_pictures(made), tuple(seeds), event.calls, time.monotonic() - started)

    def edit(  # type: ignore[override]
        self, settings: ImageEditSettings, source: Picture, mask: Mask | None = None
    ) -> Iterator[Event[Picture]]:
        """Turn ``source``, of any size, into what ``settings.prompt`` says; nothing outside ``mask`` changes by a bit.

        Raises:
            MediaError: the mask is of another size.
            ModelError: editors cannot use this family.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        started = time.monotonic()
        if mask is not None and mask.weights.shape != source.pixels.shape[:2]:
            raise MediaError(f"mask: is {mask.weights.shape[::-1]} pixels, the picture is {source.size}")
        side = multiple(self.model.family, self.model.pipeline)
        canvas = Canvas(source.pixels[None], side, AREA)
        x = self.model.to_state(canvas.pixels())
        soft = None
        if mask is not None:
            soft = feathered(torch.from_numpy(mask.weights)[None, None].float(), settings.feather)[0, 0].numpy()
        hard = None if soft is None else self._on_grid(canvas, soft, x)
        before: Tensor | None = None
        seeds, clock, done = seeds_of(settings, 1), None, None
        for done in super().edit(settings, x, canvas.size, hard, seeds[0]):
            clock = clock or Clock(done.total, started)
            yield clock.progress(done.done)
            if before is None:
                before = self.model.from_state(x, canvas.size)
        assert done is not None and before is not None
        after = before if torch.equal(done.clean.to(x), x) else self.model.from_state(done.clean.to(x), canvas.size)
        picture = Picture(canvas.restore(finite(after), before, soft)[0])
        yield Done((picture,), tuple(seeds), done.calls, time.monotonic() - started)

    def _on_grid(self, canvas: Canvas, weights: object, x: Tensor) -> Tensor:
        """A mask over the state: [1, 1, h, w], or [1, h w, 1] where the grid is packed into tokens."""
        height, width = canvas.size
        if x.ndim == 4:
            return canvas.mask(weights, tuple(x.shape[-2:]))  # type: ignore[arg-type]
        side = multiple(self.model.family, self.model.pipeline)
        return canvas.mask(weights, (height // side, width // side)).reshape(1, -1, 1)  # type: ignore[arg-type]


def _pictures(media: Tensor) -> tuple[Picture, ...]:
    return tuple(Picture(frame) for frame in frames_of(media))


__all__ = ["AREA", "Preview", "PretrainedImages"]
