"""From a text to what is spoken, word by word."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from pipelines.errors import SettingsError
from pipelines.reading.phones import STOPS, Phone, phones_of
from pipelines.reading.spoken import plain, spoken
from pipelines.reading.written import Written, is_foreign, sentences_of

if TYPE_CHECKING:
    from hibari.g2p import G2P

MAX_PHONES = 200  # of a sentence: about twelve seconds
_STRONGEST = "?!….;:—,"
_AT_CLAUSES = ";:—…,"


@dataclass(frozen=True)
class SpokenWord:
    """A word, or a few that are said as one ("5 May 2024"), from ``start`` to before ``end`` of the whole text.

    ``stop`` is the punctuation after it that is heard, one of ``STOPS`` or empty. ``phones`` is never empty and may
    hold stops inside: a telephone number has pauses.
    """

    text: str
    start: int
    end: int
    phones: tuple[Phone, ...]
    stop: str


@dataclass(frozen=True)
class Sentence:
    """What is spoken in one breath: at most about ``MAX_PHONES`` phones, ending in a stop.

    ``left_out`` are written words that cannot be spoken: pictures and other scripts.
    """

    text: str
    words: tuple[SpokenWord, ...]
    left_out: tuple[Written, ...] = ()


def read(text: str) -> tuple[Sentence, ...]:
    """Sentences of ``text`` in order; every written word is in exactly one spoken word or left out.

    Raises:
        SettingsError: nothing in it can be spoken.
    """
    made: list[Sentence] = []
    lost: list[Written] = []
    for written, ends in sentences_of(text):
        words, unread = _said(text, written, "." if ends else ",")
        lost += unread
        if words:
            parts = list(_shortened(words))
            made += [_sentence(text, part, ()) for part in parts[:-1]]
            made.append(_sentence(text, parts[-1], tuple(lost)))
            lost = []
    if not made:
        raise SettingsError(f"text: nothing in it can be spoken, got {text.strip()!r:.60}; write it in English")
    if lost:
        last = made.pop()
        made.append(Sentence(last.text, last.words, (*last.left_out, *lost)))
    return tuple(made)


def notes_of(sentences: tuple[Sentence, ...]) -> tuple[str, ...]:
    """What a person should know of how their text is read: which words were left out."""
    words = [word.text.strip(".,;:!?\"'()") for sentence in sentences for word in sentence.left_out]
    lost = list(dict.fromkeys(word for word in words if word))
    if not lost:
        return ()
    named = ", ".join(lost[:8]) + (f" and {len(lost) - 8} more" if len(lost) > 8 else "")
    return (f"left out, only English can be spoken: {named}",)


@lru_cache(maxsize=1)
def _reader() -> "G2P":
    from hibari.g2p import G2P

    return G2P()


def _said(text: str, written: tuple[Written, ...], end: str) -> tuple[list[SpokenWord], list[Written]]:
    """The words of one sentence with their phones, the last one's stop ``end`` where none is written; and the rest."""
    words: list[SpokenWord] = []
    lost: list[Written] = []
    for foreign, run in groupby(written, key=lambda word: is_foreign(word.text)):
        part = list(run)
        found = [] if foreign else _heard(text, part)
        words += found
        if not found:
            lost += part
            if words:  # "Is this 你好?" is a question all the same
                words[-1] = _longer(text, words[-1], words[-1].end, _split(plain(part[-1].text))[1])
    if not words:
        return [], list(written)
    # A full stop inside a sentence belongs to an abbreviation.
    inner = [replace(word, stop="") if word.stop == "." else word for word in words[:-1]]
    return [*inner, replace(words[-1], stop=words[-1].stop or end)], lost


def _heard(text: str, written: list[Written]) -> list[SpokenWord]:
    """Spoken words that cover ``written``: signs that are not heard go with the word before, or else the next."""
    parts = [(part, index) for index, word in enumerate(written) for part in plain(word.text).split()]
    owners, sounds = _sounds([part for part, _ in parts])
    groups = [(parts[first][1], parts[last][1], sound) for (first, last), sound in zip(owners, sounds, strict=True)]
    words: list[SpokenWord] = []
    for first, last, found in _merged(groups):
        phones, stop = _split(found)
        if not any(phone.symbol not in STOPS for phone in phones):
            if words:
                words[-1] = _longer(text, words[-1], written[last].end, stop)
            continue
        if words and first:
            words[-1] = _longer(text, words[-1], written[first - 1].end, "")
        start = written[first if words else 0].start
        words.append(SpokenWord(text[start : written[last].end], start, written[last].end, phones, stop))
    if words:
        words[-1] = _longer(text, words[-1], written[-1].end, "")
    return words


def _sounds(parts: list[str]) -> tuple[list[tuple[int, int]], list[str]]:
    """Spelling in phones of each piece of a sentence as it is said, and the first and last of ``parts`` behind it."""
    pieces = _pieces(parts)
    owners: list[tuple[int, int]] = []
    start = 0
    while start < len(parts):
        if len(owners) < len(pieces) and parts[start] == pieces[len(owners)]:
            owners.append((start, start))
            start += 1
            continue
        count, taken = _together(parts[start:], pieces[len(owners) :])
        owners += [(start, start + count - 1)] * taken
        start += count
    sounds = [""]
    reader = _reader()
    for token in reader.phonemize_tokens(reader.tokenize(" ".join(pieces))):
        sounds[-1] += token.phonemes or ""
        if token.whitespace:
            sounds.append("")
    return owners, sounds[: len(pieces)]


def _pieces(parts: list[str]) -> list[str]:
    """Words as they are said: "5", "May" become "the", "fifth", "of", "May"."""
    return _normal(" ".join(parts)).split()


@lru_cache(maxsize=4096)
def _normal(sentence: str) -> str:
    from hibari.g2p.normalize import normalize

    return str(normalize(spoken(sentence)))


def _together(parts: list[str], pieces: list[str]) -> tuple[int, int]:
    """How many of ``parts``, at the front, are said as one, and how many ``pieces`` that makes.

    They are the fewest that are said alike with and without what follows, which is said alike without them.
    """
    for reach in (8, 32):
        window = parts[:reach]
        said = _pieces(window)
        for count in range(1, len(window)):
            rest = _pieces(window[count:])
            head = said[: len(said) - len(rest)]
            apart = said[len(head) :] == rest and _pieces([*window[:count], "x"])[:-1] == head
            if apart and pieces[: len(head)] == head:
                return count, len(head)
    return len(parts), len(pieces)


def _merged(groups: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Neighbours that share a written word, joined."""
    waiting: tuple[int, int, str] | None = None
    for first, last, sound in groups:
        if waiting is not None and first <= waiting[1]:
            waiting = (min(first, waiting[0]), max(last, waiting[1]), f"{waiting[2]} {sound}")
        else:
            if waiting is not None:
                yield waiting
            waiting = (first, last, sound)
    if waiting is not None:
        yield waiting


def _split(sound: str) -> tuple[tuple[Phone, ...], str]:
    """Phones without the stops at either end, and the strongest stop at the end."""
    phones = list(phones_of(sound))
    stops = ""
    while phones and phones[-1].symbol in STOPS:
        stops += phones.pop().symbol
    while phones and phones[0].symbol in STOPS:
        del phones[0]
    # Several stops inside are one, and a full stop is none: "a.m."
    inside = [
        phone
        for _, run in groupby(phones, key=lambda phone: phone.symbol in STOPS)
        for phone in (_one(list(run)))
        if phone.symbol != "."
    ]
    return tuple(inside), min(stops, key=_STRONGEST.index, default="")


def _one(run: list[Phone]) -> list[Phone]:
    return [min(run, key=lambda phone: _STRONGEST.index(phone.symbol))] if run[0].symbol in STOPS else run


def _longer(text: str, word: SpokenWord, end: int, stop: str) -> SpokenWord:
    """A word with the signs written after it."""
    stops = word.stop + stop
    return replace(word, text=text[word.start : end], end=end, stop=min(stops, key=_STRONGEST.index, default=""))


def _sentence(text: str, words: list[SpokenWord], lost: tuple[Written, ...]) -> Sentence:
    return Sentence(text[words[0].start : words[-1].end], tuple(words), lost)


def _shortened(words: list[SpokenWord]) -> Iterator[list[SpokenWord]]:
    """The words in parts of at most ``MAX_PHONES``: parted at the stop nearest the middle, or between two words."""
    lengths = [len(word.phones) for word in words]
    if sum(lengths) <= MAX_PHONES or len(words) == 1:
        yield words
        return
    total, done = sum(lengths), 0
    best, place = float("inf"), 1
    for index, length in enumerate(lengths[:-1], start=1):
        done += length
        # A clause may be a quarter of the whole off the middle and is still the better place.
        cost = abs(done - total / 2) + (0 if words[index - 1].stop else total / 4)
        if cost < best:
            best, place = cost, index
    head = words[:place]
    head[-1] = replace(head[-1], stop=head[-1].stop or ",")
    yield from _shortened(head)
    yield from _shortened(words[place:])
