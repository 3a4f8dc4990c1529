"""Settings of runs that no model makes: what is done to a mesh, and the film of one that turns."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.base import SamplingSettings, ScheduleName


class ToolSettings(SamplingSettings):
    """Base of runs without a model: nothing is sampled, so there is nothing to say about sampling.

    The same settings make the same of the same source. What other settings have as fields stands here as constants.
    """

    model: ClassVar[str] = "tools"  # type: ignore[misc]
    seed: ClassVar[int] = 0  # type: ignore[misc]
    steps: ClassVar[int] = 1  # type: ignore[misc]
    schedule: ClassVar[ScheduleName] = "uniform"  # type: ignore[misc]
    shift: ClassVar[float] = 1.0  # type: ignore[misc]
    PROMPT: ClassVar[str] = ""
    TASK: ClassVar[str] = "edit"

    def with_(self, **changes: Any) -> Self:
        """A copy with ``changes``; a seed among them changes nothing."""
        return super().with_(**{name: value for name, value in changes.items() if name != "seed"})


class ShapeEditSettings(ToolSettings):
    """Work on a mesh: make it watertight, remesh, smooth, simplify, scale, hollow and paint it, in this order."""

    MEDIUM: ClassVar[str] = "mesh"
    SUBJECT: ClassVar[str] = "shape"

    watertight: bool = Field(
        False, title="Make watertight", description="Close holes, turn faces outward; made anew only where it must be."
    )
    remesh: int = Field(
        0, ge=0, le=256, title="Remesh",
        description="Make the surface anew of even triangles: cells along the longest side, 16 to 256; 0 is off.",
    )  # fmt: skip
    smooth: int = Field(
        0, ge=0, le=50, title="Smooth", description="Passes of a filter that keeps the volume (Taubin); 0 is off."
    )
    faces: int | None = Field(
        None, ge=4, le=5_000_000, title="Faces", description="Simplify to this many faces; empty leaves them."
    )
    millimetres: float | None = Field(
        None, ge=0.1, le=100_000, title="Longest side in mm", description="Scale to this size; empty leaves it."
    )
    wall: float = Field(
        0.0, ge=0, le=100, title="Hollow, wall in mm",
        description="Empty the inside down to a wall this thick; 0 is off. The inside adds faces of its own.",
    )  # fmt: skip
    paint: Literal["keep", "vertex", "texture", "none"] = Field(
        "keep", title="Colours", description="Where they are kept: as they are, at the vertices, on a texture, nowhere."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if 0 < self.remesh < 16:
            raise ValueError(f"remesh: 16 to 256 cells, or 0 for off, got {self.remesh}")
        return self

    @property
    def asked(self) -> str:
        """What is to be done, in words."""
        done = [
            "watertight" if self.watertight else "",
            f"remeshed at {self.remesh}" if self.remesh else "",
            f"smoothed {self.smooth} times" if self.smooth else "",
            f"{self.faces:,} faces" if self.faces else "",
            f"{self.millimetres:g} mm" if self.millimetres else "",
            f"hollow, {self.wall:g} mm wall" if self.wall else "",
            {"vertex": "colours at vertices", "texture": "textured", "none": "bare"}.get(self.paint, ""),
        ]
        return ", ".join(filter(None, done))


class TurntableSettings(ToolSettings):
    """Film a mesh that turns once round."""

    MEDIUM: ClassVar[str] = "video"
    SUBJECT: ClassVar[str] = "turntable"

    seconds: float = Field(4.0, ge=1, le=20, title="Length", description="Seconds of one turn.")
    rate: int = Field(12, ge=4, le=30, title="Frames a second", description="How smoothly it turns.")
    width: int = Field(256, ge=64, le=512, multiple_of=16, title="Size", description="Pixels a side, a multiple of 16.")
    elevation: float = Field(20.0, ge=-80, le=80, title="From above", description="Degrees above the horizon.")
    ground: Literal["clear", "light", "dark"] = Field(
        "light", title="Ground", description="What is behind it; not every format keeps 'clear'."
    )

    @property
    def asked(self) -> str:
        """What it is, in words."""
        return "turntable"
