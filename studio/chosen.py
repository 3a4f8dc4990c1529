"""Fields for what a mesh is made from: a mesh that is dropped, and a picture that is dropped or drawn by hand.

Not Gradio's fields: those hand over copies of their own, re-encode pictures, and bring viewers that know no wireframes.
"""

from pathlib import Path

import gradio as gr

from studio.language import said, say

_LOOK = Path(__file__).parent / "look"


def mesh_field(where: str) -> gr.HTML:
    """A mesh; the field's value names the file as ``studio.sources`` does, or is empty.

    ``upload`` fires when a person gave a file. ``where`` tells the viewers of a page apart.
    """
    return gr.HTML("", html_template=_mesh(where), js_on_load=_script(), apply_default_css=False)


def picture_field() -> gr.HTML:
    """A picture, dropped or drawn; its value is as that of a mesh."""
    return gr.HTML("", html_template=_picture(), js_on_load=_script(), apply_default_css=False)


def _script() -> str:
    return (_LOOK / "chosen.js").read_text("utf-8")


def _mesh(where: str) -> str:
    return f"""
<div class="drop chosen">
  <label class="chooser"><input type="file" accept=".glb,.gltf,.obj,.stl,.ply" {said("aria-label", "Mesh")}>
    <span>{say("Drop a GLB, OBJ, STL or PLY here, or click to choose one")}</span></label>
  <div class="held" hidden><eddy-mesh data-where="{where}"></eddy-mesh></div>
  <div class="tools">
    <span class="name" role="status"></span>
    <button type="button" class="link" data-chosen="clear" hidden>{say("Remove")}</button>
  </div>
</div>
"""


def _picture() -> str:
    inks = "".join(
        f'<button type="button" data-ink="{ink}" style="background:{ink}" {said("aria-label", name)}></button>'
        for ink, name in (
            ("#202020", "Black"), ("#c8102e", "Red"), ("#f28c28", "Orange"), ("#f2c14e", "Yellow"),
            ("#3a7d44", "Green"), ("#1f6fb2", "Blue"), ("#7a4a21", "Brown"), ("#ffffff", "White"),
        )
    )  # fmt: skip
    return f"""
<div class="drop chosen">
  <label class="chooser"><input type="file" accept="image/*" {said("aria-label", "Picture")}>
    <span>{say("Or drop a picture of it here, or click to choose one")}</span></label>
  <div class="held" hidden><img {said("alt", "Picture that it is made from")}></div>
  <div class="drawing" hidden>
    <canvas class="pad" width="320" height="320" {said("aria-label", "Draw here")}></canvas>
    <div class="inks" role="group" {said("aria-label", "Colours")}>{inks}</div>
  </div>
  <div class="tools">
    <button type="button" class="link" data-chosen="draw" aria-pressed="false">{say("Draw it")}</button>
    <span class="name" role="status"></span>
    <button type="button" class="link" data-chosen="clear" hidden>{say("Remove")}</button>
  </div>
</div>
"""
