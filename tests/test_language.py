"""Every sentence has a translation, in every dictionary; and sentences are put together and escaped as they should."""

import ast
import html
import json
import re
import tempfile
from functools import cache
from pathlib import Path

import gradio as gr
import pytest
from pages import loops_closed  # noqa: F401

from pipelines.catalogue import cards
from pipelines.settings import ANY_SETTINGS
from studio import language, shelf, stage, theme, ui
from studio.boards.clips import Clips
from studio.boards.pictures import Pictures
from studio.boards.sounds import Sounds
from studio.language import languages, mark, marked, phrase, said, say, script, texts_of, words
from studio.people import People
from studio.presets import Presets
from studio.session import Session
from studio.tabs import audio_forms, lipsync, models, taking
from studio.workshop import Workshop

pytestmark = pytest.mark.usefixtures("loops_closed")

ROOT = Path(__file__).parent.parent
SAYING = {"phrase": 0, "say": 0, "marked": 0, "said": 1}  # function -> which argument is the sentence
SHOWING = {"told", "failed", "progress", "said", "Error", "Warning", "Info", "StudioError", "SettingsError"}
COVERED = [
    *("theme", "paint", "recorder", "stage", "view", "shelf", "extras", "runs", "sources"),
    *("boards/pictures", "boards/sounds", "boards/talks", "boards/clips", "faces", "clipper", "frames"),
    *("tabs/library", "tabs/drop", "tabs/image", "tabs/audio", "tabs/audio_forms", "tabs/parts", "tabs/taking"),
    *("tabs/video", "tabs/video_forms", "tabs/lipsync", "tabs/sending"),
]
UNTOUCHED = {"Eddyline", "Enter", "Esc"}  # names
# Names of keys and events in scripts, which look like words that somebody is to read.
OF_SCRIPTS = {
    *("Escape", "Enter", "DOMContentLoaded", "POST", "Home", "End"),
    *("LIST", "RIFF", "WAVE", "INFOICMT"),  # of sound files
    *("PP", "FF", "E", "I", "O", "U", "HEAD", "VIDEO"),  # names of mouth shapes, requests and elements
}


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


@cache
def of_the_page():
    """Static texts of Gradio's components; names of rules, and prompts to click, begin small and stay as they are."""
    with tempfile.TemporaryDirectory() as home:
        page = ui.build(Workshop.open(People(False), Path(home)))
    of_the_api = re.compile(r"\d+(st|nd|rd|th)")  # what Gradio calls the arguments of calls, which nobody sees
    texts = texts_of(page) - {*audio_forms.SPEAK, *lipsync.SAY}
    return {text for text in texts if not (text[0].islower() or " → " in text or of_the_api.fullmatch(text))}


def said_in_scripts():
    """Strings that begin as a sentence does, whether they are said or forgotten."""
    own = ("recorder.js", "face.js", "clipper.js")
    scripts = [(ROOT / "studio" / "look" / name).read_text() for name in (*theme.SCRIPTS, *own)]
    return {text for script in scripts for text in re.findall(r"'([A-Z{][^'\n]*)'", script)} - OF_SCRIPTS


def said_about_files():
    credentials = ({"changed": True}, {"valid": True}, {"valid": False, "issuer": "me"})
    return "".join(shelf.claims("a.png", {"credentials": each, "notes": ["x"]}) for each in (*credentials, None))


def strings_of(tree):
    """Every string of a source but docstrings, the parts that are filled in as a NUL."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docs | parts):
            yield node.value


def unsaid_in_html(tree):
    """Words that stand in HTML as they are: between tags, or in an attribute that is read out."""
    for text in strings_of(tree):
        found = re.findall(r">([^<>]+)(?=<)", text) if "</" in text else []
        found += re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', text)
        yield from (each.strip("\0 \n") for each in found if re.search("[A-Za-z]{2}", each))


def unsaid_in_calls(tree):
    """Plain strings given to what shows them."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        attribute = name_of(call) == "said" and len(call.args) > 1  # of language.py, not of stage.py
        given = call.args[:1] if name_of(call) in SHOWING and not attribute else []
        if name_of(call) == "update":
            given = [each.value for each in call.keywords if each.arg in ("value", "label", "info", "placeholder")]
        for node in given:
            plain = node.elts if isinstance(node, ast.List) else [node]
            plain = [
                part for each in plain for part in ([each.body, each.orelse] if isinstance(each, ast.IfExp) else [each])
            ]
            yield from (ast.unparse(each) for each in plain if isinstance(each, ast.JoinedStr) or is_words(each))


def is_words(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.search("[A-Za-z]", node.value))


TEXTS = {
    "settings": lambda: {
        text for kind in ANY_SETTINGS.values() for field in kind.model_fields.values()
        for text in (field.title, field.description)
    },
    "sources": said_in_sources,
    "page": of_the_page,
    "scripts": said_in_scripts,
    "header": lambda: said_in_html(theme.header()),
    "claims": lambda: said_in_html(said_about_files()),
    "stage": lambda: said_in_html(
        Pictures().whole(Session(())) + Sounds().whole(Session(())) + Clips().whole(Session(()))
        + stage.info(Session(()), ())
        + stage.progress(language.phrase("Starting"), 0, 2.5)
        + stage.failed(language.phrase("Stopped.")) + stage.told(language.phrase("The queue is paused."))
    ),
    "cards": lambda: {text for each in cards() for text in (each.about, each.note) if text},
    "models": lambda: said_in_html(models.listing(loaded={("image", "starter")}) + models.listing(loaded=set())),
    "models filter": lambda: {"All", "Show models for", *models.TITLES.values()},
    "files": lambda: set(taking.BACK.values()),
    "presets": lambda: {text for each in Presets(ROOT / "none").all() for text in (each.name, each.about)},
}  # fmt: skip


@pytest.mark.parametrize("where", TEXTS)
@pytest.mark.parametrize("name", languages())
def test_every_text_is_translated(name, where):
    texts = TEXTS[where]()
    assert len(texts) >= 5
    missing = sorted(texts - words(name).keys())
    assert missing == [], f"add to studio/words/{name}.json"


@pytest.mark.parametrize("name", COVERED)
def test_nothing_is_shown_without_being_said(name):
    tree = ast.parse((ROOT / "studio" / f"{name}.py").read_text())
    assert set(unsaid_in_html(tree)) - UNTOUCHED == set()
    assert set(unsaid_in_calls(tree)) == set()


def test_what_is_not_said_is_found():
    source = """
def f(x):
    "Shows <p>nothing</p>."
    told(f"{x} gone"), said(["Gone."]), gr.update(value="Starred" if x else say("Star")), gr.update(value=f"{x}")
    return f'<p title="Old">Word {x}</p>' + '<i>' + say("Fine.") + f"</i>{x}<b>{x}</b>"
"""
    tree = ast.parse(source)
    assert set(unsaid_in_html(tree)) == {"Word", "Old"}
    assert set(unsaid_in_calls(tree)) == {"f'{x} gone'", "'Gone.'", "'Starred'", "f'{x}'"}


def test_an_error_raised_with_a_phrase_stays_one():
    error = ValueError(phrase("Saved as {name}.", name="<b>"))
    assert language.why(error).in_("de") == "Gesichert als <b>."
    assert language.html_of(language.why(error)) == say("Saved as {name}.", name="<b>")
    assert language.html_of("<b>") == "&lt;b&gt;"
    assert language.why(ValueError("settings: {x}")) == "{x}" and language.why(ValueError()) == ""


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
