"""Runs a job: settings and inputs to the events of a pipeline. The only part of the studio that loads models."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.errors import ModelError, StudioError
from pipelines.events import Event, Note
from pipelines.settings import ImageEditSettings, ImageSettings
from studio.jobs import Job

Inputs = dict[str, Path]  # role -> file


class Runner:
    """Pipelines loaded at their first use and kept until they are let go."""

    def __init__(self) -> None:
        self._pipelines: dict[tuple[str, str], Any] = {}
        self._run: dict[str, Callable[[Any, Inputs], Iterator[Event[Any]]]] = {
            "image.generate": self._make_image,
            "image.edit": self._edit_image,
        }

    def __call__(self, job: Job, inputs: Inputs) -> Iterator[Event[Any]]:
        """Events of one run; the last is Done."""
        if job.kind not in self._run:
            raise ModelError(f"job: {job.kind!r} cannot be run by this version")
        return self._run[job.kind](job.settings, inputs)

    def warm(self) -> None:
        """Load what is most likely asked for first; a damaged model is reported when it is asked for."""
        with suppress(StudioError):
            self.load("image", "starter")

    def loaded(self) -> list[str]:
        """Models in memory, as ``medium/name``."""
        return [f"{medium}/{name}" for medium, name in self._pipelines]

    def load(self, medium: str, name: str) -> Any:
        """The pipeline of a model."""
        if (medium, name) not in self._pipelines:
            self._pipelines[medium, name] = _kind(medium).load(name)
        return self._pipelines[medium, name]

    def unload(self, medium: str | None = None, name: str | None = None) -> None:
        """Let go of one model, or of all; its memory goes back to the machine."""
        for key in [key for key in self._pipelines if medium is None or key == (medium, name)]:
            del self._pipelines[key]

    def _make_image(self, settings: ImageSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        yield from self.load("image", settings.model).generate(settings)

    def _edit_image(self, settings: ImageEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.image import read_mask_file, read_picture

        if "source" not in inputs:
            raise ModelError("source: this edit has no picture to start from; drop one and run it again")
        picture, notes = read_picture(inputs["source"])
        for note in notes:
            yield Note(note)
        mask = read_mask_file(inputs["mask"], picture.size) if "mask" in inputs else None
        yield from self.load("image", settings.model).edit(settings, picture, mask)


def _kind(medium: str) -> Any:
    if medium != "image":
        raise ModelError(f"model: this version has no pipeline for {medium}")
    from pipelines.image import ImagePipeline  # brings in torch

    return ImagePipeline
