"""One drop zone for the whole page: any file let go anywhere goes to the tab that is for it, settings restored."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio.tabs.library import LibraryTab
from studio.tabs.taking import Taker, look

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(tabs: gr.Tabs, takers: Mapping[str, Taker], shelves: LibraryTab) -> None:
    """Place the hidden field that the page's script hands dropped files to, and wire it."""
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
