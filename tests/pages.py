"""What tests of the page share."""

import asyncio
import gc

import pytest


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
