"""Words of motion: which verbs and adverbs a prompt holds, and the score that they make.

Every verb is a loop: at the start and the end of a cycle the picture is as it was. The words are read by rule, not by
the network: "a red heart, beating fast" is the picture "a red heart" and the score of a fast beat.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.models.motion import LATTICE, Score


class Pose(NamedTuple):
    """Where a picture is: every field [T]; lengths in half canvas sizes, angles in turns, y down.

    A picture is stretched, turned (clockwise) and moved about its pivot, and bent like a wave: ``ripple`` is how far,
    ``phase`` where in its cycle, in turns; at phase 0 it is not bent.
    """

    x: Tensor
    y: Tensor
    turn: Tensor
    wide: Tensor
    tall: Tensor
    lean: Tensor
    ripple: Tensor
    phase: Tensor
    opacity: Tensor


Motion = Callable[[Tensor, float], dict[str, Tensor]]  # (time [T] in cycles, sideways -1 or 1) -> changed fields


@dataclass(frozen=True)
class Verb:
    """One way to move.

    Attributes:
        words: base forms that mean it.
        motion: its pose over a cycle; what it leaves out stays at rest.
        pivot: point of the canvas that it turns and stretches about.
        tempo: cycles a second.
        room: share of the canvas that a picture should take so as not to leave it.
    """

    words: tuple[str, ...]
    motion: Motion
    pivot: tuple[float, float] = (0.0, 0.0)
    tempo: float = 0.75
    room: float = 1.0


def _wave(u: Tensor) -> Tensor:
    return torch.sin(math.tau * u)


def _there_and_back(u: Tensor) -> Tensor:
    """0 at the ends of a cycle, 1 in its middle."""
    return (1 - torch.cos(math.tau * u)) / 2


def _hop(u: Tensor) -> Tensor:
    """Height of a ball that bounces once a cycle, in [0, 1]."""
    u = u % 1
    return 4 * u * (1 - u)


def _round_trip(u: Tensor) -> Tensor:
    """Position of what leaves at one side and comes back from the other: 0 to 1, then -1 to 0."""
    u = u % 1
    return torch.where(u < 0.5, 2 * u, 2 * u - 2) * 1.1


def _squash(amount: Tensor) -> dict[str, Tensor]:
    """Flattened by ``amount`` in [0, 1) and as much wider; negative stretches."""
    return {"tall": 1 - amount, "wide": 1 + 0.7 * amount}


def _bounce(u: Tensor, side: float) -> dict[str, Tensor]:
    u = u % 1
    pressed = torch.sin(math.pi * (u / 0.25).clamp(0, 1))
    height = _hop(((u - 0.25) / 0.75).clamp(0, 1) * (u > 0.25))
    return {"y": -0.45 * height, **_squash(0.26 * pressed)}


def _jump(u: Tensor, side: float) -> dict[str, Tensor]:
    u = u % 1
    crouch = torch.where(u < 0.25, torch.sin(math.pi * u / 0.25), torch.zeros_like(u))
    air = ((u - 0.25) / 0.55).clamp(0, 1)
    land = torch.where(u > 0.8, torch.sin(math.pi * (u - 0.8) / 0.2), torch.zeros_like(u))
    height = 4 * air * (1 - air)
    return {"y": -0.6 * height, **_squash(0.25 * crouch + 0.2 * land - 0.15 * height * (1 - air))}


def _beat(u: Tensor, side: float) -> dict[str, Tensor]:
    u = u % 1
    size = 1 + 0.22 * torch.exp(-(((u - 0.25) / 0.08) ** 2)) + 0.13 * torch.exp(-(((u - 0.5) / 0.08) ** 2))
    return {"wide": size, "tall": size}


def _dance(u: Tensor, side: float) -> dict[str, Tensor]:
    return {
        "x": side * 0.16 * _wave(u), "turn": side * 0.04 * _wave(u), "y": -0.12 * _wave(2 * u).abs(),
        **_squash(0.08 * _there_and_back(4 * u)),
    }  # fmt: skip


def _both(size: Tensor) -> dict[str, Tensor]:
    return {"wide": size, "tall": size}


BOTTOM = (0.0, 0.9)
TOP = (0.0, -0.9)
# Order matters where words are shared: the first verb that owns a word has it.
VERBS: dict[str, Verb] = {
    "spin": Verb(
        ("spin", "rotate", "turn", "twirl", "whirl", "revolve", "pirouette", "swirl"), lambda u, s: {"turn": s * u}
    ),
    "nod": Verb(
        ("nod", "agree", "bow"),
        lambda u, s: {"y": 0.1 * _there_and_back(u), "tall": 1 - 0.17 * _there_and_back(u), "lean": 0.03 * _wave(u)},
        BOTTOM, 1.2,
    ),
    "shake": Verb(
        ("shake", "disagree"), lambda u, s: {"x": s * 0.14 * _wave(u), "turn": s * 0.03 * _wave(u)}, BOTTOM, 1.8
    ),
    "sway": Verb(
        ("sway", "rock", "lean", "tilt", "teeter"), lambda u, s: {"turn": s * 0.06 * _wave(u)}, BOTTOM, 0.6
    ),
    "swing": Verb(("swing", "dangle", "oscillate"), lambda u, s: {"turn": s * 0.09 * _wave(u)}, TOP, 0.7),
    "wave": Verb(
        ("wave", "waggle", "greet"), lambda u, s: {"turn": s * 0.06 * _wave(2 * u)}, (0.2, 0.8), 0.8
    ),
    "bounce": Verb(("bounce", "hop", "dribble", "bob"), _bounce, BOTTOM, 1.0, 0.7),
    "jump": Verb(("jump", "leap", "skip"), _jump, BOTTOM, 0.7, 0.65),
    "slide": Verb(
        ("slide", "move", "drive", "go", "walk", "run", "travel", "glide", "pass", "drift"),
        lambda u, s: {"x": s * 2 * _round_trip(u)}, tempo=0.6,
    ),
    "float": Verb(
        ("float", "hover", "levitate", "fly"),
        lambda u, s: {"y": -0.14 * _wave(u), "turn": s * 0.012 * _wave(2 * u)}, tempo=0.6,
    ),
    "rise": Verb(
        ("rise", "ascend", "lift", "climb", "launch"), lambda u, s: {"y": -2 * _round_trip(u)}, tempo=0.6
    ),
    "fall": Verb(("fall", "drop", "sink", "descend"), lambda u, s: {"y": 2 * _round_trip(u)}, tempo=0.6),
    "beat": Verb(("beat", "throb", "thump"), _beat, tempo=1.0, room=0.85),
    "pulse": Verb(
        ("pulse", "pulsate", "breathe", "swell"), lambda u, s: _both(1 + 0.18 * _there_and_back(u)),
        tempo=0.8, room=0.85,
    ),
    "grow": Verb(
        ("grow", "enlarge", "expand", "inflate", "approach"), lambda u, s: _both(1 + 0.5 * _there_and_back(u)),
        tempo=0.6, room=0.65,
    ),
    "shrink": Verb(
        ("shrink", "contract", "deflate", "recede", "dwindle"), lambda u, s: _both(1 - 0.55 * _there_and_back(u)),
        tempo=0.6,
    ),
    "flip": Verb(
        ("flip", "somersault"), lambda u, s: {"wide": torch.cos(math.tau * u)}, tempo=0.6
    ),
    "roll": Verb(
        ("roll", "tumble"), lambda u, s: {"x": s * 2 * _round_trip(u), "turn": s * 2 * _round_trip(u) / 2.2},
        (0.0, 0.0), 0.5,
    ),
    "squash": Verb(
        ("squash", "squish", "squeeze", "flatten"), lambda u, s: _squash(0.4 * _there_and_back(u)), BOTTOM, 0.8
    ),
    "stretch": Verb(
        ("stretch", "elongate"), lambda u, s: _squash(-0.35 * _there_and_back(u)), BOTTOM, 0.8
    ),
    "wobble": Verb(
        ("wobble", "jiggle", "wiggle", "twitch"),
        lambda u, s: {"lean": s * 0.22 * _wave(2 * u), **_squash(0.06 * _wave(2 * u + 0.25) - 0.06)}, BOTTOM, 0.8,
    ),
    "tremble": Verb(
        ("tremble", "shiver", "vibrate", "quiver", "shudder", "jitter"),
        lambda u, s: {"x": s * 0.05 * _wave(4 * u), "turn": 0.012 * _wave(3 * u)}, tempo=0.9,
    ),
    "ripple": Verb(
        ("ripple", "undulate", "swim", "flutter", "flow"),
        lambda u, s: {"ripple": 0.09 * torch.ones_like(u), "phase": u}, tempo=0.8,
    ),
    "circle": Verb(
        ("circle", "orbit", "loop"),
        lambda u, s: {"x": s * 0.22 * _wave(u), "y": 0.22 * (torch.cos(math.tau * u) - 1)}, tempo=0.6, room=0.7,
    ),
    "fade": Verb(
        ("fade", "vanish", "disappear", "dissolve"), lambda u, s: {"opacity": 1 - _there_and_back(u)}, tempo=0.6
    ),
    "flash": Verb(
        ("flash", "flicker"),
        lambda u, s: {"opacity": 1 - 0.85 * (_there_and_back(2 * u) > 0.5).float()}, tempo=0.8,
    ),
    "dance": Verb(("dance", "boogie", "groove", "party"), _dance, BOTTOM, 0.8, 0.85),
    "still": Verb(("stand", "stay", "rest", "freeze", "wait"), lambda u, s: {}),
}  # fmt: skip

FAST = {"fast": 2.0, "quickly": 2.0, "rapidly": 2.0, "swiftly": 2.0, "hurriedly": 2.0, "briskly": 1.5}
SLOW = {"slow": 0.5, "slowly": 0.5, "lazily": 0.5, "leisurely": 0.5, "calmly": 0.6}
SPEEDS = FAST | SLOW
AMOUNTS = {
    "gently": 0.5, "softly": 0.5, "slightly": 0.4, "little": 0.5, "subtly": 0.4, "wildly": 1.5, "strongly": 1.4,
    "violently": 1.6, "hard": 1.4, "vigorously": 1.5, "heavily": 1.4, "high": 1.3,
}  # fmt: skip
SIDES = {
    "left": -1.0, "leftward": -1.0, "leftwards": -1.0, "backwards": -1.0, "anticlockwise": -1.0,
    "counterclockwise": -1.0, "right": 1.0, "rightward": 1.0, "rightwards": 1.0, "clockwise": 1.0, "forwards": 1.0,
}  # fmt: skip
UPRIGHT = {"up": "rise", "upward": "rise", "upwards": "rise", "down": "fall", "downward": "fall", "downwards": "fall"}
TIMES = {"once": 1, "twice": 2, "thrice": 3}
# Of no meaning behind or before a word of motion: "nodding its head", "spinning around in circles".
LINKS = frozenset(
    "to the from side and back forth in place around round about its his her their head hand hands body tail very a "
    "an again circles circle air over like across away along with".split()
)
BEFORE = frozenset("is are that which it while who starts begins keeps and then".split())
PARTS = re.compile(r"[a-z0-9'\u2019-]+|,|[^\x00-\x7f]+")


@dataclass(frozen=True)
class Move:
    """A verb as a prompt asks for it: its key, speed and size as factors, side, and cycles where they are counted."""

    verb: str
    speed: float = 1.0
    amount: float = 1.0
    side: float = 1.0
    cycles: int | None = None


class Heard(NamedTuple):
    """What a prompt says: what to show, and how it moves; either may be empty."""

    content: str
    moves: tuple[Move, ...]


def forms(word: str) -> tuple[str, ...]:
    """A verb's third person and participle: nod, nods, nodding."""
    if word.endswith("e") and not word.endswith("ee"):
        return f"{word}s", f"{word[:-1]}ing"
    if word.endswith("y"):
        return f"{word[:-1]}ies" if word[-2] not in "aeou" else f"{word}s", f"{word}ing"
    third = f"{word}es" if word.endswith(("sh", "ch", "s", "x", "o")) else f"{word}s"
    short = len(word) >= 3 and word[-1] in "bdgmnprt" and word[-2] in "aeiou" and word[-3] not in "aeiou"
    if short and word not in {"flutter", "flicker", "quiver", "shiver", "shudder", "jitter", "dwindle", "hover"}:
        return third, f"{word}{word[-1]}ing"
    return third, f"{word}ing"


def _lexicon() -> tuple[dict[str, str], dict[str, str]]:
    """Verb keys by inflected form, and by base form."""
    inflected: dict[str, str] = {}
    base: dict[str, str] = {}
    for key, verb in VERBS.items():
        for word in verb.words:
            base.setdefault(word, key)
            for form in forms(word):
                inflected.setdefault(form, key)
    return inflected, base


INFLECTED, BASE = _lexicon()


def heard(prompt: str, is_name: Callable[[str], bool] = lambda text: False) -> Heard:
    """Part ``prompt`` into what to show and how it moves.

    Inflected verbs count wherever they stand, base forms ("spin fast") only at the start of a clause. A clause that
    ``is_name`` knows as the name of a thing ("rolling on the floor laughing") is left alone.
    """
    content: list[str] = []
    moves: list[Move] = []
    for clause in prompt.lower().split(","):
        parts = PARTS.findall(clause)
        if not parts:
            continue
        found = [] if is_name(clause.strip()) else _verbs(parts, first=not content and not moves)
        used: set[int] = set()
        for place, key in found:
            span = _span(parts, place, {other for other, _ in found})
            used |= set(span)
            moves.append(_move(key, [parts[each] for each in span]))
        rest = [part for place, part in enumerate(parts) if place not in used]
        if rest and not set(rest) <= LINKS | BEFORE:
            content.append(" ".join(rest))
    return Heard(", ".join(content), tuple(moves))


def _verbs(parts: Sequence[str], *, first: bool) -> list[tuple[int, str]]:
    found = []
    for place, part in enumerate(parts):
        lead = set(parts[:place]) <= BEFORE | LINKS | SPEEDS.keys() | AMOUNTS.keys()
        # At the very start a base form is a command only where it is the only word that could be shown.
        command = part in BASE and lead and (not first or set(parts[place + 1 :]) <= _ADVERBS | LINKS)
        if part in INFLECTED or command:
            found.append((place, INFLECTED.get(part) or BASE[part]))
    return found


_ADVERBS = SPEEDS.keys() | AMOUNTS.keys() | SIDES.keys() | UPRIGHT.keys() | TIMES.keys() | {"times"}


def _span(parts: Sequence[str], place: int, verbs: set[int]) -> list[int]:
    """The places of a verb and of the words around it that belong to it."""
    start, end = place, place + 1
    while start and start - 1 not in verbs and parts[start - 1] in SPEEDS.keys() | AMOUNTS.keys() | BEFORE:
        start -= 1
    while end < len(parts) and end not in verbs and (parts[end] in _ADVERBS | LINKS or parts[end].isdigit()):
        end += 1
    # A link that leads to something else stays with that: "spinning on a table".
    while end < len(parts) and end not in verbs and end - 1 > place and parts[end - 1] in LINKS - {"around", "round"}:
        end -= 1
    return list(range(start, end))


def _move(key: str, words: Sequence[str]) -> Move:
    move = Move(key)
    for place, word in enumerate(words):
        if word in UPRIGHT and key in {"slide", "float", "rise", "fall"}:
            move = replace(move, verb=UPRIGHT[word])
        move = replace(
            move, speed=move.speed * SPEEDS.get(word, 1.0), amount=move.amount * AMOUNTS.get(word, 1.0),
            side=SIDES.get(word, move.side), cycles=TIMES.get(word, move.cycles),
        )  # fmt: skip
        if word.isdigit() and words[place + 1 : place + 2] == ["times"]:
            move = replace(move, cycles=max(1, min(int(word), 20)))
    return move


def room(moves: Sequence[Move]) -> float:
    """Share of the canvas that a picture should take for these moves, in (0, 1]."""
    return min((VERBS[move.verb].room for move in moves), default=1.0)


def perform(moves: Sequence[Move], frames: int, rate: float, *, loop: bool, start: float | None = None) -> Score:
    """The score of all ``moves`` at once over so many ``frames`` at ``rate`` a second.

    A loop holds whole cycles of each. With ``start`` it is the part from that second on of a motion without an end,
    whose cycles are not counted.
    """
    lattice = torch.linspace(-1, 1, LATTICE)
    points = torch.stack(torch.meshgrid(lattice, lattice, indexing="xy")).expand(frames, -1, -1, -1)
    places, opacity = points, torch.ones(frames)
    for move in moves:
        verb = VERBS[move.verb]
        pose = _pose(verb, move, _cycles(verb, move, frames, rate, loop=loop, start=start))
        places = _undone(places, pose, verb.pivot)
        opacity = opacity * pose.opacity.clamp(0, 1)
    return Score((places - points).float(), opacity)


def _cycles(verb: Verb, move: Move, frames: int, rate: float, *, loop: bool, start: float | None) -> Tensor:
    seconds = frames / rate
    tempo = verb.tempo * move.speed
    if move.cycles is not None and start is None:
        tempo = move.cycles / seconds
    elif loop:
        tempo = max(1, round(tempo * seconds)) / seconds
    return ((start or 0.0) + torch.arange(frames) / rate) * tempo


def _pose(verb: Verb, move: Move, time: Tensor) -> Pose:
    zero, one = torch.zeros_like(time), torch.ones_like(time)
    rest = Pose(zero, zero, zero, one, one, zero, zero, zero, one)
    asked = verb.motion(time, move.side)
    # Whole turns and leaving the canvas are not a matter of more or less.
    gain = 1.0 if move.verb in {"spin", "slide", "rise", "fall", "roll", "flip"} else move.amount
    at_rest = rest._asdict()
    return rest._replace(**{
        name: value if name == "phase" else at_rest[name] + gain * (value - at_rest[name])
        for name, value in asked.items()
    })  # fmt: skip


def _undone(places: Tensor, pose: Pose, pivot: tuple[float, float]) -> Tensor:
    """Where ``places`` [T, 2, L, L] were before the picture took ``pose``."""

    def wide(value: Tensor) -> Tensor:
        return value[:, None, None]

    x = places[:, 0] - wide(pose.x) - pivot[0]
    y = places[:, 1] - wide(pose.y) - pivot[1]
    cos, sin = (wide(each(math.tau * pose.turn)) for each in (torch.cos, torch.sin))
    x, y = cos * x + sin * y, cos * y - sin * x
    x = x - wide(pose.lean) * y
    x, y = (each / wide(_not_flat(size)) for each, size in ((x, pose.wide), (y, pose.tall)))
    height = 0.6 * y
    bend = torch.sin(math.tau * (height - wide(pose.phase))) - torch.sin(math.tau * height)
    return torch.stack([x + pivot[0] + wide(pose.ripple) * bend, y + pivot[1]], dim=1)


def _not_flat(size: Tensor) -> Tensor:
    """``size`` kept away from 0, where a picture seen from its edge would be infinitely thin."""
    return torch.where(size < 0, size.clamp(max=-0.04), size.clamp(min=0.04))
