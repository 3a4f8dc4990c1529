"""Prompts before they become settings: wildcards drawn from the seed, batches over a list, and what was typed before.

Wildcards are replaced once, when a job is made: the job, and the file it writes, hold plain words, so that a file
replays whatever happens to lists later. What is kept beside it, ``Drawn.templates``, says what was typed.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pipelines.errors import SettingsError, StudioError
from pipelines.settings import MAX_SEED, SamplingSettings
from studio.jsonfile import read_json, write_json
from studio.wildcards import CAP, combinations, expand, has_wildcards

SettingsT = TypeVar("SettingsT", bound=SamplingSettings)
FIELDS = ("prompt", "source_prompt", "negative_prompt")
KEPT = 100
_writing = threading.Lock()


def words_of(settings: SamplingSettings) -> str:
    """What a result is to be, in the words of its person; of an edit that only cuts words, what was said before."""
    return settings.asked or source_words_of(settings)


def source_words_of(settings: SamplingSettings) -> str:
    """What an edit's source was said to be; empty where nothing was said, or there was no source."""
    return str(getattr(settings, f"source_{settings.PROMPT}", ""))


@dataclass(frozen=True)
class Drawn(Generic[SettingsT]):
    """Settings in plain words; ``templates`` holds, by field, what was typed where that was something else."""

    settings: SettingsT
    templates: dict[str, str]


def drawn(settings: SettingsT, lists: Mapping[str, Sequence[str]] | None = None) -> Drawn[SettingsT]:
    """``settings`` with every wildcard replaced; equal texts in two fields draw the same words.

    Raises:
        SettingsError: the seed is still empty, or a wildcard cannot be read.
    """
    typed = {name: str(getattr(settings, name)) for name in FIELDS if name in type(settings).model_fields}
    templates = {name: text for name, text in typed.items() if has_wildcards(text)}
    if not templates:
        return Drawn(settings, {})
    if settings.seed is None:
        raise SettingsError("seed: is empty; wildcards are drawn from it, so resolve it first")
    words = {name: expand(text, settings.seed, lists).prompt for name, text in templates.items()}
    return Drawn(settings.with_(**words), templates)


def batch(
    settings: SettingsT,
    prompts: str | Sequence[str],
    lists: Mapping[str, Sequence[str]] | None = None,
    mode: Literal["draw", "all"] = "draw",
    seeds: Literal["same", "count up"] = "same",
    cap: int = CAP,
) -> tuple[Drawn[SettingsT], ...]:
    """One settings a prompt of a list.

    Args:
        settings: what they share; their seed must be there.
        prompts: one a line, empty lines skipped; or a sequence.
        lists: for ``__name__``.
        mode: 'draw' takes one prompt of each line's wildcards, 'all' makes every one.
        seeds: the 'same' for all, so that only the words differ, or 'count up' from the first.
        cap: most settings to make.

    Raises:
        SettingsError: there is no prompt, there are more than ``cap``, or one of them is refused; names the line.
    """
    lines = [line.strip() for line in (prompts.splitlines() if isinstance(prompts, str) else prompts)]
    made: list[Drawn[SettingsT]] = []
    for number, line in enumerate(lines, start=1):
        try:
            made += _of_line(settings, line, lists, mode, cap) if line else []
        except SettingsError as error:
            raise SettingsError(f"line {number}: {error}") from None
        if len(made) > cap:
            raise SettingsError(f"prompt: at most {cap} prompts are made at once, these are more; shorten the list")
    if not made:
        raise SettingsError("prompt: the list is empty; write one prompt a line")
    if seeds == "same" or settings.seed is None:
        return tuple(made)
    numbered = ((settings.seed + index) % (MAX_SEED + 1) for index in range(len(made)))
    return tuple(
        Drawn(each.settings.with_(seed=seed), each.templates) for each, seed in zip(made, numbered, strict=True)
    )


def _of_line(
    settings: SettingsT, line: str, lists: Mapping[str, Sequence[str]] | None, mode: str, cap: int
) -> list[Drawn[SettingsT]]:
    if mode == "draw":
        return [_with_prompt(settings, line, lists)]
    kept = {"prompt": line} if has_wildcards(line) else {}
    return [
        Drawn(plain.settings.with_(prompt=words), {**plain.templates, **kept})
        for plain in [_with_prompt(settings, "x", lists)]
        for words in combinations(line, lists, cap)
    ]


def _with_prompt(settings: SettingsT, text: str, lists: Mapping[str, Sequence[str]] | None) -> Drawn[SettingsT]:
    # A text with wildcards may be longer than a prompt may: only what comes out of it has to be one.
    if settings.seed is None:
        raise SettingsError("seed: is empty; wildcards are drawn from it, so resolve it first")
    words = expand(text, settings.seed, lists)
    rest = drawn(settings.with_(prompt="x"), lists)
    kept = {"prompt": text} if has_wildcards(text) else {}
    return Drawn(rest.settings.with_(prompt=words.prompt), {**rest.templates, **kept})


class History:
    """The last prompts of each owner, newest first, no text twice; one small file an owner in ``folder``.

    ``kind`` keeps apart what is of no use to another form: a text to speak is no picture.
    """

    def __init__(self, folder: Path, kept: int = KEPT, kind: str = "") -> None:
        self._folder, self._kept = folder / "history" / kind, kept

    def add(self, owner: str, prompt: str) -> None:
        """Put ``prompt`` in front; blank ones are not kept."""
        text = prompt.strip()
        if text:
            with _writing:
                write_json(self._path(owner), [text, *(x for x in self.prompts(owner) if x != text)][: self._kept])

    def prompts(self, owner: str, holding: str = "") -> tuple[str, ...]:
        """The prompts of ``owner``, newest first, or those with ``holding`` in them, capitals ignored."""
        try:
            found = read_json(self._path(owner))
        except StudioError:  # a damaged history is no reason to stop anybody's work
            return ()
        texts = found if isinstance(found, list) else []
        wanted = holding.strip().casefold()
        return tuple(text for text in texts if isinstance(text, str) and wanted in text.casefold())

    def remove(self, owner: str, prompt: str) -> None:
        """Forget one prompt."""
        with _writing:
            write_json(self._path(owner), [text for text in self.prompts(owner) if text != prompt.strip()])

    def clear(self, owner: str) -> None:
        """Forget every prompt of ``owner``."""
        with _writing:
            self._path(owner).unlink(missing_ok=True)

    def _path(self, owner: str) -> Path:
        # An owner's name may be anything; its hash is always a file's name.
        return self._folder / f"{hashlib.sha256(owner.encode()).hexdigest()[:24]}.json"
