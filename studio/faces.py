"""Where a face is dropped or chosen: a picture, a clip, or one of the characters that ship.

The field's value names the file as ``studio.sources`` does, or a character as ``character:NAME``, or is empty. Not
Gradio's file field: that one shows neither a clip nor a choice beside it.
"""

import json
from html import escape
from pathlib import Path

import gradio as gr

from pipelines.errors import MediaError
from pipelines.paths import assets
from studio.language import phrase, said, say

CHARACTER = "character:"
FOLDER = "characters"  # below the assets


def face_field() -> gr.HTML:
    """The field; ``upload`` fires when a person gave a file, ``select`` when they chose a character or took it away."""
    script = (Path(__file__).parent / "look" / "face.js").read_text("utf-8")
    return gr.HTML("", html_template=_page(), js_on_load=script, apply_default_css=False, elem_classes=["faces"])


def chosen(value: object) -> str:
    """The character that a value names, or nothing."""
    text = value if isinstance(value, str) else ""
    return text.removeprefix(CHARACTER) if text.startswith(CHARACTER) else ""


def portrait(name: str) -> Path:
    """The picture of a shipped character.

    Raises:
        MediaError: there is none of this name.
    """
    if name not in characters():
        raise MediaError(phrase("character: there is none of this name"))
    return assets() / FOLDER / f"{name}.webp"


def characters() -> dict[str, str]:
    """Names of the characters that ship and what a person reads; empty where they are missing or damaged.

    Read here and not through the pipeline, which would bring torch into the process of the page.
    """
    try:
        listed = json.loads((assets() / FOLDER / "characters.json").read_text("utf-8"))
        found = {str(each["name"]): str(each["title"]) for each in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: title for name, title in found.items() if (assets() / FOLDER / f"{name}.webp").is_file()}


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
