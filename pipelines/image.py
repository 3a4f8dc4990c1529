"""Images: words to pictures, and pictures to other pictures. Thin: codec, model and engine, nothing else."""

import math
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from pipelines.codecs.image import Fit, read_mask, read_mask_file, read_picture, to_picture
from pipelines.edit import EditPlan, EditStep, Sharing, feathered, flow_edit, magic_mix, rf_edit, sde_edit
from pipelines.edit.types import CountedModel
from pipelines.errors import MediaError, ModelError
from pipelines.events import Done, Event, Note, Preview, Progress
from pipelines.flow import CLAMP, SCHEDULES, FlowModel, conditioned, guided, interval, noise, sigma_grid, solve
from pipelines.flow.rules import rule_named
from pipelines.media import Mask, Picture
from pipelines.models import registry
from pipelines.settings import MAX_SEED, ImageEditSettings, ImageSettings, SamplingSettings

__all__ = ["ImagePipeline", "edit_start", "read_mask", "read_mask_file", "read_picture", "sigmas_of"]

CANVAS = 64
PATCH = 8


class ImageModel(FlowModel, Protocol):
    """A flow model over [B, 4, H, W] that can read prompts."""

    def encode(self, prompts: Sequence[str]) -> Any:
        """Condition for one prompt per sample, with the ``unknown`` and ``dropped`` words of each.

        A model that looks references up also says which names each prompt is ``shown``.
        """


def edit_start(strength: float) -> float:
    """Noise level at which an edit of this strength turns round: .2 keeps all but touches, 1 starts from noise."""
    return 0.2 + 0.8 * strength


def sigmas_of(settings: SamplingSettings, tokens: int, *, start: float = 1.0, end: float = 0.0) -> Tensor:
    """The noise levels that ``settings`` ask for, [steps + 1]."""
    return sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, tokens), start=start, end=end)


class ImagePipeline:
    """Makes and edits pictures with one model; safe to share, it keeps no state of a run."""

    def __init__(self, model: ImageModel) -> None:
        self.model = model

    @classmethod
    def load(cls, model: str = "starter") -> "ImagePipeline":
        """Load a model by name.

        Raises:
            ModelError: there is no such model, or its files are damaged.
        """
        return cls(registry.load("image", model))

    def generate(self, settings: ImageSettings) -> Iterator[Event[Picture]]:
        """Make ``settings.count`` pictures; closing the iterator stops at the next solver step."""
        started = time.monotonic()
        seeds = _seeds(settings, settings.count)
        positive = self.model.encode([_styled(settings.prompt, settings.style)] * settings.count)
        negative = self.model.encode([settings.negative_prompt] * settings.count)
        yield from _word_notes(positive, negative)
        model = CountedModel(self.model)
        toward, away = conditioned(model, positive), conditioned(model, negative)
        velocity = interval(
            guided(toward, away, settings.guidance), toward, settings.guidance_from, settings.guidance_to
        )
        tokens = settings.width * settings.height // PATCH**2
        start = noise((4, settings.height, settings.width), seeds)
        clock = _Clock(settings.steps, started)
        # Not to 0: below the clamp the model's velocity is too small to remove what noise is left.
        for step in solve(velocity, start, sigmas_of(settings, tokens, end=CLAMP), rule_named(settings.solver)):
            yield from clock.events(step.done, step.clean)
        # The last clean estimate, not the state: it is what the network drew, without the rule's extrapolation.
        yield _done(_pictures(step.clean), seeds, model.calls, started)

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
        yield from _word_notes(plan.source, plan.target)
        seeds = _seeds(settings, 1)
        clock: _Clock | None = None
        for step in _run(plan, settings, fit.signal(), seeds):
            clock = clock or _Clock(step.total, started)
            yield from clock.events(step.done, step.clean)
        yield _done((fit.restore(step.clean, soft),), seeds, step.calls, started)

    def _plan(self, settings: ImageEditSettings, mask: Tensor | None) -> EditPlan:
        source = self.model.encode([_styled(settings.source_prompt, settings.style)])
        target = self.model.encode([_styled(settings.prompt, settings.style)])
        return EditPlan(self.model, source, target, settings.guidance, mask)


def _run(plan: EditPlan, settings: ImageEditSettings, x: Tensor, seeds: list[int]) -> Iterator[EditStep]:
    # FlowEdit moves clean signals, so it goes all the way; the others start and end at the clamp.
    end = 0.0 if settings.method == "flowedit" else CLAMP
    falling = sigmas_of(settings, (CANVAS // PATCH) ** 2, start=edit_start(settings.strength), end=end)
    if settings.method == "rf-edit":
        first = math.floor(settings.share_from * len(plan.model.sites))
        sites = tuple(site.index for site in plan.model.sites[first:])
        sharing = Sharing(settings.share_steps, sites, policy=settings.features, budget=settings.budget_mb * 1_000_000)
        return rf_edit(plan, x, falling.flip(0), rule_named(settings.solver), sharing)
    if settings.method == "flowedit":
        return flow_edit(plan, x, falling, seeds, average=settings.average)
    e = noise(x.shape[1:], seeds)
    return magic_mix(plan, x, falling, e) if settings.method == "magicmix" else sde_edit(plan, x, falling, e)


def _styled(prompt: str, style: str) -> str:
    return prompt if style == "none" or not prompt.strip() else f"{prompt}, {style}"


def _seeds(settings: SamplingSettings, count: int) -> list[int]:
    first = secrets.randbelow(MAX_SEED + 1) if settings.seed is None else settings.seed
    return [(first + index) % (MAX_SEED + 1) for index in range(count)]


def _word_notes(*conditions: Any) -> Iterator[Note]:
    # Only a model with references of its own shows any.
    every = [getattr(condition, "shown", None) or [()] for condition in conditions]
    if shown := dict.fromkeys(name for names in every for name in names[0]):
        yield Note(f"Redrawn after stickers of other styles: {', '.join(shown)}")
    if unknown := dict.fromkeys(word for condition in conditions for word in condition.unknown[0]):
        yield Note(f"Not in the vocabulary, guessed from the spelling: {', '.join(unknown)}")
    if dropped := dict.fromkeys(word for condition in conditions for word in condition.dropped[0]):
        yield Note(f"The prompt is longer than the model reads; left out: {', '.join(dropped)}")


def _pictures(signal: Tensor) -> tuple[Picture, ...]:
    if not torch.isfinite(signal).all():
        raise ModelError("model: the result is not finite; use fewer or more steps, or less guidance")
    return tuple(to_picture(sample) for sample in signal)


def _done(pictures: tuple[Picture, ...], seeds: list[int], calls: int, started: float) -> Done[Picture]:
    return Done(pictures, tuple(seeds), calls, time.monotonic() - started)


class _Clock:
    """Progress and preview of every step, with the time left from the pace so far."""

    def __init__(self, total: int, started: float) -> None:
        self.total, self.started = total, started

    def events(self, done: int, clean: Tensor) -> Iterator[Event[Picture]]:
        left = (time.monotonic() - self.started) / done * (self.total - done)
        yield Progress(done, self.total, left)
        yield Preview(_pictures(clean))
