"""What a run will cost, said before it starts: seconds from the pace of past runs, memory from the model's card.

Work is counted in model calls at the default size; a pace is seconds for one of them. The counting knows nothing of
the engine but how often each rule and each editor asks the model, so a page can say it without loading torch. How much
speech a text becomes is told from its letters.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from pipelines.catalogue import Card, card_of
from pipelines.errors import SettingsError, StudioError
from pipelines.settings import (
    LipSyncSettings,
    SamplingSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    ToolSettings,
    VideoSettings,
    kind_of,
)
from studio.jsonfile import read_json, write_json
from studio.language import Phrase, phrase
from studio.machine import size

SettingsT = TypeVar("SettingsT", bound=SamplingSettings)
FRESH_PACE = 0.05  # seconds a call before anything was measured: a starter on one laptop core
FRESH_LOAD = 2.5  # seconds to load a model before one was measured, the libraries included
KEPT = 8  # past runs of a kind that a pace is the median of
OVERHEAD = 0.2  # part of a call that does not grow with the size of what is made
WORKING = 4_000_000  # bytes that one result of the default size takes while it is made
SPOKEN = 14.0  # letters that a voice reads in a second at its own pace, pauses between sentences counted in
SENTENCE = 5.0  # seconds: speech of the default size
AROUND = 4.0  # seconds of a recording that are listened to around what is spoken anew
# Seconds that a sound goes on for at a time, and that the model then looks at; a test holds them equal to the engine's.
GOES_ON, LOOKS_AT = 3.07, 7.17
MEMORY_UNKNOWN = 1_000_000_000
TOOLS = 400_000_000  # bytes of a run without a model, of a mesh of up to some 100,000 faces
SIZES = ("width", "height", "frames", "seconds")
# Calls a step beyond one; a test holds it equal to the engine's rules, which would bring torch along.
RULE_CALLS = {"midpoint": 2, "heun": 2, "rk4": 4}


@dataclass(frozen=True)
class Cost:
    """What a run takes: ``seconds``, most ``bytes`` of memory, and both in a sentence."""

    seconds: float
    bytes: int
    sentence: Phrase


@dataclass(frozen=True)
class Advice:
    """Why a run does not fit, and the nearest settings that do (None: no smaller ones do either)."""

    sentence: Phrase
    settings: SamplingSettings | None


def calls(settings: SamplingSettings) -> float:
    """About how many model calls ``settings`` make."""
    card = card_of(settings.MEDIUM, settings.model)
    if card is not None and not card.steps:
        return 1.0
    if extend := getattr(settings, "extend", 0.0):
        return _sampled(settings) * math.ceil(extend / GOES_ON)
    method = getattr(settings, "method", None)
    count = _EDITS[method] if method in _EDITS else _sampled
    return float(count(settings))


def scale(settings: SamplingSettings, length: float | None = None) -> float:
    """How much is made, as a multiple of one result of the default size; ``length`` is what it plays, if known."""
    if length is not None and settings.MEDIUM in _AS_LONG:
        return max(1.0, length) / SENTENCE
    if type(settings) in _SPOKEN:
        return _SPOKEN[type(settings)](settings) / SENTENCE * getattr(settings, "takes", 1)
    if getattr(settings, "extend", 0.0):
        return LOOKS_AT / float(SoundSettings.model_fields["seconds"].default)
    fields = type(settings).model_fields
    held = {name: getattr(settings, name) for name in SIZES if name in fields}
    if length is not None and isinstance(settings, VideoSettings) and settings.follow_sound:
        most = next(rule.le for rule in fields["frames"].metadata if hasattr(rule, "le"))
        held["frames"] = min(length * settings.rate, most)
    made = math.prod(value / fields[name].default for name, value in held.items())
    return float(made * getattr(settings, "count", 1))


def work(settings: SamplingSettings, length: float | None = None) -> float:
    """Calls at the default size that take as long as ``settings`` do; ``length`` is that of :func:`scale`."""
    return calls(settings) * (OVERHEAD + (1 - OVERHEAD) * scale(settings, length))


def pace_of(runs: Iterable[tuple[SamplingSettings, float]]) -> float | None:
    """Seconds a unit of work in past runs (settings, seconds); None when there are none."""
    rates = [seconds / work(settings) for settings, seconds in runs if seconds > 0]
    return median(rates[-KEPT:]) if rates else None


class Paces:
    """Paces measured on this machine, kept in ``paces.json`` of the home folder; a damaged file is begun anew."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "paces.json"

    def record(self, settings: SamplingSettings, seconds: float, length: float | None = None) -> None:
        """Note that a run of ``settings`` took ``seconds``, loading not counted; ``length`` is what came of it."""
        if seconds > 0:
            self._add(_key(settings), seconds / work(settings, length))

    def record_load(self, medium: str, model: str, seconds: float) -> None:
        """Note that loading a model took ``seconds``."""
        if seconds > 0:
            self._add(f"load {medium} {model}", seconds)

    def pace(self, settings: SamplingSettings) -> float:
        """Seconds a unit of work: of such runs, else of this model's other runs, else a guess."""
        held = self._read()
        ending = f" {settings.MEDIUM} {settings.model}"
        others = [rate for key, rates in held.items() if key.endswith(ending) and key[:4] != "load" for rate in rates]
        return median(held.get(_key(settings)) or others or [FRESH_PACE])

    def load(self, medium: str, model: str) -> float:
        """Seconds that loading a model takes."""
        return median(self._read().get(f"load {medium} {model}") or [FRESH_LOAD])

    def _add(self, key: str, rate: float) -> None:
        held = self._read()
        held[key] = [*held.get(key, []), rate][-KEPT:]
        write_json(self._path, held)

    def _read(self) -> dict[str, list[float]]:
        try:
            found = read_json(self._path)
        except StudioError:
            return {}
        pairs = found.items() if isinstance(found, dict) else ()
        held = {key: [float(x) for x in rates if _positive(x)] for key, rates in pairs if isinstance(rates, list)}
        return {key: rates for key, rates in held.items() if rates}


def estimate(
    settings: SamplingSettings, paces: Paces | None = None, loaded: bool = True, length: float | None = None
) -> Cost:
    """What ``settings`` will take on this machine, within a factor of two once such a run was measured.

    Args:
        settings: what is to be run.
        paces: what past runs took; None guesses.
        loaded: whether the model is in memory already; else loading it is counted in and said.
        length: seconds of the recording that it starts from, where it is as long as that.
    """
    seconds = work(settings, length) * (paces.pace(settings) if paces else FRESH_PACE)
    needed = memory(settings)
    if loaded:
        return Cost(seconds, needed, phrase("about {time}, {memory}", time=roughly(seconds), memory=size(needed)))
    seconds += paces.load(settings.MEDIUM, settings.model) if paces else FRESH_LOAD
    text = "about {time}, {memory}; the first run also loads the model"
    return Cost(seconds, needed, phrase(text, time=roughly(seconds), memory=size(needed)))


def memory(settings: SamplingSettings) -> int:
    """Most bytes of memory that a run of ``settings`` takes, the model included."""
    card = card_of(settings.MEDIUM, settings.model)
    if isinstance(settings, ToolSettings):
        return TOOLS
    if card is None:
        return int(MEMORY_UNKNOWN + WORKING * scale(settings))
    grown = 0.0 if settings.MEDIUM in _AS_LONG else scale(settings) - 1  # those are made a window at a time
    needed = card.memory_bytes + WORKING * grown + _sharing(settings, card)
    return int(max(needed, card.memory_bytes))


def fitting(settings: SettingsT, room: float) -> SettingsT | None:
    """The nearest settings that fit into ``room`` bytes: thrifty sharing first, then fewer, then smaller; or None."""
    for changed in _smaller(settings):
        if memory(changed) <= room:
            return changed
    return None


def too_large(settings: SamplingSettings, room: float, needed: int | None = None) -> Advice:
    """Why ``settings`` do not fit into ``room`` bytes: what was needed, what was there, and what fits instead.

    Args:
        settings: what was or would be run.
        room: bytes that were free.
        needed: bytes that it asked for, where that is known better than by estimate.
    """
    needed = memory(settings) if needed is None else needed
    held = {"needed": size(needed), "there": size(room)}
    found = fitting(settings, room - max(0, needed - memory(settings)))
    if found is None or found == settings:
        text = "It needs {needed} of memory, {there} are free. Close other programs, or choose a smaller model."
        return Advice(phrase(text, **held), None)
    changes = differences(settings, found)
    text = "It needs {needed} of memory, {there} are free. This fits: {changes}."
    return Advice(phrase(text, **held, changes=changes), found)


def differences(settings: SamplingSettings, others: SamplingSettings) -> str:
    """What ``others`` say where they differ, by the names on the page."""
    return ", ".join(
        f"{field.title} {getattr(others, name)}"
        for name, field in type(settings).model_fields.items()
        if getattr(others, name) != getattr(settings, name)
    )


def roughly(seconds: float) -> str:
    """A time to be taken as a guess."""
    if seconds < 9.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sampled(settings: Any) -> float:
    """One walk from noise: steps, calls a step, and a second call wherever guidance is on. A loop is walked twice."""
    guided = 0.0
    if getattr(settings, "guidance", 1) != 1:
        low, high = getattr(settings, "guidance_from", 0.0), getattr(settings, "guidance_to", 1.0)
        guided = _reached(settings, high) - _reached(settings, low)
    walks = 2 if getattr(settings, "loop", False) else 1
    return walks * settings.steps * RULE_CALLS.get(getattr(settings, "solver", ""), 1) * (1 + guided)


def _reached(settings: Any, sigma: float) -> float:
    """Part of the steps below a noise level; a shifted grid spends fewer of them there."""
    shift = settings.shift if settings.schedule == "shift" else 1.0
    return float(sigma / (shift - (shift - 1) * sigma))


def _rf_edit(settings: Any) -> float:
    each = RULE_CALLS.get(settings.solver, 1)
    again = settings.share_steps if settings.features == "recompute" else 0
    return each * ((1 + _branches(settings)) * settings.steps + min(again, settings.steps)) + 3


def _branches(settings: Any) -> int:
    """Model calls of one velocity toward the target: guidance asks for the description of the source as well."""
    return 1 if settings.guidance == 1 else 2


_EDITS: dict[str, Callable[[Any], float]] = {
    "flowedit": lambda settings: (1 + _branches(settings)) * settings.steps * getattr(settings, "average", 1),
    "rf-edit": _rf_edit,
    "magicmix": lambda settings: _branches(settings) * settings.steps,
    "sdedit": lambda settings: _branches(settings) * settings.steps,
}


def _read_aloud(settings: SpeechSettings) -> float:
    """Seconds of speech that a text becomes."""
    return max(1.0, len(settings.text) / SPOKEN / settings.speed)


def _spoken_anew(settings: SpeechEditSettings) -> float:
    """Seconds of a recording that an edit works on: the words between the first and the last that differ."""
    if settings.start is not None and settings.end is not None:
        return settings.end - settings.start + AROUND
    before, after = settings.source_text.split(), settings.text.split()
    same = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    if same is None:  # one is the other's beginning
        same = min(len(before), len(after))
    rest = before[same:][::-1], after[same:][::-1]
    end = next((n for n, pair in enumerate(zip(*rest, strict=False)) if pair[0] != pair[1]), min(map(len, rest)))
    anew = after[same : len(after) - end]
    return len(" ".join(anew)) / SPOKEN / settings.speed + AROUND


def _talking(settings: LipSyncSettings) -> float:
    """Seconds of talking that a text becomes; of a recording of unknown length, those of a sentence."""
    return max(1.0, len(settings.text) / SPOKEN / settings.speed) if settings.text else SENTENCE


_SPOKEN: dict[type, Callable[[Any], float]] = {
    **{SpeechSettings: _read_aloud, SpeechEditSettings: _spoken_anew, LipSyncSettings: _talking}
}
_AS_LONG = {"lipsync"}  # media whose results last as long as what they were given, and are made a window at a time


def _sharing(settings: SamplingSettings, card: Card) -> float:
    """Bytes of attention values that an edit keeps of its source."""
    shares = getattr(settings, "method", None) == "rf-edit" and getattr(settings, "share_steps", 0)
    return _shared(settings, card.layers, card.value_bytes) if shares else 0.0


def _shared(settings: Any, layers: int, value_bytes: int) -> float:
    deep = math.ceil(layers * (1 - settings.share_from))
    steps = min(settings.share_steps, settings.steps) * RULE_CALLS.get(settings.solver, 1)
    held = {"cache": steps * deep, "paired": 9 * deep, "recompute": 1.5 * deep}[settings.features]
    return min(held * value_bytes, settings.budget_mb * 1e6)  # beyond its budget a run does not start


def _smaller(settings: SettingsT) -> Iterable[SettingsT]:
    """``settings``, then ever smaller ones."""
    yield settings
    if getattr(settings, "features", "recompute") != "recompute":
        settings = settings.with_(features="recompute")
        yield settings
    for name in ("count", *reversed(SIZES)):
        while name in type(settings).model_fields and (less := _halved(settings, name)) is not None:
            settings = less
            yield settings


def _halved(settings: SettingsT, name: str) -> SettingsT | None:
    value = getattr(settings, name)
    rules = type(settings).model_fields[name].metadata
    step = next((rule.multiple_of for rule in rules if getattr(rule, "multiple_of", None)), 1)
    less = value / 2 // step * step if isinstance(value, int) else value / 2
    try:
        return settings.with_(**{name: type(value)(less)}) if less < value else None
    except SettingsError:
        return None


def _key(settings: SamplingSettings) -> str:
    return f"{kind_of(settings).split('.')[-1]} {settings.MEDIUM} {settings.model}"


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf
