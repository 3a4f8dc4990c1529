"""Images: words to pictures, and pictures to other pictures. Thin: codec, model and engine, nothing else."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pipelines.codecs.image import Fit, read_mask, read_mask_file, read_picture, to_picture, without_haze
from pipelines.edit import EditPlan, feathered
from pipelines.edit.types import CountedModel
from pipelines.errors import MediaError, ModelError
from pipelines.events import Done, Event, Preview
from pipelines.flow import CLAMP, conditioned, guided, interval, noise, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Mask, Picture
from pipelines.models import registry
from pipelines.pretrained import open_checkpoint
from pipelines.sampling import Clock, PromptedModel, edited, seeds_of, sigmas_of, word_notes
from pipelines.settings import ImageEditSettings, ImageSettings

__all__ = ["ImagePipeline", "read_mask", "read_mask_file", "read_picture"]

CANVAS = 64
PATCH = 8


class ImagePipeline:
    """Makes and edits pictures with one model; safe to share, it keeps no state of a run."""

    def __init__(self, model: PromptedModel) -> None:
        self.model = model

    @classmethod
    def load(cls, model: str = "starter", **options: Any) -> Any:
        """Load a model by name; a checkpoint's name, hub id or folder gives a pipeline with the same two methods.

        ``options`` are those of :func:`pipelines.pretrained.open_checkpoint`.

        Raises:
            ModelError: there is no such model, or its files are damaged.
        """
        if model not in registry.names("image"):
            return open_checkpoint("image", model, **options)
        return cls(registry.load("image", model))

    def generate(self, settings: ImageSettings) -> Iterator[Event[Picture]]:
        """Make ``settings.count`` pictures; closing the iterator stops at the next solver step."""
        started = time.monotonic()
        seeds = seeds_of(settings, settings.count)
        positive = self.model.encode([_styled(settings.prompt, settings.style)] * settings.count)
        negative = self.model.encode([settings.negative_prompt] * settings.count)
        yield from word_notes(positive, negative)
        model = CountedModel(self.model)
        toward, away = conditioned(model, positive), conditioned(model, negative)
        velocity = interval(
            guided(toward, away, settings.guidance), toward, settings.guidance_from, settings.guidance_to
        )
        tokens = settings.width * settings.height // PATCH**2
        start = noise((4, settings.height, settings.width), seeds)
        clock = Clock(settings.steps, started)
        # Not to 0: below the clamp the model's velocity is too small to remove what noise is left.
        for step in solve(velocity, start, sigmas_of(settings, tokens, end=CLAMP), rule_named(settings.solver)):
            yield clock.progress(step.done)
            pictures = tuple(without_haze(picture) for picture in _pictures(step.clean))
            yield Preview(pictures)
        # The last clean estimate, not the state: it is what the network drew, without the rule's extrapolation.
        yield _done(pictures, seeds, model.calls, started)

    def edit(self, settings: ImageEditSettings, source: Picture, mask: Mask | None = None) -> Iterator[Event[Picture]]:
        """Turn ``source`` into what ``settings.prompt`` says; nothing outside ``mask`` changes by a bit.

        Raises:
            MediaError: the picture is fully transparent, or the mask is of another size.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        started = time.monotonic()
        if not source.pixels[..., 3].any():
            raise MediaError("picture: every pixel is transparent; there is nothing to edit")
        if mask is not None and mask.weights.shape != source.pixels.shape[:2]:
            raise MediaError(f"mask: is {mask.weights.shape[::-1]} pixels, the picture is {source.size}")
        fit = Fit(source, CANVAS)
        soft = None if mask is None else feathered(torch.from_numpy(mask.weights)[None, None].float(), settings.feather)
        # Inside the engine the mask is hard: soft weights, applied at every step, would add up to an erosion.
        hard = None if soft is None else (fit.mask(Mask(soft[0, 0].numpy())) > 0).float()
        plan = self._plan(settings, hard)
        yield from word_notes(plan.source, plan.target)
        seeds = seeds_of(settings, 1)
        clock: Clock | None = None
        for step in edited(plan, settings, fit.signal(), seeds, (CANVAS // PATCH) ** 2):
            clock = clock or Clock(step.total, started)
            yield clock.progress(step.done)
            yield Preview(_pictures(step.clean))
        made = without_haze(fit.restore(step.clean, soft), source)
        yield _done((made,), seeds, step.calls, started)

    def _plan(self, settings: ImageEditSettings, mask: Tensor | None) -> EditPlan:
        source = self.model.encode([_styled(settings.source_prompt, settings.style)])
        target = self.model.encode([_styled(settings.prompt, settings.style)])
        return EditPlan(self.model, source, target, settings.guidance, mask)


def _styled(prompt: str, style: str) -> str:
    return prompt if style == "none" or not prompt.strip() else f"{prompt}, {style}"


def _pictures(signal: Tensor) -> tuple[Picture, ...]:
    if not torch.isfinite(signal).all():
        raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
    return tuple(to_picture(sample) for sample in signal)


def _done(pictures: tuple[Picture, ...], seeds: list[int], calls: int, started: float) -> Done[Picture]:
    return Done(pictures, tuple(seeds), calls, time.monotonic() - started)
