"""The image tab: make a picture from words, or turn one picture into another."""

from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.settings import ImageEditSettings, ImageSettings
from studio import runs
from studio.boards.pictures import Pictures
from studio.events import QUICK
from studio.extras import Extras
from studio.form import Form
from studio.language import why
from studio.paint import drop_area, painter
from studio.pictures import address
from studio.runs import Asked
from studio.session import Result, Session
from studio.stage import failed, said
from studio.tabs.parts import FEATURES, knows, last_seed, run_bar, seed, starting_points
from studio.tabs.taking import Given, Taker, look
from studio.view import ResultView, Start
from studio.wildcards import literal
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


def build(shop: Workshop, page: gr.Blocks) -> Taker:
    """Place the tab's components and wire them."""
    with gr.Row(elem_classes=["bench"], equal_height=False):
        with gr.Column(elem_classes=["want"], min_width=320), gr.Tabs(elem_classes=["modes"]) as modes:
            with gr.Tab("Make", id="make", render_children=True):
                make, more_make, reuse = _make_form(shop)
                bar_make = run_bar("Generate", more_make)
            with gr.Tab("Edit", id="edit", render_children=True):
                with gr.Column(elem_classes=["fields"]):
                    source = drop_area()
                    mask = painter()
                    edit, more_edit, reuse_edit = _edit_form(shop)
                bar_edit = run_bar("Edit picture", more_edit)
        with gr.Column(elem_classes=["get"], min_width=320):
            view = ResultView(shop, KINDS, Pictures(), runs.examples(KINDS))

    def generate(values: dict[Any, Any], owner: str) -> Asked:
        return Asked(more_make.asked(values, owner), {})

    def change(values: dict[Any, Any], owner: str) -> Asked:
        path = values[source]
        inputs = runs.sources(shop, Path(path) if path else None, values[mask], owner)
        return Asked(more_edit.asked(values, owner), inputs)

    view.wire(
        page,
        Start(*bar_make, generate, make.inputs() | more_make.inputs()),
        Start(*bar_edit, change, edit.inputs() | more_edit.inputs() | {source, mask}),
    )
    more_make.wire(page)
    more_edit.wire(page)
    forms = [*make.outputs(), *edit.outputs()]

    def restore(session: Session) -> dict[Any, Any]:
        result = session.result
        return {} if result is None else filled(result)

    def filled(result: Result) -> dict[Any, Any]:
        """Updates that show a result's settings, and its source where it is an edit."""
        if not result.edited:
            return {modes: gr.Tabs(selected="make"), **more_make.write(result.settings)}
        given = {} if result.source is None or not result.source.exists() else {source: str(result.source)}
        return {modes: gr.Tabs(selected="edit"), **more_edit.write(result.settings), **given}

    def given(taken: Given) -> dict[Any, Any]:
        """Updates that make a dropped file the source, with the settings that it holds."""
        updates: dict[Any, Any] = {
            modes: gr.Tabs(selected="edit"),
            source: str(taken.path),
            view.notes: said(taken.notes),
        }
        if taken.settings is not None:
            mine = more_edit if taken.settings.TASK == "edit" else more_make
            updates |= mine.write(taken.settings)
        return updates

    def dropped(path: str | None) -> dict[Any, Any]:
        try:
            taken = look(Path(path or ""))
        except StudioError as error:
            return {view.line: failed(why(error)), mask: gr.update(picture="")}
        return {part: update for part, update in given(taken).items() if part not in (modes, source)}

    def canvas(path: str | None) -> Any:
        try:
            return gr.update(picture=address(Path(path)) if path else "")
        except StudioError:
            return gr.update(picture="")

    def as_source(session: Session) -> dict[Any, Any]:
        return {} if session.result is None else from_result(session.result)

    def from_result(result: Result) -> dict[Any, Any]:
        """Updates that make a result the source, with what it shows."""
        shows = literal(result.settings.asked) if result.told else ""
        return {
            source: str(result.path), modes: gr.Tabs(selected="edit"), edit.controls["source_prompt"]: shows
        }  # fmt: skip

    view.picked(restore, [modes, source, *forms])
    source.upload(dropped, source, [view.line, view.notes, mask, *forms], **QUICK)
    source.change(canvas, source, mask, **QUICK)
    view.source.click(as_source, view.session, [source, modes, edit.controls["source_prompt"]], **QUICK)
    reuse.click(last_seed, view.session, make.controls["seed"], **QUICK)
    reuse_edit.click(last_seed, view.session, edit.controls["seed"], **QUICK)

    def use(result: Result, as_source: bool) -> dict[Any, Any]:
        return from_result(result) if as_source else filled(result)

    return Taker("image", [modes, source, view.notes, *forms], use, given, view)


def _make_form(shop: Workshop) -> tuple[Form[ImageSettings], Extras, gr.Button]:
    form = Form(ImageSettings, {"style": STYLES, "model": MODELS})
    with gr.Column(elem_classes=["fields"]):
        form.place("prompt")
        starting_points([(words,) for words in MAKE], [form.controls["prompt"]], str)
        form.place("style", "count", "guidance")
        reuse = seed(form)
        form.fold(
            "model", "lora", "negative_prompt", "steps", "width", "height",
            "solver", "schedule", "shift", "guidance_from", "guidance_to",
        )  # fmt: skip
        more = Extras(shop, form, "image.generate")
        more.place(lines=True)
        knows(KNOWS)
    form.finish()
    return form, more, reuse


def _edit_form(shop: Workshop) -> tuple[Form[ImageEditSettings], Extras, gr.Button]:
    form = Form(ImageEditSettings, {"style": STYLES, "method": METHODS, "model": MODELS, "features": FEATURES})
    form.place("source_prompt", "prompt")
    words = [form.controls["source_prompt"], form.controls["prompt"]]
    starting_points(EDIT, words, "{} → {}".format)
    form.place("strength", "method")
    reuse = seed(form)
    form.fold(
        "model", "lora", "style", "guidance", "steps", "feather", "average", "solver", "share_steps", "share_from",
        "features", "budget_mb", "schedule", "shift",
    )  # fmt: skip
    more = Extras(shop, form, "image.edit")
    more.place(lines=False)
    form.finish()
    return form, more, reuse
