"""Where a recording is dropped, chosen or spoken into the microphone, heard again, and a part of it marked.

Not Gradio's audio field: it hands over a copy of its own, and its waveform knows nothing of the player beside it.
"""

from pathlib import Path

import gradio as gr

from studio.language import said, say


def recorder(where: str) -> gr.HTML:
    """The field; its value names the file as ``studio.sources`` does, or is empty.

    ``upload`` fires when a person gave a file, ``select`` with ``start`` and ``end`` in seconds (null: no part) when
    they marked a part of it. ``where`` tells the fields of a page apart.
    """
    script = (Path(__file__).parent / "look" / "recorder.js").read_text("utf-8")
    return gr.HTML("", html_template=_page(where), js_on_load=script, apply_default_css=False)


def _page(where: str) -> str:
    return f"""
<div class="drop recorder">
  <label class="chooser"><input type="file" accept="audio/*,video/*" {said("aria-label", "Recording")}>
    <span>{say("Drop a recording here, or click to choose one")}</span></label>
  <div class="held" hidden><eddy-sound data-where="{where}"></eddy-sound></div>
  <div class="tools">
    <button type="button" class="link" data-recorder="record" aria-pressed="false">{say("Record")}</button>
    <span class="name" role="status"></span>
    <button type="button" class="link" data-recorder="clear" hidden>{say("Remove")}</button>
  </div>
</div>
"""
