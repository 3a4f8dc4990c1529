"""Clips that go on: a buffer of frames, each noisier than the one before, that gives off its first as they are done.

StreamDiT (arXiv 2507.03745): the buffer is parted; every round takes each part one level down, gives off the cleanest
and takes in fresh noise at its end. A few frames that are done stay in front, at sigma 0, so that what follows fits.
With a single part it is the ordinary sampler with its first frames given.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.edit.types import CountedModel
from pipelines.events import Done, Event, Note, Piece
from pipelines.flow import guided, noise, sigma_grid
from pipelines.flow.filling import filling
from pipelines.flow.rules import EULER
from pipelines.flow.schedule import SCHEDULES
from pipelines.flow.solver import solve
from pipelines.image import ImagePipeline
from pipelines.media import Clip, Picture
from pipelines.models.motion import Score, performed
from pipelines.models.video import VideoCondition, VideoModel
from pipelines.sampling import SEED_STEP, Clock, seeds_of
from pipelines.settings import ImageSettings, VideoExtendSettings
from pipelines.video.asking import Motion, motion_of, read
from pipelines.video.canvas import Canvas, on_canvas
from pipelines.video.making import END, along, drawn, settled

CONTEXT = 4  # frames that are done and stay in front
PARTS = 4
PART = 3  # frames of a part
BLEND = 6  # frames over which a new prompt takes over


@dataclass(frozen=True)
class Scene:
    """What a stretch of the stream shows: the picture [4, H, W] that moves, its motion, words, and first frame."""

    picture: Tensor
    motion: Motion
    summary: Tensor
    since: int


@dataclass
class Buffer:
    """The state of a stream; it holds as many frames at its end as at its beginning.

    Attributes:
        model: what makes the frames.
        rate: frames a second.
        grid: noise levels of a frame's way, falling, [steps + 1]; steps a multiple of the parts.
        seed: of the noise; every frame has its own.
        scenes: what is shown, in order; at most the last two are kept.
        done: the last frames that are final, [1, 4, n, H, W].
    """

    model: VideoModel
    rate: float
    grid: Tensor
    seed: int
    scenes: list[Scene]
    done: Tensor
    amount: float = 1.0
    guidance: float = 1.0
    parts: int = PARTS
    part: int = PART
    made: int = 0  # frames that are final
    noisy: list[Tensor] = field(default_factory=list)  # states of the parts, cleanest first, [1, 4, part, H, W]
    calls: int = 0

    def round(self) -> Tensor | None:
        """Take every part a level down; the frames that became final, [1, 4, part, H, W], once the buffer is full."""
        first = self.made + self.part * len(self.noisy)
        self.noisy.append(self._fresh(first))
        context = self.done[:, :, -CONTEXT:]
        given = context.shape[2]
        x = torch.cat([context, *self.noisy], dim=2)
        known = torch.zeros(x.shape[2], dtype=torch.bool)
        known[:given] = True
        counted = CountedModel(self.model)
        positive = self._condition(given)
        velocity = guided(
            along(counted, positive, loop=False), along(counted, positive.still, loop=False), self.guidance
        )
        clean = x
        for step in solve(filling(velocity, x, known), x, self._levels(given), EULER):
            x, clean = step.state.value, step.clean
        self.calls += counted.calls
        self.noisy = list(x[:, :, given:].float().split(self.part, dim=2))
        if len(self.noisy) < self.parts:
            return None
        # The clean estimate, as at the end of every run.
        done = slice(given, given + self.part)
        final = settled(clean[:, :, done].float(), positive.reference[:, :4, done])
        self.noisy.pop(0)
        self.done = torch.cat([self.done, final], dim=2)[:, :, -CONTEXT:]
        self.made += self.part
        return final

    def change(self, scene: Scene) -> None:
        """Let another scene take over, from its first frame on."""
        self.scenes = [*self.scenes, scene][-2:]

    def score(self, first: int, count: int) -> Score:
        """How frames from ``first`` on move."""
        return self._performance(first, count)[1]

    def _fresh(self, first: int) -> Tensor:
        seeds = [(self.seed + SEED_STEP * (frame + 1)) % 2**32 for frame in range(first, first + self.part)]
        shape = (4, *self.done.shape[3:])
        return noise(shape, seeds).transpose(0, 1)[None].contiguous()

    def _levels(self, given: int) -> Tensor:
        """Levels of this round, [steps of a part + 1, frames]: each part goes on where the last round left it."""
        steps = (len(self.grid) - 1) // self.parts
        columns = [torch.zeros(steps + 1, given, dtype=self.grid.dtype)]
        for place in range(len(self.noisy)):
            start = (len(self.noisy) - 1 - place) * steps
            columns.append(self.grid[start : start + steps + 1, None].expand(-1, self.part))
        return torch.cat(columns, dim=1)

    def _condition(self, given: int) -> VideoCondition:
        """Condition of all frames in the buffer."""
        moving, score = self._performance(self.made - given, given + self.part * len(self.noisy))
        return self.model.shown(self.scenes[-1].summary, moving, [score])

    def _performance(self, first: int, count: int) -> tuple[Tensor, Score]:
        """Pictures [1, 4, count, H, W] as they move from frame ``first`` on, and how they move."""
        moving, score = self._shown(self.scenes[0], first, count)
        for scene in self.scenes[1:]:
            share = ((torch.arange(count) + first - scene.since + 1) / BLEND).clamp(0, 1)
            other, other_score = self._shown(scene, first, count)
            moving = moving + share[None, None, :, None, None] * (other - moving)
            score = score.blended(other_score, share)
        return moving, score

    def _shown(self, scene: Scene, first: int, count: int) -> tuple[Tensor, Score]:
        # Before its beginning a scene holds its first pose.
        early = max(0, min(count, scene.since - first))
        start = max(first, scene.since) - scene.since
        score = Score.still(early)
        if early < count:
            seconds = start / self.rate
            later = scene.motion.score(count - early, self.rate, loop=False, amount=self.amount, start=seconds)
            score = score.then(later)
        return performed(scene.picture, score)[None], score


def stream(buffer: Buffer) -> Iterator[Tensor]:
    """Parts of the stream as they become final, without end; change the buffer's scene between them."""
    while True:
        final = buffer.round()
        if final is not None:
            yield final


def extend_clip(
    model: VideoModel, images: ImagePipeline, settings: VideoExtendSettings, clip: Clip,
    steer: Callable[[float], str | None] | None,
) -> Iterator[Event[Clip]]:  # fmt: skip
    """Events of one run; see :meth:`pipelines.video.VideoPipeline.extend`."""
    started = time.monotonic()
    seeds = seeds_of(settings, 1)
    canvas = Canvas(Picture(clip.frames[-1]), model.size, max(clip.size))
    timeline = list(settings.timeline)
    director = _Director(model, images, settings, canvas.signal[0], seeds[0], clip.rate)
    scene = yield from director.scene(timeline.pop(0)[1], 0)
    steps = -(-settings.steps // PARTS) * PARTS
    warp = SCHEDULES[settings.schedule](settings.shift, model.tokens(model.length))
    grid = sigma_grid(steps, warp, start=1.0, end=END)
    before = on_canvas(Clip(clip.frames[-CONTEXT:], clip.rate), model.size)
    buffer = Buffer(model, clip.rate, grid, seeds[0], [scene], before, settings.amount, settings.guidance)
    wanted = max(1, round(settings.seconds * clip.rate))
    clock = Clock(PARTS - 1 + -(-wanted // PART), started)
    made: list[np.ndarray] = []
    rounds = 0
    while buffer.made < wanted:
        seconds = buffer.made / clip.rate
        prompt = steer(seconds) if steer is not None else None
        while timeline and timeline[0][0] <= seconds:
            prompt = timeline.pop(0)[1]
        if prompt is not None:
            buffer.change((yield from director.scene(prompt, buffer.made)))
        final = buffer.round()
        rounds += 1
        yield clock.progress(rounds)
        if final is not None:
            new = min(PART, wanted - buffer.made + PART)
            score = buffer.score(buffer.made - PART, new)
            piece = canvas.clip(final[0, :, :new], score, clip.rate, first=False)
            made.append(piece.frames)
            yield Piece(piece)
    whole = Clip(np.concatenate([clip.frames, *made]), clip.rate, clip.sound)
    yield Done((whole,), tuple(seeds), buffer.calls + director.calls, time.monotonic() - started)


@dataclass
class _Director:
    """Turns prompts into scenes."""

    model: VideoModel
    images: ImagePipeline
    settings: VideoExtendSettings
    picture: Tensor  # what moves, until a prompt names something else
    seed: int
    rate: float
    calls: int = 0
    content: str = ""

    def scene(self, prompt: str, since: int) -> Generator[Event[Clip], None, Scene]:
        """The scene of ``prompt``; what it names that is not shown yet is drawn by the image starter."""
        asked = read(self.model, prompt)
        motion = motion_of(self.model, asked)
        yield Note(motion.said if not since else f"After {since} frames: {motion.said[0].lower()}{motion.said[1:]}")
        if asked.content and since and asked.content != self.content:
            values: dict[str, Any] = {"prompt": asked.content, "style": self.settings.style, "seed": self.seed}
            made = ImageSettings(**values)
            pictures, calls = yield from drawn(self.images, made, motion.room, self.rate)
            self.picture, self.calls = pictures[0], self.calls + calls
        self.content = asked.content or self.content
        return Scene(self.picture, motion, self.model.summary([asked.content or prompt]), since)
