"""HTML of the stage: a result or a preview on its checkerboard, the line below it, and the strip of last results.

The pictures are drawn as HTML rather than with picture components: those re-encode what they show, and they flash when
a preview replaces another. Gradio patches the HTML in place, so the stage never jumps.
"""

import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from pipelines.errors import StudioError
from pipelines.settings import SamplingSettings
from studio import language
from studio.exports import titles
from studio.language import html_of, phrase, say
from studio.pictures import address
from studio.session import Result, Session


def stage(session: Session) -> str:
    """The picked result, with those of the same run beside it, or before and after for an edit."""
    result = session.result
    if result is None:
        return '<div class="board empty"><p>' + say("Your picture will appear here.") + "</p></div>"
    badge = phrase("Example").html(classes="badge") if result.example else ""
    together = session.together
    if len(together) > 1:
        tiles = "".join(_tile(i, each, i == session.picked) for i, each in together)
        return f'<div class="board many n{_columns(len(together))}">{tiles}{badge}</div>'
    words = escape(_words(result.settings), quote=True)
    after = f'<img class="after" src="{address(result.path)}" alt="{words}">'
    before = _before(result.source)
    if before is None:
        return f'<div class="board">{after}{badge}</div>'
    # A range field is the handle: it works with a finger, a mouse and the arrow keys.
    return (
        f'<div class="board compare">{after}'
        f'<img class="before" src="{before}" {language.said("alt", "Before the edit")}>'
        f'<input type="range" min="0" max="100" value="50" {language.said("aria-label", "Before and after")}>'
        '<i class="cut" aria-hidden="true"></i>'
        f"{phrase('Before').html(classes='side left')}{phrase('After').html(classes='side right')}{badge}</div>"
    )


def preview(files: Sequence[Path]) -> str:
    """The clean estimates of a running job, in the places where the results will stand."""
    many = f" many n{_columns(len(files))}" if len(files) > 1 else ""
    shown = "".join(f'<img class="after" src="{address(file)}" {language.said("alt", "Preview")}>' for file in files)
    return f'<div class="board running{many}">{shown}</div>'


def progress(text: str, part: float, seconds_left: float | None, more: str = "") -> str:
    """One line with a bar: how far, and how long still."""
    left = "" if seconds_left is None else f" &middot; {say('{time} left', time=duration(seconds_left))}"
    percent = round(100 * part)
    return (
        f'<div class="meter" role="progressbar" {language.said("aria-label", "Progress")} aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f'<p class="facts"><span>{html_of(text)}{f" {html_of(more)}" if more else ""}{left}</span></p>'
    )


def info(session: Session) -> str:
    """One line about the picked result: model, seed, time, size, and its settings to copy."""
    result = session.result
    if result is None:
        return f'<p class="facts">{say("Nothing made yet.")}</p>'
    settings = result.settings
    width, height = result.size
    facts = [settings.model.capitalize(), phrase("seed {seed}", seed=settings.seed), f"{width} × {height} px"]
    if result.seconds is not None:
        facts.insert(2, phrase("in {time}", time=duration(result.seconds)))
    held = escape(json.dumps(settings.model_dump(), indent=1), quote=True)
    spans = "".join(f"<span>{html_of(fact)}</span>" for fact in facts)
    return (
        f'<p class="words">{escape(_words(settings))}</p><p class="facts" role="status">{spans}'
        f'<button type="button" class="link" data-copy="{held}">{say("Copy settings")}</button></p>'
    )


def failed(text: str) -> str:
    """One line that says what went wrong and what to do."""
    return f'<p class="facts failed" role="alert"><span>{html_of(text)}</span></p>'


def told(text: str) -> str:
    """One quiet line: stopped, deleted, queued."""
    return f'<p class="facts" role="status"><span>{html_of(text)}</span></p>'


def downloads(session: Session) -> str:
    """Links to the picked result in every format that can hold it."""
    result = session.result
    if result is None:
        return ""
    links = "".join(
        f'<a class="save" href="{escape(where(result, ending), quote=True)}" download>{title}</a>'
        for ending, title in titles(result.settings.MEDIUM).items()
    )
    return phrase("Download").html(classes="caption") + links


def where(result: Result, ending: str) -> str:
    """Address of a result's file in the format of a file ending."""
    if result.example:
        return f"studio/examples/{result.path.name}?download&format={ending}"
    return f"studio/assets/{result.id}/file?download&format={ending}"


def said(notes: Sequence[str]) -> str:
    """Quiet lines: unknown words, a first frame taken, settings restored."""
    return "".join(f"<p>{html_of(note)}</p>" for note in dict.fromkeys(notes))


def strip(session: Session) -> str:
    """The last results, newest first."""
    if not session.results:
        return ""
    tiles = "".join(_tile(i, each, i == session.picked) for i, each in enumerate(session.results))
    return f'<div class="tiles" role="group" {language.said("aria-label", "Last results")}>{tiles}</div>'


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min"


def _tile(index: int, result: Result, picked: bool) -> str:
    words = _words(result.settings)
    text = "Example: {words}" if result.example else "Result: {words}"
    return (
        f'<button type="button" data-index="{index}" title="{escape(words, quote=True)}" '
        f'{language.said("aria-label", text, words=words)} aria-pressed="{str(picked).lower()}">'
        f'<img src="{address(result.path)}" alt=""></button>'
    )


def _before(source: Path | None) -> str | None:
    if source is None or not source.exists():
        return None
    try:
        return address(source)
    except StudioError:
        return None


def _columns(items: int) -> int:
    return items if items <= 3 else 2 if items == 4 else 3 if items <= 6 else 4


def _words(settings: SamplingSettings) -> str:
    return str(getattr(settings, "prompt", ""))
