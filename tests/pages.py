"""What tests of the page share."""

import asyncio
import gc
import shutil
import socket
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright


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


QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def chromium():
    """A browser without a network of its own; for tests of a part of the page."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as driver:
        if not found and not Path(driver.chromium.executable_path).exists():
            pytest.fail("no chromium found: install it with 'apt-get install chromium'", pytrace=False)
        opened = driver.chromium.launch(executable_path=found, args=QUIET)
        yield opened
        opened.close()


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
