"""Settings of pictures."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.base import LORA, EditorSettings, Loras, Prompt, SamplingSettings, Solver


class ImageSettings(SamplingSettings):
    """Make pictures from words."""

    MEDIUM: ClassVar[str] = "image"
    TASK: ClassVar[str] = "generate"
    LIMITS: ClassVar[dict[str, float]] = {"width": 128, "height": 128}

    prompt: Prompt = Field(title="Prompt", description="What to make, in plain words.")
    negative_prompt: Prompt = Field("", title="Avoid", description="What to keep away from (negative prompt).")
    style: Literal["3d", "flat", "cartoon", "none"] = Field(
        "3d", title="Style", description="Adds the style's word to the prompt; 'none' leaves the words alone."
    )
    count: int = Field(1, ge=1, le=8, title="How many", description="Pictures made together, each with its own seed.")
    width: int = Field(64, ge=32, le=2048, multiple_of=8, title="Width", description="In pixels, a multiple of 8.")
    height: int = Field(64, ge=32, le=2048, multiple_of=8, title="Height", description="In pixels, a multiple of 8.")
    guidance: float = Field(
        2.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is more literal."
    )
    guidance_from: float = Field(
        0.1, ge=0, le=1, title="Guide above", description="No guidance below this noise level (guidance interval)."
    )
    guidance_to: float = Field(
        1.0, ge=0, le=1, title="Guide below", description="No guidance above this noise level (guidance interval)."
    )
    solver: Solver = Field("ab2", title="Solver", description="Rule that takes the steps.")
    lora: Loras = Field("", title="LoRA", description=LORA)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what to make, for example 'a red apple'")
        if self.guidance_from > self.guidance_to:
            raise ValueError(
                f"guidance_from: must not be above guidance_to, got {self.guidance_from} and {self.guidance_to}"
            )
        return self


class ImageEditSettings(EditorSettings):
    """Turn one picture into another."""

    MEDIUM: ClassVar[str] = "image"
    TASK: ClassVar[str] = "edit"

    source_prompt: Prompt = Field("", title="It shows", description="What the picture shows now.")
    prompt: Prompt = Field(title="Make it", description="What it should become.")
    style: Literal["3d", "flat", "cartoon", "none"] = Field(
        "none", title="Style", description="Adds the style's word to both descriptions; 'none' leaves them alone."
    )
    method: Literal["flowedit", "rf-edit", "magicmix", "sdedit"] = Field(
        "flowedit",
        title="Method",
        description="FlowEdit moves the picture along the difference of the two descriptions; RF-Edit turns it back "
        "into noise exactly and forward again, sharing attention; MagicMix blends a layout with a new meaning; "
        "SDEdit adds noise and repaints (the baseline).",
    )
    # How these three were found: tests/bench/edits.py. More steps change nothing that can be measured.
    steps: int = Field(8, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    strength: float = Field(
        1.0, ge=0, le=1, title="Change", description="0 keeps nearly everything, 1 may change everything."
    )
    guidance: float = Field(
        1.5, ge=1, le=20, title="Follow the words", description="Pull from the old description toward the new one."
    )
    solver: Solver = Field("alf", title="Solver", description="Rule for RF-Edit's way there and back.")
    average: int = Field(
        1, ge=1, le=8, title="Average", description="FlowEdit: noise samples averaged at each step; slower, steadier."
    )
    feather: float = Field(
        0.0, ge=0, le=64, title="Feather", description="Softens the mask inward, in pixels of the picture."
    )
    lora: Loras = Field("", title="LoRA", description=LORA)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what the picture should become")
        return self
