"""Clips: thin, as every pipeline: codec, model and engine, nothing else.

A picture is drawn by the image starter or given by a person, the words (or a clip) say how it moves, and the flow
model makes the frames of it, which it is shown roughly.
"""

from collections.abc import Callable, Iterator

from pipelines.errors import MediaError, SettingsError
from pipelines.events import Event
from pipelines.image import ImagePipeline
from pipelines.media import Clip, Picture, Sound
from pipelines.models import registry
from pipelines.models.video import VideoModel
from pipelines.settings import VideoEditSettings, VideoExtendSettings, VideoSettings
from pipelines.video.canvas import Painted
from pipelines.video.editing import edit_clip
from pipelines.video.making import Ends, make_clips
from pipelines.video.streaming import extend_clip

MAX_FRAMES = 64  # of a clip that is edited


class VideoPipeline:
    """Makes, edits and extends clips with one model; safe to share, it keeps no state of a run."""

    def __init__(self, model: VideoModel) -> None:
        self.model = model
        self.images = ImagePipeline(model.pictures)

    @classmethod
    def load(cls, model: str = "starter") -> "VideoPipeline":
        """Load a model by name.

        Raises:
            ModelError: there is no such model, or its files are missing or damaged.
        """
        return cls(registry.load("video", model))

    def generate(
        self,
        settings: VideoSettings,
        first_frame: Picture | None = None,
        last_frame: Picture | None = None,
        sound: Sound | None = None,
    ) -> Iterator[Event[Clip]]:
        """Make ``settings.count`` clips; closing the iterator stops at the next solver step.

        Args:
            settings: what to make.
            first_frame: a picture that moves; it stays the first frame, at its own size up to 512 pixels a side.
            last_frame: a picture that the clip ends with, fitted to the model's canvas.
            sound: none; checkpoints may follow one.

        Raises:
            SettingsError: the prompt names nothing to show and there is no picture, a loop is to end with a picture, or
                there is a sound.
            MediaError: a picture is fully transparent.
        """
        if sound is not None:
            raise SettingsError(
                "sound: the starter follows no sound; choose a checkpoint that does, such as LTX-2, or give the "
                "finished clip a sound"
            )
        for name, picture in (("first_frame", first_frame), ("last_frame", last_frame)):
            if picture is not None and not picture.pixels[..., 3].any():
                raise MediaError(f"{name}: every pixel is transparent; there is nothing to show")
        yield from make_clips(self.model, self.images, settings, Ends(first_frame, last_frame))

    def edit(self, settings: VideoEditSettings, clip: Clip, mask: Painted | None = None) -> Iterator[Event[Clip]]:
        """Turn what ``clip`` shows into what ``settings.prompt`` says, moving as before, with its sound.

        ``mask`` stands still, or is painted on some frames, (frame, mask) each, and passes from shape to shape between
        them. Nothing outside changes by a bit.

        Raises:
            MediaError: the clip is transparent, longer than :data:`MAX_FRAMES`, or a mask does not fit it.
            OutOfBudget: RF-Edit's shared values would not fit.
        """
        if len(clip.frames) > MAX_FRAMES:
            raise MediaError(f"clip: has {len(clip.frames)} frames, at most {MAX_FRAMES} can be edited; trim it first")
        if not clip.frames[..., 3].any():
            raise MediaError("clip: every pixel of every frame is transparent; there is nothing to edit")
        yield from edit_clip(self.model, self.images, settings, clip, mask)

    def extend(
        self, settings: VideoExtendSettings, clip: Clip, steer: Callable[[float], str | None] | None = None
    ) -> Iterator[Event[Clip]]:
        """Let ``clip`` go on; a ``Piece`` is every few frames that are final, ``Done`` holds the clip and all of them.

        ``steer`` is asked before each piece, with the seconds made so far, for a prompt that takes over from there;
        None goes on as before. Memory does not grow with the length but for the frames themselves.

        Raises:
            MediaError: the clip ends with a transparent frame.
        """
        if not clip.frames[-1, ..., 3].any():
            raise MediaError("clip: its last frame is transparent; there is nothing to go on from")
        yield from extend_clip(self.model, self.images, settings, clip, steer)
