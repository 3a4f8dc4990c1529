"""The pictures of the page in the README, taken anew: ``python tests/bench/screenshots.py [--out assets/screenshots]``.

A server with an empty library makes a few things with the starter; Chromium then shows every tab, light and dark.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pages import CHROMIUM, QUIET, free_port  # noqa: E402

from pipelines.settings import (  # noqa: E402
    ImageEditSettings,
    ImageSettings,
    LipSyncSettings,
    MeshSettings,
    SoundSettings,
    SpeechSettings,
    VideoSettings,
)
from studio import ui  # noqa: E402
from studio.workshop import Workshop  # noqa: E402

THINGS = (
    "a grinning face", "a blue heart", "a crying cat", "a red apple", "a green apple", "a yellow star", "a full moon",
    "a smiling sun", "an orange cat", "a purple heart", "a sleeping face", "a pizza", "a fox", "a strawberry",
)  # fmt: skip


# Tab by its name, file by its first word, and what must be there before the picture is taken.
STAGES = (
    ("Image", "image", ".board"),
    ("Video", "video", ".board"),
    ("Audio", "audio", "eddy-sound canvas"),
    ("3D mesh", "mesh", ".board canvas"),
    ("Lip-sync", "lipsync", ".board"),
)
SETTLED = 2500  # milliseconds until what a stage draws by itself is there
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


def fill(shop: Workshop) -> None:
    """Make a few things of every medium, and an edit."""
    jobs = [shop.jobs.submit([ImageSettings(prompt=words, seed=7)], "")[0] for words in THINGS]
    wait(shop)
    apple = shop.library.made_by([jobs[3].id], "")[jobs[3].id][0]
    edit = ImageEditSettings(source_prompt="a red apple", prompt="a green apple", seed=3)
    shop.jobs.submit([edit], "", {"source": apple.id})
    wait(shop)
    speech = [SpeechSettings(text="Good morning. The kettle is on, and the post has come.", seed=4)]
    sounds = [SoundSettings(prompt=words, seed=7) for words in ("rain on a window", "slow piano arpeggio in C minor")]
    clips = [VideoSettings(prompt=words, seed=7) for words in ("a rocket, shaking", "a grinning face, nodding")]
    meshes = [MeshSettings(prompt=words, seed=7) for words in ("a yellow lamp", "a house with a red roof")]
    talk = [LipSyncSettings(text="Good morning. The river is calm today.", character="otto", seed=4)]
    for settings in (*sounds, *speech, *clips, *meshes, *talk):
        shop.jobs.submit([settings], "")
    wait(shop)
    shop.library.star(shop.library.made_by([jobs[1].id], "")[jobs[1].id][0].id, True, "")


def wait(shop: Workshop) -> None:
    """Until the queue is empty."""
    import time

    while shop.jobs.list("", ("running", "queued"), 1):
        time.sleep(0.2)


def shoot(page: Page, out: Path, look: str) -> None:
    """Every tab in one look."""
    page.locator(".board").first.wait_for()
    for name, file, shown in STAGES:
        tab(page, name)
        page.locator(shown).locator("visible=true").first.wait_for()
        page.wait_for_timeout(SETTLED)
        page.screenshot(path=out / f"{file}-{look}.png")
    tab(page, "Library")
    page.locator(".tile .pick").first.click()
    page.locator(".detail .board").first.wait_for()
    page.wait_for_timeout(800)
    page.screenshot(path=out / f"library-{look}.png", full_page=True)
    tab(page, "Models")
    page.wait_for_timeout(500)
    page.screenshot(path=out / f"models-{look}.png")


def shoot_queue(page: Page, out: Path, shop: Workshop) -> None:
    """The drawer with something running, waiting and done."""
    tab(page, "Image")
    for words, steps in (("a red heart", 200), ("a blue bird", 30), ("a green leaf", 30)):
        shop.jobs.submit([ImageSettings(prompt=words, seed=5, steps=steps)], "")
    page.locator("[data-act=queue]").click()
    page.locator("#queue li.running .frame img").wait_for()
    page.wait_for_timeout(700)
    page.screenshot(path=out / "queue.png")
    for job in shop.jobs.list("", ("queued", "running")):
        shop.jobs.cancel(job.id, "")


def tab(page: Page, name: str) -> None:
    """Open a tab."""
    page.locator(".media > .tab-wrapper").get_by_role("tab", name=name).click()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "screenshots")
    out = parser.parse_args().out
    found = CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        served = ui.start("127.0.0.1", free_port(), home=Path(folder))
        fill(served.shop)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=found, args=[*QUIET, *WEBGL])
            for look in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1360, "height": 860}, color_scheme=look)
                page = context.new_page()
                page.goto(served.address)
                shoot(page, out, look)
                if look == "light":
                    shoot_queue(page, out, served.shop)
                context.close()
            phone = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
            page = phone.new_page()
            page.goto(served.address)
            page.locator(".board").first.wait_for()
            for name, file, shown in STAGES[:4]:  # the fifth tab is behind the menu of tabs
                tab(page, name)
                page.locator(shown).locator("visible=true").first.wait_for()
                page.wait_for_timeout(SETTLED)
                page.screenshot(path=out / f"{file}-phone.png")
            browser.close()
        served.close()


if __name__ == "__main__":
    main()
