"""Every sentence has a translation, in every dictionary; and sentences are put together and escaped as they should."""

import ast
import html
import json
import re
from pathlib import Path

import gradio as gr
import pytest
from pages import loops_closed  # noqa: F401

from pipelines.catalogue import cards
from pipelines.settings import ANY_SETTINGS
from studio import language, ui
from studio.language import languages, mark, marked, phrase, said, say, script, texts_of, words
from studio.presets import Presets
from studio.tabs import models

pytestmark = pytest.mark.usefixtures("loops_closed")

ROOT = Path(__file__).parent.parent
SAYING = {"phrase": 0, "say": 0, "marked": 0, "said": 1}  # function -> which argument is the sentence
SAME = {"PNG", "JPEG", "WebP"}


def name_of(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def sentences_in(tree):
    """Sentences that are said in a source: literals, and the literals behind a local name."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef):
            continue
        calls = [node for node in ast.walk(scope) if isinstance(node, ast.Call) and name_of(node) in SAYING]
        first = [node.args[SAYING[name_of(node)]] for node in calls if len(node.args) > SAYING[name_of(node)]]
        names = {part.id for node in first for part in ast.walk(node) if isinstance(part, ast.Name)}
        given = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign) and {t.id for t in node.targets if isinstance(t, ast.Name)} & names
        ]
        for node in [*first, *given]:
            for part in [node] if not isinstance(node, ast.IfExp) else [node.body, node.orelse]:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def said_in_sources():
    found = set()
    for path in (ROOT / "studio").rglob("*.py"):
        if path.name != "language.py":
            found |= set(sentences_in(ast.parse(path.read_text())))
    return found


def said_in_html(text):
    return {html.unescape(key) for key in re.findall(r'data-say(?:-as)?="([^"]*)"', text)}


def of_the_page():
    """Static texts of Gradio's components; names of rules, and prompts to click, begin small and stay as they are."""
    return {text for text in texts_of(ui.build()) if not text[0].islower()} - SAME


TEXTS = {
    "settings": lambda: {
        text for kind in ANY_SETTINGS.values() for field in kind.model_fields.values()
        for text in (field.title, field.description)
    },
    "sources": said_in_sources,
    "page": of_the_page,
    "cards": lambda: {text for each in cards() for text in (each.about, each.note) if text},
    "models": lambda: said_in_html(models.listing(loaded={("image", "starter")}) + models.listing(loaded=set())),
    "models filter": lambda: {"All", "Show models for", *models.TITLES.values()},
    "presets": lambda: {text for each in Presets(ROOT / "none").all() for text in (each.name, each.about)},
}  # fmt: skip


@pytest.mark.parametrize("where", TEXTS)
@pytest.mark.parametrize("name", languages())
def test_every_text_is_translated(name, where):
    texts = TEXTS[where]()
    assert len(texts) >= 5
    missing = sorted(texts - words(name).keys())
    assert missing == [], f"add to studio/words/{name}.json"


def test_sentences_behind_a_name_are_found():
    source = "def f(x):\n    text = 'A {b}.' if x else 'C.'\n    return phrase(text, b=1), said('title', 'D'), say('E')"
    assert set(sentences_in(ast.parse(source))) == {"A {b}.", "C.", "D", "E"}
    assert "Too large for this disk: it takes {need}, {free} are free." in said_in_sources()


@pytest.mark.parametrize("name", languages())
def test_a_translation_fills_the_same_places(name):
    for text, translated in words(name).items():
        places = [sorted(re.findall(r"{(\w+)}", each)) for each in (text, translated)]
        assert places[0] == places[1], text
        assert translated.strip() == translated and translated


def test_german_is_there():
    assert languages() == ("de",) and words("fr") == {}


def test_a_phrase_is_its_english_and_remembers_how_it_was_made():
    made = phrase("about {time}, {memory}", time="3 s", memory="400 MB")
    assert made == "about 3 s, 400 MB" and isinstance(made, str)
    assert made.in_("de") == "etwa 3 s, 400 MB" and made.in_("fr") == made
    assert phrase("Nobody translated this.").in_("de") == "Nobody translated this."
    with pytest.raises(KeyError):
        phrase("{time}")


def test_what_fills_a_phrase_cannot_become_markup():
    hostile = """<img src=x onerror="alert(1)"> {total} '"""
    shown = say("Step {done} of {total}", done=hostile, total=3)
    assert "<img" not in shown and shown.count("<") == 2
    held = json.loads(html.unescape(re.search(r'data-with="([^"]*)"', shown)[1]))
    assert held == {"done": hostile, "total": "3"}
    inside = said("aria-label", "Load {title}", title='"><script>')
    assert "<script>" not in inside and inside.count('"') == 8


def test_an_attribute_is_translated_by_its_own_key():
    assert said("title", "Close") == 'title="Close" data-say-in="title" data-say-as="Close"'


def test_the_script_holds_the_dictionaries_and_ends_where_it_should(monkeypatch):
    assert "Schritte" in script() and script().count("</script>") == 1 and "__WORDS__" not in script()
    monkeypatch.setattr(language, "words", lambda name: {"x": "</script><b>"})
    assert script().count("</script>") == 1


def test_marks_are_for_what_has_a_translation():
    assert str(marked("Stop")).startswith("__i18n__") and marked("Nobody translated this.") == "Nobody translated this."
    assert marked("Load {title}") == "Load {title}"  # Gradio cannot read a marker with a brace in it


def test_marking_a_page_leaves_values_alone():
    with gr.Blocks(analytics_enabled=False) as page:
        text = gr.Textbox("Stop", label="Prompt", placeholder="What to make, in plain words.")
        radio = gr.Radio([("Flat", "flat"), ("Odd", "odd")], value="flat", label="Style", info="Nobody wrote this.")
        button = gr.Button("Stop")
        with gr.Tab("Image"):
            gr.Slider(label="Steps")
    assert {"Prompt", "Style", "Flat", "Stop", "Image", "Steps"} <= texts_of(page)
    before = texts_of(page)
    mark(page)
    mark(page)
    assert texts_of(page) == before
    assert text.value == "Stop" and radio.value == "flat" and [value for _, value in radio.choices] == ["flat", "odd"]
    assert "__i18n__" in str(text.label) and "__i18n__" in radio.choices[0][0] and radio.choices[1][0] == "Odd"
    assert "__i18n__" in str(button.value) and radio.info == "Nobody wrote this."
