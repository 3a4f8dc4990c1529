"""What reaches the tabs from the page around them: files let go anywhere, and jobs picked in the queue drawer."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio.session import Result
from studio.tabs.library import LibraryTab
from studio.tabs.taking import Taker, look
from studio.workshop import Workshop

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


# The drawer is plain script; this is its way to the program.
BRIDGE = """
window.addEventListener('eddyline-job', (event) => trigger('select', {job: event.detail}));
"""


def build(shop: Workshop, tabs: gr.Tabs, takers: Mapping[str, Taker], shelves: LibraryTab) -> None:
    """Place the hidden parts that the page's script hands files and jobs to, and wire them."""
    field = gr.File(type="filepath", elem_classes=["anywhere"], label="Any file", container=False)
    parts = [part for taker in takers.values() for part in taker.parts]

    def dropped(path: str | None, request: gr.Request) -> dict[Any, Any]:
        if path is None:
            return {}
        try:
            given = look(Path(path))
            if given.taken.medium == "project":
                return {tabs: gr.Tabs(selected="library"), **shelves.import_project(Path(path), request)}
            taker = takers.get(given.taken.medium)
            if taker is None:
                raise StudioError(f"{given.taken.filename}: no tab of this version takes {given.taken.medium} yet")
        except StudioError as error:
            raise gr.Error(escape(str(error)), title="Could not take that", print_exception=False) from None
        return {tabs: gr.Tabs(selected=taker.medium), **taker.give(given)}

    field.upload(dropped, field, [tabs, *parts, *shelves.outputs], **QUICK)
    bridge = gr.HTML("", js_on_load=BRIDGE, elem_classes=["anywhere"], apply_default_css=False)

    def picked(chosen: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        owner = shop.people.owner(request)
        try:
            job = shop.jobs.get(str(chosen.job), owner)
        except StudioError as error:
            raise gr.Error(escape(str(error)), title="Could not do that", print_exception=False) from None
        taker = takers[job.settings.MEDIUM]
        files = {role: shop.library.get(asset, owner) for role, asset in job.inputs.items()}
        source = files.get("source")
        result = Result(Path(), job.settings, (0, 0), job.id, source=source.path if source else None)
        return {tabs: gr.Tabs(selected=taker.medium), **taker.use(result, False)}

    bridge.select(picked, None, [tabs, *parts], **QUICK)
