"""Where a picture is dropped, and where a mask is painted over it.

Gradio's image editor shows a 64 pixel picture at 64 pixels and hands it back encoded anew. This one shows it as wide as
its column and hands back the strokes alone.
"""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.processing_utils import save_file_to_cache

from pipelines.errors import MediaError
from studio.language import said, say
from studio.uploads import uploaded


def painter() -> gr.HTML:
    """The painter; its value is the mask as a PNG data address, or empty. Set ``picture`` to what is painted over."""
    return gr.HTML("", html_template=_page(), js_on_load=_script(), apply_default_css=False, picture="")


def clip_painter() -> gr.HTML:
    """The painter of clips: set ``sheet`` to the frames, as :func:`studio.frames.clip_sheet` lays them out.

    Its value is that of :func:`painter` where one frame is painted, and JSON of PNG data addresses by frame, from 0,
    where several are.
    """
    page = _page(f"""
  <p class="tip">{say("Painted on one frame it stands still; on several, it passes from shape to shape.")}</p>
  <div class="tools moments">
    <label>{say("Frame")} <input type="range" name="frame" min="0" max="0" value="0" {said("aria-label", "Frame")}>
      <output></output></label>
    <span class="keys"></span>
  </div>""")
    return gr.HTML("", html_template=page, js_on_load=_script(), apply_default_css=False, sheet={})


def _script() -> str:
    return (Path(__file__).parent / "look" / "paint.js").read_text("utf-8")


def _page(moments: str = "") -> str:
    # A plain fold: what stands in one of Gradio's is not there before it is opened, and misses what is set until then.
    return f"""
<details class="paint fold">
  <summary>{say("Paint where it may change")}</summary>
  <p class="hint">{say("Drop a picture first. Without a mask, the whole picture may change.")}</p>
  <div class="easel"><img alt=""><canvas {said("aria-label", "Paint where the picture may change")}></canvas></div>
  {moments}
  <div class="tools">
    <label>{say("Brush")} <input type="range" name="brush" min="2" max="40" value="14"
      {said("aria-label", "Brush size")}></label>
    <button type="button" class="link" data-paint="erase" aria-pressed="false">{say("Erase")}</button>
    <button type="button" class="link" data-paint="undo">{say("Undo")}</button>
    <button type="button" class="link" data-paint="clear">{say("Clear")}</button>
  </div>
</details>
"""


def drop_area(
    label: str = "Picture", height: int = 180, placeholder: str = "Drop a picture here, or click to choose one"
) -> gr.Image:
    """A picture field that hands over the upload itself, unopened, so that what is inside the file survives."""
    field = gr.Image(
        type="filepath",
        label=label,
        sources=["upload", "clipboard"],
        height=height,
        buttons=[],
        placeholder=placeholder,
        elem_classes=["drop"],
    )
    # Not a subclass: Gradio would write a stub file beside the module. Reading and refusing is the pipeline's.
    field.preprocess = _path  # type: ignore[method-assign]
    field.postprocess = _copied  # type: ignore[method-assign, assignment]
    return field


def _path(payload: Any) -> str | None:
    if payload is None:
        return None
    try:
        return str(uploaded(payload.path))
    except MediaError as error:
        raise gr.Error(escape(str(error)), title="Could not take that", print_exception=False) from None


def _copied(value: str | None) -> ImageData | None:
    # A file of the library is shown through a copy in Gradio's cache: the library's own folder is served to nobody.
    if value is None:
        return None
    path = Path(value)
    copy = save_file_to_cache(path, cache_dir=gr.utils.get_upload_folder())
    return ImageData(path=copy, orig_name=path.name)
