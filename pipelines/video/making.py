"""Making clips: a picture, a score, and the frames between the ends that are given."""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pipelines.edit.types import CountedModel
from pipelines.errors import SettingsError
from pipelines.events import Done, Event, Note, Preview
from pipelines.flow import Call, FlowModel, Velocity, guided
from pipelines.flow.filling import fill
from pipelines.flow.rules import rule_named
from pipelines.image import ImagePipeline
from pipelines.media import Clip, Picture
from pipelines.models.motion import Score, performed, shrunk
from pipelines.models.tracking import track
from pipelines.models.video import VideoCondition, VideoModel
from pipelines.sampling import SEED_STEP, Clock, seeds_of, sigmas_of
from pipelines.settings import ImageSettings, VideoSettings
from pipelines.video.asking import motion_of, read
from pipelines.video.canvas import Canvas, to_clip

TURN = 5  # frames by which a loop is turned from step to step, so that its seam lies nowhere
# Where clips are done, above the clamp: nearer to the data the starter adds more noise than it takes away.
END = 0.25
# The level at which a clip begins, over its moved picture: where the field says everything, what the network draws anew
# from higher up is blotchier than that. With a last frame the field says little, and all is drawn.
BEGIN = 0.4
# How far a patch's frames must differ from the moved picture's before the change counts, of the range of colours, and
# how much of it counts then: measured on real clips, more of it is farther from them.
MEANT, SHARE, PATCH = 0.05, 0.5, 5
HELD = 1e-4  # a score that moves less than this, in half canvas sizes, holds still


@dataclass(frozen=True)
class Ends:
    """Pictures that a clip begins and ends with, where they are given."""

    first: Picture | None = None
    last: Picture | None = None


def make_clips(model: VideoModel, images: ImagePipeline, settings: VideoSettings, ends: Ends) -> Iterator[Event[Clip]]:
    """Events of one run; see :meth:`pipelines.video.VideoPipeline.generate`."""
    started = time.monotonic()
    if ends.last is not None and settings.loop:
        raise SettingsError("loop: a clip with a last frame cannot run into its beginning; turn the loop off")
    seeds = seeds_of(settings, settings.count)
    asked = read(model, settings.prompt)
    motion = motion_of(model, asked)
    yield Note(motion.said)
    canvas = None if ends.first is None else Canvas(ends.first, model.size)
    calls = 0
    if canvas is None:
        if not asked.content.strip():
            raise SettingsError(
                f"prompt: {settings.prompt!r:.60} says how to move but not what to show; name a thing, as in "
                "'a red heart, beating', or give a first frame"
            )
        values: dict[str, Any] = {
            "negative_prompt": settings.negative_prompt,
            "style": settings.style,
            "count": len(seeds),
        }
        wanted = ImageSettings(**{"prompt": asked.content, "seed": seeds[0], **values})
        pictures, calls = yield from drawn(images, wanted, motion.room, settings.rate)
    else:
        pictures = canvas.signal.expand(settings.count, -1, -1, -1)
    score = motion.score(settings.frames, settings.rate, loop=settings.loop, amount=settings.amount)
    scores = [score] * settings.count
    moving = torch.stack([performed(picture, score) for picture in pictures])
    data, known = torch.zeros_like(moving), torch.zeros(settings.frames, dtype=torch.bool)
    if held(score[:1]):  # the picture itself is the first frame
        data[:, :, 0], known[0] = pictures, True
    elif canvas is not None:
        yield Note("This motion begins elsewhere than at your picture; the first frame is the picture as it is moved.")
    if ends.last is not None:
        last = Canvas(ends.last, model.size).signal
        scores = [toward(score, picture, last[0]) for picture in pictures]
        moving = torch.stack([_meeting(*each, last[0]) for each in zip(pictures, scores, strict=True)])
        data[:, :, -1], known[-1] = last, True
    yield Preview(tuple(to_clip(sample, settings.rate) for sample in moving))
    counted = CountedModel(model)
    positive = model.shown(model.summary([asked.content or settings.prompt] * settings.count), moving, scores)
    negative = model.shown(model.summary([settings.negative_prompt] * settings.count), moving, scores).still
    velocity = guided(
        along(counted, positive, settings.loop), along(counted, negative, settings.loop), settings.guidance
    )
    clock = Clock(settings.steps, time.monotonic())
    noises = [(seed + SEED_STEP) % 2**32 for seed in seeds]  # not the noise that the picture was drawn from
    begin = BEGIN if ends.last is None else 1.0
    sigmas = sigmas_of(settings, model.tokens(settings.frames), start=begin, end=END)
    made = moving
    for step in fill(velocity, data, known, sigmas, rule_named(settings.solver), noises, moving):
        yield clock.progress(step.done)
        # The clean estimate, not the state: it is what the network drew, without the rule's extrapolation.
        made = step.clean if ends.last is not None else settled(step.clean, moving, known)
        if step.done < settings.steps:
            yield Preview(tuple(to_clip(sample, settings.rate) for sample in made))
    clips = tuple(
        to_clip(sample, settings.rate) if canvas is None else canvas.clip(sample, own, settings.rate)
        for sample, own in zip(made, scores, strict=True)
    )
    yield Done(clips, tuple(seeds), calls + counted.calls, time.monotonic() - started)


def drawn(
    images: ImagePipeline, settings: ImageSettings, room: float, rate: float
) -> Generator[Event[Clip], None, tuple[Tensor, int]]:
    """Pictures [B, 4, H, W] by the image starter, at ``room`` of their size, and the model calls that they took."""
    found: tuple[Picture, ...] = ()
    calls = 0
    for event in images.generate(settings):
        if isinstance(event, Note):
            yield event
        elif isinstance(event, Preview):
            yield Preview(tuple(Clip(item.pixels[None], rate) for item in event.items))
        elif isinstance(event, Done):
            found, calls = event.items, event.calls
    pictures = (Canvas(picture, picture.size[0]).signal[0] for picture in found)
    return torch.stack([shrunk((picture + 1) / 2, room) * 2 - 1 for picture in pictures]), calls


def along(model: FlowModel, condition: VideoCondition, loop: bool) -> Velocity:
    """Velocity under ``condition``; a loop is turned a little further at each step, so that it has no ends."""

    def velocity(x: Tensor, sigma: Tensor, call: Call) -> Tensor:
        if not loop:
            return model.velocity(x, sigma, condition)
        frames = x.shape[2]
        places = (torch.arange(frames) + TURN * call.step) % frames
        levels = sigma if sigma.ndim == 1 else sigma[:, places]
        v = model.velocity(x[:, :, places], levels, condition.frames(places))
        return v[:, :, torch.argsort(places)]

    return velocity


def settled(made: Tensor, moving: Tensor, known: Tensor | None = None) -> Tensor:
    """``moving`` [B, 4, T, H, W], and in it what ``made`` changes enough to be meant; frames ``known`` [T] as made."""
    change = made - moving
    # By patches: what is meant hangs together, and what is noise does not.
    size = avg_pool2d(change.abs().amax(1) / 2, PATCH, 1, PATCH // 2)[:, None]
    found = moving + SHARE * (size / MEANT - 1).clamp(0, 1) * change
    return found if known is None else torch.where(known[:, None, None], made, found)


def held(score: Score) -> bool:
    """Whether a score holds still."""
    return bool(score.field.abs().max() < HELD and score.opacity.min() > 1 - HELD)


def toward(score: Score, picture: Tensor, last: Tensor) -> Score:
    """``score`` that also carries ``picture`` [4, H, W] into ``last``, evenly over time."""
    way = track(torch.stack([(picture + 1) / 2, (last + 1) / 2]))
    time_ = torch.linspace(0, 1, score.frames)[:, None, None, None]
    return Score(score.field + time_ * way.field[-1:], score.opacity)


def _meeting(picture: Tensor, score: Score, last: Tensor) -> Tensor:
    """``picture`` as ``score`` moves it, fading into ``last`` moved back along the same way: [4, T, H, W]."""
    share = torch.linspace(0, 1, score.frames)
    there = performed(picture, score)
    back = Score(score.field - score.field[-1:], score.opacity)
    return there + share[None, :, None, None] * (performed(last, back) - there)
