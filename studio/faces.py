"""Where a face is dropped or chosen: a picture, a clip, or one of the characters that ship.

The field's value names the file as ``studio.sources`` does, or a character as ``character:NAME``, or is empty. Not
Gradio's file field: that one shows neither a clip nor a choice beside it.
"""

from html import escape
from pathlib import Path

import gradio as gr

from studio.characters import characters
from studio.language import said, say


def face_field() -> gr.HTML:
    """The field; ``upload`` fires when a person gave a file, ``select`` when they chose a character or took it away."""
    script = (Path(__file__).parent / "look" / "face.js").read_text("utf-8")
    return gr.HTML("", html_template=_page(), js_on_load=script, apply_default_css=False, elem_classes=["faces"])


def _page() -> str:
    tiles = "".join(_tile(escape(name, quote=True), escape(title, quote=True)) for name, title in characters().items())
    ours = f'<p class="ours">{say("Or one of ours:")}</p>' if tiles else ""
    return f"""
<div class="drop face">
  <label class="chooser"><input type="file" accept="image/*,video/*" {said("aria-label", "Face")}>
    <span>{say("Drop a picture or clip of a face here, or click to choose one")}</span></label>
  <div class="held" hidden></div>
  <div class="tools">
    <span class="name" role="status"></span>
    <button type="button" class="link" data-act-face="clear" hidden>{say("Remove")}</button>
  </div>
</div>
{ours}<div class="gallery" role="group" {said("aria-label", "Characters")}>{tiles}</div>
"""


def _tile(name: str, title: str) -> str:
    return (
        f'<button type="button" data-face="{name}" aria-pressed="false" title="{title}" aria-label="{title}">'
        f'<img src="studio/characters/{name}" alt=""></button>'
    )
