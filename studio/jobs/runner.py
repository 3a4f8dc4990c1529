"""Runs a job: settings and inputs to the events of a pipeline. The only part of the studio that loads models."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import ModelError, SettingsError, StudioError
from pipelines.events import Event, Note, Piece
from pipelines.settings import (
    ClipEditSettings,
    ImageEditSettings,
    ImageSettings,
    LipSyncSettings,
    MeshEditSettings,
    MeshSettings,
    SamplingSettings,
    ShapeEditSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    TurntableSettings,
    VideoEditSettings,
    VideoExtendSettings,
    VideoSettings,
    kind_of,
)
from studio import choosing
from studio.jobs import Job
from studio.jobs.reins import ROLE as REINS
from studio.jobs.reins import Reins
from studio.provenance import read_words

Inputs = dict[str, Path]  # role -> file
WATCHED = 240  # frames of a clip that goes on up to which it is shown before what comes
EDITED_FRAMES, EDITED_SIDE = 64, 1280  # of a clip that is edited: how many, and pixels of the longer side


class Runner:
    """Pipelines loaded at their first use and kept until they are let go.

    ``may_fetch`` lets it download a checkpoint that is asked for; ``asked`` overrides how checkpoints are loaded.
    """

    def __init__(self, *, may_fetch: bool = False, asked: Mapping[str, str] | None = None) -> None:
        self._options = {"may_fetch": may_fetch, "asked": asked}
        self._pipelines: dict[tuple[str, str], Any] = {}
        self._run: dict[str, Callable[[Any, Inputs], Iterator[Event[Any]]]] = {
            "image.generate": self._make_image,
            "image.edit": self._edit_image,
            "speech.generate": self._speak,
            "speech.edit": self._edit_sound,
            "sound.generate": self._make_sound,
            "sound.edit": self._edit_sound,
            "lipsync.generate": self._talk,
            "video.generate": self._make_clip,
            "video.edit": self._edit_clip,
            "video.extend": self._extend_clip,
            "mesh.generate": self._make_mesh,
            "mesh.edit": self._edit_mesh,
            "shape.edit": self._work_on_shape,
            "clip.edit": self._work_on_clip,
            "turntable.edit": self._film,
        }

    def __call__(self, job: Job, inputs: Inputs) -> Iterator[Event[Any]]:
        """Events of one run; the last is Done."""
        return self.run(job.settings, inputs)

    def run(self, settings: SamplingSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        """The same without a queue.

        Raises:
            ModelError: this version has no pipeline for such settings.
        """
        kind = kind_of(settings)
        if kind not in self._run:
            raise ModelError(f"job: {kind!r} cannot be run by this version")
        return self._run[kind](settings, inputs)

    def warm(self) -> Iterator[None]:
        """Load what is most likely asked for first, a model a step; a damaged one is reported when it is asked for."""
        for medium, name in (("image", "starter"), ("audio", "speech")):
            with suppress(StudioError):
                self.load(medium, name)
            yield

    def loaded(self) -> list[str]:
        """Models in memory, as ``medium/name``."""
        return [f"{medium}/{name}" for medium, name in self._pipelines]

    def load(self, medium: str, name: str) -> Any:
        """The pipeline of a model."""
        if (medium, name) not in self._pipelines:
            if (medium, name) in KINDS:
                self._pipelines[medium, name] = KINDS[medium, name]().load(name)
            else:
                self._pipelines[medium, name] = _checkpoint(medium, name, self._options)
        return self._pipelines[medium, name]

    def unload(self, medium: str | None = None, name: str | None = None) -> None:
        """Let go of one model, or of all; its memory goes back to the machine."""
        for key in [key for key in self._pipelines if medium is None or key == (medium, name)]:
            del self._pipelines[key]

    def _make_image(self, settings: ImageSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        yield from self.load("image", settings.model).generate(settings)

    def _edit_image(self, settings: ImageEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.image import read_mask_file, read_picture

        picture, notes = read_picture(_source(inputs))
        for note in notes:
            yield Note(note)
        mask = read_mask_file(inputs["mask"], picture.size) if "mask" in inputs else None
        yield from self.load("image", settings.model).edit(settings, picture, mask)

    def _make_sound(self, settings: SoundSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        choosing.suits(settings, folders=True)
        yield from self.load("audio", settings.model).generate(settings)

    def _speak(self, settings: SpeechSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        choosing.suits(settings, folders=True)
        voice = inputs.get("voice_from")
        if not settings.checkpoint:
            if voice is not None:
                raise SettingsError(
                    f"voice_from: the model {settings.model!r} clones no voice; choose a checkpoint that does, or "
                    "leave the recording out"
                )
            yield from self.load("audio", settings.model).generate(settings)
            return
        sound = None
        if voice is not None:
            from pipelines.speech import read_sound

            sound, notes = read_sound(voice)
            yield from (Note(note) for note in notes)
        yield from self.load("audio", settings.model).generate(settings, sound)

    def _edit_sound(self, settings: SpeechEditSettings | SoundEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.speech import read_sound

        choosing.suits(settings, folders=True)
        source = _source(inputs)
        sound, notes = read_sound(source)
        for note in notes:
            yield Note(note)
        # Of speech that was made here it is known when each word is said.
        sound = replace(sound, words=read_words(source))
        yield from self.load("audio", settings.model).edit(settings, sound)

    def _talk(self, settings: LipSyncSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.lipsync import open_face
        from pipelines.speech import read_sound

        face = None
        if "source" in inputs:
            face, notes = open_face(inputs["source"])
            yield from (Note(note) for note in notes)
        voices: list[Any] = []
        # The first face's voice, then those of further ones from left to right; what is not given leaves one alone.
        for role in ("recording", "recording_2", "recording_3", "recording_4"):
            voices.append(None)
            if role in inputs:
                sound, notes = read_sound(inputs[role])
                voices[-1] = replace(sound, words=read_words(inputs[role]))
                yield from (Note(note) for note in notes)
        for event in self.load("lipsync", settings.model).generate(settings, face, voices[0], voices[1:]):
            # Windows of frames are of no use to a page, which cannot play them with their sound; of long clips they
            # would fill the disk.
            if not isinstance(event, Piece):
                yield event

    def _make_clip(self, settings: VideoSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.image import read_picture

        given: dict[str, Any] = {}
        for role in ("first_frame", "last_frame"):
            if role in inputs:
                given[role], notes = read_picture(inputs[role])
                yield from (Note(note) for note in notes)
        if "sound" in inputs:
            from pipelines.speech import read_sound

            sound, notes = read_sound(inputs["sound"])
            given["sound"] = replace(sound, words=read_words(inputs["sound"]))
            yield from (Note(note) for note in notes)
        yield from self.load("video", settings.model).generate(settings, **given)

    def _edit_clip(self, settings: VideoEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.clips import Cut, read_clip
        from pipelines.video import read_masks_file

        # What is edited is held whole, and a model looks at all of it together.
        clip, notes = read_clip(_source(inputs), Cut(frames=EDITED_FRAMES, side=EDITED_SIDE))
        for note in notes:
            yield Note(note)
        mask = read_masks_file(inputs["mask"], clip.size) if "mask" in inputs else None
        yield from self.load("video", settings.model).edit(settings, clip, mask)

    def _extend_clip(self, settings: VideoExtendSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.clips import Cut, read_clip

        clip, notes = read_clip(_source(inputs), Cut(side=EDITED_SIDE))
        for note in notes:
            yield Note(note)
        reins = Reins(inputs.get(REINS), settings)
        events = self.load("video", settings.model).extend(settings, clip, reins.steer)
        if len(clip.frames) <= WATCHED:
            yield Piece(clip)  # what was there and what comes are watched as one
        yield from reins.driven(events, clip, settings.seed or 0)

    def _make_mesh(self, settings: MeshSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        picture = None
        if "image" in inputs:
            from pipelines.image import read_picture

            picture, notes = read_picture(inputs["image"])
            for note in notes:
                yield Note(note)
        yield from self.load("mesh", settings.model).generate(settings, picture)

    def _edit_mesh(self, settings: MeshEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from studio.export.loading import load_mesh

        mesh, notes = load_mesh(_source(inputs))
        for note in notes:
            yield Note(note)
        yield from self.load("mesh", settings.model).edit(settings, mesh)

    def _work_on_shape(self, settings: ShapeEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.shapes import work_on
        from studio.export.loading import load_mesh

        mesh, notes = load_mesh(_source(inputs))
        for note in notes:
            yield Note(note)
        yield from work_on(settings, mesh)

    def _work_on_clip(self, settings: ClipEditSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.clips import ClipTools

        yield from ClipTools().edit(settings, _source(inputs), inputs.get("sound_file"))

    def _film(self, settings: TurntableSettings, inputs: Inputs) -> Iterator[Event[Any]]:
        from pipelines.shapes.seeing import filmed
        from studio.export.loading import load_mesh

        mesh, notes = load_mesh(_source(inputs))
        for note in notes:
            yield Note(note)
        yield from filmed(settings, mesh)


def _source(inputs: Inputs) -> Path:
    if "source" not in inputs:
        raise ModelError("source: this edit has nothing to start from; drop a file and run it again")
    return inputs["source"]


# Imported when they are asked for: each brings in torch.
def _images() -> Any:
    from pipelines.image import ImagePipeline

    return ImagePipeline


def _speech() -> Any:
    from pipelines.speech import SpeechPipeline

    return SpeechPipeline


def _sounds() -> Any:
    from pipelines.sound import SoundPipeline

    return SoundPipeline


def _lipsync() -> Any:
    from pipelines.lipsync import LipSyncPipeline

    return LipSyncPipeline


def _clips() -> Any:
    from pipelines.video import VideoPipeline

    return VideoPipeline


def _meshes() -> Any:
    from pipelines.mesh import MeshPipeline

    return MeshPipeline


# Medium and model to the pipeline that runs it.
KINDS: dict[tuple[str, str], Callable[[], Any]] = {
    ("image", "starter"): _images,
    ("audio", "speech"): _speech,
    ("audio", "hibari"): _speech,
    ("audio", "sound"): _sounds,
    ("lipsync", "starter"): _lipsync,
    ("video", "starter"): _clips,
    ("mesh", "starter"): _meshes,
}


def _checkpoint(medium: str, name: str, options: Mapping[str, Any]) -> Any:
    """A public checkpoint's pipeline; nothing of it is imported before one is asked for.

    Raises:
        ModelError: there is no such model.
    """
    from pipelines.pretrained import open_checkpoint

    try:
        return open_checkpoint(medium, name, **options)
    except ModelError as error:
        starters = ", ".join(model for of, model in KINDS if of == medium)
        raise ModelError(f"{error}; the {medium} starters are {starters}" if starters else str(error)) from None
