"""On the Models tab: name a checkpoint of one's own, a folder or a hub id, after seeing how it fits this machine."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.checkpoints import find, named, plan
from pipelines.checkpoints.found import check
from pipelines.errors import ModelError, StudioError
from studio.events import QUICK
from studio.language import phrase, why
from studio.stage import failed, said


def build(refresh: Callable[[str], str], medium: gr.Radio, page: gr.HTML) -> None:
    """Place the fields; only on a studio that nobody else can reach, for they read this machine's folders."""
    with gr.Accordion("A checkpoint of your own", open=False, elem_classes=["fold"]):
        place = gr.Textbox(
            label="Folder or hub id", info="A folder that diffusers saved, or owner/name of one that was fetched.",
            elem_classes=["field"],
        )  # fmt: skip
        name = gr.Textbox(label="Call it", max_length=60, elem_classes=["field"])
        with gr.Row(elem_classes=["starts"]):
            look = gr.Button("See how it fits", size="sm")
            add = gr.Button("Add", size="sm")
            forget = gr.Button("Take off the list", size="sm")
        told = gr.HTML("", elem_classes=["notes"], apply_default_css=False, js_on_load=None)

    def with_list(act: Callable[[str, str], Any]) -> Callable[[str, str, str], tuple[Any, str]]:
        def work(where: str, called: str, shown: str) -> tuple[Any, str]:
            try:
                found = act((where or "").strip(), (called or "").strip())
            except StudioError as error:
                found = failed(why(error))
            return found, refresh(shown)

        return work

    inputs, outputs = [place, name, medium], [told, page]
    look.click(with_list(lambda where, called: shown_plan(where)), inputs, outputs, **QUICK)
    add.click(with_list(added), inputs, outputs, **QUICK)
    forget.click(with_list(forgotten), inputs, outputs, **QUICK)


def shown_plan(model: str) -> str:
    """How a checkpoint would be loaded, as HTML.

    Raises:
        ModelError: there is none.
    """
    if not model:
        raise ModelError("model: is empty; type a folder or a hub id")
    return f"<pre>{escape(chr(10).join(plan(find(model)).lines()))}</pre>"


def added(place: str, name: str) -> Any:
    """Put a checkpoint that is here on the list.

    Raises:
        ModelError: it is not here, or not whole.
    """
    if not place:
        raise ModelError("model: is empty; type a folder or a hub id")
    found = find(place)
    if found.folder is None:
        raise ModelError(f"model: {place} is not on this machine; fetch it first: eddyline models fetch {place}")
    check(found.folder)
    chosen = named.Named(name or Path(place).name, found.repo or str(found.folder), found.known.medium)
    named.add(chosen)
    return said([phrase("{name} can be chosen now, in the tab of its medium.", name=chosen.name)])


def forgotten(place: str, name: str) -> Any:
    """Take a name off the list.

    Raises:
        ModelError: it is not on it.
    """
    gone = named.remove(name or place)
    return said([phrase("{name} is off the list; its files stay.", name=gone.name)])
