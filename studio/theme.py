"""The look: palette, type and spacing in one place, and what the page's head holds. Nothing is fetched."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.paths import assets
from studio.language import said, say

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Ubuntu", "Cantarell", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
TAGLINE = "Make it. Turn it back. Make it something else."
_LOOK = Path(__file__).parent / "look"
# In the page's head, in this order; what belongs to one field comes with that field.
SCRIPTS = (
    *("page.js", "queue.js", "field.js"),
    *("sound-math.js", "sound-file.js", "sound-draw.js", "sound-deck.js"),
    *("sound-face.js", "sound-hands.js", "sound.js"),
    *("talk-draw.js", "talk.js"),
    *("clip-reel.js", "clip-face.js", "clip.js"),
    *("mesh-file.js", "mesh-draw.js", "mesh.js"),
)


@dataclass(frozen=True)
class Palette:
    """The colours of one look."""

    page: str
    panel: str
    sunk: str
    ink: str
    muted: str
    line: str
    edge: str
    accent: str
    hover: str
    on_accent: str
    wash: str
    check: str
    sand: str = "#E9B44C"
    coral: str = "#C8553D"


LIGHT = Palette(
    page="#F4F7F6", panel="#FFFFFF", sunk="#F7FAF9", ink="#10201F", muted="#5B6B6A", line="#DCE5E3", edge="#869896",
    accent="#0F766E", hover="#115E59", on_accent="#FFFFFF", wash="#E3F1EF", check="#EDF2F1", coral="#B4452E",
)  # fmt: skip
DARK = Palette(
    page="#0C1516", panel="#121E20", sunk="#0F191B", ink="#E7EFED", muted="#93A5A3", line="#223235", edge="#5F7577",
    accent="#2DD4BF", hover="#5EEAD4", on_accent="#06201D", wash="#13302F", check="#18272A", coral="#F08A72",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Gradio's variables, set from the palettes."""
    base = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="zinc", font=list(FONT), font_mono=list(MONO)
    )
    return base.set(**_both(_variables), **_SHAPE)


def css() -> str:
    """The page's own rules, with the palettes in front."""
    light, dark = (_properties(palette) for palette in (LIGHT, DARK))
    # The page's own first: a tab's file may build on it, never the other way round.
    files = sorted(_LOOK.glob("*.css"), key=lambda path: (path.name != "page.css", path.name))
    rules = "\n".join(path.read_text("utf-8") for path in files)
    return f":root {{ {light} color-scheme: light; }}\nbody.dark {{ {dark} color-scheme: dark; }}\n{rules}"


def head() -> str:
    """Icon and script for the page's head."""
    icon = base64.b64encode(_mark().encode()).decode()
    script = "\n".join((_LOOK / name).read_text("utf-8") for name in SCRIPTS)
    return (
        f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">'
        f'<meta name="theme-color" content="{LIGHT.page}"><script>{script}</script>'
    )


def header() -> str:
    """Mark, wordmark, tagline, the buttons for queue, help and dark, and what they open."""
    mark = _mark().replace('stroke="#0F766E"', 'stroke="currentColor" aria-hidden="true"')
    return (
        f'<header class="top"><div class="brand">{mark}<h1>Eddyline</h1><p>{say(TAGLINE)}</p></div>'
        f"<nav {said('aria-label', 'Page')}>"
        f'<button type="button" class="icon queue" data-act="queue" {said("aria-label", "Queue")} '
        f'aria-expanded="false" aria-controls="queue">{say("Queue")}'
        '<span class="count" aria-hidden="true"></span></button>'
        f'<button type="button" class="icon" data-act="help" {said("aria-label", "Keys and help")}>?</button>'
        f'<button type="button" class="icon" data-act="look" {said("aria-label", "Dark look")} aria-pressed="false">'
        '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18V3Z" fill="currentColor"/>'
        '<circle cx="12" cy="12" r="8.5" fill="none" stroke="currentColor" stroke-width="1.8"/></svg></button>'
        f"</nav></header>{_help()}{_queue()}"
    )


_KEYS = (
    (f"<kbd>{say('Ctrl')}</kbd> <kbd>Enter</kbd>", "Run what is set"),
    ("<kbd>/</kbd>", "Go to the prompt"),
    ("<kbd>g</kbd> <kbd>1</kbd>", "Go to the first tab, and so on"),
    ("<kbd>q</kbd>", "Open or close the queue"),
    ("<kbd>←</kbd> <kbd>→</kbd>", "Walk along the last results"),
    (f"<kbd>{say('Space')}</kbd>", "Play or pause, where a sound is in focus"),
    ("<kbd>[</kbd> <kbd>]</kbd>", "Begin or end the marked part here"),
    ("<kbd>?</kbd>", "This list"),
    ("<kbd>Esc</kbd>", "Close it"),
)


def _help() -> str:
    keys = "".join(f"<dt>{keys}</dt><dd>{say(text)}</dd>" for keys, text in _KEYS)
    dropping = say(
        "Drop any file anywhere on the page. One that was made here, or by AUTOMATIC1111, ComfyUI, SwarmUI or Wan2GP, "
        "brings its settings back."
    )
    return (
        f'<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">{say("Keys")}</h2><dl>{keys}</dl>'
        f'<p>{dropping}</p><form method="dialog"><button class="link">{say("Close")}</button></form></dialog>'
    )


def _queue() -> str:
    return f"""
<aside id="queue" aria-labelledby="queue-title" hidden>
  <header>
    <h2 id="queue-title">{say("Queue")}</h2>
    <button type="button" class="link" data-queue="pause" aria-pressed="false">{say("Pause")}</button>
    <button type="button" class="link" data-queue="forget">{say("Clear ended")}</button>
    <button type="button" class="link" data-queue="close">{say("Close")}</button>
  </header>
  <p class="said" role="alert"></p>
  <div class="jobs"></div>
</aside>
"""


_SHAPE: dict[str, Any] = {
    "block_border_width": "0px",
    "block_padding": "0px",
    "block_radius": "10px",
    "block_shadow": "none",
    "block_label_radius": "6px",
    "block_title_text_size": "14px",
    "block_title_text_weight": "600",
    "block_info_text_size": "13px",
    "button_border_width": "1px",
    "button_large_radius": "10px",
    "button_small_radius": "8px",
    "button_small_text_size": "13px",
    "button_small_text_weight": "500",
    "button_small_padding": "6px 12px",
    "button_large_text_size": "15px",
    "button_large_text_weight": "600",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
    "container_radius": "10px",
    "form_gap_width": "0px",
    "input_border_width": "1px",
    "input_padding": "10px 12px",
    "input_radius": "8px",
    "input_shadow": "none",
    "input_text_size": "15px",
    "layout_gap": "16px",
    "section_header_text_size": "14px",
}


def _variables(p: Palette) -> dict[str, str]:
    return {
        "background_fill_primary": p.panel,
        "background_fill_secondary": p.page,
        "body_background_fill": p.page,
        "body_text_color": p.ink,
        "body_text_color_subdued": p.muted,
        "block_background_fill": "transparent",
        "block_border_color": p.line,
        "block_info_text_color": p.muted,
        "block_label_background_fill": p.panel,
        "block_label_text_color": p.muted,
        "block_title_text_color": p.ink,
        "border_color_accent": p.accent,
        "border_color_primary": p.line,
        "button_primary_background_fill": p.accent,
        "button_primary_background_fill_hover": p.hover,
        "button_primary_border_color": p.accent,
        "button_primary_text_color": p.on_accent,
        "button_secondary_background_fill": p.panel,
        "button_secondary_background_fill_hover": p.wash,
        "button_secondary_border_color": p.line,
        "button_secondary_text_color": p.ink,
        "button_cancel_background_fill": p.panel,
        "button_cancel_background_fill_hover": p.panel,
        "button_cancel_border_color": p.coral,
        "button_cancel_text_color": p.coral,
        "checkbox_background_color": p.panel,
        "checkbox_background_color_selected": p.accent,
        "checkbox_border_color": p.edge,
        "checkbox_border_color_selected": p.accent,
        "checkbox_label_background_fill": p.panel,
        "checkbox_label_background_fill_hover": p.wash,
        "checkbox_label_background_fill_selected": p.wash,
        "checkbox_label_border_color": p.line,
        "checkbox_label_border_color_selected": p.accent,
        "checkbox_label_text_color": p.ink,
        "checkbox_label_text_color_selected": p.ink,
        "color_accent": p.accent,
        "color_accent_soft": p.wash,
        "error_background_fill": p.panel,
        "error_border_color": p.coral,
        "error_text_color": p.coral,
        "input_background_fill": p.panel,
        "input_background_fill_focus": p.panel,
        "input_border_color": p.edge,
        "input_border_color_focus": p.accent,
        "input_placeholder_color": p.muted,
        "link_text_color": p.accent,
        "loader_color": p.accent,
        "panel_background_fill": p.panel,
        "slider_color": p.accent,
    }


def _both(make: Any) -> dict[str, str]:
    dark = {f"{name}_dark": value for name, value in make(DARK).items()}
    del dark["color_accent_dark"]  # the one that Gradio has for both
    return {**make(LIGHT), **dark}


def _properties(palette: Palette) -> str:
    return " ".join(f"--{name.replace('_', '-')}: {value};" for name, value in vars(palette).items())


def _mark() -> str:
    return (assets() / "logo.svg").read_text("utf-8")
