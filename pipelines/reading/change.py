"""Which words of a recording stay, which go and which are new."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from pipelines.errors import SettingsError
from pipelines.reading.reader import Sentence, SpokenWord

Kind = Literal["kept", "replaced", "inserted", "removed"]


@dataclass(frozen=True)
class Change:
    """Words ``first`` to before ``last`` of the recording become words ``begin`` to before ``end`` of the new text."""

    kind: Kind
    first: int
    last: int
    begin: int
    end: int


def words_of(sentences: Sequence[Sentence]) -> tuple[SpokenWord, ...]:
    """All words of a text in order."""
    return tuple(word for sentence in sentences for word in sentence.words)


def changes_between(source: Sequence[SpokenWord], target: Sequence[SpokenWord]) -> tuple[Change, ...]:
    """The changes that make ``source`` into ``target``, in order; together they cover both.

    Words are the same that are written alike but for case and punctuation, or that sound alike ("5" and "five").
    """
    written = [_key(word) for word in source]
    sounding = {_sound(word): _key(word) for word in source}
    known = set(written)
    wanted = [key if (key := _key(word)) in known else sounding.get(_sound(word), key) for word in target]
    kinds: dict[str, Kind] = {"equal": "kept", "replace": "replaced", "insert": "inserted", "delete": "removed"}
    matcher = SequenceMatcher(None, written, wanted, autojunk=False)
    return tuple(Change(kinds[kind], *places) for kind, *places in matcher.get_opcodes())


def spoken_again(changes: Sequence[Change], again: Sequence[bool]) -> tuple[Change, ...]:
    """The same changes, with the words of the recording that are marked in ``again`` replaced by themselves.

    What is replaced and lies side by side becomes one change.
    """
    parts: list[Change] = []
    for change in changes:
        if change.kind != "kept":
            parts.append(change)
            continue
        for step in range(change.last - change.first):
            kind: Kind = "replaced" if again[change.first + step] else "kept"
            first, begin = change.first + step, change.begin + step
            parts.append(Change(kind, first, first + 1, begin, begin + 1))
    merged: list[Change] = []
    for part in parts:
        if merged and (merged[-1].kind == "kept") == (part.kind == "kept"):
            before = merged.pop()
            kind = "kept" if part.kind == "kept" else _kind(before.first < part.last, before.begin < part.end)
            part = Change(kind, before.first, part.last, before.begin, part.end)
        merged.append(part)
    return tuple(merged)


def check_changes(changes: Sequence[Change]) -> None:
    """Refuse what is no edit.

    Raises:
        SettingsError: nothing changes, or nothing of the recording stays.
    """
    if all(change.kind == "kept" for change in changes):
        raise SettingsError(
            "text: says the same as the recording; change a word, or give From and To of what should be spoken anew"
        )
    if not changes[-1].end:
        raise SettingsError("text: is empty; type the words as they should be, all of the recording's that stay too")
    if all(change.kind != "kept" for change in changes):
        raise SettingsError("text: no word of the recording stays; to say something new altogether, use Speak")


def _kind(had: bool, has: bool) -> Kind:
    return "replaced" if had and has else "removed" if had else "inserted"


def _key(word: SpokenWord) -> str:
    plain = unicodedata.normalize("NFKC", word.text.casefold()).replace("’", "'")
    # Figures keep their signs: 3.14 is not 314, and -5 not 5.
    kept = "".join(
        sign for sign in plain if sign.isalnum() or sign in "'$%@&+" or (sign in ".-,:/" and _figures(plain))
    )
    return kept.strip("',.:/") or plain


def _figures(text: str) -> bool:
    return any(sign.isdigit() for sign in text)


def _sound(word: SpokenWord) -> str:
    return "".join(phone.symbol for phone in word.phones)
