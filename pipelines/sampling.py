"""What the pipelines of every medium share around the engine: seeds, noise levels, the editors, the clock."""

import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from torch import Tensor

from pipelines.edit import EditPlan, EditStep, Sharing, flow_edit, magic_mix, rf_edit, sde_edit
from pipelines.edit.flow_edit import Draw
from pipelines.events import Note, Progress
from pipelines.flow import CLAMP, SCHEDULES, FlowModel, noise, sigma_grid
from pipelines.flow.rules import rule_named
from pipelines.settings import (
    MAX_SEED,
    ImageEditSettings,
    MeshEditSettings,
    SamplingSettings,
    SoundEditSettings,
    VideoEditSettings,
)


class PromptedModel(FlowModel, Protocol):
    """A flow model that can read prompts."""

    def encode(self, prompts: Sequence[str]) -> Any:
        """Condition for one prompt per sample, with the ``unknown`` and ``dropped`` words of each.

        A model that looks references up also says which names each prompt is ``shown``.
        """


SEED_STEP = 7919  # between the noise of the parts of one result, so that two seeds next to each other share none


def edit_start(strength: float, lift: float = 1.0) -> float:
    """Noise level at which an edit of this strength turns round: .2 keeps all but touches, 1 starts from noise.

    ``lift`` above 1 raises the levels between, by the shift of schedules, for signals that show through more noise.
    """
    level = 0.2 + 0.8 * strength
    return lift * level / (1 + (lift - 1) * level)


def sigmas_of(settings: SamplingSettings, tokens: int, *, start: float = 1.0, end: float = 0.0) -> Tensor:
    """The noise levels that ``settings`` ask for, [steps + 1]."""
    return sigma_grid(settings.steps, SCHEDULES[settings.schedule](settings.shift, tokens), start=start, end=end)


def seeds_of(settings: SamplingSettings, count: int) -> list[int]:
    """The seed of each of ``count`` results: the one asked for, or any, and those that follow it."""
    first = secrets.randbelow(MAX_SEED + 1) if settings.seed is None else settings.seed
    return [(first + index) % (MAX_SEED + 1) for index in range(count)]


def edited(
    plan: EditPlan,
    settings: ImageEditSettings | SoundEditSettings | VideoEditSettings | MeshEditSettings,
    x: Tensor,
    seeds: Sequence[int],
    tokens: int,
    lift: float = 1.0,
    draw: Draw = noise,
    *,
    levels: Callable[[float, float], Tensor] | None = None,
    end: float = CLAMP,
) -> Iterator[EditStep]:
    """Run the editor that ``settings`` name on the clean signal ``x`` [B, *S] of so many ``tokens``.

    ``lift`` is that of :func:`edit_start`; ``draw`` makes the noise of samples from its shape and their seeds;
    ``levels`` (start, end) are a model's own noise levels, where it has some.
    """
    # FlowEdit moves clean signals, so it goes all the way; the others start and end where the model's velocity does.
    end = 0.0 if settings.method == "flowedit" else end
    start = edit_start(settings.strength, lift)
    falling = levels(start, end) if levels else sigmas_of(settings, tokens, start=start, end=end)
    if settings.method == "rf-edit":
        first = math.floor(settings.share_from * len(plan.model.sites))
        sites = tuple(site.index for site in plan.model.sites[first:])
        sharing = Sharing(settings.share_steps, sites, policy=settings.features, budget=settings.budget_mb * 1_000_000)
        return rf_edit(plan, x, falling.flip(0), rule_named(settings.solver), sharing)
    if settings.method == "flowedit":
        return flow_edit(plan, x, falling, seeds, average=getattr(settings, "average", 1), draw=draw)
    e = draw(x.shape[1:], seeds)
    return magic_mix(plan, x, falling, e) if settings.method == "magicmix" else sde_edit(plan, x, falling, e)


def word_notes(*conditions: Any) -> Iterator[Note]:
    """What a person should know of how their prompts were read: references, unknown words, words cut off."""
    # Only a model with references of its own shows any.
    every = [getattr(condition, "shown", None) or [()] for condition in conditions]
    if shown := dict.fromkeys(name for names in every for name in names[0]):
        yield Note(f"Redrawn after stickers of other styles: {', '.join(shown)}")
    if unknown := dict.fromkeys(word for condition in conditions for word in condition.unknown[0]):
        yield Note(f"Not in the vocabulary, guessed from the spelling: {', '.join(unknown)}")
    if dropped := dict.fromkeys(word for condition in conditions for word in condition.dropped[0]):
        yield Note(f"The prompt is longer than the model reads; left out: {', '.join(dropped)}")


class Clock:
    """Progress of every step, with the time left from the pace so far."""

    def __init__(self, total: int, started: float) -> None:
        """``started`` is of the monotonic clock."""
        self.total, self.started = total, started

    def progress(self, done: int) -> Progress:
        """What to say after step ``done``."""
        return Progress(done, self.total, (time.monotonic() - self.started) / done * (self.total - done))
