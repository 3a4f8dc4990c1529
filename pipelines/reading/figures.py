"""English text without figures: for models that read letters, and figures in whatever language they please."""

import re

from pipelines.reading.spoken import plain

_NUMBER = re.compile(r"(?<![\w.])(-?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(st|nd|rd|th)?(s)?(%)?(?!\w)")
_YEAR = range(1100, 2100)


def without_figures(text: str) -> str:
    """``text`` with its numbers, sums of money and dates in words; without figures it is the same text.

    White space becomes single spaces.
    """
    if not any(sign.isdigit() for sign in text):
        return " ".join(text.split())
    from hibari.g2p.normalize import normalize

    from pipelines.reading.spoken import spoken

    said = str(normalize(spoken(" ".join(plain(word) for word in text.split()))))
    said = _NUMBER.sub(_words, said)
    return re.sub(r"\d+", lambda rest: " ".join(_cardinal(int(sign)) for sign in rest.group()), said)


def _words(match: re.Match[str]) -> str:
    from hibari.g2p.numbers import ordinal, year

    minus, whole, part, nth, several, percent = match.groups()
    number = int(whole.replace(",", ""))
    if len(whole) > 15:
        return match.group()  # too long to be said as a number
    if nth:
        words = str(ordinal(number))
    elif part:
        words = f"{_cardinal(number)} point {' '.join(_cardinal(int(sign)) for sign in part[1:])}"
    else:
        words = str(year(number)) if len(whole) == 4 and number in _YEAR and not percent else _cardinal(number)
    if several:  # "the 1990s"
        words = words[:-1] + "ies" if words.endswith("y") else words + "s"
    return ("minus " if minus else "") + words + (" percent" if percent else "")


def _cardinal(number: int) -> str:
    from hibari.g2p.numbers import cardinal

    return str(cardinal(number)).replace(",", "")
