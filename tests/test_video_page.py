"""The video tab in a real browser, with a runner that needs no model: watched, stepped through, compared, cut."""

import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from fake_clips import FRAMES, disc
from pages import WARNINGS, free_port
from playwright.sync_api import expect

from pipelines.clips import read_clip
from pipelines.settings import ImageSettings, VideoSettings
from studio import runs, ui
from studio.export import save
from studio.provenance import read_settings

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
# What the player on the stage shows.
STATE = """() => {
  const {player} = document.querySelector('eddy-clip[data-where=stage]');
  const {now, frames, playing, live, view, mark, before, run} = player;
  return {now, frames, playing, live, view, mark, run, compared: before?.frames.length || 0};
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed):
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PAUSE")}
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]), "PAUSE": "0.05"}
    folder = tmp_path_factory.mktemp("assets") / "examples"
    save(disc(3, FRAMES), folder / "video-1-disc.webp", VideoSettings(prompt="a disc, circling", seed=3))
    usual, runs.assets = runs.assets, lambda: folder.parent
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"), runner="fake_clips:Mover")
    yield served
    served.close()
    runs.assets = usual
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def address(served):
    return served.address


@pytest.fixture
def video(visit):
    """Opens the page at the video tab; at the end the console must be empty of errors."""
    wrong = []

    def open_tab(*size, **options):
        page = visit(*size, **options)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        tab(page, "Video")
        page.locator("eddy-clip[data-where=stage] canvas[data-frame]").wait_for()
        return page

    yield open_tab
    assert wrong == []


def tab(page, name):
    page.locator(".media > .tab-wrapper").get_by_role("tab", name=name).click()


def state(page):
    return page.evaluate(STATE)


def when(page, condition, timeout=60_000):
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition}; }}", timeout=timeout)


def stage(page):
    return page.locator("eddy-clip[data-where=stage]")


def shown(page, selector):
    return page.locator(selector).locator("visible=true").first


def run(page, name, prompt=None):
    """Click a run button and wait until its result is on the stage."""
    if prompt is not None:
        shown(page, ".field-prompt textarea").fill(prompt)
    before = state(page)["run"]
    page.get_by_role("button", name=name, exact=True).click()
    when(page, f"!s.live && s.frames > 0 && s.run !== '{before}'")
    page.get_by_role("button", name=name, exact=True).wait_for()


def pixel(page, selector="eddy-clip[data-where=stage] canvas"):
    """Red, green, blue and alpha in the middle of the right half of a canvas."""
    return page.locator(selector).first.evaluate(
        "one => [...one.getContext('2d').getImageData(one.width * (0.5 + 0.3 * one.height / one.width), "
        "one.height / 2, 1, 1).data]"
    )


def test_an_example_is_stepped_through_and_its_frames_lie_side_by_side(video):
    page = video()
    expect(shown(page, ".badge")).to_have_text("Example")
    assert state(page)["frames"] == 10 and state(page)["playing"]
    player = stage(page)
    player.get_by_role("button", name="Pause").click()
    player.get_by_label("Frame", exact=True).fill("0")
    red = 60 + 3 * 47 % 190
    assert abs(pixel(page)[0] - red) < 12 and pixel(page)[3] == 255
    player.get_by_role("button", name="One frame on").click()
    assert state(page)["now"] == 1
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    assert state(page)["now"] == 9 and not state(page)["playing"]
    player.get_by_role("button", name="All frames").click()
    expect(player.locator(".cells button")).to_have_count(10)
    player.locator(".cells button").nth(4).click()
    assert state(page)["now"] == 4 and state(page)["view"] == "Clip"
    page.keyboard.press("[")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("]")
    assert state(page)["mark"] == {"start": 0.4, "end": pytest.approx(0.9)}
    shown(page, ".actions button:has-text('Cut and loop')").click()
    expect(shown(page, ".field-start input, .field-start textarea")).to_have_value("0.400")
    expect(shown(page, ".field-end input, .field-end textarea")).to_have_value("0.900")
    run(page, "Apply")
    when(page, "s.frames === 5 && !s.live")
    expect(shown(page, ".words")).to_have_text("cut, 0.4 s to 0.9 s")


@pytest.mark.smoke
def test_a_clip_is_made_edited_compared_and_goes_on_while_it_is_watched(video, served, tmp_path):
    page = video()
    shown(page, ".field-prompt textarea").fill("slow disc")
    shown(page, ".field-seed textarea, .field-seed input").fill("3")  # a colour that an edit changes much
    page.get_by_role("button", name="Make clip", exact=True).click()
    when(page, "s.live && s.frames === 16")  # the first estimate
    when(page, "!s.live && s.frames === 16")
    page.get_by_role("button", name="Make clip", exact=True).wait_for()
    expect(shown(page, ".facts")).to_contain_text("64 × 64 px")
    for title, ending in (("WebM", ".webm"), ("GIF", ".gif"), ("PNG sequence", ".zip")):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=title, exact=True).locator("visible=true").click()
        waiting.value.save_as(tmp_path / f"a{ending}")
    assert len(read_clip(tmp_path / "a.webm")[0].frames) == len(read_clip(tmp_path / "a.gif")[0].frames) == 16
    page.get_by_role("button", name="Use as source", exact=True).locator("visible=true").click()
    page.locator("eddy-clip[data-where=edit-video] canvas[data-frame]").wait_for()
    expect(page.get_by_label("It shows").locator("visible=true")).to_have_value("slow disc")
    run(page, "Edit clip", "another colour")
    when(page, "s.compared === 16")
    stage(page).get_by_role("button", name="Difference").click()
    stage(page).get_by_role("button", name="Pause").click()
    stage(page).get_by_label("Frame", exact=True).fill("0")
    assert max(pixel(page)[:3]) > 100  # it is another colour, and the difference is seen
    stage(page).get_by_role("button", name="All frames").click()
    expect(stage(page).locator(".cells span").first).to_contain_text("%")
    stage(page).get_by_role("button", name="Clip", exact=True).click()
    shown(page, ".actions button:has-text('Extend')").click()
    page.locator("eddy-clip[data-where=extend-video] canvas[data-frame]").wait_for()  # its form is in sight now
    shown(page, ".field-prompt textarea").fill("slow turn")
    page.get_by_role("button", name="Go on", exact=True).click()
    when(page, "!s.live && s.frames === 56")
    assert state(page)["compared"] == 0


def test_masks_are_painted_on_one_frame_or_on_several(video):
    page = video()
    page.get_by_role("button", name="Use as source", exact=True).locator("visible=true").click()
    page.locator("eddy-clip[data-where=edit-video] canvas[data-frame]").wait_for()
    shown(page, ".paint summary").click()
    paint = page.locator(".paint.ready").locator("visible=true")
    paint.wait_for()

    def stroke():
        canvas = paint.locator("canvas")
        canvas.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=3)
        page.mouse.up()

    stroke()
    expect(paint.locator(".key")).to_have_text("1")
    run(page, "Edit clip", "another colour")
    expect(shown(page, ".notes")).to_contain_text("mask of all frames")
    frame = paint.get_by_label("Frame", exact=True)
    frame.fill("6")
    expect(paint.locator("output")).to_have_text("7 / 10")
    stroke()
    expect(paint.locator(".key")).to_have_text(["1", "7"])
    run(page, "Edit clip", "one more colour")
    expect(shown(page, ".notes")).to_contain_text("mask of frames 0, 6")
    paint.locator(".key").first.click()
    expect(frame).to_have_value("0")
    paint.get_by_role("button", name="Clear").click()
    expect(paint.locator(".key")).to_have_text("7")


def test_words_change_on_the_way_and_an_end_is_kept(video, served, tmp_path):
    clip = served.shop.jobs.submit([VideoSettings(prompt="a disc", seed=5)], "")[0]
    while served.shop.watch.job(clip.id, "").waiting:
        time.sleep(0.1)
    page = video()
    shown(page, ".actions button:has-text('Extend')").click()
    page.locator("eddy-clip[data-where=extend-video] canvas[data-frame]").wait_for()  # its form is in sight now
    page.get_by_label("number input for Seconds").locator("visible=true").fill("60")
    shown(page, ".field-prompt textarea").fill("slow turn")
    page.get_by_role("button", name="Go on", exact=True).click()
    when(page, "s.live && s.frames >= 36")
    stage(page).get_by_label("Other words from here on").fill("another   colour")
    page.keyboard.press("Enter")
    expect(stage(page).locator(".about")).to_have_text("From the next frames on: another colour")
    grown = state(page)["frames"]
    when(page, f"s.frames >= {grown + 20}")
    stage(page).get_by_role("button", name="End here and keep it").click()
    page.get_by_role("button", name="Go on", exact=True).wait_for()
    when(page, "!s.live")
    whole = state(page)["frames"]
    page.get_by_role("link", name="WebM", exact=True).locator("visible=true").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="WebM", exact=True).locator("visible=true").click()
    waiting.value.save_as(tmp_path / "a.webm")
    made = read_settings(tmp_path / "a.webm").settings
    assert made.seconds == pytest.approx((whole - 16) / 10) and whole < 616
    at, words = made.changes.split(": ")
    assert words == "another colour" and 2 <= float(at) <= made.seconds
    assert read_clip(tmp_path / "a.webm")[0].frames.shape[0] == whole


def test_films_are_dropped_anywhere_and_others_refused(video, tmp_path):
    page = video()
    film = tmp_path / "own film.mp4"
    made = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=8:r=10", "-pix_fmt", "yuv420p", str(film)]
    subprocess.run(["ffmpeg", "-v", "error", *made], check=True)
    tab(page, "Image")
    page.locator(".anywhere input[type=file]").set_input_files(film)
    page.locator("eddy-clip[data-where=edit-video] canvas[data-frame]").wait_for()
    expect(shown(page, ".notes")).to_contain_text("It lasts 8.0 s; an edit uses its first 64 frames (6.4 s).")
    page.get_by_text("Paint where it may change").locator("visible=true").click()
    page.locator(".paint.ready canvas").locator("visible=true").wait_for()
    (tmp_path / "song.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    page.locator(".clipper input[type=file]").locator("visible=true").first.set_input_files(tmp_path / "song.wav")
    expect(shown(page, "p.failed")).to_contain_text("song.wav")


def test_a_picture_of_the_image_tab_begins_a_clip(video, served):
    job = served.shop.jobs.submit([ImageSettings(prompt="a red apple", seed=1)], "")[0]
    while served.shop.watch.job(job.id, "").waiting:
        time.sleep(0.1)
    page = video()
    tab(page, "Image")
    page.get_by_role("button", name="Send to Video").locator("visible=true").click()
    expect(shown(page, ".field-prompt textarea")).to_have_value("a red apple")
    page.locator(".frames-row img").first.wait_for()
    run(page, "Make clip")
    expect(shown(page, ".notes")).to_contain_text("Given: first_frame.")


def test_a_phone_shows_the_clip_first_and_less_motion_stands_still(video):
    page = video(390, 844, is_mobile=True, has_touch=True, reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert shown(page, ".board").bounding_box()["y"] < shown(page, ".modes").bounding_box()["y"]
    page.wait_for_timeout(300)
    assert not state(page)["playing"] and state(page)["now"] == 0
    page.wait_for_function("document.querySelector('.strip img')?.currentSrc.endsWith('thumbnail?still')")


def test_frames_are_their_owners_alone_and_a_program_may_ask(served):
    address = served.address
    told = httpx.get(f"{address}studio/frames", params={"name": "example:video-1-disc.webp"}).json()
    assert told["frames"] == 10 and told["picture"].startswith("data:image/png")
    for name in ("", "asset:" + "0" * 32, "/etc/passwd", "example:../x"):
        assert httpx.get(f"{address}studio/frames", params={"name": name}).status_code == 404
