"""What the page says, in English and in other languages, through one dictionary a language (``studio/words``).

English is written where it is used and is the key; a missing translation shows English. Three ways in:

- Gradio's own texts (labels, help, buttons, tabs, choices): build the page in English, then ``mark(page)`` turns every
  text that has a translation into Gradio's marker, and ``gradio_words()`` goes to ``launch(i18n=...)``.
- Our HTML: ``phrase("Step {done} of {total}", done=3, total=20).html()``, ``said("aria-label", "Close")`` inside a tag.
- ``script()`` in the page's head carries the dictionaries and puts the browser's language into what those two made,
  also where an event replaces it later.

A ``Phrase`` stays one through notes, lines and errors until it is shown: ``html_of(note)``, ``html_of(why(error))``.
What is made far from the page (messages of pipelines, workers and settings, notes of a job, which are stored as plain
words) stays English, as do file formats, names of rules and what a person typed.

The language is the browser's first one, which is what Gradio goes by too, so that the two never differ.
"""

import json
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # commands say sentences too, and have no need of Gradio
    import gradio as gr
    from gradio.i18n import I18nData

_WORDS = Path(__file__).parent / "words"
_SCRIPT = Path(__file__).parent / "look" / "language.js"
_TEXTS = ("label", "info", "placeholder")
_MARK = "__i18n__"  # how Gradio writes a text that the page is to translate


class Phrase(str):
    """A sentence in English that remembers how it was put together, so that it can be said in another language."""

    key: str
    values: dict[str, str]

    def html(self, tag: str = "span", classes: str = "") -> str:
        """The sentence as an element that ``script()`` translates."""
        held = f' data-with="{escape(json.dumps(self.values), quote=True)}"' if self.values else ""
        named = f' class="{escape(classes, quote=True)}"' if classes else ""
        return f'<{tag}{named} data-say="{escape(self.key, quote=True)}"{held}>{escape(self)}</{tag}>'

    def in_(self, language: str) -> str:
        """The sentence in ``language``, or in English where that language has no such sentence."""
        return words(language).get(self.key, self.key).format(**self.values)


def phrase(text: str, **values: Any) -> Phrase:
    """``text`` with ``{names}`` filled in; the text, not what fills it, is what dictionaries hold.

    Raises:
        KeyError: a name has no value.
    """
    held = {name: str(value) for name, value in values.items()}
    made = Phrase(text.format(**held))
    made.key, made.values = text, held
    return made


def say(text: str, **values: Any) -> str:
    """HTML of a phrase; what fills it is escaped."""
    return phrase(text, **values).html()


def html_of(text: str) -> str:
    """HTML of a phrase, or of plain words: a prompt, a note of a job, a reason that came from far away."""
    return text.html() if isinstance(text, Phrase) else escape(text)


def why(error: Exception) -> str:
    """What an error says to a person: a phrase where it was raised with one."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Phrase) else str(error).removeprefix("settings: ")


def said(attribute: str, text: str, **values: Any) -> str:
    """An attribute of a tag (``aria-label``, ``title``, ``placeholder``, ``alt``) that ``script()`` translates."""
    made = phrase(text, **values)
    held = f' data-with="{escape(json.dumps(made.values), quote=True)}"' if made.values else ""
    return (
        f'{attribute}="{escape(made, quote=True)}" data-say-in="{attribute}" '
        f'data-say-as="{escape(text, quote=True)}"{held}'
    )


def languages() -> tuple[str, ...]:
    """Languages that there is a dictionary for; English needs none."""
    return tuple(sorted(path.stem for path in _WORDS.glob("*.json")))


@cache
def words(language: str) -> dict[str, str]:
    """English text to its translation; empty for a language that there is no dictionary for."""
    path = _WORDS / f"{language}.json"
    return dict(json.loads(path.read_text("utf-8"))) if language in languages() else {}


def marked(text: str) -> "I18nData | str":
    """Gradio's marker for a text that has a translation; for updates: ``gr.update(value=marked("Stop"))``."""
    from gradio.i18n import I18nData

    # A brace ends the marker where Gradio reads it, so a text with one stays English.
    return I18nData(text) if "{" not in text and any(text in words(each) for each in languages()) else text


def gradio_words() -> "gr.I18n":
    """The dictionaries for ``launch(i18n=...)``."""
    import gradio as gr

    tables = {language: words(language) for language in languages()}
    english = {text: text for table in tables.values() for text in table}
    return gr.I18n(en=english, **tables)


def script() -> str:
    """A script element for the page's head."""
    tables = json.dumps({language: words(language) for language in languages()}, ensure_ascii=False)
    tables = tables.replace("</", "<\\/")  # would end the element early, wherever it stands in a string
    return f"<script>{_SCRIPT.read_text('utf-8').replace('__WORDS__', tables)}</script>"


def texts_of(page: "gr.Blocks") -> set[str]:
    """Every static text that ``page`` shows through Gradio's own components, in English whether marked or not."""
    named = {text for block in page.blocks.values() for _, text in _texts(block)}
    return named | {text for block in page.blocks.values() for text, _ in _choices(block)}


def mark(page: "gr.Blocks") -> None:
    """Let Gradio translate every static text of ``page`` that a dictionary holds; call it when the page is built."""
    for block in page.blocks.values():
        for name, text in _texts(block):
            setattr(block, name, marked(text))
        if choices := _choices(block):
            block.choices = [(str(marked(text)), value) for text, value in choices]  # type: ignore[union-attr]


def _choices(block: Any) -> list[tuple[str, Any]]:
    return [(_english(text), value) for text, value in getattr(block, "choices", None) or []]


def _texts(block: Any) -> list[tuple[str, str]]:
    names = [*_TEXTS, *(["value"] if block.get_block_name() == "button" else [])]
    found = [(name, _english(getattr(block, name, None))) for name in names]
    return [(name, text) for name, text in found if text]


def _english(value: Any) -> str:
    """The text behind a marker, or the text itself; nothing for what is no text."""
    text = str(value) if isinstance(value, str) or hasattr(value, "key") else ""
    return str(json.loads(text.removeprefix(_MARK))["key"]) if text.startswith(_MARK) else text
