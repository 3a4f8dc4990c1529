"""Settings of what is done to clips without a model."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.tools import ToolSettings


class ClipEditSettings(ToolSettings):
    """Cut a clip, turn it round, change its pace, close its loop, enlarge it and give it a sound, in this order."""

    MEDIUM: ClassVar[str] = "video"
    SUBJECT: ClassVar[str] = "clip"

    start: float | None = Field(None, ge=0, title="From", description="Seconds; empty is the beginning.")
    end: float | None = Field(None, ge=0, title="To", description="Seconds; empty is the end.")
    reverse: bool = Field(False, title="Backwards", description="Play it from its end, sound too.")
    speed: float = Field(
        1.0, ge=0.1, le=8, title="Speed", description="2 is twice as fast; the frame rate and the pitch stay."
    )
    smooth: bool = Field(
        False,
        title="Frames in between",
        description="Slower than it was: move what moves between two frames instead of showing each longer.",
    )
    loop: Literal["none", "swing", "fade"] = Field(
        "none",
        title="Close the loop",
        description="Play it forth and back, or let its end fade into its beginning.",
    )
    fade: float = Field(
        0.4, ge=0.05, le=5, title="Fade", description="Seconds of the end that fade into the beginning."
    )
    repeat: int = Field(1, ge=1, le=50, title="Repeat", description="How often it is played.")
    enlarge: int = Field(1, ge=1, le=8, title="Enlarge", description="Times as wide and high.")
    filter: Literal["redrawn", "lanczos", "pixels"] = Field(
        "redrawn",
        title="Enlarged by",
        description="A network redraws edges, for drawings; Lanczos is smooth and invents nothing, for photographs; "
        "or every pixel stays a square.",
    )
    sound: Literal["keep", "none", "new", "mix"] = Field(
        "keep", title="Sound", description="Its own, none, that of a file in its place, or both together."
    )
    sound_start: float = Field(
        0.0,
        ge=0,
        le=3600,
        title="Sound from",
        description="Seconds of the sound file that are left out before it begins.",
    )
    sound_fit: Literal["once", "loop"] = Field(
        "once", title="Shorter sound", description="Play it once and leave the rest silent, or begin it again."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start: must be before end, got {self.start} and {self.end}")
        return self

    @property
    def asked(self) -> str:
        """What is to be done, in words."""
        cut = self.start is not None or self.end is not None
        ends = f"{self.start or 0:g} s to {'the end' if self.end is None else f'{self.end:g} s'}"
        done = [
            f"cut, {ends}" if cut else "",
            "backwards" if self.reverse else "",
            f"{self.speed:g} times the speed" if self.speed != 1 else "",
            {"swing": "forth and back", "fade": "loop closed"}.get(self.loop, ""),
            f"{self.repeat} times" if self.repeat > 1 else "",
            f"{self.enlarge} times as large" if self.enlarge > 1 else "",
            {"none": "silent", "new": "another sound", "mix": "a sound more"}.get(self.sound, ""),
        ]
        return ", ".join(filter(None, done)) or "copied"
