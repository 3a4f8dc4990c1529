"""What reaches the tabs from the page around them: files let go anywhere, and jobs picked in the queue drawer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio.events import QUEUED, QUICK
from studio.language import html_of, phrase, say, why
from studio.presets import Presets, parse
from studio.session import Result
from studio.tabs.library import LibraryTab
from studio.tabs.taking import Given, Taker, look
from studio.workshop import Workshop

# The drawer is plain script; this is its way to the program.
BRIDGE = """
window.addEventListener('eddyline-job', (event) => trigger('select', {job: event.detail}));
"""


def build(shop: Workshop, tabs: gr.Tabs, takers: Mapping[str, Taker], shelves: LibraryTab) -> None:
    """Place the hidden parts that the page's script hands files and jobs to, and wire them."""
    field = gr.File(type="filepath", elem_classes=["anywhere"], label="Any file", container=False)
    parts = [part for taker in takers.values() for part in taker.parts]

    def dropped(path: str | None, request: gr.Request) -> dict[Any, Any]:
        ready = {field: None}  # a field that holds a file takes no other
        try:
            return ready if path is None else {**taken(look(Path(path)), request), **ready}
        except StudioError as error:
            gr.Warning(html_of(why(error)), title="Could not take that")
            return ready

    def taken(given: Given, request: gr.Request) -> dict[Any, Any]:
        kind = given.taken.medium
        if kind == "project":
            return {tabs: gr.Tabs(selected="library"), **shelves.import_project(given.path, request)}
        if given.taken.preset is not None:
            added = Presets(shop.store.home, shop.people.owner(request)).add(parse(given.taken.preset))
            gr.Info(say("The preset {name} is here now.", name=added.name))
            return {}
        medium = given.settings.MEDIUM if kind == "settings" and given.settings else kind
        medium = "video" if given.taken.moves else medium  # an animated picture is a clip
        taker = takers.get(medium)
        if taker is None:
            text = "{file}: no tab of this version takes {medium} yet"
            raise StudioError(phrase(text, file=given.taken.filename, medium=medium))
        if kind == "settings":
            assert given.settings is not None  # the gate refuses JSON without any
            shown = taker.use(Result(Path(), given.settings, (0, 0), ""), False)
        else:
            shown = taker.give(given)
        return {tabs: gr.Tabs(selected=medium), **shown}

    field.upload(dropped, field, [field, tabs, *parts, *shelves.outputs], **QUEUED)
    bridge = gr.HTML("", js_on_load=BRIDGE, elem_classes=["anywhere"], apply_default_css=False)

    def picked(chosen: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        owner = shop.people.owner(request)
        try:
            job = shop.jobs.get(str(chosen.job), owner)
        except StudioError as error:
            raise gr.Error(html_of(why(error)), title="Could not do that", print_exception=False) from None
        taker = takers[job.settings.MEDIUM]
        files = {role: shop.library.get(asset, owner) for role, asset in job.inputs.items()}
        source = files.get("source")
        result = Result(
            *(Path(), job.settings, (0, 0), job.id),
            source=source.path if source else None,
            source_id=source.id if source else "",
        )
        return {tabs: gr.Tabs(selected=taker.medium), **taker.use(result, False)}

    bridge.select(picked, None, [tabs, *parts], **QUICK)
