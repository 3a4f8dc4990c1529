"""A voice to clone on the page: its field comes with a model that clones, and goes with it."""

import time

import pytest
from pages import WARNINGS
from playwright.sync_api import expect
from test_cloning import SAID, recording, served  # noqa: F401

pytestmark = WARNINGS


@pytest.fixture
def address(served):  # noqa: F811
    return served.address


def test_the_page_takes_a_voice_where_a_checkpoint_speaks(visit, served, tmp_path):  # noqa: F811
    page = visit()
    page.locator(".media > .tab-wrapper").get_by_role("tab", name="Audio").click()

    def shown(selector):
        return page.locator(selector).locator("visible=true").first

    expect(shown(".field-text textarea")).to_be_visible()
    expect(page.locator(".field-voice-words").locator("visible=true")).to_have_count(0)
    page.get_by_role("button", name="Advanced").locator("visible=true").click()
    shown(".field-model input").click()
    page.get_by_role("option", name="Mine").click()
    expect(shown(".field-voice-words textarea")).to_be_visible()
    expect(page.locator(".field-voice").locator("visible=true")).to_have_count(0)
    expect(shown(".field-steps input[type=number]")).to_have_value("32")
    shown(".field-text textarea").fill(SAID)
    page.get_by_role("button", name="Speak it", exact=True).click()
    expect(shown("p.failed")).to_contain_text("Voice to clone: there is no recording yet")
    shown(".recorder input[type=file]").set_input_files(recording(tmp_path / "voice.wav"))
    shown(".recorder .scope[data-drawn]").wait_for()
    shown(".field-voice-words textarea").fill("Some words")
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    page.get_by_role("button", name="Speak it", exact=True).click()
    expect(page.locator("eddy-sound[data-where=stage] .word")).to_have_count(len(SAID.split()))
    (job,) = served.shop.jobs.list("", limit=5)
    assert (
        job.settings.model == "Mine" and job.settings.voice_words == "Some words" and set(job.inputs) == {"voice_from"}
    )
    page.get_by_role("button", name="Variation").locator("visible=true").click()
    end = time.monotonic() + 30
    while len(made := served.shop.jobs.list("", limit=5)) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert made[0].inputs == made[1].inputs and made[0].settings.seed != made[1].settings.seed
    shown(".field-model input").click()  # back to the starter: the field goes, the voices come again
    page.get_by_role("option", name="Starter").first.click()
    expect(shown(".field-voice")).to_be_visible()
    expect(page.locator(".field-voice-words").locator("visible=true")).to_have_count(0)
    expect(shown(".field-steps input[type=number]")).to_have_value("8")
