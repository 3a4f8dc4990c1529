"""Another studio's settings as ours: what fits is taken over, what does not is changed and said."""

import re
from typing import Any

from pipelines.errors import SettingsError
from pipelines.settings import MAX_SEED, ImageSettings
from studio.intake.foreign.found import Foreign

# Samplers that are the same rule under another name. All others are close to one of these or have no counterpart.
_SOLVERS = {"euler": "euler", "heun": "heun", "midpoint": "midpoint", "rk4": "rk4", "dpm2": "midpoint", "lms": "ab2",
            "ipndm": "ab2"}  # fmt: skip
_NETWORKS = re.compile(r"<(?:lora|lyco|hypernet):([^:<>]{1,100})(?::[^<>]{0,100})?>", re.IGNORECASE)


def to_image_settings(foreign: Foreign) -> tuple[ImageSettings | None, list[str]]:
    """Our settings, and a note for each value that could not be taken over as it was.

    Returns:
        None instead of settings when the file holds no prompt, which a picture cannot be made without.
    """
    notes: list[str] = []
    prompt = _prompt("prompt", foreign.prompt, notes)
    if not prompt:
        return None, [f"{foreign.studio} wrote no prompt into it, so its settings are shown but not filled in"]
    values: dict[str, Any] = {"prompt": prompt, "style": "none"}  # its words are its own: ours adds none
    values["negative_prompt"] = _prompt("negative prompt", foreign.negative_prompt, notes)
    if foreign.seed is not None:
        values["seed"] = _seed(foreign.seed, notes)
    if foreign.steps is not None:
        values["steps"] = int(_within("steps", foreign.steps, notes))
    if foreign.guidance is not None:
        values["guidance"] = _within("guidance", foreign.guidance, notes)
    if foreign.size is not None:
        values["width"], values["height"] = _size(foreign.size, notes)
    if foreign.sampler:
        values |= _solver(foreign.sampler, notes)
    if foreign.model != "starter":
        named = f"was made with {_shown(foreign.model)}" if foreign.model else "does not say which model made it"
        notes.append(f"model: it {named}; the starter model is used and will not make the same picture")
    if "Denoising strength" in foreign.everything and "Hires upscale" not in foreign.everything:
        notes.append("it was made from another picture, which is not in the file; its words are restored alone")
    try:
        return ImageSettings(**values), notes
    except SettingsError as error:  # the ranges changed and this has not followed: say so rather than stop
        return None, [*notes, f"its settings could not be taken over: {error}"]


def _prompt(name: str, text: str, notes: list[str]) -> str:
    found = _NETWORKS.findall(text)
    if found:
        text = _NETWORKS.sub("", text)
        notes.append(f"{name}: add-on networks are not known here and left out: {_shown(', '.join(found))}")
    text = "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()
    limit = _limits("prompt")["max_length"]
    if len(text) > limit:
        notes.append(f"{name}: {len(text):,} characters, at most {limit:,}; the rest is left out")
        text = text[:limit].rstrip()
    return text


def _seed(seed: int, notes: list[str]) -> int:
    if seed > MAX_SEED:
        notes.append(f"seed: {seed} is above {MAX_SEED}; its remainder {seed % (MAX_SEED + 1)} is used")
    return seed % (MAX_SEED + 1)


def _within(name: str, value: float, notes: list[str]) -> float:
    limits = _limits(name)
    fitted = min(max(value, limits["ge"]), limits["le"])
    if fitted != value:
        notes.append(f"{name}: {value:g} is outside {limits['ge']:g} to {limits['le']:g}; {fitted:g} is used")
    return fitted


def _size(size: tuple[int, int], notes: list[str]) -> tuple[int, int]:
    """The size itself where it fits; else the nearest of the same shape."""
    limits = _limits("width")
    least, most, unit = limits["ge"], limits["le"], limits["multiple_of"]
    if all(least <= side <= most and side % unit == 0 for side in size):
        return size
    scale = min(1.0, most / max(size))
    scale = max(scale, least / min(size))
    width, height = (int(min(max(round(side * scale / unit) * unit, least), most)) for side in size)
    notes.append(
        f"size: {size[0]} x {size[1]} is not one that is made here ({least} to {most}); {width} x {height} is used"
    )
    return width, height


def _solver(sampler: str, notes: list[str]) -> dict[str, str]:
    name = sampler.lower().replace("k_", "").replace("sample_", "").strip()
    if name in _SOLVERS:
        return {"solver": _SOLVERS[name]}
    default = ImageSettings.model_fields["solver"].default
    notes.append(f"sampler: {_shown(sampler)} has no counterpart here; {default} is used")
    return {}


def _limits(name: str) -> dict[str, Any]:
    """The range of one of our settings, where it is written once; the starter's where checkpoints go further."""
    found: dict[str, Any] = {}
    for each in ImageSettings.model_fields[name].metadata:
        for key in ("ge", "le", "multiple_of", "max_length"):
            if getattr(each, key, None) is not None:
                found[key] = getattr(each, key)
    if name in ImageSettings.LIMITS:
        found["le"] = min(found["le"], int(ImageSettings.LIMITS[name]))
    return found


def _shown(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= 80 else plain[:77] + "..."
