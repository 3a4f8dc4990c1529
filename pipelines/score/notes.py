"""Names of notes in a prompt, rewritten so that the tokenizer keeps them: the one place that knows their spelling.

The tokenizer drops the article "a" and every sharp sign, so "A minor" would read "minor" and "C#" would read "c". Each
pitch class therefore becomes one word of its own before tokenising, whatever its spelling: "C sharp", "c#", "Db" and
"D flat" all become ``notecsharp``, "in A" becomes ``notea``. A chord's short form is written out: "Am7" is
``notea minor seventh``.
"""

import re

PITCHES = ("c", "csharp", "d", "dsharp", "e", "f", "fsharp", "g", "gsharp", "a", "asharp", "b")
NOTE_WORDS = tuple(f"note{pitch}" for pitch in PITCHES)
SPOKEN = ("C", "C sharp", "D", "D sharp", "E", "F", "F sharp", "G", "G sharp", "A", "A sharp", "B")
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
QUALITIES = {
    "m": "minor", "min": "minor", "maj": "major", "7": "seventh", "m7": "minor seventh", "min7": "minor seventh",
    "maj7": "major seventh",
}  # fmt: skip

_NAME = re.compile(
    r"""(?<![A-Za-z0-9'\u2019-])
    (?P<letter>[A-Ga-g])
    (?P<sign>\#|\u266f|\u266d|b(?![a-z])|[\s-]+(?:sharp|flat)(?![a-z]))?
    (?P<quality>maj7|min7|maj|min|m7|m|7)?
    (?P<octave>[0-8])?
    (?![A-Za-z0-9'\u2019\#])""",
    re.VERBOSE,
)
# An "a" without a sign is the note A only where its neighbours say so; everywhere else it is the article.
_QUALITY_AFTER = re.compile(
    r"[\s-]*(minor|major|seventh|7th)\b(?P<mode>[\s-]+(?:key|mode|third|scale)\b)?", re.IGNORECASE
)
_KEY_BEFORE = re.compile(r"(?:\b(?:note|pitch|in|key of|on|of|root)\s+)$", re.IGNORECASE)
_PHRASE_END = re.compile(r"\s*(?:$|[,.;:!?)])")
_NOUN_AFTER = re.compile(r"\s+(?:note|chord|scale|arpeggio)\b", re.IGNORECASE)


def spelled(prompt: str) -> str:
    """``prompt`` with every note name as one word of :data:`NOTE_WORDS`; other words stay as they are."""
    return re.sub(r"\b7th\b", "seventh", _NAME.sub(lambda found: _word(found, prompt), prompt), flags=re.IGNORECASE)


def _word(found: "re.Match[str]", prompt: str) -> str:
    letter, sign, quality = found["letter"], found["sign"] or "", found["quality"]
    plain = not sign and not quality and not found["octave"]
    if letter in "Aa" and plain and not _is_note(found, prompt):
        return found[0]
    if quality in ("m", "min", "m7", "min7") and letter.islower() and not sign:
        return found[0]  # "am", "dm" in lower case are words or messages; a chord's short form has a capital
    sharp = sum(("#" in sign, "\u266f" in sign, "sharp" in sign)) - sum(("\u266d" in sign, sign == "b", "flat" in sign))
    word = NOTE_WORDS[(STEPS[letter.lower()] + sharp) % 12]
    return f"{word} {QUALITIES[quality]}" if quality else word


def _is_note(found: "re.Match[str]", prompt: str) -> bool:
    before, after = prompt[: found.start()], prompt[found.end() :]
    if quality := _QUALITY_AFTER.match(after):
        # In lower case "in a minor key" and "a seventh chord" hold the article.
        return found["letter"] == "A" or (quality[1].lower() in ("minor", "major") and not quality["mode"])
    if _KEY_BEFORE.search(before) and (_PHRASE_END.match(after) or found["letter"] == "A"):
        return True
    return (
        found["letter"] == "A" and bool(before.strip()) and bool(_NOUN_AFTER.match(after) or _PHRASE_END.match(after))
    )


def readable(text: str) -> str:
    """``text`` with the words of :data:`NOTE_WORDS` as a person writes them."""
    return re.sub(r"\bnote([a-g](?:sharp)?)\b", lambda found: SPOKEN[PITCHES.index(found[1])], text)
