"""HTML around a result, the same for every medium: the line below the stage, downloads, and the strip of last results.

What the medium itself looks like is its board's (``studio/boards``).
"""

import json
import math
from collections.abc import Sequence
from html import escape

from PIL import Image

from studio import language
from studio.exports import enlargement, titles
from studio.language import Phrase, html_of, phrase, say
from studio.prompts import words_of
from studio.session import Result, Session


def badge(result: Result) -> str:
    """What marks an example as one."""
    return phrase("Example").html(classes="badge") if result.example else ""


def progress(text: str, part: float, seconds_left: float | None, more: str = "") -> str:
    """One line with a bar: how far, and how long still."""
    left = "" if seconds_left is None else f" &middot; {say('{time} left', time=duration(seconds_left))}"
    percent = round(100 * part)
    return (
        f'<div class="meter" role="progressbar" {language.said("aria-label", "Progress")} aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f'<p class="facts"><span>{html_of(text)}{f" {html_of(more)}" if more else ""}{left}</span></p>'
    )


def info(session: Session, measured: Sequence[Phrase | str]) -> str:
    """One line about the picked result: model, seed, time, what its board ``measured``, and its settings to copy."""
    result = session.result
    if result is None:
        return f'<p class="facts">{say("Nothing made yet.")}</p>'
    settings = result.settings
    facts: list[str] = [settings.model.capitalize()]
    if "seed" in type(settings).model_fields:
        facts.append(phrase("seed {seed}", seed=settings.seed))
    if result.seconds is not None:
        facts.append(phrase("in {time}", time=duration(result.seconds)))
    facts += measured
    held = escape(json.dumps(settings.model_dump(), indent=1), quote=True)
    spans = "".join(f"<span>{html_of(fact)}</span>" for fact in facts)
    return (
        f'<p class="words">{escape(words_of(settings))}</p><p class="facts" role="status">{spans}'
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
        f'<a class="save" href="{escape(where(result, ending), quote=True)}" download>{say(title)}</a>'
        for ending, title in titles(result.settings.MEDIUM, result.path).items()
    )
    return phrase("Download").html(classes="caption") + links + _larger(result)


def _larger(result: Result) -> str:
    """A link to a small picture at a size that others can use."""
    if result.settings.MEDIUM != "image":
        return ""
    try:
        with Image.open(result.path) as picture:
            width, height = picture.size
    except OSError:  # deleted meanwhile
        return ""
    if (times := enlargement(width, height)) == 1:
        return ""
    address = escape(f"{where(result, '.png')}&times={times}", quote=True)
    size = phrase("PNG {width} × {height}", width=width * times, height=height * times)
    return f'<a class="save" href="{address}" download>{size.html()}</a>'


def where(result: Result, ending: str) -> str:
    """Address of a result's file in the format of a file ending."""
    return f"{place(result)}?download&format={ending}"


def place(result: Result, part: str = "file", *, of_source: bool = False) -> str:
    """Address of a result's own file, its ``thumbnail`` or its ``words``, or of what it was made from.

    Empty where the server hands out no such thing.
    """
    if result.example:
        found = result.source if of_source else result.path
        named = f"studio/examples/{found.name}" if found is not None else ""
        return named if part == "file" or not named else f"{named}/{part}"
    asset = result.source_id if of_source else result.id
    return f"studio/assets/{asset}/{part}" if asset else ""


def said(notes: Sequence[str]) -> str:
    """Quiet lines: unknown words, a first frame taken, settings restored."""
    return "".join(f"<p>{html_of(note)}</p>" for note in dict.fromkeys(notes))


def strip(session: Session, tiles: Sequence[str]) -> str:
    """The last results, newest first; ``tiles`` shows each of them small."""
    if not session.results:
        return ""
    shown = zip(session.results, tiles, strict=True)
    buttons = "".join(tile(i, each, i == session.picked, small) for i, (each, small) in enumerate(shown))
    return f'<div class="tiles" role="group" {language.said("aria-label", "Last results")}>{buttons}</div>'


def tile(index: int, result: Result, picked: bool, small: str) -> str:
    """A button that picks a result; ``small`` is what it shows."""
    words = words_of(result.settings)
    words = words if len(words) <= 200 else f"{words[:199]}…"
    text = "Example: {words}" if result.example else "Result: {words}"
    return (
        f'<button type="button" data-index="{index}" title="{escape(words, quote=True)}" '
        f'{language.said("aria-label", text, words=words)} aria-pressed="{str(picked).lower()}">{small}</button>'
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min"


def clock(seconds: float) -> str:
    """How long something plays: seconds with a tenth, then minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"
