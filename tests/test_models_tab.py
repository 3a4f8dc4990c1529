"""The Models tab: what a card says, and what happens in a browser, in English and in German."""

import re
import sys
import time
from pathlib import Path

import gradio as gr
import pytest
from pages import free_port
from playwright.sync_api import expect
from test_checkpoints import checkpoint

from pipelines.catalogue import cards
from pipelines.errors import ModelError
from studio import language, theme
from studio.choosing import ready
from studio.fetching import Fetches
from studio.machine import Graphics, Machine
from studio.tabs import adding, models
from studio.tabs.fetching import Offered

pytestmark = [
    pytest.mark.usefixtures("loops_closed"),
    pytest.mark.filterwarnings("ignore:unclosed .socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # Gradio's queue statistics, through pandas
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
LAPTOP = Machine(cores=4, memory=16 * 10**9, free=8 * 10**9, disk=100 * 10**9)


def card_html(id, **options):
    shown = models.listing(here=LAPTOP, **options)
    return re.search(
        rf'<li class="model[^"]*" aria-labelledby="model-{re.escape(id)}">.*?(?=<li class="model|</section>)', shown
    )[0]


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_every_model_has_a_card_under_its_medium():
    shown = models.listing(here=LAPTOP)
    assert re.findall(r'<h3 id="model-([^"]+)"', shown) == [
        each.id for medium in models.TITLES for each in cards(medium)
    ]
    assert re.findall(r"<section", models.listing("video", here=LAPTOP)) == ["<section"]


def test_a_starter_says_what_it_takes_and_can_be_loaded():
    shown = card_html("image-starter", loaded=set())
    for text in ("Apache-2.0", "Commercial use allowed", "Turns back exactly", "17 M", "none, it ships", "Fits: it"):
        assert text in plain(shown)
    assert 'data-act="load"' in shown and "Ready" in plain(shown)
    held = card_html("image-starter", loaded={("image", "starter")})
    assert 'data-act="unload"' in held and "In memory" in plain(held)


def test_only_what_can_be_used_has_a_button():
    usable = sum(each.state in ("ready", "here") for each in cards())
    assert models.listing(here=LAPTOP, loaded=set()).count("<button") == usable
    assert "<button" not in models.listing(here=LAPTOP) and "Not yet" in plain(card_html("wan-2.2-s2v"))


def test_downloads_are_offered_to_whoever_owns_the_machine_alone():
    own = models.listing(here=LAPTOP, loaded=set(), offered=Offered(Fetches()))
    away = sum(each.state == "away" for each in cards())
    assert own.count('data-act="ask"') == away and "choose a checkpoint that fits, download it here" in plain(own)
    others = models.listing(here=LAPTOP, loaded=set())
    assert 'data-act="ask"' not in others and "are fetched by whoever runs this studio" in plain(others)


def test_a_checkpoint_that_fits_in_parts_says_so():
    card24 = Machine(16, 64 * 10**9, 60 * 10**9, 10**12, Graphics("Card", 24 * 10**9, 23 * 10**9))
    shown = models.listing("image", here=card24)
    fit = re.search(r'aria-labelledby="model-flux-1-dev">.*?model-fit (good|bad)">(.*?)</p>', shown)
    assert fit[1] == "good" and "Fits in parts" in fit[2]


def test_a_checkpoint_says_how_it_gets_here_and_how_it_would_be_loaded():
    shown = plain(card_html("flux-1-dev"))
    assert "To be fetched" in shown and "eddyline models fetch flux-1-dev" in shown
    assert "FLUX.1 dev (FluxPipeline)" in shown and "How it would be loaded:" in shown


def test_a_folder_is_looked_at_added_and_taken_off(monkeypatch, tmp_path):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    folder = checkpoint(tmp_path / "mine", "WanPipeline")
    assert "mine (WanPipeline)" in adding.shown_plan(str(folder))
    assert "Mine can be chosen now" in plain(str(adding.added(str(folder), "Mine"))) and ready("video") == {
        "Mine": "Mine"
    }
    assert "off the list" in plain(str(adding.forgotten("", "Mine"))) and ready("video") == {}
    for place, said in (("", "is empty"), ("owner/name", "not on this machine"), (str(tmp_path), "holds no")):
        with pytest.raises(ModelError, match=said):
            adding.added(place, "")


def test_a_planned_model_says_what_stands_in_its_way():
    shown = plain(card_html("flux-1-dev"))
    assert "No commercial use" in shown and "Asks for an account" in shown
    assert "Too large for this machine: it needs 40 GB of memory, this machine has 16 GB." in shown
    assert "at least 2.4 GB" in plain(card_html("longcat-audio-1b"))
    assert "does not cover the EU" in plain(card_html("hunyuan3d-2"))
    assert "Turns back exactly" not in plain(card_html("stable-audio-3"))


def test_offline_is_said(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "set to stay off-line" in models.listing(here=LAPTOP)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "set to stay off-line" not in models.listing(here=LAPTOP)


def test_a_click_that_was_made_up_loads_nothing():
    done = []
    for id, action in (("flux-1-dev", "load"), ("nothing", "load"), ("image-starter", "explode")):
        said = models._done(id, action, lambda *name: done.append(name), lambda *name: done.append(name))
        assert said.startswith("That did not work.")
    assert done == []


@pytest.fixture(scope="module")
def address(loops_closed):  # noqa: F811
    held = set()

    def load(medium, model):
        time.sleep(0.3)
        held.add((medium, model))

    def unload(medium, model):
        held.discard((medium, model))
        raise ModelError("model: it <i>stuck</i>")

    with gr.Blocks(analytics_enabled=False) as page:
        models.build(load, unload, lambda: held)
    language.mark(page)
    _, where, _ = page.launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, ssr_mode=False, run_history=False, share=False,
        css=theme.css(), theme=theme.theme(), head=language.script(), i18n=language.gradio_words(),
    )  # fmt: skip
    yield where
    page.close()


@pytest.fixture
def visit(browser, address):  # noqa: F811
    contexts, broken = [], []

    def open_page(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(address)
        page.locator(".model").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert broken == []


def test_load_unload_and_filter_in_a_browser(visit):
    page = visit(locale="en-GB", viewport={"width": 1360, "height": 900})
    page.get_by_role("button", name="Load Image starter", exact=True).click()
    expect(page.get_by_text("Image starter is loaded.")).to_be_visible()
    expect(page.get_by_text("In memory", exact=True)).to_be_visible()
    page.get_by_role("button", name="Unload Image starter").click()
    expect(page.get_by_text("That did not work. model: it <i>stuck</i>")).to_be_visible()
    page.get_by_role("radio", name="Audio").check()
    expect(page.locator(".models section")).to_have_count(1)
    expect(page.get_by_role("heading", name="F5-TTS")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1360


def test_in_german_on_a_phone(visit):
    page = visit(locale="de-AT", viewport={"width": 390, "height": 844})
    expect(page.get_by_text("Modelle zeigen für")).to_be_visible()
    expect(page.get_by_role("radio", name="Sprechende Gesichter")).to_be_visible()
    expect(page.get_by_text("Gewerblich erlaubt").first).to_be_visible()
    page.get_by_role("button", name="Image starter laden", exact=True).click()
    expect(page.get_by_text("Image starter ist geladen.")).to_be_visible()
    expect(page.get_by_text("Im Speicher", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "Commercial use" not in page.locator("body").inner_text()


def test_a_checkpoint_is_downloaded_in_a_browser(browser, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    command = (sys.executable, str(Path(__file__).parent / "fake_fetch.py"), str(tmp_path / "hub"))
    monkeypatch.setattr(models, "Fetches", lambda: Fetches(command))
    with gr.Blocks(analytics_enabled=False) as page:
        models.build(lambda *name: None, lambda *name: None, set, own=True)
    language.mark(page)
    _, where, _ = page.launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, ssr_mode=False, run_history=False, share=False,
        css=theme.css(), theme=theme.theme(), head=language.script(), i18n=language.gradio_words(),
    )  # fmt: skip
    context = browser.new_context(locale="en-GB")
    try:
        tab = context.new_page()
        tab.goto(where)
        tab.get_by_role("button", name="Download SANA 1.6B", exact=True).click()
        expect(tab.get_by_text("It sets conditions for commercial use.").first).to_be_visible()
        tab.get_by_role("button", name="Accept the licence of SANA 1.6B and download it").click()
        expect(tab.get_by_text("SANA 1.6B is being fetched. You can go on working.")).to_be_visible()
        expect(tab.get_by_role("progressbar", name="Download of SANA 1.6B")).to_be_visible()
        expect(tab.get_by_text("On this machine", exact=True)).to_be_visible()
        assert tab.get_by_role("button", name="Download SANA 1.6B", exact=True).count() == 0
    finally:
        context.close()
        page.close()
