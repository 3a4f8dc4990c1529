"""The page in a real browser, with the real starter: what a person sees after a click, and that nothing leaves home."""

import re

import numpy as np
import pytest
from pages import WARNINGS, free_port
from PIL import Image
from playwright.sync_api import expect

from pipelines.media import Picture
from pipelines.settings import ImageEditSettings, ImageSettings
from studio import runs, ui
from studio.export import save_picture
from studio.provenance import read_settings

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]

HOSTILE = """<img src=x onerror="document.title='owned'"> {{value}} ${1+1}"""
NAMELESS = """
() => [...document.querySelectorAll('input, textarea, select, button, [role=tab], canvas')].filter((one) => {
  if (one.type === 'hidden' || one.closest('[aria-hidden=true]') || !one.checkVisibility({visibilityProperty: true})) {
    return false;
  }
  const by = (one.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.innerText);
  const names = [one.getAttribute('aria-label'), one.title, one.innerText, ...by,
                 ...[...(one.labels || [])].map((label) => label.innerText)];
  return !names.some((name) => name && name.trim());
}).map((one) => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed):
    home = tmp_path_factory.mktemp("assets")
    ramp = np.zeros((64, 64, 4), np.uint8)
    ramp[8:56, 8:56] = (200, 90, 40, 255)
    save_picture(Picture(ramp), home / "examples" / "image-1.png", ImageSettings(prompt="an old brick", seed=1))
    save_picture(Picture(ramp), home / "examples" / "image-2.png", ImageSettings(prompt=HOSTILE, seed=77, steps=2))
    (home / "examples" / "image-3.png").write_bytes(b"not a picture")
    before = {module: module.assets for module in (runs,)}
    for module in before:
        module.assets = lambda: home
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"))
    yield served
    served.close()
    for module, original in before.items():
        module.assets = original


@pytest.fixture
def address(served):
    """Where the page is, with an empty library and an empty queue behind it."""
    jobs, library = served.shop.jobs, served.shop.library
    for job in jobs.list("", ("running", "queued")):
        jobs.cancel(job.id, "")
    library.delete([asset.id for asset in library.search("", limit=1000).assets], "")
    return served.address


# Presses the Stop that is seen as soon as there is a preview.
STOPPED = """() => {
  const stop = [...document.querySelectorAll("button.stop")].find(each => each.offsetParent);
  if (!stop || !document.querySelector(".board.running img")) return false;
  stop.click();
  return true;
}"""


def typed(page, label, value):
    field = page.get_by_label(label).locator("visible=true").first
    field.fill(str(value))
    field.press("Tab")


def steps(page, count):
    fold = page.get_by_role("button", name="Advanced").locator("visible=true")
    fold.click()
    typed(page, "number input for Steps", count)
    fold.click()


def ready(page, name="Generate"):
    page.get_by_role("button", name=name, exact=True).wait_for(timeout=60_000)


def make(page, prompt, count=25):  # so many that the run is seen
    steps(page, count)
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Stop").locator("visible=true").wait_for()
    ready(page)


def saved(page, kind, folder):
    with page.expect_download() as waiting:
        page.get_by_role("link", name=kind, exact=True).click()
    target = folder / f"result.{kind.lower()}"
    waiting.value.save_as(target)
    return target


def drop(page, path):
    page.get_by_role("tab", name="Edit").click()
    page.locator(".drop input[type=file]").set_input_files(path)
    page.locator(".drop img").wait_for()


def test_first_sight_shows_the_newest_example_as_text_not_as_markup(visit):
    page = visit()
    assert page.title() == "Eddyline"
    expect(page.get_by_role("heading", name="Eddyline")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Example")
    expect(page.locator(".words")).to_have_text(HOSTILE)
    expect(page.locator(".facts")).to_contain_text("seed 77")
    expect(page.get_by_text("not photographs")).to_be_visible()
    assert page.locator(".board img.after").evaluate("image => image.naturalWidth") == 64
    expect(page.get_by_role("button", name="Example: an old brick")).to_have_count(1)  # the damaged one is left out
    assert page.locator(".tiles button[aria-label^=Example]").count() == 2
    assert page.title() == "Eddyline"


@pytest.mark.smoke
def test_make_previews_then_shows_and_exports_with_settings(visit, tmp_path):
    page = visit()
    steps(page, 200)  # long enough that a preview is seen
    page.get_by_label("Prompt").fill("a red zorbleflux")
    page.get_by_role("button", name="Generate").click()
    # Both in one look: between two the run may be over.
    progress = "document.querySelector('[role=progressbar][aria-label=Progress]')"
    page.wait_for_function(f"() => document.querySelector('.board.running img') && {progress}")
    ready(page)
    facts = page.locator(".facts").inner_text()
    seed = int(re.search(r"seed (\d+)", facts)[1])
    assert "64 × 64 px" in facts and re.search(r"\d s", facts)
    expect(page.locator(".block.notes")).to_contain_text("zorbleflux")
    expect(page.locator(".badge")).to_have_count(0)
    for kind, mode in (("PNG", "RGBA"), ("JPEG", "RGB"), ("WebP", "RGBA")):
        path = saved(page, kind, tmp_path)
        with Image.open(path) as opened:
            opened.load()
            assert (opened.format, opened.mode, opened.size) == (kind.upper(), mode, (64, 64))
        found = read_settings(path)
        assert found.settings == ImageSettings(prompt="a red zorbleflux", seed=seed, steps=200) and not found.unknown


def test_several_are_picked_one_by_one_and_the_strip_restores(visit, tmp_path):
    page = visit()
    typed(page, "number input for How many", 2)
    make(page, "a star", 2)
    assert page.locator(".board.many button").count() == 2
    first = int(re.search(r"seed (\d+)", page.locator(".facts").inner_text())[1])
    page.locator(".board.many button").nth(1).click()
    expect(page.locator(".facts")).to_contain_text(f"seed {first + 1}")
    assert read_settings(saved(page, "PNG", tmp_path)).settings.seed == first + 1
    page.locator(".tiles button").last.click()
    expect(page.locator(".words")).to_have_text("an old brick")
    expect(page.get_by_label("Prompt")).to_have_value("an old brick")
    expect(page.get_by_label("Seed").locator("visible=true")).to_have_value("1")
    page.locator(".tiles button").last.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Seed").locator("visible=true")).to_have_value("77")
    page.get_by_role("button", name="New each time").click()
    expect(page.get_by_label("Seed").locator("visible=true")).to_have_value("")
    page.get_by_role("button", name="Variation").click()
    page.get_by_role("button", name="Stop").locator("visible=true").wait_for()
    ready(page)
    expect(page.locator(".words")).to_have_text(HOSTILE)
    expect(page.locator(".facts")).not_to_contain_text("seed 77 ")


@pytest.mark.smoke
def test_stop_returns_to_ready_and_keeps_the_preview(visit):
    page = visit()
    steps(page, 200)
    page.get_by_label("Prompt").fill("a slow boat")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(STOPPED)  # in the page itself: from here the run may be over before the click
    ready(page)
    expect(page.locator(".block.line")).to_contain_text("Stopped")
    page.wait_for_timeout(1000)
    expect(page.locator(".block.line")).to_contain_text("Stopped")
    expect(page.locator(".board.running img")).to_have_count(1)
    expect(page.get_by_label("Prompt")).to_have_value("a slow boat")
    page.get_by_label("Prompt").fill("a fast boat")
    steps(page, 1)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".words")).to_have_text("a fast boat", timeout=30_000)


def test_edit_leaves_everything_outside_the_mask_bit_exact(visit, tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (60, 90, 4), np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    page = visit()
    drop(page, tmp_path / "noise.png")
    page.get_by_role("button", name="a red apple → a green apple").click()
    page.get_by_label("SDEdit").check(force=True)
    steps(page, 3)
    page.get_by_text("Paint where it may change").click()
    canvas = page.locator(".paint.ready canvas")
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Edit picture").click()
    page.locator(".board.compare").wait_for(timeout=60_000)
    ready(page, "Edit picture")
    path = saved(page, "PNG", tmp_path)
    with Image.open(path) as opened:
        after = np.asarray(opened.convert("RGBA"))
    changed = (after != pixels).any(-1)
    painted = np.zeros_like(changed)
    painted[21:39, 19:53] = True  # the stroke with its round ends, and a pixel of room
    assert after.shape == pixels.shape
    assert not changed[~painted].any()
    assert changed.sum() > 100
    settings = read_settings(path).settings
    assert isinstance(settings, ImageEditSettings) and settings.method == "sdedit"
    assert (settings.source_prompt, settings.prompt) == ("a red apple", "a green apple")
    slider = page.get_by_label("Before and after")
    slider.focus()
    slider.press("Home")
    assert page.locator(".compare").evaluate("board => board.style.getPropertyValue('--cut')") == "0%"


def test_file_made_here_brings_its_settings_back(visit, tmp_path):
    plain = Picture(np.full((64, 64, 4), 255, np.uint8))
    made = save_picture(plain, tmp_path / "made.webp", ImageSettings(prompt="a kite", seed=9, steps=33))
    page = visit()
    drop(page, made)
    expect(page.locator(".block.notes")).to_contain_text("settings are back in Make")
    page.get_by_role("tab", name="Make").click()
    expect(page.get_by_label("Prompt")).to_have_value("a kite")
    expect(page.get_by_label("Seed").locator("visible=true")).to_have_value("9")
    page.get_by_role("button", name="Advanced").locator("visible=true").click()
    expect(page.get_by_label("number input for Steps").locator("visible=true")).to_have_value("33")


def test_what_is_not_a_picture_is_refused_in_words(visit, tmp_path):
    (tmp_path / "fake.png").write_text("hello")
    page = visit()
    page.get_by_role("tab", name="Edit").click()
    page.locator(".drop input[type=file]").set_input_files(tmp_path / "fake.png")
    expect(page.locator("p.failed")).to_be_visible()
    assert "Traceback" not in page.locator(".block.line").inner_text()


def test_use_as_source_carries_the_picture_over(visit):
    page = visit()
    page.locator(".tiles button").last.click()
    expect(page.get_by_label("Prompt")).to_have_value("an old brick")
    page.get_by_role("button", name="Use as source").click()
    page.locator(".drop img").wait_for()
    expect(page.get_by_label("It shows")).to_have_value("an old brick")
    page.get_by_text("Paint where it may change").click()
    page.locator(".paint.ready canvas").wait_for()


def test_refused_setting_says_why_and_loses_nothing(visit):
    page = visit()
    page.get_by_label("Prompt").fill("a fish")
    page.get_by_label("Seed").fill("-3")
    page.get_by_label("Seed").press("Tab")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("seed")
    expect(page.locator("p.failed")).to_contain_text("seed")
    ready(page)
    expect(page.get_by_label("Prompt")).to_have_value("a fish")
    expect(page.locator(".board img")).to_have_count(1)


def test_keys(visit):
    page = visit()
    page.locator("body").press("/")
    page.keyboard.type("a fish?")
    expect(page.get_by_label("Prompt")).to_have_value("a fish?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".words")).to_have_text("a fish?", timeout=30_000)
    ready(page)
    page.get_by_role("heading", name="Eddyline").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_copy_settings(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy settings").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert '"seed": 77' in copied


@pytest.mark.parametrize("mode", ["Make", "Edit"])
def test_phone_has_the_result_first_and_no_sideways_scroll(visit, mode):
    page = visit(390, 844, is_mobile=True, has_touch=True)
    page.get_by_role("tab", name=mode).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    run = page.locator("button.run").locator("visible=true").bounding_box()
    assert run["y"] + run["height"] <= 844
    assert page.locator(".board").bounding_box()["y"] < page.locator(".modes").bounding_box()["y"]


def test_dark_is_kept_over_a_reload(visit):
    page = visit(color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(244, 247, 246)"
    page.get_by_role("button", name="Dark look").click()
    assert page.evaluate(colour) == "rgb(12, 21, 22)"
    page.reload()
    page.locator(".board").wait_for()
    assert page.evaluate(colour) == "rgb(12, 21, 22)"


def test_every_control_has_a_name(visit, tmp_path):
    page = visit()
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "plain.png")
    page.get_by_role("button", name="Advanced").click()
    page.get_by_label("number input for Steps").wait_for()
    assert page.evaluate(NAMELESS) == []
    drop(page, tmp_path / "plain.png")
    page.get_by_text("Paint where it may change").click()
    page.get_by_role("button", name="Advanced").locator("visible=true").click()
    page.get_by_label("number input for Feather").wait_for()
    assert page.evaluate(NAMELESS) == []


def test_taken_port_is_explained(address, tmp_path):
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(SystemExit, match="Try: --port"):
        ui.start("127.0.0.1", port, home=tmp_path)
