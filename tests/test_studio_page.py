"""The studio around the tabs, in a real browser, with a runner that needs no model: queue, library, models, presets."""

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import WARNINGS, free_port
from PIL import Image, PngImagePlugin
from playwright.sync_api import expect

from pipelines.media import Picture
from pipelines.settings import ImageSettings
from studio import ui
from studio.export import save

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
TABS = ("Image", "Video", "Audio", "3D mesh", "Lip-sync", "Library", "Models")  # in their order


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed):
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PAUSE")}
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]), "PAUSE": "0.04"}
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"), runner="fake_runner:FakeRunner")
    yield served
    served.close()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def address(served):
    """The page, with an empty library and an empty queue behind it."""
    jobs, library = served.shop.jobs, served.shop.library
    jobs.pause("", False)
    for job in jobs.list("", ("running", "queued"), 1000):
        jobs.cancel(job.id, "")
    until(lambda: not jobs.list("", ("running", "queued")))
    jobs.forget("")
    library.delete([asset.id for asset in library.search("", limit=1000).assets], "")
    library.purge("", days=0)
    return served.address


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def ask(served, *words, steps=2, **settings):
    return [
        served.shop.jobs.submit([ImageSettings(prompt=each, seed=n + 1, steps=steps, **settings)], "")[0]
        for n, each in enumerate(words)
    ]


def made(served, *words, **settings):
    jobs = ask(served, *words, **settings)
    until(lambda: not any(served.shop.jobs.get(job.id, "").waiting for job in jobs))
    return [served.shop.library.made_by([job.id], "")[job.id][0] for job in jobs]


def drawer(page):
    page.get_by_role("button", name=re.compile("^Queue")).click()
    return page.locator("#queue")


def titles(queue):
    return queue.locator("li .title").all_inner_texts()


def tab(page, name):
    page.locator(".media > .tab-wrapper").get_by_role("tab", name=name).click()


def test_a_closed_tab_loses_nothing(visit, served):
    page = visit()
    page.get_by_role("button", name="Advanced").locator("visible=true").click()
    page.get_by_label("number input for Steps").locator("visible=true").fill("150")
    page.get_by_label("Prompt").first.fill("a boat")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".board.running img").first.wait_for()
    page.close()
    until(lambda: served.shop.library.search("").total == 1)
    again = visit()
    expect(again.locator(".words").first).to_have_text("a boat")


def test_a_page_that_opens_later_follows_what_runs(visit, served):
    (job,) = ask(served, "a slow walk", steps=200)
    page = visit()
    page.locator(".board.running img").first.wait_for()
    expect(page.locator(".facts").first).to_contain_text("of 200")
    page.get_by_role("button", name="Stop").locator("visible=true").click()
    expect(page.locator(".block.line").first).to_contain_text("Stopped")
    assert served.shop.jobs.get(job.id, "").state == "cancelled"


@pytest.mark.smoke
def test_the_queue_is_shown_reordered_and_cancelled_from_any_tab(visit, served):
    ask(served, "slow", steps=200)
    ask(served, "one", "two", "<b>three</b>", steps=2)
    page = visit()
    tab(page, "Models")
    queue = drawer(page)
    expect(queue.locator("li")).to_have_count(4)
    assert titles(queue) == ["slow", "one", "two", "<b>three</b>"]
    expect(queue.locator("li.running .frame img")).to_be_visible()
    queue.get_by_role("button", name="Move up: two").click()
    expect(queue.locator("li .title").nth(1)).to_have_text("two")
    queue.locator("li", has_text="<b>three</b>").drag_to(
        queue.locator("li.queued").first, target_position={"x": 5, "y": 2}
    )
    expect(queue.locator("li .title").nth(1)).to_have_text("<b>three</b>")
    until(lambda: [j.settings.prompt for j in served.shop.jobs.list("", ("queued",))] == ["<b>three</b>", "two", "one"])
    queue.get_by_role("button", name="Cancel: two").click()
    queue.get_by_role("button", name="Pause").click()
    queue.get_by_role("button", name="Cancel: slow").click()
    expect(queue.locator("li.cancelled")).to_have_count(2)
    assert served.shop.jobs.paused("")
    expect(queue.locator("li.queued .fact").first).to_have_text("Held back")
    queue.get_by_role("button", name="Go on").click()
    expect(queue.locator("li.done")).to_have_count(2)
    queue.get_by_role("button", name="Run again: two").click()
    expect(queue.locator("li.done")).to_have_count(3)
    queue.get_by_role("button", name="Clear ended").click()
    expect(queue.locator("li")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(queue).to_be_hidden()


def test_a_failure_says_why_in_the_page_and_in_the_drawer(visit, served):
    page = visit()
    page.get_by_label("Prompt").first.fill("a bug")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("p.failed").first).to_contain_text("ZeroDivisionError: a bug")
    page.get_by_role("button", name="Generate", exact=True).wait_for()
    queue = drawer(page)
    expect(queue.locator("li.failed .fact")).to_contain_text("a bug")
    page.get_by_label("Prompt").first.fill("something else")
    queue.get_by_role("button", name="Use the settings of: a bug").click()
    expect(page.get_by_label("Prompt").first).to_have_value("a bug")


def test_more_can_be_added_while_one_runs(visit, served):
    page = visit()
    page.get_by_label("Prompt").first.fill("slow first")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".board.running img").first.wait_for()
    page.get_by_label("Prompt").first.fill("second")
    page.get_by_role("button", name="Add to queue").locator("visible=true").click()
    expect(page.locator(".block.notes").first).to_contain_text("added to the queue")
    page.get_by_role("button", name="Generate", exact=True).wait_for()
    expect(page.locator(".words").first).to_have_text("second", timeout=30_000)
    assert served.shop.library.search("").total == 2


def test_a_list_becomes_a_job_a_line_and_wildcards_plain_words(visit, served):
    page = visit()
    page.get_by_label("Prompt").first.fill("a {red|blue} kite")
    page.get_by_role("button", name="Presets and prompts").first.click()
    page.get_by_label("All combinations").check(force=True)
    page.get_by_role("button", name="Generate", exact=True).click()
    until(lambda: served.shop.library.search("").total == 2)
    assert {asset.prompt for asset in served.shop.library.search("").assets} == {"a red kite", "a blue kite"}
    page.get_by_label("Prompt").first.fill("a {red kite")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("p.failed").first).to_contain_text("never closed")


def test_the_cost_is_said_before_a_run(visit):
    page = visit()
    cost = page.locator(".cost").first
    expect(cost).to_contain_text(re.compile(r"about \d+ s, \d+ MB"))
    before = cost.inner_text()
    page.get_by_label("number input for How many").fill("8")
    page.get_by_label("number input for How many").press("Tab")
    expect(cost).not_to_have_text(before)


def test_presets_are_saved_shared_and_applied(visit):
    page = visit()
    page.get_by_role("button", name="Presets and prompts").first.click()
    page.get_by_label("Flat", exact=True).first.check(force=True)
    page.get_by_label("Save these settings as").first.fill("My flat ones")
    page.get_by_role("button", name="Save preset").first.click()
    expect(page.locator(".block.notes").filter(has_text="Saved as My flat ones")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Share as JSON").or_(
            page.get_by_role("button", name="Share as JSON")
        ).first.click()
    shared = json.loads(Path(waiting.value.path()).read_text())
    assert shared["settings"]["style"] == "flat" and "prompt" not in shared["settings"]
    page.get_by_label("Cartoon").first.check(force=True)
    page.get_by_label("Preset", exact=True).first.click()
    page.get_by_role("option", name="My flat ones").click()
    expect(page.get_by_label("Flat", exact=True).first).to_be_checked()


@pytest.mark.smoke
def test_the_library_finds_stars_deletes_and_restores(visit, served):
    made(served, "a red kite", "a blue boat", HOSTILE)
    page = visit()
    tab(page, "Library")
    expect(page.locator(".tile")).to_have_count(3)
    page.get_by_label("Search").fill("boat")
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".tile .pick").click()
    expect(page.locator(".detail .words")).to_have_text("a blue boat")
    page.get_by_role("button", name="Star", exact=True).locator("visible=true").click()
    expect(page.locator(".tile .star")).to_have_count(1)
    page.get_by_label("Search").fill("")
    expect(page.locator(".tile")).to_have_count(3)
    page.get_by_label("Starred").check(force=True)
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".tile .pick").click()
    page.get_by_role("button", name="Delete", exact=True).locator("visible=true").click()
    expect(page.locator(".tile")).to_have_count(0)
    page.get_by_label("Trash").check(force=True)
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_label("Made here").check(force=True)
    expect(page.locator(".tile")).to_have_count(2)
    page.get_by_role("button", name="Undo delete").locator("visible=true").click()
    expect(page.locator(".tile")).to_have_count(3)
    assert page.title() == "Eddyline"


HOSTILE = """<img src=x onerror="document.title='owned'"> kite"""


def test_settings_and_lineage_lead_on_from_the_library(visit, served):
    made(served, "a red kite", count=1)
    page = visit()
    tab(page, "Library")
    page.locator(".tile .pick").click()
    page.get_by_role("button", name="Use settings").click()
    expect(page.get_by_label("Prompt").first).to_have_value("a red kite")
    tab(page, "Library")
    page.locator(".tile .pick").click()
    page.get_by_role("button", name="Use as source").locator("visible=true").click()
    page.locator(".drop img").wait_for()
    page.get_by_label("Make it").fill("a green kite")
    page.get_by_role("button", name="Edit picture", exact=True).click()
    page.locator(".board.compare").wait_for()
    tab(page, "Library")
    expect(page.locator(".tile")).to_have_count(2)
    page.locator(".tile .pick").first.click()
    expect(page.locator(".block.detail")).to_contain_text("Made from")
    page.locator(".detail .tiles button").first.click()
    expect(page.locator(".block.detail")).to_contain_text("Became")


def test_two_are_compared_and_marked_ones_become_a_project(visit, served, tmp_path):
    made(served, "one", "two", "three")
    page = visit()
    tab(page, "Library")
    page.get_by_role("button", name="Mark: one").click(force=True)
    page.get_by_role("button", name="two", exact=True).click()
    expect(page.locator(".detail .board img")).to_have_count(2)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export 1 as a project").click()
    waiting.value.save_as(tmp_path / "project.zip")
    page.get_by_role("button", name="Delete marked").click()
    expect(page.locator(".tile")).to_have_count(2)
    page.locator(".anywhere input[type=file]").set_input_files(tmp_path / "project.zip")
    expect(page.locator(".block.notes").locator("visible=true").first).to_contain_text("imported")


def test_a_file_says_what_it_claims(visit, served, tmp_path):
    (asset,) = made(served, "a red kite")
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    page = visit()
    tab(page, "Library")
    page.locator(".tile .pick").click()
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator(".claims")).to_contain_text("trainedAlgorithmicMedia")
    page.locator("input[type=file]").nth(page.locator("input[type=file]").count() - 2)
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Verify a file").click()
    choosing.value.set_files(tmp_path / "plain.png")
    expect(page.locator(".claims")).to_contain_text("It does not say.")


@pytest.mark.smoke
def test_any_file_dropped_anywhere_goes_where_it_belongs(visit, tmp_path):
    page = visit()
    drop = page.locator(".anywhere input[type=file]")
    pixels = np.full((64, 64, 4), 255, np.uint8)
    save(Picture(pixels), tmp_path / "ours.webp", ImageSettings(prompt="a kite", seed=9, steps=33))
    tab(page, "Models")
    drop.set_input_files(tmp_path / "ours.webp")
    expect(page.locator(".block.notes").first).to_contain_text("settings are back in Make")
    page.get_by_role("tab", name="Make").click()
    expect(page.get_by_label("Prompt").first).to_have_value("a kite")
    info = PngImagePlugin.PngInfo()
    info.add_text(
        "parameters", "a boat\nNegative prompt: fog\nSteps: 12, Sampler: Euler, CFG scale: 5, Seed: 77, Size: 64x64"
    )
    Image.new("RGB", (64, 64)).save(tmp_path / "theirs.png", pnginfo=info)
    drop.set_input_files(tmp_path / "theirs.png")
    expect(page.locator(".block.notes").first).to_contain_text("AUTOMATIC1111")
    page.get_by_role("tab", name="Make").click()
    expect(page.get_by_label("Prompt").first).to_have_value("a boat")
    (tmp_path / "bad.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    drop.set_input_files(tmp_path / "bad.svg")
    expect(page.get_by_test_id("toast-body")).to_contain_text("SVG")


def test_models_are_listed_loaded_and_let_go(visit):
    page = visit()
    tab(page, "Models")
    expect(page.get_by_role("heading", name="FLUX.1 schnell")).to_be_visible()
    expect(page.get_by_text("Not yet").first).to_be_visible()


def test_keys_reach_every_tab(visit):
    page = visit()
    for place in (*range(1, len(TABS)), 0):
        name = TABS[place]
        page.locator("body").press("g")
        page.keyboard.press(str(place + 1))
        expect(page.locator(".media > .tab-wrapper").get_by_role("tab", name=name)).to_have_attribute(
            "aria-selected", "true"
        )
    page.keyboard.press("q")
    expect(page.locator("#queue")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier_on_any_tab(visit, served, scheme):
    made(served, "a red kite")
    page = visit(color_scheme=scheme)
    found = {}
    for name in TABS:
        tab(page, name)
        if name == "Library":
            page.locator(".tile .pick").click()
            page.locator(".detail .board").wait_for()
        page.wait_for_timeout(400)
        found |= barriers(page, name)
    tab(page, "Image")
    page.get_by_role("tab", name="Edit", exact=True).click()
    found |= barriers(page, "Edit")
    ask(served, "slow", "two", steps=200)
    drawer(page).locator("li.running").wait_for()
    found |= barriers(page, "Queue")
    assert found == {}


def barriers(page, where):
    """Violations that axe-core calls serious or critical, with what they are about."""
    results = Axe().run(page).response["violations"]
    return {
        f"{where}: {each['id']}": [node["html"][:160] for node in each["nodes"]][:4]
        for each in results
        if each["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("name", TABS[1:])
def test_a_phone_scrolls_one_way_only(visit, served, name):
    made(served, "a red kite")
    page = visit(390, 844, is_mobile=True, has_touch=True)
    tab(page, name)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
