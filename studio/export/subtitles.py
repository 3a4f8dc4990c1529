"""Subtitles of a sound or clip whose words are known: SRT and WebVTT.

A cue is at most two lines of 42 characters and stands for at most seven seconds, as Netflix's guide to timed text has
it. Cues end where sentences end and where the speaker pauses; a longer sentence is cut where both parts are of like
length, rather after a comma than elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.errors import MediaError
from pipelines.media import Clip, Sound, Word
from studio.provenance.records import SOURCE_TYPE, Stamp

LINE, LINES = 42, 2
LONGEST, SHORTEST = 7.0, 1.0  # seconds; a cue stands at least this long where the next leaves it the time
PAUSE = 0.6  # seconds of silence that end a cue also within a sentence
_CLOSING = "\"'\u201d\u2019)]\u00bb"
_SHORT = re.compile(r"(?:mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|[a-z])\.", re.IGNORECASE)
_JOINER = "\u2060"  # invisible; keeps what looks like markup from being taken for it


@dataclass(frozen=True)
class Cue:
    """``lines`` to be shown from ``start`` to ``end`` seconds."""

    start: float
    end: float
    lines: tuple[str, ...]


def cues(words: Sequence[Word], seconds: float) -> list[Cue]:
    """The words of a sound of this length as cues, in order, none overlapping.

    Raises:
        MediaError: there are no words.
    """
    if not words:
        raise MediaError(
            "out: it is not known what is said in this sound, so it has no subtitles; they come with speech that was "
            "made or edited here"
        )
    groups = [group for part in _parts(_whole(words)) for group in _divided(part)]
    starts = [group[0].start for group in groups[1:]]
    found = []
    for group, following in zip(groups, [*starts, max(seconds, groups[-1][-1].end)], strict=True):
        # Not beyond the next cue, nor a moment shorter than it takes to notice it where there is time.
        end = min(max(group[-1].end, group[0].start + SHORTEST), max(following, group[0].start))
        found.append(Cue(group[0].start, end, _lines(_text(group))))
    return found


def write_srt(media: Sound | Clip, path: Path, stamp: Stamp) -> None:
    """Write SubRip; it has no place for a record or a mark."""
    parts = [
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + "\n".join(map(_srt, cue.lines)) + "\n"
        for number, cue in enumerate(_cues(media), start=1)
    ]
    path.write_text("\n".join(parts), "utf-8", newline="\n")


def write_vtt(media: Sound | Clip, path: Path, stamp: Stamp) -> None:
    """Write WebVTT, with the AI mark as a note."""
    mark = f"NOTE {SOURCE_TYPE}: {stamp.source_type}\n\n" if stamp.source_type else ""
    parts = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n" + "\n".join(map(_vtt, cue.lines)) + "\n"
        for cue in _cues(media)
    ]
    path.write_text(f"WEBVTT\n\n{mark}" + "\n".join(parts), "utf-8", newline="\n")


def _cues(media: Sound | Clip) -> list[Cue]:
    sound = media.sound if isinstance(media, Clip) else media
    return cues(() if sound is None else sound.words, media.seconds)


def _whole(words: Sequence[Word]) -> Iterator[Word]:
    """The words with plain spaces, in order of time; one longer than a line in pieces that share its time."""
    last = 0.0
    for word in words:
        text = " ".join("".join(c if c.isprintable() else " " for c in word.text).split())
        start = max(word.start, last)
        end = max(word.end, start)
        pieces = [text[at : at + LINE] for at in range(0, len(text), LINE)]
        each = (end - start) / max(len(text), 1)
        for number, piece in enumerate(pieces):
            begin = start + number * LINE * each
            yield Word(piece, begin, begin + len(piece) * each)
        last = start


def _parts(words: Iterator[Word]) -> Iterator[list[Word]]:
    """Words up to the end of a sentence or to a pause."""
    held: list[Word] = []
    for word in words:
        if held and (word.start - held[-1].end > PAUSE or _ends(held[-1].text)):
            yield held
            held = []
        held.append(word)
    if held:
        yield held


def _ends(text: str) -> bool:
    bare = text.rstrip(_CLOSING)
    return bare.endswith((".", "!", "?", "\u2026")) and not _SHORT.fullmatch(bare.lstrip("\"'(\u201c"))


def _divided(part: list[Word]) -> Iterator[list[Word]]:
    if len(part) == 1:  # it may still be drawn out for ever
        yield [replace(part[0], end=min(part[0].end, part[0].start + LONGEST))]
        return
    if _fits(_text(part)) and part[-1].end - part[0].start <= LONGEST:
        yield part
        return
    middle = len(_text(part)) / 2
    at, best, length = 1, float("inf"), 0
    for number, word in enumerate(part[:-1], start=1):
        length += len(word.text) + 1
        bonus = 0.5 if word.text.rstrip(_CLOSING).endswith((",", ";", ":", "\u2014", "\u2013")) else 0.0
        cost = abs(length - middle) / middle - bonus
        if cost < best:
            at, best = number, cost
    yield from _divided(part[:at])
    yield from _divided(part[at:])


def _fits(text: str) -> bool:
    return all(len(line) <= LINE for line in _lines(text))


def _lines(text: str) -> tuple[str, ...]:
    """``text`` on one line, else on two of the most equal length."""
    if len(text) <= LINE:
        return (text,)
    gaps = [at for at, letter in enumerate(text) if letter == " "]
    if not gaps:
        return (text,)
    at = min(gaps, key=lambda gap: abs(2 * gap + 1 - len(text)))
    return text[:at], text[at + 1 :]


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _clock(seconds: float, point: str) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}{point}{whole % 1000:03}"


def _srt(line: str) -> str:
    # SubRip has no escapes, and players read tags and braces of other formats in it.
    for sign in ("<", "{", "--"):
        line = line.replace(sign, sign + _JOINER)
    return line


def _vtt(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
