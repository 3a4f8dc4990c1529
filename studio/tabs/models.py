"""The Models tab: every model by medium, what may be done with it, what it needs and what is here, load and unload.

Only what can be used, or fetched by whoever owns the machine, has a button. The cards are HTML: the list is the same
for everybody, and a click is all that comes back from it.
"""

import atexit
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from pipelines.catalogue import MEDIA, Card, card, cards, installed, offline, size_on_disk
from pipelines.checkpoints import find, plan
from pipelines.errors import StudioError
from studio.events import QUICK
from studio.fetching import Fetches
from studio.language import Phrase, phrase, said, say
from studio.machine import Fit, Machine, fits, machine, size
from studio.tabs import adding, fetching

log = logging.getLogger(__name__)
ALL = "all"
TITLES = {"image": "Images", "video": "Video", "audio": "Audio", "mesh": "3D meshes", "lipsync": "Talking faces"}
COMMERCIAL = {
    "yes": "Commercial use allowed",
    "no": "No commercial use",
    "ask": "Commercial use: read the licence",
}
ABILITIES = {"generate": "Makes", "edit": "Edits", "invert": "Turns back exactly"}
CLICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-model]');
  if (chosen && !chosen.disabled) {
    chosen.disabled = true;  // something is seen at once, however long the way to the program takes
    const text = chosen.querySelector('[data-say]');
    text.dataset.say = text.textContent = chosen.dataset.busy;
    trigger('select', {index: [chosen.dataset.model, chosen.dataset.act]});
  }
});
"""
Action = Callable[[str, str], Any]  # (medium, model)
Loaded = Callable[[], Collection[tuple[str, str]]]


@dataclass(frozen=True)
class ModelsTab:
    """The tab's parts: an event with ``refresh`` as its function, ``filter`` in and ``page`` out shows what is now."""

    filter: gr.Radio
    page: gr.HTML
    refresh: Callable[[str], str]


def build(
    load: Action | None = None, unload: Action | None = None, loaded: Loaded | None = None, *, own: bool = False
) -> ModelsTab:
    """Place the tab's components and wire them.

    Args:
        load: brings a model (medium, name) into memory; may take seconds; a StudioError is shown.
        unload: gives its memory back.
        loaded: (medium, name) of every model in memory. Without these three there are no buttons.
        own: whether a person may fetch checkpoints, and name those of this machine's folders.
    """
    can = load is not None and unload is not None and loaded is not None
    fetches = Fetches() if own else None
    if fetches is not None:
        atexit.register(fetches.close)  # what has arrived is kept

    def shown(medium: str, busy: str = "", said: Phrase | None = None, asking: str = "") -> str:
        held = set(loaded()) if loaded else set()
        offered = fetching.Offered(fetches, asking) if fetches else None
        return listing(medium, held if can else None, busy=busy, message=said, offered=offered)

    def act(medium: str, chosen: gr.EventData) -> Iterator[tuple[str, Any]]:
        id, action = (str(part) for part in chosen.index)
        if fetches is not None and action in fetching.ACTS:
            said = fetching.act(fetches, id, action)
            yield shown(medium, said=said, asking=id if action == "ask" else ""), gr.Timer(active=fetches.busy)
            return
        yield shown(medium, busy=id), gr.skip()
        yield shown(medium, said=_done(id, action, load, unload)), gr.skip()

    def look(medium: str) -> tuple[str, Any]:
        return shown(medium), gr.Timer(active=bool(fetches and fetches.busy))

    choices = [("All", ALL), *((TITLES[medium], medium) for medium in MEDIA if cards(medium))]
    with gr.Column(elem_classes=["models-tab"]):
        medium = gr.Radio(choices=choices, value=ALL, label="Show models for", elem_classes=["field", "models-filter"])
        page = gr.HTML(shown(ALL), js_on_load=CLICK, elem_classes=["models"], apply_default_css=False)
        timer = gr.Timer(2, active=False)
        if own:
            adding.build(shown, medium, page)
    medium.input(shown, medium, page, **QUICK)
    timer.tick(look, medium, [page, timer], **QUICK)
    if can:
        page.select(
            act, medium, [page, timer], show_progress="hidden", api_visibility="private", concurrency_id="models"
        )
    return ModelsTab(medium, page, shown)


def _done(id: str, action: str, load: Action | None, unload: Action | None) -> Phrase:
    """Load or unload, and what came of it; the page is not to be trusted with which."""
    work = {"load": load, "unload": unload}.get(action)
    try:
        chosen = card(id)
        if work is None or chosen.state not in ("ready", "here"):
            raise StudioError(f"model: {id} cannot be loaded in this version")
        work(chosen.medium, chosen.model)
    except StudioError as error:
        return phrase("That did not work. {reason}", reason=error)
    except Exception as error:
        log.exception("%s of %s failed", action, id)
        return phrase("That did not work. {reason}", reason=f"{type(error).__name__}: {error}")
    text = "{title} is loaded." if action == "load" else "{title} is out of memory again."
    return phrase(text, title=chosen.title)


def listing(
    medium: str = ALL,
    loaded: set[tuple[str, str]] | None = None,
    here: Machine | None = None,
    busy: str = "",
    message: Phrase | None = None,
    offered: fetching.Offered | None = None,
) -> str:
    """The cards as HTML.

    Args:
        medium: one of ``MEDIA``, or 'all'.
        loaded: (medium, name) of models in memory; None shows no buttons.
        here: the machine to measure against; None is this one.
        busy: id of the card that is being loaded or unloaded.
        message: what the last click came to.
        offered: downloads, where whoever looks may start them.
    """
    here = here or machine()
    media = [each for each in MEDIA if medium in (ALL, each) and cards(each)]
    sections = "".join(_section(each, here, loaded, busy, offered) for each in media)
    return f'<div class="models-page">{_intro(here, message, offered is not None)}{sections}</div>'


def _intro(here: Machine, message: Phrase | None, own: bool) -> str:
    text = say("Starters ship with Eddyline and run here, without a download.") + " "
    if own:
        text += say(
            "With a graphics card, choose a checkpoint that fits, download it here, and choose it under 'Model' in the "
            "tab of its medium."
        )
    else:
        text += say(
            "Public checkpoints are fetched by whoever runs this studio, with the command that stands with each; then "
            "they can be chosen in the tab of their medium."
        )
    text += " " + say("What says 'Not yet' cannot be used in this version.")
    off = f"<p>{say('This machine is set to stay off-line. Starters need no network.')}</p>" if offline() else ""
    told = f'<p class="models-told" role="status">{message.html() if message else ""}</p>'
    return f'<div class="models-intro"><p>{text}</p><p>{here.sentence().html()}</p>{off}{told}</div>'


def _section(
    medium: str, here: Machine, loaded: set[tuple[str, str]] | None, busy: str, offered: fetching.Offered | None
) -> str:
    found = cards(medium)
    ready = "".join(_card(each, here, loaded, busy, offered) for each in found if each.usable)
    planned = "".join(_card(each, here, loaded, busy, offered) for each in found if not each.usable)
    none = "" if ready else f'<p class="models-none">{say("No starter yet.")}</p>'
    return (
        f'<section aria-labelledby="models-{medium}"><h2 id="models-{medium}">{say(TITLES[medium])}</h2>{none}'
        f"{_grid(ready)}{_grid(planned)}</section>"
    )


def _grid(items: str) -> str:
    return f'<ul class="models-grid">{items}</ul>' if items else ""


def _card(
    card: Card, here: Machine, loaded: set[tuple[str, str]] | None, busy: str, offered: fetching.Offered | None
) -> str:
    held = loaded is not None and (card.medium, card.model) in loaded
    fit = _fit(card, here)
    note = f'<p class="model-note">{say(card.note)}</p>' if card.note else ""
    fitting = f'<p class="model-fit {"good" if fit.ok else "bad"}">{fit.sentence.html()}</p>'
    more = _abilities(card) + _needs(card) + _fetching(card) + _button(card, loaded, held, busy)
    if not card.usable:  # what cannot be used yet should not be in the way of what can
        more = f"<details><summary>{say('Details')}</summary>{more}</details>"
        more = (offered.html(card) if offered is not None and card.state == "away" else "") + more
    head = f'<div class="model-head"><h3 id="model-{card.id}">{escape(card.title)}</h3>{_state(card, held)}</div>'
    kind = "model" if card.usable else "model planned"
    return (
        f'<li class="{kind}" aria-labelledby="model-{card.id}">'
        f"<div>{head}<p>{say(card.about)}</p>{_licence(card)}{note}{fitting}</div><div>{more}</div></li>"
    )


def _fit(card: Card, here: Machine) -> Fit:
    """Whether it fits whole, or else as its plan would load it: parts that wait elsewhere, fewer bits."""
    fit = fits(card, here)
    if fit.ok or not card.fetchable or here.disk < card.disk_bytes:
        return fit
    made = plan(find(card.model), here.means)
    if not made.fits:
        return fit
    return Fit(True, phrase("Fits in parts: what is not needed just then waits elsewhere, which takes longer."))


def _state(card: Card, held: bool) -> str:
    if held:
        return _badge("In memory", "good")
    words = {
        "ready": ("Ready", "good"), "damaged": ("Files missing", "bad"), "planned": ("Not yet", ""),
        "here": ("On this machine", "good"), "away": ("To be fetched", ""),
    }  # fmt: skip
    return _badge(*words[card.state])


def _badge(text: str, tone: str = "") -> str:
    return phrase(text).html(classes=f"model-badge {tone}".strip())


def _licence(card: Card) -> str:
    tone = {"yes": "good", "no": "bad", "ask": "warn"}[card.commercial]
    gated = _badge("Asks for an account") if card.gated else ""
    name = f'<span class="model-badge">{escape(card.licence)}</span>'
    return f'<p class="model-badges">{name}{_badge(COMMERCIAL[card.commercial], tone)}{gated}</p>'


def _abilities(card: Card) -> str:
    made = "".join(f"<li>{say(text)}</li>" for each, text in ABILITIES.items() if each in card.capabilities)
    return f'<ul class="model-abilities" {said("aria-label", "What it can do")}>{made}</ul>'


def _needs(card: Card) -> str:
    text = "at least {size}" if card.at_least else "about {size}"
    disk, memory = size(card.disk_bytes), size(card.memory_bytes)
    if card.usable:
        facts = [("Download", say("none, it ships")), ("Disk", disk), ("Memory", memory)]
    else:
        facts = [("Download and disk", say(text, size=disk)), ("Memory", say(text, size=memory))]
        if installed(card):
            facts.append(("Already here", size(size_on_disk(card))))
    facts = [("Parameters", _count(card.parameters)), *facts]
    rows = "".join(f"<dt>{say(name)}</dt><dd>{value}</dd>" for name, value in facts)
    return f"<dl>{rows}</dl>" + (f'<p class="model-repo">{escape(card.repo)}</p>' if card.repo else "")


def _fetching(card: Card) -> str:
    """How a checkpoint gets here, and how it would be loaded."""
    if not card.fetchable:
        return ""
    held = "<br>".join(escape(line) for line in plan(find(card.model)).lines())
    command = f"<pre>eddyline models fetch {escape(card.id)}</pre>" if card.state == "away" else ""
    return f"{command}<p>{say('How it would be loaded:')}</p><pre>{held}</pre>"


def _count(billions: float) -> str:
    return f"{billions:g} B" if billions >= 0.1 else f"{billions * 1000:.0f} M"


def _button(card: Card, loaded: set[tuple[str, str]] | None, held: bool, busy: str) -> str:
    if loaded is None or card.state not in ("ready", "here"):
        return ""
    if held:
        act, text, later, name = "unload", "Unload", "Unloading", said("aria-label", "Unload {title}", title=card.title)
    else:
        act, text, later, name = "load", "Load", "Loading", said("aria-label", "Load {title}", title=card.title)
    state = f'data-model="{card.id}" data-act="{act}" data-busy="{later}"{" disabled" if busy else ""}'
    return f'<button type="button" {state} {name}>{say(later if busy == card.id else text)}</button>'
