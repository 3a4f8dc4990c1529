"""The page in a German browser: what can be read is German, a person's own words, or a name."""

import re

import pytest
from pages import WARNINGS
from playwright.sync_api import expect
from test_studio_page import address, ask, made, served, tab  # noqa: F401

from studio.language import words
from studio.tabs import audio_forms, image

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
OWN = "ein roter Drachen"
NAMES = {
    *("Eddyline", "Enter", "Esc", "PNG", "JPEG", "WebP", "AVIF", "Starter", "starter", OWN),
    *("Datei hier ablegen", "- oder -", "Hochladen"),  # Gradio's own
    *("Speech", "Sound", *OWN.split()),  # models, and the words of a sound one by one
    *("FLAC", "OGG", "MP3", "WAV", "SRT", "WebVTT"),
    *image.MAKE,
    *audio_forms.SPEAK,
    *audio_forms.SOUND,
    *(f"{was} → {now}" for was, now in (*image.EDIT, *audio_forms.EDIT_SOUND)),
    *(audio_forms.changed(was, now) for was, now in audio_forms.EDIT_SPEECH),
}
VISIBLE = """
() => {
  const seen = [...document.querySelectorAll('body, body *')]
    .filter((one) => one.checkVisibility({visibilityProperty: true}));
  const texts = seen.filter((one) => !one.matches('script, style, textarea, pre'))
    .flatMap((one) => [...one.childNodes]).filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
  const named = ['aria-label', 'title', 'placeholder', 'alt'];
  const names = seen.flatMap((one) => named.map((name) => one.getAttribute(name)));
  const trimmed = (all) => [...new Set(all.map((text) => (text || '').trim()).filter(Boolean))];
  return {texts: trimmed(texts), names: trimmed(names)};
}"""

# What Gradio itself calls the cross on a toast, and the ground of a drawing, has no translation.
GRADIOS = ("Close", "Click to upload or drop files")


def form(texts):
    """What any of these sentences looks like when it is filled in."""
    forms = [re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in texts]
    return re.compile(rf"(?:{'|'.join(forms)})(?: \(\d+\))?", re.DOTALL)


GERMAN = form(words("de").values())
ENGLISH = form(key for key, text in words("de").items() if key != text)


def english(page):
    """Texts in sight that are not German, and names of parts that are English where there is German."""
    seen = page.evaluate(VISIBLE)
    texts = [text for text in seen["texts"] if re.search("[A-Za-z]{3}", text) and text not in NAMES]
    names = [name for name in seen["names"] if ENGLISH.fullmatch(name) and not GERMAN.fullmatch(name)]
    return [text for text in texts if not GERMAN.fullmatch(text)], [name for name in names if name not in GRADIOS]


@pytest.mark.smoke
def test_every_tab_speaks_german(visit, served):  # noqa: F811
    made(served, OWN, OWN)
    page = visit(locale="de-DE")
    expect(page.get_by_role("tab", name="Bibliothek")).to_be_visible()
    expect(page.locator(".words").first).to_have_text(OWN)  # until then the board shows an example, in its own words
    for fold in ("Erweitert", "Voreinstellungen und Beschreibungen"):
        page.get_by_role("button", name=fold).locator("visible=true").click()
    expect(page.get_by_text("Frühere Beschreibungen").first).to_be_visible()
    assert english(page) == ([], [])
    page.get_by_role("tab", name="Bearbeiten").click()
    page.get_by_role("button", name="Bild bearbeiten", exact=True).click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Es gibt noch keines")
    page.get_by_text("Malen, wo sich etwas ändern darf").click()
    assert english(page) == ([], [])
    page.get_by_test_id("toast-close").click()
    tab(page, "Ton")
    for mode in ("Sprechen", "Rede ändern", "Klang machen", "Klang ändern"):
        page.get_by_role("tab", name=mode).click()
        fold = page.get_by_role("button", name="Erweitert").locator("visible=true")
        fold.click()
        assert english(page) == ([], [])
    tab(page, "Bibliothek")
    page.locator(".tile .pick").first.click()
    page.locator(".tile .mark").nth(1).click(force=True)
    page.get_by_role("button", name="Prüfen", exact=True).click()
    expect(page.locator(".claims")).to_contain_text("Entstanden mit")
    page.get_by_role("button", name="Merken", exact=True).locator("visible=true").click()
    expect(page.get_by_role("button", name="Gemerkt", exact=True).locator("visible=true")).to_be_visible()
    assert english(page) == ([], [])
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Zur Beschreibung")
    assert english(page) == ([], [])


def test_the_queue_and_a_run_speak_german(visit, served):  # noqa: F811
    made(served, OWN)
    page = visit(390, 844, is_mobile=True, has_touch=True, locale="de-DE")
    ask(served, *[OWN] * 4, steps=200)  # eight seconds each: enough on a busy machine too
    page.reload()
    expect(page.locator(".block.line").first).to_contain_text(re.compile(r"Schritt \d+ von"), timeout=20_000)
    assert english(page) == ([], [])
    page.get_by_role("button", name=re.compile(r"^Warteschlange, \d warten")).click()
    queue = page.locator("#queue")
    expect(queue.locator("li")).to_have_count(5)
    expect(queue.locator("li.done .fact").last).to_contain_text("Fertig nach")
    assert english(page) == ([], [])
    assert queue.evaluate("one => one.scrollWidth <= one.clientWidth")
    queue.get_by_role("button", name=f"Abbrechen: {OWN}").last.click()
    expect(queue.locator("li.cancelled .fact")).to_have_text("Vor dem Beginn abgebrochen.")
    queue.get_by_role("button", name="Pause").click()
    expect(queue.get_by_role("button", name="Weiter")).to_be_visible()
    assert english(page) == ([], [])


def test_a_sound_and_its_player_speak_german(visit, served):  # noqa: F811
    page = visit(locale="de-DE")
    tab(page, "Ton")
    page.locator(".field-text textarea").first.fill(OWN)
    page.get_by_role("button", name="Vorlesen", exact=True).click()
    expect(page.locator(".word").first).to_have_text("ein")
    scope = page.locator("eddy-sound[data-where=stage] .scope")
    scope.press("End")
    scope.press("]")
    expect(page.get_by_role("button", name="Diesen Teil herunterladen")).to_be_visible()
    assert english(page) == ([], [])
    expect(page.get_by_role("button", name="Abspielen").locator("visible=true")).to_be_visible()


def test_copied_is_said_for_a_moment(visit):
    page = visit(locale="de-DE", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Einstellungen kopieren").click()
    expect(page.get_by_role("button", name="Kopiert")).to_be_visible()
    expect(page.get_by_role("button", name="Einstellungen kopieren")).to_be_visible()
