"""The image tab: make a picture from words, or turn one picture into another."""

from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.settings import ImageEditSettings, ImageSettings
from studio import runs
from studio.form import Form
from studio.paint import drop_area, painter
from studio.pictures import address
from studio.runs import Asked
from studio.session import Session
from studio.stage import failed, said
from studio.view import ResultView, Start
from studio.workshop import Workshop

KINDS = ("image.generate", "image.edit")
KNOWS = "Starter: knows stickers and emoji; not photographs."
STYLES = {"3d": "3D", "flat": "Flat", "cartoon": "Cartoon", "none": "None"}
METHODS = {
    "flowedit": "FlowEdit: follow the change in words",
    "rf-edit": "RF-Edit: turn back exactly, then remake",
    "magicmix": "MagicMix: keep the layout, mix the meaning",
    "sdedit": "SDEdit: add noise and repaint",
}
MODELS = {"starter": "Starter"}
MAKE = ("a grinning face", "a blue heart", "a crying cat")
EDIT = (("a red heart", "a blue heart"), ("a grinning face", "a crying face"), ("a red apple", "a green apple"))
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(shop: Workshop, page: gr.Blocks) -> None:
    """Place the tab's components and wire them."""
    with gr.Row(elem_classes=["bench"], equal_height=False):
        with gr.Column(elem_classes=["want"], min_width=320), gr.Tabs(elem_classes=["modes"]) as modes:
            with gr.Tab("Make", id="make", render_children=True):
                make, reuse = _make_form()
                bar_make = _run_bar("Generate")
            with gr.Tab("Edit", id="edit", render_children=True):
                with gr.Column(elem_classes=["fields"]):
                    source = drop_area()
                    mask = painter()
                    edit, reuse_edit = _edit_form()
                bar_edit = _run_bar("Edit picture")
        with gr.Column(elem_classes=["get"], min_width=320):
            view = ResultView(shop, KINDS, runs.examples())

    def generate(values: dict[Any, Any], owner: str) -> Asked:
        return runs.make(shop, make.read(values), owner)

    def change(values: dict[Any, Any], owner: str) -> Asked:
        path = values[source]
        return runs.edit(shop, edit.read(values), Path(path) if path else None, values[mask], owner)

    view.wire(
        page,
        Start(*bar_make, generate, make.inputs()),
        Start(*bar_edit, change, edit.inputs() | {source, mask}),
    )
    forms = [*make.outputs(), *edit.outputs()]

    def restore(session: Session) -> dict[Any, Any]:
        result = session.result
        if result is None:
            return {}
        if not result.edited:
            return {modes: gr.Tabs(selected="make"), **make.write(result.settings)}
        given = {} if result.source is None or not result.source.exists() else {source: str(result.source)}
        return {modes: gr.Tabs(selected="edit"), **edit.write(result.settings), **given}

    def dropped(path: str | None) -> dict[Any, Any]:
        try:
            found = runs.look(Path(path or ""))
        except StudioError as error:
            return {view.line: failed(str(error)), mask: gr.update(picture="")}
        notes, updates = list(found.notes), {}
        if found.settings is not None:
            mine = edit if isinstance(found.settings, edit.settings) else make
            updates = mine.write(found.settings)
            notes.append(f"Made by Eddyline: its settings are back in {'Edit' if mine is edit else 'Make'}.")
        if found.unknown:
            notes.append(f"Not known to this version: {', '.join(sorted(found.unknown))}.")
        return {view.notes: said(notes), **updates}

    def canvas(path: str | None) -> Any:
        try:
            return gr.update(picture=address(Path(path)) if path else "")
        except StudioError:
            return gr.update(picture="")

    def as_source(session: Session) -> dict[Any, Any]:
        result = session.result
        if result is None:
            return {}
        words = edit.controls["source_prompt"]
        return {
            source: str(result.path), modes: gr.Tabs(selected="edit"), words: getattr(result.settings, "prompt", "")
        }  # fmt: skip

    def last_seed(session: Session) -> Any:
        return session.result.settings.seed if session.result else None

    view.picked(restore, [modes, source, *forms])
    source.upload(dropped, source, [view.line, view.notes, mask, *forms], **QUICK)
    source.change(canvas, source, mask, **QUICK)
    view.source.click(as_source, view.session, [source, modes, edit.controls["source_prompt"]], **QUICK)
    reuse.click(last_seed, view.session, make.controls["seed"], **QUICK)
    reuse_edit.click(last_seed, view.session, edit.controls["seed"], **QUICK)


def _make_form() -> tuple[Form[ImageSettings], gr.Button]:
    form = Form(ImageSettings, {"style": STYLES, "model": MODELS})
    with gr.Column(elem_classes=["fields"]):
        form.place("prompt")
        with gr.Row(elem_classes=["starts"]):
            for words in MAKE:
                gr.Button(words, size="sm").click(None, None, form.controls["prompt"], js=f"() => {words!r}", **QUICK)
        form.place("style", "count", "guidance")
        reuse = _seed(form)
        form.fold(
            "model", "negative_prompt", "steps", "width", "height",
            "solver", "schedule", "shift", "guidance_from", "guidance_to",
        )  # fmt: skip
        gr.HTML(KNOWS, elem_classes=["knows"], apply_default_css=False, js_on_load=None)
    form.finish()
    return form, reuse


def _edit_form() -> tuple[Form[ImageEditSettings], gr.Button]:
    form = Form(ImageEditSettings, {"style": STYLES, "method": METHODS, "model": MODELS})
    form.place("source_prompt", "prompt")
    with gr.Row(elem_classes=["starts"]):
        words = [form.controls["source_prompt"], form.controls["prompt"]]
        for was, now in EDIT:
            gr.Button(f"{was} → {now}", size="sm").click(None, None, words, js=f"() => [{was!r}, {now!r}]", **QUICK)
    form.place("strength", "method")
    reuse = _seed(form)
    form.fold(
        "model", "style", "guidance", "steps", "feather", "average", "solver", "share_steps", "share_from",
        "features", "budget_mb", "schedule", "shift",
    )  # fmt: skip
    form.finish()
    return form, reuse


def _seed(form: Form[Any]) -> gr.Button:
    with gr.Row(elem_classes=["seed"]):
        form.place("seed")
        dice = gr.Button("New each time", size="sm", elem_classes=["dice"])
        reuse = gr.Button("Reuse last", size="sm")
    dice.click(None, None, form.controls["seed"], js="() => null", **QUICK)
    return reuse


def _run_bar(title: str) -> tuple[gr.Button, gr.Button, gr.Button]:
    with gr.Row(elem_classes=["run-bar"]):
        run = gr.Button(title, variant="primary", size="lg", elem_classes=["run"])
        more = gr.Button("Add to queue", size="lg", visible=False, elem_classes=["more"])
        stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes=["halt"])
    return run, more, stop
