"""The left column of the mesh tab: a form for each of its three modes."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipelines.settings import MeshEditSettings, MeshSettings, ShapeEditSettings
from studio.chosen import mesh_field, picture_field
from studio.extras import Extras
from studio.form import Form
from studio.tabs.parts import FEATURES, knows, run_bar, seed, starting_points
from studio.workshop import Workshop

KNOWS = "Starter: thirty kinds of simple objects, such as mugs, chairs, lamps and cars; not scans or characters."
WORKS = "No model: trimesh, scikit-image, fast-simplification and xatlas do the work."
METHODS = {
    "flowedit": "FlowEdit: follow the change in words",
    "rf-edit": "RF-Edit: turn back exactly, then remake",
    "magicmix": "MagicMix: keep the layout, mix the meaning",
    "sdedit": "SDEdit: add noise and remake",
}
MODELS = {"starter": "Starter"}
COLOURS = {"vertex": "Vertices", "texture": "Texture", "none": "None"}
PAINTS = {"keep": "As they are", **COLOURS}
VIEWS = {
    "auto": "Find out",
    "front": "From the front",
    "three-quarter": "From a corner",
    "words": "Only its kind",
}
MAKE = ("a house with a red roof", "a yellow lamp", "a white rocket with red fins")
EDIT = (
    ("a house with a red roof", "a house with a blue roof"),
    ("a yellow lamp", "a red lamp"),
    ("a green bottle", "a blue bottle"),
)
BOX = ("left", "right", "bottom", "top", "back", "front")


@dataclass(frozen=True)
class Mode:
    """One mode: its settings' kind, its form, what stands beside it, its buttons, and what it begins from."""

    kind: str
    more: Extras
    bar: tuple[gr.Button, gr.Button, gr.Button]
    role: str
    source: gr.HTML
    reuse: gr.Button | None = None

    @property
    def form(self) -> Form[Any]:
        """Its form."""
        return self.more.form


def make(shop: Workshop) -> Mode:
    """A mesh from words, from a picture, or from both."""
    form = Form(MeshSettings, {"model": MODELS, "colours": COLOURS, "view": VIEWS})
    with gr.Column(elem_classes=["fields"]):
        form.place("prompt")
        starting_points([(words,) for words in MAKE], [form.controls["prompt"]], str)
        picture = picture_field()
        form.place("view", "faces", "colours", "count")
        reuse = seed(form)
        form.fold("model", "negative_prompt", "steps", "guidance", "solver", "schedule", "shift")
        more = Extras(shop, form, "mesh.generate")
        more.place(lines=True)
        knows(KNOWS)
    form.finish()
    return Mode("mesh.generate", more, run_bar("Make mesh", more), "image", picture, reuse)


def edit(shop: Workshop) -> Mode:
    """One mesh into another."""
    labels = {"model": MODELS, "colours": COLOURS, "method": METHODS, "features": FEATURES}
    form = Form(MeshEditSettings, labels)
    with gr.Column(elem_classes=["fields"]):
        source = mesh_field("edit-mesh")
        form.place("source_prompt", "prompt")
        words = [form.controls["source_prompt"], form.controls["prompt"]]
        starting_points(EDIT, words, "{} → {}".format)
        form.place("strength", "method")
        with gr.Accordion("Only inside a box", open=False, elem_classes=["fold"]):
            form.place(*BOX)
        reuse = seed(form)
        form.fold(
            "model", "faces", "colours", "guidance", "steps", "average", "solver", "share_steps", "share_from",
            "features", "budget_mb", "schedule", "shift",
        )  # fmt: skip
        more = Extras(shop, form, "mesh.edit")
        more.place(lines=False)
        knows(KNOWS)
    form.finish()
    return Mode("mesh.edit", more, run_bar("Edit mesh", more), "source", source, reuse)


def tools(shop: Workshop) -> Mode:
    """Work on a mesh without a model."""
    form = Form(ShapeEditSettings, {"paint": PAINTS})
    with gr.Column(elem_classes=["fields"]):
        source = mesh_field("work-mesh")
        form.place("watertight", "faces", "smooth", "remesh", "millimetres", "wall", "paint")
        more = Extras(shop, form, "shape.edit")
        more.place(lines=False)
        knows(WORKS)
    form.finish()
    return Mode("shape.edit", more, run_bar("Work on it", more), "source", source)
