"""What is said as characters of a vocabulary: Latin letters as they are, Chinese as syllables of Pinyin with tones."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import ModelError, SettingsError

_SIGNS = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'", "„": '"', "–": "-", "—": ",", "…": "."})
# What is taken as one word: well-known, 3.50, 5%, an ellipsis.
_WORD = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*%?|[-.&#+%_]{2,}")
_CHINESE = re.compile(r"[\u3100-\u9fff]")
_BEFORE = " :'\""  # signs after which a word needs no space


def written_out(text: str) -> list[str]:
    """The characters of ``text``, one vocabulary entry each; a Chinese one becomes a space and its syllable.

    A word of two or more letters that follows another sign directly gets a space before it: so was the model taught.

    Raises:
        SettingsError: it is Chinese, and the packages that read it are missing.
    """
    text = " ".join(text.split()).translate(_SIGNS)
    return list(_latin(text)) if not _CHINESE.search(text) else _chinese(text)


def _latin(text: str, before: str = "") -> Iterator[str]:
    place = 0
    for word in _WORD.finditer(text):
        yield from text[place : word.start()]
        last = text[word.start() - 1] if word.start() else before
        if len(word.group()) > 1 and last and last not in _BEFORE:
            yield " "
        yield from word.group()
        place = word.end()
    yield from text[place:]


def _chinese(text: str) -> list[str]:
    try:
        import rjieba
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise SettingsError(
            "text: Chinese needs the packages of the extra 'chinese'; run: pip install 'eddyline[chinese]'"
        ) from error
    made: list[str] = []
    for part in rjieba.cut(text):
        if part.isascii():
            if made and len(part) > 1 and made[-1] not in _BEFORE:
                made.append(" ")
            made += part
            continue
        whole = all(len(sign.encode()) == 3 for sign in part)  # a word of East Asian signs is read as one
        read = lazy_pinyin(part, style=Style.TONE3, tone_sandhi=True) if whole else []
        for place, sign in enumerate(part):
            if _CHINESE.match(sign):
                made.append(" ")
                sign = read[place] if whole else lazy_pinyin(sign, style=Style.TONE3, tone_sandhi=True)[0]
            made.append(sign)
    return made


class Characters:
    """A vocabulary: what each entry's number is."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.numbers = {entry: number for number, entry in enumerate(entries)}

    @classmethod
    def load(cls, path: Path) -> "Characters":
        """Read ``vocab.txt``: one entry a line, a space first.

        Raises:
            ModelError: it is missing or damaged.
        """
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, ValueError) as error:
            raise ModelError(f"model: {path.name} of {path.parent.name!r} cannot be read; fetch it again") from error
        entries = lines[:-1] if not lines[-1] else lines
        if not entries or entries[0] != " ":
            raise ModelError(f"model: {path.name} of {path.parent.name!r} must begin with a space; fetch it again")
        return cls(entries)

    def __len__(self) -> int:
        return len(self.numbers)

    def ids(self, text: str, field: str = "text") -> tuple[list[int], tuple[str, ...]]:
        """Numbers of the characters of ``text``, and the signs that were left out because the model knows none such.

        Raises:
            SettingsError: it holds letters that the model does not know; ``field`` says where.
        """
        found, odd = [], []
        for sign in written_out(text):
            if sign in self.numbers:
                found.append(self.numbers[sign])
            else:
                odd.append(sign)
        letters = list(dict.fromkeys(sign for sign in odd if unicodedata.category(sign[0])[0] in "LMN"))
        if letters:
            shown = ", ".join(letters[:6]) + (" …" if len(letters) > 6 else "")
            raise SettingsError(
                f"{field}: the model does not know {shown} ({_script(letters[0])}); write it in a script that it "
                "learned, or use an F5-TTS that was trained on it"
            )
        return found, tuple(dict.fromkeys(odd))


def _script(sign: str) -> str:
    return unicodedata.name(sign[0], "unknown").split()[0].capitalize()
