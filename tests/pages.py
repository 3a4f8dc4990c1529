"""What tests of the page share: a server on a free port, a browser, and visits that must not leave this machine."""

import asyncio
import gc
import shutil
import socket
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
# Generous: they are only waited out where something is wrong, and a busy machine is not wrong.
expect.set_options(timeout=30_000)
PATIENCE = 60_000  # milliseconds
# What Gradio and its servers warn of by themselves; warnings are errors here.
WARNINGS = [
    pytest.mark.filterwarnings("ignore:unclosed .socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # Gradio's queue statistics, through pandas
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def browser():
    """Chromium, without its own calls home."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = CHROMIUM if Path(CHROMIUM).exists() else next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as driver:
        if not found and not Path(driver.chromium.executable_path).exists():
            pytest.fail("no chromium found: install it with 'apt-get install chromium'", pytrace=False)
        opened = driver.chromium.launch(executable_path=found, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page; at the end nothing may have gone to another machine and no script may have failed."""
    contexts, strangers, broken = [], [], []

    def guard(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    def open_page(width=1360, height=900, context=None, **options):
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.route("**/*", guard)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(address)
        page.locator(".board").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert strangers == [] and broken == []


@pytest.fixture(scope="module")
def loops_closed():
    """Close the event loops that Gradio makes for its locks and leaves open; warnings are errors here."""
    made, real = [], asyncio.new_event_loop

    def counted():
        made.append(real())
        return made[-1]

    asyncio.new_event_loop = counted
    yield
    asyncio.new_event_loop = real
    asyncio.set_event_loop(None)
    for loop in made:
        if not loop.is_running() and not loop.is_closed():
            loop.close()
    gc.collect()
