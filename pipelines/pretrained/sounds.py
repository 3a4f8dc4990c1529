"""Music and sounds from public checkpoints."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pipelines.codecs.audio import mono, normalised, resampled
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done, Event
from pipelines.media import Sound
from pipelines.models.diffusers.families import channels, sample_rate
from pipelines.models.diffusers.model import Ask
from pipelines.pretrained.running import Running, Shown, finite
from pipelines.sampling import Clock, seeds_of
from pipelines.settings import SoundEditSettings, SoundSettings

SHORTEST, LONGEST = 0.1, 600.0  # seconds that are edited as a whole


class PretrainedSounds(Running):
    """Makes and edits sounds with one checkpoint; safe to share, it keeps no state of a run."""

    def generate(self, settings: SoundSettings) -> Iterator[Event[Sound]]:  # type: ignore[override]
        """Make ``settings.count`` sounds by the checkpoint's own pipeline; closing the iterator stops it.

        Raises:
            SettingsError: a loop was asked for.
        """
        started = time.monotonic()
        if settings.loop:
            raise SettingsError("loop: checkpoints make no loops; use the starter, or turn it off")
        seeds = seeds_of(settings, settings.count)
        rate = sample_rate(self.model.pipeline)
        size = (round(settings.seconds * rate),)
        more = {"lyrics": [settings.lyrics] * settings.count} if settings.lyrics else {}
        ask = Ask(
            (settings.prompt,) * settings.count, size, settings.negative_prompt, settings.guidance, settings.steps,
            tuple(seeds), more=more,
        )  # fmt: skip

        def show(clean: Tensor) -> tuple[Sound, ...]:
            return self._sounds(self.model.from_state(clean, size), settings.loudness)

        for event in super().generate(ask, settings, started, show, output_type="pt"):
            if not isinstance(event, Shown):
                yield event
                continue
            sounds = self._sounds(torch.as_tensor(event.result[0]), settings.loudness)
            yield Done(sounds, tuple(seeds), event.calls, time.monotonic() - started)

    def edit(self, settings: SoundEditSettings, source: Sound) -> Iterator[Event[Sound]]:  # type: ignore[override]
        """Turn ``source`` into what ``settings.prompt`` says, at the model's own sample rate.

        Raises:
            MediaError: it is too short or too long.
            SettingsError: it should go on, which the starter does.
            ModelError: the model's sampler has no way back.
        """
        started = time.monotonic()
        if settings.extend:
            raise SettingsError("extend: checkpoints do not let a sound go on; use the starter, or 0")
        if not SHORTEST <= source.seconds <= LONGEST:
            raise MediaError(f"sound: lasts {source.seconds:.2f} s; {SHORTEST} to {LONGEST:.0f} s can be edited")
        wave = self._wave(source)
        x = self.model.to_state(wave)
        size = (wave.shape[-1],)
        seeds, clock, done = seeds_of(settings, 1), None, None
        for done in super().edit(settings, x, size, None, seeds[0]):
            clock = clock or Clock(done.total, started)
            yield clock.progress(done.done)
        assert done is not None
        if torch.allclose(done.clean.to(x), x, atol=1e-5, rtol=0):
            # An edit that changed nothing is the sound itself, not the codec's copy of it.
            made: tuple[Sound, ...] = (source,)
        else:
            made = self._sounds(self.model.from_state(done.clean.to(x), size), settings.loudness)
        yield Done(made, tuple(seeds), done.calls, time.monotonic() - started)

    def _wave(self, source: Sound) -> Tensor:
        """[1, channels, samples] at the model's rate, silence added up to a whole number of its frames."""
        rate, wide = sample_rate(self.model.pipeline), channels(self.model.pipeline)
        sound = resampled(mono(source) if wide == 1 else source, rate)
        samples = torch.from_numpy(np.ascontiguousarray(sound.samples))[None]
        samples = samples.expand(1, wide, -1)
        step = self._frame()
        missing = -samples.shape[-1] % step
        return torch.nn.functional.pad(samples, (0, missing))

    def _frame(self) -> int:
        """Samples that one token of the network spans."""
        pipeline = self.model.pipeline
        vae = pipeline.vae
        found = getattr(vae, "downsampling_ratio", None) or getattr(vae, "hop_length", None)
        found = found or getattr(vae.config, "downsampling_ratio", None) or getattr(pipeline, "vae_scale_factor", 1)
        patch = getattr(self.model.networks[0].config, "patch_size", None) or 1
        return int(found or 1) * int(patch)

    def _sounds(self, waves: Tensor, lufs: float) -> tuple[Sound, ...]:
        rate = sample_rate(self.model.pipeline)
        made = []
        for wave in finite(waves.float()).cpu().numpy():
            held = wave[:2] / max(1.0, float(np.abs(wave).max()))
            made.append(normalised(Sound(np.ascontiguousarray(held, dtype=np.float32), rate), lufs))
        return tuple(made)
