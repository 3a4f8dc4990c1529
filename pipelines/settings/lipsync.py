"""Settings of talking faces."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.audio import Voice, Words
from pipelines.settings.base import SamplingSettings, Solver

MAX_FACES = 4


class LipSyncSettings(SamplingSettings):
    """Make a face say something: a recording, or a text in one of the voices."""

    MEDIUM: ClassVar[str] = "lipsync"
    TASK: ClassVar[str] = "generate"
    PROMPT: ClassVar[str] = "text"

    text: Words = Field(
        "",
        title="Text",
        description="What to say, in English; empty takes the recording.",
    )
    voice: Voice = Field("heart", title="Voice", description="Who speaks the text.")
    speed: float = Field(1.0, ge=0.5, le=2, title="Speed", description="Of the voice: 1 is its own pace.")
    character: str = Field(
        "", max_length=40, title="Character",
        description="A face that ships with the program, by name; empty takes the picture or clip given.",
    )  # fmt: skip
    engine: Literal["auto", "drawn", "photograph"] = Field(
        "auto", title="Kind of face",
        description="Drawn faces are repainted by the flow model, photographs are moved by their landmarks. 'auto' "
        "takes photographs for what the face detector finds landmarks in, and everything else for drawn.",
    )  # fmt: skip
    faces: Literal["largest", "all", "left", "right"] = Field(
        "largest", title="Which face", description="Whose mouth follows the voice where there are several."
    )
    mouth_x: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Mouth, across",
        description="Its middle, as a part of the width; empty finds it.",
    )
    mouth_y: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Mouth, down",
        description="Its middle, as a part of the height; empty finds it.",
    )
    mouth_width: float = Field(
        0.2, ge=0.02, le=1, title="Mouth, width", description="As a part of the width, where its place is given."
    )
    strength: float = Field(
        1.0, ge=0, le=2, title="Strength", description="How far the mouth opens: 0 keeps it shut, 1 is natural."
    )
    expressiveness: float = Field(
        1.0, ge=0, le=2, title="Expressiveness", description="How clearly sounds differ: below 1 mumbles, above 1 acts."
    )
    offset_ms: int = Field(
        0, ge=-1000, le=1000, title="Offset", description="Milliseconds that the mouth moves later than the sound."
    )
    blinking: float = Field(0.6, ge=0, le=1, title="Blinking", description="How often the eyes blink; stills only.")
    head_motion: float = Field(0.4, ge=0, le=1, title="Head motion", description="How far the head moves; stills only.")
    rate: float = Field(
        25.0, ge=10, le=60, title="Frames a second", description="Of what is made from a picture; a clip keeps its own."
    )
    steps: int = Field(4, ge=1, le=50, title="Steps", description="How many steps the solver takes for each frame.")
    solver: Solver = Field("euler", title="Solver", description="Rule that takes the steps.")
    shift: float = Field(
        2.0, ge=0.1, le=20, title="Shift", description="For the spacing 'shift': above 1 spends more steps near noise."
    )
    start: float = Field(
        0.92, ge=0.3, le=1, title="Start", description="Share of noise to start from (OmniSync's tau): less keeps more."
    )
    guidance: float = Field(
        1.0,
        ge=1,
        le=6,
        title="Follow the sounds",
        description="Guidance scale: 1 is off, higher is clearer.",
    )
    guide: Literal["field", "plain"] = Field(
        "field", title="Guide where",
        description="'field' guides around the mouth and fades with the noise (OmniSync); 'plain' guides everywhere.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mouth_x is None) != (self.mouth_y is None):
            raise ValueError("mouth_x: give the place of the mouth with both numbers, or with neither")
        return self

    @property
    def asked(self) -> str:
        """What is said, as the person typed it; of a recording, that it is one and whose face says it."""
        return self.text or ("A recording" if not self.character else f"A recording, said by {self.character.title()}")
