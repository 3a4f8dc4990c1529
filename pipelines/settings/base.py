"""What all settings are: frozen, versioned, refusing what they do not know."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pipelines.errors import SettingsError

MAX_SEED = 2**32 - 1
# The names of pipelines.flow's rules and schedules, written out: this module is read at start-up by pages and commands
# that run no model, and the engine would bring torch along. A test holds the lists equal.
Solver = Literal[
    "alf", "alf-float", "euler", "midpoint", "heun", "rk4", "ab2", "fireflow", "pseudo-corrector", "reversible-heun",
    "uni-inv",
]  # fmt: skip
ScheduleName = Literal["uniform", "shift", "auto-sd3", "auto-flux", "sway", "rational", "model"]


def whole(value: Any) -> Any:
    """``value``, with a float that is a whole number as one; for a validator that runs before the field's own."""
    # A number field in a browser hands over floats, and NaN when it is cleared badly.
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a whole number")
    return value


Seed = Annotated[int, Field(ge=0, le=MAX_SEED), BeforeValidator(whole)]
Whole = Annotated[int, BeforeValidator(whole)]


class Settings(BaseModel):
    """Base of all settings.

    Raises:
        SettingsError: a field is unknown, missing, of the wrong kind or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    VERSION: ClassVar[int] = 1
    MEDIUM: ClassVar[str] = ""
    TASK: ClassVar[str] = ""
    SUBJECT: ClassVar[str] = ""  # what of the medium, where it has several: speech and sound are both audio

    version: Literal[1] = Field(1, title="Settings version", description="Format of these settings.")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{**self.suited(values), **values})
        except ValidationError as error:
            raise SettingsError("; ".join(_explain(entry) for entry in error.errors())) from None

    @classmethod
    def suited(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults that are not the class's own, because of what else ``values`` say."""
        return {}

    def with_(self, **changes: Any) -> Self:
        """A copy with ``changes``, validated."""
        return type(self)(**{**self.model_dump(), **changes})

    @classmethod
    def migrate(cls, raw: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Read settings that this or an older version wrote.

        Returns:
            The settings, and the fields that this version does not know.

        Raises:
            SettingsError: the version is newer than this program, or a known field has a bad value.
        """
        found = raw.get("version", 1)
        if not isinstance(found, int) or found > cls.VERSION:
            raise SettingsError(f"version: settings are of version {found!r}, this program reads up to {cls.VERSION}")
        known = {key: value for key, value in raw.items() if key in cls.model_fields}
        return cls(**{**known, "version": cls.VERSION}), {k: v for k, v in raw.items() if k not in cls.model_fields}


def _explain(error: ErrorDetails) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "settings"
    got = error.get("input")
    shown = f", got {got!r:.60}" if field != "settings" and error["type"] != "missing" else ""
    if error["type"] == "extra_forbidden":
        return f"{field}: unknown setting{shown}"
    if error["type"] == "string_too_long":
        limit = error["ctx"]["max_length"]
        return f"{field}: at most {limit} characters, got {len(str(got))}; shorten it"
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return message  # two settings contradict each other: it names them itself
    return f"{field}: {message[0].lower()}{message[1:]}{shown}"


Prompt = Annotated[str, Field(max_length=1000)]
Loras = Annotated[str, Field(max_length=1000)]
LORA = "Checkpoints: LoRA files by name, one or several with commas; 'name:0.8' sets a weight."
ModelName = Annotated[str, Field(min_length=1, max_length=300)]


class SamplingSettings(Settings):
    """What every run of a flow model has in common."""

    PROMPT: ClassVar[str] = "prompt"  # the field that says what to make
    STARTERS: ClassVar[tuple[str, ...]] = ("starter",)  # models that ship; every other name is a checkpoint's
    LIMITS: ClassVar[dict[str, float]] = {}  # how far a starter goes, where checkpoints go further

    model: ModelName = Field(
        "starter", title="Model", description="Which model to run: a starter, a checkpoint's name, hub id or folder."
    )
    seed: Seed | None = Field(
        None, title="Seed", description="Same seed, same settings: same result. Empty picks one and keeps a note of it."
    )
    steps: int = Field(
        20, ge=1, le=200, title="Steps", description="How many steps the solver takes. More is slower and finer."
    )
    schedule: ScheduleName = Field(
        "shift", title="Step spacing", description="Where along the noise levels the steps are taken (sigma schedule)."
    )
    shift: float = Field(
        2.0, ge=0.1, le=20, title="Shift", description="For the spacing 'shift': above 1 spends more steps near noise."
    )

    @property
    def checkpoint(self) -> bool:
        """Whether the model is a public checkpoint and none of the starters."""
        return self.model not in self.STARTERS

    @classmethod
    def suited(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the makers of a checkpoint recommend, where one is asked for."""
        model = values.get("model")
        if not isinstance(model, str) or model in cls.STARTERS:
            return {}
        from pipelines.checkpoints.recommended import recommended  # reads a catalogue; starters need none

        return {name: value for name, value in recommended(model, cls.TASK).items() if name in cls.model_fields}

    @model_validator(mode="after")
    def _within_the_starter(self) -> Self:
        for name, most in () if self.checkpoint else self.LIMITS.items():
            if getattr(self, name) > most:
                raise ValueError(
                    f"{name}: the starter goes up to {most:g}, got {getattr(self, name)}; use a checkpoint"
                )
        return self

    def resolved(self, seed: int) -> Self:
        """These settings with an empty seed filled in."""
        return self if self.seed is not None else self.with_(seed=seed)

    @classmethod
    def filled(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """``raw`` with a stand-in, a dash, for every text that is missing and cannot be left out."""
        return {**{name: "-" for name, field in cls.model_fields.items() if field.is_required()}, **raw}

    @property
    def asked(self) -> str:
        """What to make, as the person typed it."""
        return str(getattr(self, self.PROMPT))


class EditorSettings(SamplingSettings):
    """What an editor that turns a signal back into noise may share on the way forward."""

    share_steps: int = Field(
        2, ge=0, le=100, title="Share for", description="RF-Edit: first steps that reuse the source's attention values."
    )
    share_from: float = Field(
        0.5, ge=0, le=1, title="Share from depth", description="RF-Edit: share in layers deeper than this part."
    )
    features: Literal["recompute", "cache", "paired"] = Field(
        "recompute",
        title="Shared values",
        description="RF-Edit: run the source again (little memory), keep its values, or run both as a pair.",
    )
    budget_mb: int = Field(
        2048, ge=1, le=1_000_000, title="Memory budget", description="Megabytes that shared values may take."
    )
