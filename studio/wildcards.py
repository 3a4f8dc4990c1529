r"""Prompts that stand for several: ``{red|blue} heart``, ``{2::red|blue}`` (red twice as often), ``__colours__``.

Braces nest, a backslash takes ``{ } | \`` and ``__`` literally, and an alternative may be empty. Which one is taken
depends on the seed and on the place in the text alone, by a hash: the same on every machine and in every version.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TypeAlias

from pipelines.errors import SettingsError

DEEPEST = 12
LONGEST = 10_000  # characters of a text with wildcards
CAP = 64  # prompts that 'all' makes at most, unless told otherwise
_WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?)::")
_LIST = re.compile(r"__([A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*)__")
_SPECIAL = "\\{}|"

Node: TypeAlias = "str | Choice | Named"


@dataclass(frozen=True)
class Choice:
    """Alternatives, each a sequence of nodes, and their weights."""

    options: tuple[tuple[Node, ...], ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Named:
    """A list by name, each of its lines an alternative."""

    name: str


@dataclass(frozen=True)
class Expanded:
    """A prompt in plain words, the text it came from, and what was taken at each place, in order."""

    prompt: str
    template: str
    picks: tuple[str, ...]


class Lists(Mapping[str, Sequence[str]]):
    """Lists of alternatives in a folder: ``colours.txt``, one a line, is ``__colours__``; missing is no list."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _names(self) -> tuple[str, ...]:
        found = sorted(path.stem for path in self._folder.glob("*.txt") if path.is_file())
        return tuple(name for name in found if _LIST.fullmatch(f"__{name}__"))

    def __getitem__(self, name: str) -> Sequence[str]:
        if name not in self._names:
            raise KeyError(name)
        text = (self._folder / f"{name}.txt").read_bytes()[:1_000_000].decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def has_wildcards(text: str) -> bool:
    """Whether expanding ``text`` could change it."""
    return any(each in text for each in _SPECIAL) or _LIST.search(text) is not None


def literal(text: str) -> str:
    """``text`` such that expanding it gives it back: for a prompt that comes out of a file into a form."""
    plain = re.sub(r"([\\{}|])", r"\\\1", text)
    return _LIST.sub(lambda found: f"\\{found[0]}", plain)


def expand(text: str, seed: int, lists: Mapping[str, Sequence[str]] | None = None) -> Expanded:
    """``text`` with every wildcard replaced, chosen by ``seed``.

    Raises:
        SettingsError: a brace is not closed, a list is not known, or wildcards are too deep.
    """
    picks: list[str] = []

    def drawn(nodes: Sequence[Node], depth: int) -> str:
        _check(depth)
        said = ""
        for node in nodes:
            if isinstance(node, str):
                said += node
                continue
            choice = node if isinstance(node, Choice) else _choice(node, lists or {})
            place = len(picks)
            picks.append("")
            taken = drawn(choice.options[_pick(choice.weights, seed, place)], depth + 1)
            picks[place] = taken.strip()
            said += taken
        return said

    prompt = _tidy(drawn(parse(text), 0)) if has_wildcards(text) else text
    return Expanded(prompt, text, tuple(picks))


def combinations(text: str, lists: Mapping[str, Sequence[str]] | None = None, cap: int = CAP) -> tuple[str, ...]:
    """Every prompt that ``text`` stands for, once each, in order; weights do not matter.

    Raises:
        SettingsError: as :func:`expand`, or there are more than ``cap``.
    """
    nodes = parse(text)
    number = _number(nodes, lists or {}, 0)
    if number > cap:
        raise SettingsError(
            f"prompt: stands for {number:,} prompts, at most {cap} are made at once; use fewer alternatives"
        )
    return tuple(dict.fromkeys(_tidy(each) for each in _every(nodes, lists or {}, 0)))


def parse(text: str) -> tuple[Node, ...]:
    """The nodes of ``text``.

    Raises:
        SettingsError: braces do not match, or the text is too long.
    """
    if len(text) > LONGEST:
        raise SettingsError(f"prompt: at most {LONGEST:,} characters with wildcards, got {len(text):,}; shorten it")
    nodes, end = _sequence(text, 0, None, 0)
    if end < len(text):
        raise SettingsError(f"prompt: '}}' at character {end + 1} closes nothing; write \\}} for the sign itself")
    return nodes


def _sequence(text: str, at: int, opened: int | None, depth: int) -> tuple[tuple[Node, ...], int]:
    """Nodes from ``at`` to the end of this alternative, and where that is."""
    _check(depth)
    nodes: list[Node] = []
    while at < len(text):
        sign = text[at]
        if sign == "\\" and at + 1 < len(text):
            taken = 2 if text.startswith("__", at + 1) else 1
            if taken == 2 or text[at + 1] in _SPECIAL:
                nodes.append(text[at + 1 : at + 1 + taken])
                at += 1 + taken
                continue
        if sign == "}" or (sign == "|" and opened is not None):
            return tuple(nodes), at
        if sign == "{":
            choice, at = _alternatives(text, at, depth + 1)
            nodes.append(choice)
            continue
        if found := _LIST.match(text, at):
            nodes.append(Named(found[1]))
            at = found.end()
            continue
        nodes.append(sign)
        at += 1
    if opened is not None:
        raise SettingsError(f"prompt: '{{' at character {opened + 1} is never closed; add '}}' or write \\{{")
    return tuple(nodes), at


def _alternatives(text: str, opened: int, depth: int) -> tuple[Choice, int]:
    options, weights, at = [], [], opened
    while True:
        weight = _WEIGHT.match(text, at + 1)
        nodes, at = _sequence(text, weight.end() if weight else at + 1, opened, depth)
        options.append(nodes)
        weights.append(float(weight[1]) if weight else 1.0)
        if text[at] == "}":
            break
    if not math.isfinite(sum(weights)) or sum(weights) <= 0:
        raise SettingsError(f"prompt: the weights in '{{' at character {opened + 1} are all 0; make one larger")
    return Choice(tuple(options), tuple(weights)), at + 1


def _choice(node: Named, lists: Mapping[str, Sequence[str]]) -> Choice:
    entries = lists.get(node.name)
    if not entries:
        known = ", ".join(sorted(lists)) or "none yet"
        raise SettingsError(
            f"prompt: no list named {node.name!r} (known: {known}); write \\__ for the signs themselves"
        )
    return Choice(tuple(parse(entry) for entry in entries), (1.0,) * len(entries))


def _pick(weights: Sequence[float], seed: int, place: int) -> int:
    # Not random.Random: what its choices() returns may change between versions of Python.
    digest = hashlib.sha256(f"{seed}:{place}".encode()).digest()
    left = int.from_bytes(digest[:7]) / 2**56 * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)


def _number(nodes: Sequence[Node], lists: Mapping[str, Sequence[str]], depth: int) -> int:
    _check(depth)
    number = 1
    for node in nodes:
        if not isinstance(node, str):
            choice = node if isinstance(node, Choice) else _choice(node, lists)
            number *= sum(_number(option, lists, depth + 1) for option in choice.options)
    return number


def _every(nodes: Sequence[Node], lists: Mapping[str, Sequence[str]], depth: int) -> Iterator[str]:
    _check(depth)
    parts: list[list[str]] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append([node])
            continue
        choice = node if isinstance(node, Choice) else _choice(node, lists)
        parts.append([each for option in choice.options for each in _every(option, lists, depth + 1)])
    return ("".join(each) for each in product(*parts))


def _check(depth: int) -> None:
    if depth > DEEPEST:
        raise SettingsError(f"prompt: wildcards are more than {DEEPEST} deep; does a list name itself?")


def _tidy(text: str) -> str:
    """One space where an empty alternative left two, and none before a comma."""
    return re.sub(r" +(?=,)", "", re.sub(r" {2,}", " ", text)).strip()
