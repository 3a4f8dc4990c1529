"""Where a clip is dropped or chosen, seen again, and a part of it marked.

Not Gradio's video field: it encodes anew what it shows, and knows neither transparency nor single frames.
"""

from pathlib import Path

import gradio as gr

from studio.language import said, say

TAKES = "video/*,image/gif,image/webp,image/png,image/apng"


def clipper(where: str) -> gr.HTML:
    """The field; its value names the file as ``studio.sources`` does, or is empty.

    ``upload`` fires when a person gave a file, ``select`` with ``start`` and ``end`` in seconds (null: no part) when
    they marked a part of it. ``where`` tells the fields of a page apart.
    """
    script = (Path(__file__).parent / "look" / "clipper.js").read_text("utf-8")
    return gr.HTML("", html_template=_page(where), js_on_load=script, apply_default_css=False)


def _page(where: str) -> str:
    return f"""
<div class="drop recorder clipper">
  <label class="chooser"><input type="file" accept="{TAKES}" {said("aria-label", "Clip")}>
    <span>{say("Drop a clip here, or click to choose one")}</span></label>
  <div class="held" hidden><eddy-clip data-where="{where}"></eddy-clip></div>
  <div class="tools">
    <span class="name" role="status"></span>
    <button type="button" class="link" data-clipper="clear" hidden>{say("Remove")}</button>
  </div>
</div>
"""
