"""Settings of meshes."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.base import EditorSettings, Prompt, SamplingSettings, Solver, Whole

From = Annotated[float, Field(ge=0, le=0.95)]
To = Annotated[float, Field(ge=0.05, le=1)]
Colours = Literal["vertex", "texture", "none"]


class MeshSettings(SamplingSettings):
    """Make meshes from words, from a picture, or from both."""

    MEDIUM: ClassVar[str] = "mesh"
    TASK: ClassVar[str] = "generate"

    # May be empty where a picture is given: only the pipeline knows of the picture.
    prompt: Prompt = Field("", title="Prompt", description="What to make, for example 'a round table with three legs'.")
    negative_prompt: Prompt = Field("", title="Avoid", description="What to keep away from (negative prompt).")
    view: Literal["auto", "front", "three-quarter", "words"] = Field(
        "auto",
        title="Picture shows",
        description="How the picture looks at the object; 'words' takes only its kind and colours from the picture.",
    )
    faces: Whole = Field(
        2000, ge=100, le=20_000, title="Faces", description="Triangles of the mesh; closed meshes have an even number."
    )
    colours: Colours = Field(
        "vertex", title="Colours", description="On the vertices, in a texture with UVs, or none: shape alone."
    )
    count: Whole = Field(1, ge=1, le=4, title="How many", description="Meshes made together, each with its own seed.")
    steps: int = Field(
        10, ge=1, le=200, title="Steps", description="How many steps the solver takes. More is slower and finer."
    )
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is more literal."
    )
    solver: Solver = Field("ab2", title="Solver", description="Rule that takes the steps.")


class MeshEditSettings(EditorSettings):
    """Turn one mesh into another; what is not to change keeps its vertices."""

    MEDIUM: ClassVar[str] = "mesh"
    TASK: ClassVar[str] = "edit"

    source_prompt: Prompt = Field("", title="It is", description="What the mesh is now, for example 'a red mug'.")
    prompt: Prompt = Field(title="Make it", description="What it should become, for example 'a blue mug with a lid'.")
    method: Literal["flowedit", "rf-edit", "magicmix", "sdedit"] = Field(
        "flowedit",
        title="Method",
        description="FlowEdit moves the mesh along the difference of the two descriptions; RF-Edit turns it back into "
        "noise exactly and forward again, sharing attention; MagicMix blends; SDEdit adds noise and remakes.",
    )
    strength: float = Field(
        1.0, ge=0, le=1, title="Change", description="0 keeps nearly everything, 1 may change everything."
    )
    faces: Whole | None = Field(
        None, ge=100, le=20_000, title="Faces",
        description="Triangles of the result; empty keeps the mesh as fine as it is, and what is kept as it was.",
    )  # fmt: skip
    colours: Colours = Field(
        "vertex", title="Colours", description="On the vertices, in a texture with UVs, or none: shape alone."
    )
    # The box: shares of the mesh's own extent along each axis, +X right, +Y up, +Z to the front.
    left: From = Field(
        0.0, title="From the left", description="Only change what lies right of this share of its width."
    )
    right: To = Field(1.0, title="To the right", description="Only change what lies left of this share of its width.")
    bottom: From = Field(0.0, title="From below", description="Only change what lies above this share of its height.")
    top: To = Field(1.0, title="Up to", description="Only change what lies below this share of its height.")
    back: From = Field(
        0.0, title="From the back", description="Only change what lies in front of this share of its depth."
    )
    front: To = Field(1.0, title="To the front", description="Only change what lies behind this share of its depth.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Pull from the old description toward the new one."
    )
    solver: Solver = Field("alf", title="Solver", description="Rule for RF-Edit's way there and back.")
    average: Whole = Field(
        1, ge=1, le=8, title="Average", description="FlowEdit: noise samples averaged at each step; slower, steadier."
    )
    steps: int = Field(
        12, ge=1, le=200, title="Steps", description="How many steps the solver takes. More is slower and finer."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what the mesh should become")
        for low, high in (("left", "right"), ("bottom", "top"), ("back", "front")):
            if getattr(self, low) >= getattr(self, high):
                found = (getattr(self, low), getattr(self, high))
                raise ValueError(f"{low}: must be below {high}, got {found[0]} and {found[1]}; 0 and 1 leave all free")
        return self

    @property
    def boxed(self) -> bool:
        """Whether the edit is held to a box."""
        sides: Any = (self.left, self.bottom, self.back, self.right, self.top, self.front)
        return sides != (0, 0, 0, 1, 1, 1)
