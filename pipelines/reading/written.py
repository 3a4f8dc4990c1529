"""A text as it is written: its sentences, and the words of each with their places."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LETTERS = 40  # of one word; longer ones are taken in pieces, so that no word is longer than a sentence may be
MAX_WORDS = 150  # of a sentence; where none ends for longer than that, it is taken in pieces
_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]}]*$")
_CORE = re.compile(r"^[^\w]*(.*?)[^\w]*$")
# A full stop after these does not end a sentence, whatever follows.
_NEVER = frozenset(
    "mr mrs ms mx dr prof st ste mt ft gen sen rep gov capt cmdr lt col sgt maj rev hon pres supt fr messrs vs viz cf "
    "e.g i.e approx fig figs no nos vol vols pp ed eds ch sec eq ca dept est al".split()
)
# After these it does where the next word begins as a sentence does.
_PERHAPS = frozenset(
    "etc inc ltd co corp jr sr bros ave blvd rd ph.d m.d b.a m.a a.m p.m u.s u.k u.n d.c e.u b.c a.d jan feb apr "
    "jun jul aug sep sept oct nov dec mon tue wed thu fri ext".split()
)
_OPENERS = frozenset(
    "a an the this that these those he she it we they you i my his her our their its there here but and so or then "
    "when while if as in on at for from with after before what who why how where yes no not now one some all".split()
)
_ITEM = re.compile(r"^(?:[-*•·–—]|\(?\d{1,3}[.)]|[a-z]\))$")
_WRAPPED = 60  # letters: a line that is at least this long may go on in the next


@dataclass(frozen=True)
class Written:
    """A word as it is written, from ``start`` to before ``end`` of the whole text, with its punctuation."""

    text: str
    start: int
    end: int


def sentences_of(text: str) -> Iterator[tuple[tuple[Written, ...], bool]]:
    """The words of each sentence, and whether it ends there or was only too long to be taken at once.

    Whatever is no white space belongs to exactly one word.
    """
    chunks = list(re.finditer(r"\S+", text))
    waiting: list[Written] = []
    for index, chunk in enumerate(chunks):
        following = chunks[index + 1] if index + 1 < len(chunks) else None
        alone = not waiting
        waiting += _pieces(chunk.group(), chunk.start())
        if following is None or _breaks(text, chunk, following) or _ends(chunk.group(), following.group(), alone):
            yield tuple(waiting), True
            waiting = []
        elif len(waiting) >= MAX_WORDS:
            yield tuple(waiting), False
            waiting = []


def _breaks(text: str, chunk: re.Match[str], following: re.Match[str]) -> bool:
    """Whether the white space between two chunks ends a paragraph, a heading or an item of a list."""
    gap = text[chunk.end() : following.start()]
    if "\n" not in gap.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n\n"):
        return False
    if gap.count("\n") > 1 or _ITEM.match(following.group()):
        return True
    line = chunk.end() - (text.rfind("\n", 0, chunk.end()) + 1)
    return line < _WRAPPED and not following.group()[0].islower()


def _ends(chunk: str, following: str, alone: bool) -> bool:
    """Whether a sentence ends between two chunks of one line."""
    found = _END.search(chunk)
    if not found:
        return False
    mark = found.group()
    quoted = mark[-1] in "\"'”’»"
    core = _CORE.sub(r"\1", chunk).lower()
    first = _CORE.sub(r"\1", following)
    low = following.lstrip("\"'“‘«([{")[:1].islower()
    if any(sign in mark for sign in "。！？"):
        return True
    if any(sign in mark for sign in "!?"):
        return not (low and quoted)
    if "…" in mark or ".." in mark:
        return not low
    if core in _NEVER or (alone and _ITEM.match(chunk)):
        return False
    if core in _PERHAPS or (core.replace(".", "").isalpha() and (len(core) == 1 or "." in core)):
        return first.lower() in _OPENERS and not low
    return not (low and quoted)


def _pieces(chunk: str, start: int) -> Iterator[Written]:
    """A chunk without white space as words: parted at dashes and dots, at a change of script, and by length."""
    edges = [0]
    for match in re.finditer(r"(?<=\w)(?:—|--+|…|\.{2,}|[。，！？、；：])[\"'”’)\]]*(?=[^\W_])", chunk):
        edges.append(match.end())
    edges += [place for place in range(1, len(chunk)) if _foreign(chunk[place - 1]) != _foreign(chunk[place])]
    # Signs after a picture or another script stay with it.
    kept = {edge for edge in edges if re.search(r"\w", chunk[edge:]) or any(map(_foreign, chunk[edge:]))}
    edges = sorted({0, *kept, len(chunk)})
    for first, last in zip(edges, edges[1:], strict=False):
        for place in range(first, last, MAX_LETTERS):
            end = min(place + MAX_LETTERS, last)
            yield Written(chunk[place:end], start + place, start + end)


def _foreign(character: str) -> bool:
    """A letter of another script than Latin and Greek, or a picture."""
    if character.isascii():
        return False
    kind = unicodedata.category(character)
    if kind in ("So", "Sk", "Co", "Cn", "Cs"):
        return character not in "°©®™℃℉№"
    if kind[0] not in "LM":
        return character in "\ufe0f\u200d"  # what holds a picture together
    if kind[0] == "M":
        return not 0x300 <= ord(character) <= 0x36F
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    return not name.startswith(("LATIN", "GREEK", "DIGIT", "MICRO", "FEMININE", "MASCULINE", "MODIFIER"))


def is_foreign(word: str) -> bool:
    """Whether a word (which is of one script) is a picture or of a script that cannot be spoken."""
    return any(_foreign(character) for character in word)
