"""Editing clips: the motion is read off the clip, its key frame is edited as a picture, and the flow redraws the rest.

The source is described to the model as its key frame moved by the score, the target as the edited key frame moved by
the same score, so that the difference of the two velocities changes what is shown and keeps how it moves. One noise
serves all frames, which keeps what stands still from flickering.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.image import Fit, to_picture, to_signal
from pipelines.edit import EditPlan, feathered
from pipelines.events import Done, Event, Note, Preview
from pipelines.flow import noise
from pipelines.image import ImagePipeline
from pipelines.media import Clip, Mask, Picture
from pipelines.models.motion import performed
from pipelines.models.tracking import track
from pipelines.models.video import VideoModel
from pipelines.sampling import SEED_STEP, Clock, edited, seeds_of
from pipelines.settings import ImageEditSettings, VideoEditSettings
from pipelines.video.asking import motion_of, read
from pipelines.video.canvas import Painted, on_canvas, painted, to_clip, unit

KEY_STRENGTH = 0.9  # of the edit of the key frame at full strength: the image starter's own default


def edit_clip(
    model: VideoModel, images: ImagePipeline, settings: VideoEditSettings, clip: Clip, mask: Painted | None
) -> Iterator[Event[Clip]]:
    """Events of one edit; see :meth:`pipelines.video.VideoPipeline.edit`."""
    started = time.monotonic()
    soft = None
    if mask is not None:
        soft = feathered(painted(mask, clip), settings.feather)
    x = on_canvas(clip, model.size)
    seeds = seeds_of(settings, 1)
    key = key_frame(x)
    score = track(unit(x[0]), key)
    was, asked = read(model, settings.source_prompt), read(model, settings.prompt)
    source, target = was.content or settings.source_prompt, asked.content or was.content or settings.prompt
    changed, calls = yield from _key_edited(images, settings, x[0, :, key], (source, target), seeds[0])
    scores = [score, score]
    if asked.moves and asked.moves != was.moves:  # the words ask for another motion than they say there is
        motion = motion_of(model, asked)
        scores[1] = motion.score(len(clip.frames), clip.rate, loop=False)
        yield Note(f"{motion.said} Frame {key} moves so; what the clip did before gives way.")
    else:
        yield Note(f"The motion is read off the clip; frame {key} is edited, and the others follow it.")
    before, after = (
        model.shown(model.summary([text]), performed(picture, each)[None], [each])
        for text, picture, each in zip((source, target), (x[0, :, key], changed), scores, strict=True)
    )
    yield Preview((to_clip(after.reference[0, :4], clip.rate, clip.sound),))
    plan = EditPlan(model, before, after, settings.guidance, None if soft is None else _hard(clip, soft, model.size))
    clock: Clock | None = None
    for step in edited(plan, settings, x, seeds, model.tokens(len(clip.frames)), draw=one_noise):
        clock = clock or Clock(step.total, time.monotonic())
        yield clock.progress(step.done)
        if step.done < step.total:
            yield Preview((to_clip(step.clean[0], clip.rate, clip.sound),))
    result = restored(clip, step.clean[0], model.size, soft)
    yield Done((result,), tuple(seeds), calls + step.calls, time.monotonic() - started)


def key_frame(x: Tensor) -> int:
    """The frame of ``x`` [1, 4, T, H, W] that shows most: the first, unless another is a fifth fuller."""
    full = (x[0, 3] + 1).sum((1, 2))
    return 0 if full[0] >= 0.8 * full.max() else int(full.argmax())


def one_noise(shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
    """Noise [B, C, T, H, W] that is the same in every frame of a clip."""
    channels, frames, *sizes = shape
    return noise((channels, 1, *sizes), seeds).expand(-1, -1, frames, *[-1] * len(sizes)).contiguous()


def restored(clip: Clip, made: Tensor, size: int, soft: Tensor | None) -> Clip:
    """What the model made, [4, T, size, size], at the clip's size; outside the mask [T, 1, H, W] as it was."""
    frames = []
    for frame, (pixels, each) in enumerate(zip(clip.frames, made.unbind(1), strict=True)):
        weights = None if soft is None else soft[frame : frame + 1]
        frames.append(Fit(Picture(pixels), size).restore(each[None], weights).pixels)
    return Clip(np.stack(frames), clip.rate, clip.sound)


def _hard(clip: Clip, soft: Tensor, size: int) -> Tensor:
    """The mask on the model's canvas, [1, 1, T, size, size], 0 or 1: soft weights at every step would erode it."""
    cells = [
        Fit(Picture(pixels), size).mask(Mask(weights[0].numpy()))
        for pixels, weights in zip(clip.frames, soft, strict=True)
    ]
    return (torch.stack(cells, dim=2) > 0).float()


def _key_edited(
    images: ImagePipeline, settings: VideoEditSettings, key: Tensor, prompts: tuple[str, str], seed: int
) -> Generator[Event[Clip], None, tuple[Tensor, int]]:
    """The key frame [4, H, W] edited from the first prompt to the second by the same method, and the calls it took."""
    source, target = prompts
    if source == target or not settings.strength:
        return key, 0
    values: dict[str, Any] = {
        "style": settings.style,
        "average": settings.average,
        "strength": KEY_STRENGTH * settings.strength,
    }
    words: dict[str, Any] = {"source_prompt": source, "prompt": target}
    asked = ImageEditSettings(**{**words, **values, "seed": (seed + SEED_STEP) % 2**32})
    found, calls = key, 0
    for event in images.edit(asked, to_picture(key)):
        if isinstance(event, Note):
            yield event
        elif isinstance(event, Done):
            found, calls = to_signal(event.items[0])[0], event.calls
    return found, calls
