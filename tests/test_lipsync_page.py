"""The lip-sync tab in a real browser, with a runner that needs no model: chosen, typed, sent, played, and in German."""

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from fake_talks import drawn
from pages import WARNINGS, free_port
from PIL import Image
from playwright.sync_api import expect
from test_german_page import GERMAN, VISIBLE

from studio import characters, runs, ui
from studio.provenance import read_visemes
from studio.tabs import lipsync

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
GRADIO = {"Datei hier ablegen", "- oder -", "Hochladen"}  # Gradio's own
SAID = "Good morning. The river is calm today."
STATE = """() => {
  const {timeline} = document.querySelector('.board.talk eddy-talk'), {video, told, view} = timeline;
  return {at: video.currentTime, seconds: told?.seconds, length: video.duration, paused: video.paused, view,
          runs: told?.runs.length, blinks: told?.blinks.length, words: told?.words.length, shots: told?.shots,
          was: timeline.scene.classList.contains('was'), rate: video.playbackRate};
}"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Characters, and no example."""
    folder = tmp_path_factory.mktemp("assets")
    (folder / "characters").mkdir()
    (folder / "examples").mkdir()
    names = ("wren", "moss", "pip")
    for name in names:
        Image.fromarray(drawn(np.zeros(17), name)).save(folder / "characters" / f"{name}.webp")
    listed = [{"name": name, "title": name.title()} for name in names]
    (folder / "characters" / "characters.json").write_text(json.dumps(listed))
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed, shipped):
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PAUSE")}
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]), "PAUSE": "0.02"}
    usual = characters.assets, runs.assets
    characters.assets = runs.assets = lambda: shipped
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"), runner="fake_talks:Mouths")
    yield served
    served.close()
    characters.assets, runs.assets = usual
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def address(served):
    return served.address


def opened(visit, *size, **options):
    page = visit(*size, **options)
    page.set_default_timeout(180_000)  # only waited out where something is wrong
    tab(page, "Lippen" if options.get("locale") else "Lip-sync")
    return page


def tab(page, name):
    page.locator(".media > .tab-wrapper").get_by_role("tab", name=name).click()


def shown(page, selector):
    return page.locator(selector).locator("visible=true").first


def state(page):
    return page.evaluate(STATE)


def when(page, condition):
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition}; }}", timeout=60_000)


def talk(page, text=SAID, button="Make it talk"):
    shown(page, ".gallery button").click()
    shown(page, ".field-text textarea").fill(text)
    page.get_by_role("button", name=button, exact=True).click()
    page.locator(".board.talk eddy-talk .lanes[data-drawn]").wait_for()


@pytest.mark.smoke
def test_a_character_talks_over_its_timeline(visit, served):
    page = opened(visit)
    assert shown(page, ".gallery").locator("button").count() == 3
    expect(shown(page, ".knows")).to_contain_text("painted anew")
    talk(page)
    lanes = page.locator(".board.talk .lanes")
    expect(lanes).to_have_attribute("data-drawn", "frames waveform visemes words")
    found = state(page)
    assert found["seconds"] == pytest.approx(found["length"], abs=0.1) and found["words"] == 7
    assert found["runs"] > 8 and found["blinks"] == int(found["seconds"]) and found["shots"] > 8
    expect(shown(page, ".notes")).to_contain_text("Drawn face: its mouth is painted anew. Given: nothing.")
    saves = shown(page, ".saves").locator("a").all_inner_texts()
    assert saves == ["MP4", "WebM", "GIF", "WebP", "PNG sequence", "SRT", "WebVTT", "Viseme track"]
    with page.expect_download() as fetched:
        shown(page, ".saves").get_by_text("Viseme track").click()
    track = json.loads(Path(fetched.value.path()).read_text("utf-8"))
    (made,) = served.shop.store.home.glob("lipsync/*/*.webm")
    assert track["frames"] == len(read_visemes(made).weights) and "jawOpen" in track["arkit"]["names"]
    _moved_by_hand(page, lanes)


def _moved_by_hand(page, lanes):
    page.evaluate("document.querySelector('.board.talk video').pause()")
    box = lanes.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 30)
    when(page, "Math.abs(s.at - s.seconds / 2) < 0.1")
    before = state(page)["at"]
    lanes.press("ArrowRight")
    when(page, f"Math.abs(s.at - {before} - 0.04) < 0.005")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile(r"\d:0\d\.\d of .* (\w+), jaw \d+ %"))
    page.get_by_role("button", name="Closer").click()
    when(page, "s.view.to - s.view.from < 0.6 * s.seconds")
    page.get_by_role("button", name="All of it").locator("visible=true").click()
    when(page, "s.view.from === 0 && s.view.to > 0.99 * s.seconds")
    page.get_by_role("button", name="Pace").click()
    when(page, "s.rate === 0.5")
    scene = page.locator(".board.talk .talker")
    scene.locator("..").get_by_role("button", name="Before", exact=True).click()
    when(page, "s.was")
    expect(scene.locator("video.after")).to_be_hidden()
    expect(scene.locator("img.source")).to_be_visible()
    page.get_by_role("button", name="After", exact=True).locator("visible=true").click()
    lanes.press("Home")
    page.locator(".board.talk").get_by_role("button", name="Play", exact=True).click()
    when(page, "!s.paused && s.at > 0.1")


def test_a_sound_is_sent_for_a_voice_and_what_is_missing_is_said(visit, served):
    page = opened(visit)
    make = page.get_by_role("button", name="Make it talk", exact=True)
    make.click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Face: there is none yet; drop a picture or clip above")
    page.get_by_test_id("toast-close").click()
    shown(page, ".gallery button").click()
    make.click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Text: nothing to say yet")
    page.get_by_test_id("toast-close").click()
    shown(page, ".field-text textarea").fill("nobody is here")
    make.click()
    expect(shown(page, ".failed")).to_contain_text("face: none is found in frames 1 to 25")
    page.get_by_test_id("toast-close").click()
    tab(page, "Audio")
    shown(page, ".field-text textarea").fill("The cat sat on the mat.")
    page.get_by_role("button", name="Speak it", exact=True).click()
    page.get_by_role("button", name="Speak it", exact=True).wait_for()
    page.locator("eddy-sound[data-where=stage] .word").last.wait_for()
    page.get_by_role("button", name="Send to Lip-sync").locator("visible=true").click()
    shown(page, ".recorder .scope[data-drawn]").wait_for()
    make.click()
    expect(shown(page, ".notes")).to_contain_text("Given: recording.")
    page.locator(".board.talk eddy-talk .lanes[data-drawn]").wait_for()
    assert state(page)["words"] == 6  # it is known what the recording says
    tab(page, "Library")
    page.locator(".tile .pick").first.click()
    page.locator(".detail .board.talk .lanes[data-drawn]").wait_for()
    page.get_by_role("button", name="Use settings").click()
    expect(shown(page, ".gallery button")).to_have_attribute("aria-pressed", "true")
    expect(shown(page, ".recorder .time")).to_contain_text("0:02")


def test_a_picture_is_dropped_and_one_that_is_none_is_refused(visit, tmp_path):
    page = opened(visit, 640, 900)
    face, bad = tmp_path / 'it\'s a "face".png', tmp_path / "weights.png"
    Image.fromarray(drawn(np.zeros(17))).save(face)
    bad.write_bytes(b"\x80\x02}q\x00.")
    field = shown(page, ".faces input[type=file]")
    field.set_input_files(bad)
    expect(shown(page, ".line .failed")).to_contain_text("weights.png")
    field.set_input_files(face)
    shown(page, ".faces .held img").wait_for()
    expect(shown(page, ".faces .name")).to_have_text(face.name)
    shown(page, ".field-text textarea").fill(SAID)
    page.get_by_role("button", name="Make it talk", exact=True).click()
    expect(shown(page, ".notes")).to_contain_text("Given: source.")
    page.locator(".board.talk eddy-talk .lanes[data-drawn]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 640
    page.wait_for_function("document.querySelector('.board.talk img.source').naturalWidth === 128")


def test_the_tab_speaks_german(visit):
    page = opened(visit, locale="de-DE")
    talk(page, "Hallo", "Sprechen lassen")
    for fold in ("Erweitert", "Mehrere Gesichter"):
        page.get_by_role("button", name=fold).locator("visible=true").click()
    time.sleep(0.5)
    seen = page.evaluate(VISIBLE)
    own = {*lipsync.SAY, "Hallo", "Wren", "Moss", "Pip", "Eddyline", "Starter"}
    known = {"MP4", "GIF", "WebM", "WebP", "PNG", "SRT", "WebVTT", *GRADIO}
    texts = [text for text in seen["texts"] if re.search("[A-Za-z]{3}", text) and text not in own | known]
    wrong = [text for text in texts if not GERMAN.fullmatch(text)]
    assert [text for text in wrong if "Drawn face" not in text] == []
