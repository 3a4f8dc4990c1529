"""On the cards of the Models tab: the licence to accept, the download, how far it is, and stopping it."""

from dataclasses import dataclass
from html import escape

from pipelines.catalogue import Card, card, offline
from pipelines.errors import ModelError
from studio.fetching import Fetches
from studio.language import Phrase, phrase, said, say
from studio.machine import size

ACTS = ("ask", "accept", "stop", "leave")
READ = {
    "yes": "It allows commercial use.",
    "no": "It forbids commercial use.",
    "ask": "It sets conditions for commercial use.",
}


def act(fetches: Fetches, id: str, action: str) -> Phrase | None:
    """Do what a click asked for; the page is not to be trusted with which. Returns what to say."""
    try:
        chosen = card(id)
        if chosen.state != "away":
            raise ModelError(f"model: {id} cannot be fetched")
        if action in ("ask", "accept") and offline():
            raise ModelError("model: this machine is set to stay off-line (HF_HUB_OFFLINE); unset it to fetch")
        if action == "accept":
            fetches.start(chosen)
            return phrase("{title} is being fetched. You can go on working.", title=chosen.title)
        if action == "stop":
            fetches.stop(chosen)
            return phrase("Stopped. What has arrived is kept; another download goes on from there.")
    except ModelError as error:
        return phrase("That did not work. {reason}", reason=error)
    return None


@dataclass(frozen=True)
class Offered:
    """The downloads of a studio, and which card is asking whether its licence is accepted."""

    fetches: Fetches
    asking: str = ""

    def html(self, card: Card) -> str:
        """What stands on a card that is not here: a button, the question, or how far it is."""
        standing = self.fetches.of(card)
        if standing is not None and standing.state == "running":
            return _running(card, standing.here, standing.total)
        if card.id == self.asking:
            return _question(card)
        told = ""
        if standing is not None and standing.state == "failed":
            told = (
                f'<p class="model-fit bad">{phrase("That did not work. {reason}", reason=standing.reason).html()}</p>'
            )
        return f'<div class="model-fetch">{told}<div class="model-acts">{_ask(card)}</div></div>'


def _button(card: Card, act: str, text: str, name: str) -> str:
    return (
        f'<button type="button" data-model="{card.id}" data-act="{act}" data-busy="{text}" {name}>{say(text)}</button>'
    )


def _ask(card: Card) -> str:
    return _button(card, "ask", "Download", said("aria-label", "Download {title}", title=card.title))


def _question(card: Card) -> str:
    page = f"https://huggingface.co/{card.repo}"
    about = "At least {size} are fetched." if card.at_least else "About {size} are fetched."
    first = phrase("{title} is under the licence {licence}.", title=card.title, licence=card.licence).html()
    link = f'<a href="{escape(page)}" target="_blank" rel="noopener noreferrer">{escape(str(card.repo))}</a>'
    gated = f"<p>{say('Its page asks for an account: set HF_TOKEN to a token of it.')}</p>" if card.gated else ""
    name = said("aria-label", "Accept the licence of {title} and download it", title=card.title)
    acts = _button(card, "accept", "Accept and download", name)
    acts += _button(card, "leave", "Not now", said("aria-label", "Do not download {title}", title=card.title))
    return (
        f'<div class="model-fetch"><p>{first} {say(READ[card.commercial])} {say("Read it on its page:")} {link}</p>'
        f'{gated}<p>{say(about, size=size(card.download_bytes))}</p><div class="model-acts">{acts}</div></div>'
    )


def _running(card: Card, here: int, total: int) -> str:
    value = f'value="{here}" max="{total}"' if total else ""
    text = "{here} of {total} fetched" if total else "{here} fetched"
    told = say(text, here=size(here), total=size(total)) if total else say(text, here=size(here))
    name = said("aria-label", "Stop the download of {title}", title=card.title)
    called = said("aria-label", "Download of {title}", title=card.title)
    return (
        f'<div class="model-fetch"><progress {value} {called}></progress>'
        f'<p>{told}</p><div class="model-acts">{_button(card, "stop", "Stop", name)}</div></div>'
    )
