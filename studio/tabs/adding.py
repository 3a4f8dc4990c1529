"""On the Models tab: name a checkpoint of one's own, a folder or a hub id, and drop LoRA files for checkpoints."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.checkpoints import find, loras, named, plan
from pipelines.checkpoints.found import check
from pipelines.errors import ModelError, StudioError
from studio.events import QUICK
from studio.language import phrase, why
from studio.stage import failed, said
from studio.uploads import uploaded


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

    _loras()
    inputs, outputs = [place, name, medium], [told, page]
    look.click(with_list(lambda where, called: shown_plan(where)), inputs, outputs, **QUICK)
    add.click(with_list(added), inputs, outputs, **QUICK)
    forget.click(with_list(forgotten), inputs, outputs, **QUICK)


def _loras() -> None:
    with gr.Accordion("LoRA files for checkpoints", open=False, elem_classes=["fold"]):
        drop = gr.File(
            label="Drop LoRA files", file_types=[loras.ENDING], file_count="multiple", height=130,
            elem_classes=["field"],
        )  # fmt: skip
        told = gr.HTML(_listed(), elem_classes=["notes"], apply_default_css=False, js_on_load=None)
        gone = gr.Dropdown([], label="Take a LoRA file away", value=None, elem_classes=["field"])
        with gr.Row(elem_classes=["starts"]):
            take = gr.Button("Take away", size="sm")
    drop.upload(kept, drop, [told, drop], **QUICK)
    gone.focus(lambda: gr.update(choices=loras.held()), None, gone, **QUICK)
    take.click(taken_away, gone, [told, gone], **QUICK)


def kept(paths: list[str] | None) -> tuple[str, None]:
    """Take dropped LoRA files in; says of each what it is for, and empties the field."""
    said_of = []
    for path in paths or []:
        try:
            loras.keep(uploaded(str(path)))
        except StudioError as error:
            said_of.append(failed(why(error)))
    return "".join(said_of) + _listed(), None


def taken_away(name: str | None) -> tuple[str, Any]:
    """Delete a LoRA file from the studio's folder."""
    try:
        loras.remove(name or "")
    except StudioError as error:
        return failed(why(error)) + _listed(), gr.skip()
    return _listed(), gr.update(choices=loras.held(), value=None)


def _listed() -> str:
    """What there is, what each is for, and how settings name it."""
    if not loras.held():
        return said([phrase("None is here yet. What is dropped is kept in the studio's folder.")])
    about = []
    for name in loras.held():
        try:
            about.append(loras.describe(loras.home() / f"{name}{loras.ENDING}"))
        except StudioError as error:
            about.append(str(error))
    return said([*about, phrase("Name them in the field LoRA of a form, as in 'ink, paper:0.6'.")])


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
