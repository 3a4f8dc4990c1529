"""Words as they are said, where hibari-tts would not say them so by itself: addresses, money, decimals, symbols.

Hibari's own rules then read times, dates, units, ordinals, years, abbreviations and Roman numerals.
"""

import re
import unicodedata
from collections.abc import Callable

_ADDRESS = re.compile(
    r"(?:https?://|ftp://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|co|uk|de|fr|info|dev|app|ai|me|tv)(?:/\S*)?",
    re.IGNORECASE,
)
_SIGNS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", "?": "question mark", "=": "equals",
          "&": "and", "#": "hash", "~": "tilde", "%": "percent", ":": "colon", "+": "plus"}  # fmt: skip
_TABLE = str.maketrans(
    {"‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "−": "-",
     "，": ",", "。": ".", "！": "!", "？": "?", "；": ";", "：": ":", "、": ",", "™": "", "®": "", "×": " times ",
     "÷": " divided by ", "²": " squared", "³": " cubed", "¼": " 1/4", "½": " 1/2", "¾": " 3/4", "[": "(",
     "]": ")", "{": "(", "}": ")", "\\": " backslash ", "`": "", "†": "", "‡": "", "•": "", "·": "", "¶": "",
     "|": " ", "µ": "µ", "℃": "°C", "℉": "°F", "№": "No. ", "ﬀ": "ff", "ı": "i", "ł": "l", "Ł": "L"}
)  # fmt: skip
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen"),
          "₹": ("rupee", "paisa"), "₩": ("won", "jeon")}  # fmt: skip
_UNCOUNTED = {"yen": "yen", "sen": "sen", "won": "won", "jeon": "jeon", "penny": "pence", "paisa": "paise"}
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "mm": "million", "b": "billion", "bn": "billion",
           "t": "trillion", "tn": "trillion"}  # fmt: skip
_LONG_SCALES = "hundred|thousand|million|billion|trillion"


def plain(word: str) -> str:
    """A written word in the letters and signs that can be read; several words where signs become words."""
    word = "".join(sign for sign in word if unicodedata.category(sign) not in ("Cf", "Cc", "Co", "Cs", "Cn"))
    address = _ADDRESS.match(word.strip("\"'“”‘’(<[").rstrip("\"'“”‘’)>].,;:!?"))
    if address:
        end = re.search(r"[.,;:!?]*[\"'“”‘’)>\]]*$", word)
        return _address(address.group()) + (end.group() if end else "")
    word = word.translate(_TABLE)
    word = unicodedata.normalize("NFKC", word).replace("⁄", "/").replace("...", "…").translate(_TABLE)
    word = re.sub("μ(?=[mgslA]\\b)", "µ", word)  # folded into the Greek letter above, but hibari knows the unit
    word = "".join(_letter(sign) for sign in word)
    if any(sign.isalnum() for sign in word):
        if len(re.findall(r"[-/_|]", word)) > 5:  # hibari tries every way to join the parts of one word
            word = re.sub(r"[-/_|]", " ", word)
        word = re.sub(r"^[*_~]+|[*_~]+(?=[\W_]*$)", "", word)
    elif set(word) <= set("-–—#"):
        return "" if "#" in word else "—"
    return word


def _letter(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.isdigit():
        return str(unicodedata.digit(sign))
    name = unicodedata.name(sign, "")
    if sign == "µ":
        return sign
    if name.startswith("GREEK"):
        return f" {name.partition(' WITH ')[0].split()[-1].lower()} " if sign.isalpha() else ""
    if sign.isalpha() and ord(sign) > 0x17F:
        # Beyond the accents that the lexicon and the net know: the letter below them.
        return "".join(part for part in unicodedata.normalize("NFD", sign) if part.isascii())
    return "" if unicodedata.category(sign) == "Mn" else sign


def _address(address: str) -> str:
    """A web or mail address read out: 'example dot com slash a dash b'."""
    address = re.sub(r"^(?:[a-z]+://)?(?:www\.)?", "", address, flags=re.IGNORECASE).rstrip("/")
    parts = re.findall(r"[^\W\d_]+|\d+|[^\w\s]|_", address)
    return " ".join(_SIGNS.get(part, part if part.isalnum() else "") for part in parts)


def _digits(match: re.Match[str]) -> str:
    return " " + " ".join(sign for sign in match.group() if sign.isdigit()) + " "


def _money(match: re.Match[str]) -> str:
    """'$3.50' as '3 dollars and 50 cents', '$1.5bn' as '1.5 billion dollars'."""
    unit, small = _MONEY[match["sign"]]
    whole, part = match["whole"], match["part"] or ""
    scale = match["scale"] or _SCALES.get((match["short"] or "").lower())
    if scale or len(part) not in (0, 2):
        number = f"{whole}.{part}" if part else whole
        return f"{number} {scale or ''} {_many(unit, '2')}"
    said = [f"{whole} {_many(unit, whole)}"] if whole != "0" or not part else []
    if int(part or 0):
        said.append(f"{int(part)} {_many(small, str(int(part)))}")
    return " and ".join(said) or f"0 {_many(unit, '0')}"


def _many(unit: str, number: str) -> str:
    return unit if number == "1" else _UNCOUNTED.get(unit, unit + "s")


def _decimal(match: re.Match[str]) -> str:
    return f"{match[1] or ''} point {' '.join(match[2])}"


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b24/7\b"), "24 7"),
    (re.compile(r"\b9/11\b(?!/)"), "9 11"),
    (re.compile(r"\b([CFDGA])#(?!\w)"), r"\1 sharp"),
    (re.compile(r"\bw/(?=\s)"), "with"),
    (re.compile(r"\b(\d+)'\s?(\d+)\""), r"\1 foot \2"),
    # Long numbers and telephone numbers, figure by figure.
    (re.compile(r"(?<![\w.])(?:\(\d{3}\)\s?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w.]\w)"), _digits),
    (re.compile(r"\d{16,}"), _digits),
    (
        re.compile(
            rf"(?P<sign>[{''.join(_MONEY)}])\s?(?P<whole>\d+(?:,\d{{3}})*)(?:\.(?P<part>\d+))?"
            rf"(?:\s?(?P<scale>{_LONG_SCALES})\b|(?P<short>[kKmMbBtT][nNmM]?)\b)?"
        ),
        _money,
    ),
    (re.compile(rf"[{''.join(_MONEY)}]"), lambda match: f" {_MONEY[match.group()][0]} "),
    (re.compile(r"(?<=\d)(?:bn|mn|tn)\b"), lambda match: " " + _SCALES[match.group()]),
    (re.compile(r"\b(\d+) (\d)/(\d)\b"), r"\1 and \2/\3"),
    (re.compile(r"\b[vV](?=\d+\.\d)"), "version "),
    (re.compile(r"(?<!\w)\d+(?:\.\d+){2,}(?!\w)"), lambda match: match.group().replace(".", " point ")),
    (re.compile(r"(?<![\w.])(-?\d+(?:,\d{3})*)?\.(\d+)(?![.\d])"), _decimal),
    (re.compile(r"(\d)\s?[-–]\s?(\d+%)"), r"\1 to \2"),
    (re.compile(r"(?<=\w) \* (?=\w)"), " times "),
    (re.compile(r"</(?=\w)"), " less than slash "),
    (re.compile(r"<"), " less than "),
    (re.compile(r">"), " greater than "),
    (re.compile(r"(?<=\d)\.(?!\w)"), " ."),  # hibari takes "3/4." for the beginning of a longer number
    (re.compile(r"([^\W\d_]{20})(?=[^\W\d_]{5})"), r"\1 "),  # the net reads 24 letters at most
)


def spoken(sentence: str) -> str:
    """A sentence of plain words with what runs over several words, or hibari reads amiss, put into words."""
    for pattern, made in _RULES:
        sentence = pattern.sub(made, sentence)
    return " ".join(sentence.split())
