"""Moving pictures from public checkpoints."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.edit import feathered
from pipelines.errors import MediaError, ModelError, SettingsError
from pipelines.events import Done, Event, Note
from pipelines.media import Clip, Mask, Picture, Sound
from pipelines.models.diffusers.codecs import temporal
from pipelines.models.diffusers.families import multiple
from pipelines.models.diffusers.model import Ask
from pipelines.pretrained import following
from pipelines.pretrained.canvas import Canvas, frames_of
from pipelines.pretrained.running import Running, Shown, finite
from pipelines.sampling import Clock, seeds_of
from pipelines.settings import VideoEditSettings, VideoSettings

AREA = 832 * 480  # pixels of a frame that these models were made for
MOST = 257  # frames that are made or edited at once


class PretrainedClips(Running):
    """Makes and edits clips with one checkpoint; safe to share, it keeps no state of a run."""

    def generate(  # type: ignore[override]
        self,
        settings: VideoSettings,
        first_frame: Picture | None = None,
        last_frame: Picture | None = None,
        sound: Sound | None = None,
    ) -> Iterator[Event[Clip]]:
        """Make clips by the checkpoint's own pipeline, from ``first_frame`` where its family starts from a picture.

        Where it can, pictures follow ``sound``, which the clips then carry as it was given: for as long as it lasts
        where ``settings.follow_sound`` says so, in the least number of frames of the model's grid that holds it, at
        most :data:`MOST`; what is beyond the clip is left out, and silence fills what it leaves.

        Raises:
            SettingsError: a loop or too many clips were asked for, a picture is missing or too much, or the family
                follows no sound.
            MediaError: the sound is silent, too short or too long.
            ModelError: the size does not fit the model's grid.
        """
        started = time.monotonic()
        if settings.loop:
            raise SettingsError("loop: checkpoints make no loops; use the starter, or turn it off")
        if last_frame is not None:
            raise SettingsError("last_frame: checkpoints take a first frame alone; leave it out")
        if sound is not None and self.model.family.follows is None:
            raise SettingsError(
                f"sound: {self.model.family.title} follows no sound; leave it out, or choose a model that does (LTX-2)"
            )
        if first_frame is not None and not self.model.family.first_frame:
            yield from self._starting().generate(settings, first_frame, None, sound)
            return
        if settings.count > 1 and self.model.family.one_at_a_time:
            raise SettingsError(f"count: {self.model.family.title} makes one clip at a time; use 1 and several seeds")
        seeds = seeds_of(settings, settings.count)
        size = (self._frames(settings, sound), settings.height, settings.width)
        prompt = settings.prompt if settings.style == "none" else f"{settings.prompt}, {settings.style}"
        ask = Ask(
            (prompt,) * settings.count, size, settings.negative_prompt, settings.guidance, settings.steps,
            tuple(seeds), settings.rate, more=self._first(first_frame, size),
        )  # fmt: skip
        seconds = size[0] / settings.rate
        if sound is not None:
            self.model.check(size)
            if said := following.told(sound, size[0], settings.rate, settings.follow_sound):
                yield Note(said)
            rate = self.model.hearing_rate
            ask = replace(ask, sound=self.model.hear(following.wave_of(sound, seconds, rate), seconds))

        def show(clean: Tensor) -> tuple[Clip, ...]:
            return _clips(self.model.from_state(clean, size).transpose(1, 2), settings.rate)

        for event in super().generate(ask, settings, started, show, output_type="pt"):
            if not isinstance(event, Shown):
                yield event
                continue
            made = finite(torch.as_tensor(event.result[0]).float()) * 2 - 1
            carried: list[Sound | None] = (
                self._sound(event.result) if sound is None else [following.fitted(sound, seconds) for _ in made]
            )
            yield Done(_clips(made, settings.rate, carried), tuple(seeds), event.calls, time.monotonic() - started)

    def edit(  # type: ignore[override]
        self, settings: VideoEditSettings, source: Clip, mask: Mask | None = None
    ) -> Iterator[Event[Clip]]:
        """Turn ``source`` into what ``settings.prompt`` says; nothing outside ``mask`` changes by a bit.

        The model takes whole steps of frames; the last frames beyond them stay as they are. Sound is kept.

        Raises:
            MediaError: it is too long, or the mask is of another size.
            ModelError: editors cannot use this family.
        """
        started = time.monotonic()
        step = temporal(self.model.pipeline)
        count = (source.frames.shape[0] - 1) // step * step + 1
        if count > MOST:
            raise MediaError(
                f"clip: has {source.frames.shape[0]} frames, at most {MOST} can be edited at once; trim it"
            )
        if mask is not None and mask.weights.shape != source.frames.shape[1:3]:
            raise MediaError(f"mask: is {mask.weights.shape[::-1]} pixels, the clip is {source.size}")
        if count < source.frames.shape[0]:
            yield Note(
                f"The model takes {step} k + 1 frames: the last {source.frames.shape[0] - count} stay as they are."
            )
        side = multiple(self.model.family, self.model.pipeline)
        canvas = Canvas(source.frames[:count], side, AREA)
        x = self.model.to_state(canvas.pixels().transpose(0, 1)[None])
        size = (count, *canvas.size)
        soft = None
        if mask is not None:
            soft = feathered(torch.from_numpy(mask.weights)[None, None].float(), settings.feather)[0, 0].numpy()
        hard = None if soft is None else self._on_grid(canvas, soft, x)
        more = self._first(Picture(source.frames[0]), size)
        seeds, clock, done = seeds_of(settings, 1), None, None
        for done in super().edit(settings, x, size, hard, seeds[0], **more):
            clock = clock or Clock(done.total, started)
            yield clock.progress(done.done)
        assert done is not None
        before = self.model.from_state(x, size)
        after = before if torch.equal(done.clean.to(x), x) else self.model.from_state(done.clean.to(x), size)
        frames = canvas.restore(finite(after)[0].transpose(0, 1), before[0].transpose(0, 1), soft)
        made = Clip(np.concatenate([frames, source.frames[count:]]), source.rate, source.sound)
        yield Done((made,), tuple(seeds), done.calls, time.monotonic() - started)

    def extend(self, settings: Any, source: Clip) -> Iterator[Event[Clip]]:
        """Checkpoints do not let a clip go on.

        Raises:
            ModelError: always.
        """
        raise ModelError("model: checkpoints do not let a clip go on; use the starter")

    def _frames(self, settings: VideoSettings, sound: Sound | None) -> int:
        """How many are made: as many as were asked for, or as a usable sound lasts."""
        if sound is None:
            return settings.frames
        following.check(sound)
        if not settings.follow_sound:
            return settings.frames
        return following.frames_for(sound.seconds, settings.rate, temporal(self.model.pipeline), MOST)

    def _starting(self) -> "PretrainedClips":
        """The same weights, starting from a picture.

        Raises:
            SettingsError: they were not made for it.
        """
        found = self.model.from_a_picture
        if found is None:
            raise SettingsError(f"first_frame: {self.model.family.title} takes no such picture; leave it out")
        return PretrainedClips(found, self.plan)

    def _first(self, first: Picture | None, size: tuple[int, int, int]) -> dict[str, Any]:
        """The first frame as an argument, for families that start from one."""
        if not self.model.family.first_frame:
            return {}
        if first is None:
            raise SettingsError(f"first_frame: {self.model.family.title} needs a first frame; give a picture")
        from PIL import Image

        canvas = Canvas(first.pixels[None], multiple(self.model.family, self.model.pipeline), size[1] * size[2])
        white = frames_of(canvas.source)[0]
        return {"image": Image.fromarray(white[..., :3]).resize((size[2], size[1]), Image.Resampling.LANCZOS)}

    def _on_grid(self, canvas: Canvas, weights: np.ndarray, x: Tensor) -> Tensor:
        """A mask over the state: [1, 1, 1, h, w], or [1, T h w, 1] where the grid is packed into tokens."""
        if x.ndim == 5:
            return canvas.mask(weights, (x.shape[-2], x.shape[-1]))[:, :, None]
        side = multiple(self.model.family, self.model.pipeline)
        one = canvas.mask(weights, (canvas.size[0] // side, canvas.size[1] // side)).reshape(1, -1, 1)
        return one.repeat(1, x.shape[1] // one.shape[1], 1)

    def _sound(self, result: tuple[Any, ...]) -> list[Sound | None]:
        """What a family that makes sound beside its pictures returned as second."""
        count = len(result[0])
        if len(result) < 2 or result[1] is None:
            return [None] * count
        rate = int(self.model.pipeline.vocoder.config.output_sampling_rate)
        waves = finite(torch.as_tensor(result[1]).float()).cpu().numpy()
        return [Sound(np.ascontiguousarray(wave[:2] / max(1.0, float(np.abs(wave).max()))), rate) for wave in waves]


def _clips(media: Tensor, rate: float, sound: list[Sound | None] | None = None) -> tuple[Clip, ...]:
    """[B, T, 3, H, W] in [-1, 1] as clips."""
    held = sound or [None] * len(media)
    return tuple(Clip(frames_of(frames), rate, wave) for frames, wave in zip(media, held, strict=True))
