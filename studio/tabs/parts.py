"""Pieces that the left columns of all tabs have."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from studio.events import QUICK
from studio.extras import Extras
from studio.form import Form
from studio.language import say
from studio.session import Session

FEATURES = {  # what choices of the setting 'features' are called
    "recompute": "Run the source again",
    "cache": "Keep its values",
    "paired": "Run both as a pair",
}


def seed(form: Form[Any]) -> gr.Button:
    """The seed with its two buttons; returns the one that is to fill in the last result's."""
    with gr.Row(elem_classes=["seed"]):
        form.place("seed")
        dice = gr.Button("New each time", size="sm", elem_classes=["dice"])
        reuse = gr.Button("Reuse last", size="sm")
    dice.click(None, None, form.controls["seed"], js="() => null", **QUICK)
    return reuse


def last_seed(session: Session) -> int | None:
    """The seed of the result on the stage."""
    return session.result.settings.seed if session.result else None


def run_bar(title: str, extras: Extras) -> tuple[gr.Button, gr.Button, gr.Button]:
    """Cost, and the buttons that run, add and stop."""
    with gr.Row(elem_classes=["run-bar"]):
        extras.cost_line()
        run = gr.Button(title, variant="primary", size="lg", elem_classes=["run"])
        more = gr.Button("Add to queue", size="lg", visible=False, elem_classes=["more"])
        stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_classes=["halt"])
    return run, more, stop


def starting_points(given: Sequence[Sequence[str]], parts: Sequence[Any], name: Callable[..., str]) -> None:
    """Buttons that fill ``parts`` with what is ``given``; ``name`` makes a button's text of it."""
    with gr.Row(elem_classes=["starts"]):
        for values in given:
            js = f"() => {list(values)!r}" if len(parts) > 1 else f"() => {values[0]!r}"
            gr.Button(name(*values), size="sm").click(None, None, list(parts), js=js, **QUICK)


def knows(text: str) -> None:
    """One line about what the model can do."""
    gr.HTML(say(text), elem_classes=["knows"], apply_default_css=False, js_on_load=None)
