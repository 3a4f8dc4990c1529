"""Settings of speech and of sounds."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipelines.settings.base import LORA, EditorSettings, Loras, ModelName, Prompt, SamplingSettings, Solver

Words = Annotated[str, Field(max_length=20_000)]
# Names of the starter's voices, the default first; a test holds them equal to the model's own list.
Voice = Literal["heart", "slt", "rms", "awb", "kal"]


class AudioSettings(SamplingSettings):
    """What every run that ends in sound has in common."""

    MEDIUM: ClassVar[str] = "audio"

    guidance: float = Field(
        2.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is more literal."
    )
    solver: Solver = Field("ab2", title="Solver", description="Rule that takes the steps.")
    loudness: float = Field(
        -18.0, ge=-40, le=-8, title="Loudness", description="Integrated loudness of the result in LUFS (ITU-R BS.1770)."
    )


class SpeechSettings(AudioSettings):
    """Read a text aloud."""

    SUBJECT: ClassVar[str] = "speech"
    TASK: ClassVar[str] = "generate"
    PROMPT: ClassVar[str] = "text"
    STARTERS: ClassVar[tuple[str, ...]] = ("speech", "hibari")

    model: ModelName = Field(
        "speech",
        title="Model",
        description="The flow model, the ready-made voice that it learned from, or a checkpoint that clones voices.",
    )
    text: Words = Field(title="Text", description="What to say, in English; up to 20,000 characters.")
    voice: Voice = Field("heart", title="Voice", description="Who speaks.")
    speed: float = Field(1.0, ge=0.5, le=2, title="Speed", description="1 is the voice's own pace, 2 twice as fast.")
    voice_words: Words = Field(
        "",
        title="Words of the recording",
        description="For a checkpoint that clones a voice: what its recording says; empty has it heard.",
    )
    pause: float = Field(0.35, ge=0, le=3, title="Pause", description="Seconds of silence between sentences.")
    steps: int = Field(8, ge=1, le=200, title="Steps", description="How many steps the solver takes for each sentence.")
    takes: int = Field(
        1, ge=1, le=8, title="Takes", description="How often each sentence is spoken; the clearest is kept."
    )
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher takes twice the time."
    )
    shift: float = Field(
        0.5, ge=0.1, le=20, title="Shift", description="For the spacing 'shift': above 1 spends more steps near noise."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.text.strip():
            raise ValueError("text: is empty; type what to say, for example 'Good morning.'")
        if self.model == "hibari" and self.voice != "heart":
            raise ValueError(f"voice: the ready-made voice is 'heart' only, got {self.voice!r}; choose the flow model")
        return self


class SpeechEditSettings(AudioSettings):
    """Change words of a recording; everything else stays as it was, bit for bit."""

    SUBJECT: ClassVar[str] = "speech"
    TASK: ClassVar[str] = "edit"
    PROMPT: ClassVar[str] = "text"
    STARTERS: ClassVar[tuple[str, ...]] = ("speech",)

    model: ModelName = Field(
        "speech", title="Model", description="Which model to run: the starter, or a checkpoint that clones voices."
    )
    source_text: Words = Field(title="It says", description="The words of the recording as it is.")
    text: Words = Field("", title="Make it say", description="The words as they should be; a word left out is cut.")
    voice: Voice = Field("heart", title="Voice", description="The voice nearest to the recording's.")
    speed: float = Field(
        1.0, ge=0.5, le=2, title="Speed", description="Pace of what is spoken anew, against the recording's own."
    )
    start: float | None = Field(
        None, ge=0, title="From", description="Seconds: speak the words between From and To anew, changed or not."
    )
    end: float | None = Field(None, ge=0, title="To", description="Seconds: end of the part that is spoken anew.")
    steps: int = Field(16, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    takes: int = Field(
        1, ge=1, le=16, title="Takes", description="How often the new words are spoken; the clearest are kept."
    )
    guidance: float = Field(
        1.5, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is clearer."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.source_text.strip():
            raise ValueError("source_text: is empty; type what the recording says")
        if (self.start is None) != (self.end is None):
            raise ValueError("start: give both From and To, or neither")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start: must be before end, got {self.start} and {self.end}")
        return self


class SoundSettings(AudioSettings):
    """Make music and sounds from words."""

    SUBJECT: ClassVar[str] = "sound"
    TASK: ClassVar[str] = "generate"
    STARTERS: ClassVar[tuple[str, ...]] = ("sound",)
    LIMITS: ClassVar[dict[str, float]] = {"seconds": 10}

    model: ModelName = Field(
        "sound", title="Model", description="Which model to run: the starter, a checkpoint's name, hub id or folder."
    )
    shift: float = Field(
        6.0, ge=0.1, le=20, title="Shift", description="For the spacing 'shift': above 1 spends more steps near noise."
    )
    steps: int = Field(12, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is more literal."
    )
    prompt: Prompt = Field(title="Prompt", description="What to hear: instrument, notes, mood, or a noise.")
    negative_prompt: Prompt = Field("", title="Avoid", description="What to keep away from (negative prompt).")
    lyrics: Words = Field(
        "", title="Lyrics", description="Checkpoints that sing: the words, with [verse] and [chorus]."
    )
    seconds: float = Field(4.0, ge=1, le=600, title="Length", description="Seconds.")
    loop: bool = Field(False, title="Loop", description="Make the end run into the beginning.")
    count: int = Field(1, ge=1, le=4, title="How many", description="Sounds made together, each with its own seed.")
    lora: Loras = Field("", title="LoRA", description=LORA)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what to hear, for example 'rain on a window'")
        return self


class SoundEditSettings(EditorSettings, AudioSettings):
    """Turn one sound into another, or let it go on."""

    SUBJECT: ClassVar[str] = "sound"
    TASK: ClassVar[str] = "edit"
    STARTERS: ClassVar[tuple[str, ...]] = ("sound",)

    model: ModelName = Field(
        "sound", title="Model", description="Which model to run: the starter, a checkpoint's name, hub id or folder."
    )
    shift: float = Field(
        6.0, ge=0.1, le=20, title="Shift", description="For the spacing 'shift': above 1 spends more steps near noise."
    )
    source_prompt: Prompt = Field("", title="It is", description="What the sound is now.")
    prompt: Prompt = Field(title="Make it", description="What it should become, or how it should go on.")
    method: Literal["rf-edit", "flowedit", "magicmix", "sdedit"] = Field(
        "rf-edit",
        title="Method",
        description="RF-Edit turns the sound back into noise exactly and forward again, sharing attention; FlowEdit "
        "moves it along the difference of the two descriptions; MagicMix blends; SDEdit adds noise and remakes.",
    )
    solver: Solver = Field("alf", title="Solver", description="Rule for RF-Edit's way there and back.")
    steps: int = Field(12, ge=1, le=200, title="Steps", description="How many steps the solver takes.")
    guidance: float = Field(
        1.0, ge=1, le=20, title="Follow the words", description="Guidance scale: 1 is off, higher is more literal."
    )
    share_steps: int = Field(
        0, ge=0, le=100, title="Share for", description="RF-Edit: first steps that reuse the source's attention values."
    )
    strength: float = Field(
        1.0, ge=0, le=1, title="Change", description="0 keeps nearly everything, 1 may change everything."
    )
    extend: float = Field(
        0.0, ge=0, le=30, title="Go on for", description="Seconds to add at the end; the sound itself then stays."
    )
    lora: Loras = Field("", title="LoRA", description=LORA)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt: is empty; say what the sound should become")
        return self
