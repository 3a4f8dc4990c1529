"""Settings of moving pictures."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.base import LORA, EditorSettings, Loras, Prompt, SamplingSettings, Solver

Style = Literal["3d", "flat", "cartoon", "none"]
Timed = Annotated[str, Field(max_length=2000)]
CHANGE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*s?\s*:\s*(\S.*?)\s*$")


class VideoSettings(SamplingSettings):
    """Make clips from words, or from a picture that is to move."""

    MEDIUM: ClassVar[str] = "video"
    TASK: ClassVar[str] = "generate"
    LIMITS: ClassVar[dict[str, float]] = {"frames": 64, "width": 64, "height": 64}

    prompt: Prompt = Field(
        title="Prompt", description="What to show and how it moves, for example 'a grinning face, nodding'."
    )
    negative_prompt: Prompt = Field("", title="Avoid", description="What to keep away from (negative prompt).")
    style: Style = Field(
        "3d", title="Style", description="Adds the style's word to the prompt; 'none' leaves the words alone."
    )
    frames: int = Field(16, ge=4, le=257, title="Frames", description="Pictures of the clip; the starter learned 16.")
    width: int = Field(64, ge=32, le=2048, multiple_of=8, title="Width", description="Checkpoints: in pixels.")
    height: int = Field(64, ge=32, le=2048, multiple_of=8, title="Height", description="Checkpoints: in pixels.")
    rate: float = Field(10.0, ge=1, le=60, title="Frame rate", description="Frames a second.")
    follow_sound: bool = Field(
        True,
        title="As long as the sound",
        description="With a sound to follow: as many frames as it lasts. Off keeps 'Frames': the sound is cut, or "
        "silence follows it.",
    )
    loop: bool = Field(True, title="Loop", description="Make the end run into the beginning.")
    amount: float = Field(
        1.0, ge=0, le=2, title="Motion", description="How far things move: 0 holds still, 1 is as the words say."
    )
    count: int = Field(1, ge=1, le=4, title="How many", description="Clips made together, each with its own seed.")
    steps: int = Field(8, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher moves more literally."
    )
    solver: Solver = Field("ab2", title="Solver", description="Rule that takes the steps.")
    lora: Loras = Field("", title="LoRA", description=LORA)

    @classmethod
    def suited(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """As ever; and frames that were asked for are kept whatever a sound lasts."""
        found = super().suited(values)
        return {**found, "follow_sound": "frames" not in values} if found else found

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what to show, for example 'a grinning face, nodding'")
        return self


class VideoEditSettings(EditorSettings):
    """Turn what a clip shows into something else that moves alike."""

    MEDIUM: ClassVar[str] = "video"
    TASK: ClassVar[str] = "edit"

    source_prompt: Prompt = Field("", title="It shows", description="What the clip shows now.")
    prompt: Prompt = Field(title="Make it", description="What it should become; it moves as before.")
    style: Style = Field(
        "none", title="Style", description="Adds the style's word to both descriptions; 'none' leaves them alone."
    )
    method: Literal["flowedit", "rf-edit", "magicmix", "sdedit"] = Field(
        "flowedit",
        title="Method",
        description="FlowEdit moves the clip along the difference of the two descriptions; RF-Edit turns it back into "
        "noise exactly and forward again, sharing attention; MagicMix blends; SDEdit adds noise and repaints.",
    )
    strength: float = Field(
        1.0, ge=0, le=1, title="Change", description="0 keeps nearly everything, 1 may change everything."
    )
    steps: int = Field(12, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Pull from the old description toward the new one."
    )
    solver: Solver = Field("alf", title="Solver", description="Rule for RF-Edit's way there and back.")
    average: int = Field(
        1, ge=1, le=8, title="Average", description="FlowEdit: noise samples averaged at each step; slower, steadier."
    )
    feather: float = Field(
        0.0, ge=0, le=64, title="Feather", description="Softens the mask inward, in pixels of the clip."
    )
    lora: Loras = Field("", title="LoRA", description=LORA)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what the clip should become")
        return self


class VideoExtendSettings(SamplingSettings):
    """Let a clip go on, frame after frame, while it is watched."""

    MEDIUM: ClassVar[str] = "video"
    TASK: ClassVar[str] = "extend"

    prompt: Prompt = Field(title="Prompt", description="How it goes on, for example 'spinning' or 'a cat, jumping'.")
    changes: Timed = Field(
        "",
        title="Then",
        description="What happens later, one line each: seconds after the clip, a colon, the new prompt; '3: nodding'.",
    )
    style: Style = Field(
        "3d", title="Style", description="Adds the style's word to a prompt that names something new to show."
    )
    seconds: float = Field(4.0, ge=0.2, le=600, title="Seconds", description="How long to go on.")
    amount: float = Field(
        1.0, ge=0, le=2, title="Motion", description="How far things move: 0 holds still, 1 is as the words say."
    )
    steps: int = Field(8, ge=2, le=64, title="Steps", description="Steps that each frame takes from noise to clean.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher moves more literally."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say how it goes on, for example 'spinning'")
        _ = self.timeline
        return self

    @property
    def timeline(self) -> tuple[tuple[float, str], ...]:
        """(second, prompt) from the start on, in order; the first is ``prompt`` at 0."""
        later = []
        for line in self.changes.splitlines():
            if not line.strip():
                continue
            if (match := CHANGE.match(line)) is None:
                raise ValueError(f"changes: a line is 'seconds: prompt', for example '3: nodding', got {line!r:.60}")
            later.append((float(match[1]), match[2]))
        return ((0.0, self.prompt), *sorted(later))
