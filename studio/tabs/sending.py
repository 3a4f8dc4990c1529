"""Buttons that send a result to another tab: a picture to become a face, a sound to become its voice."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from studio.events import QUICK
from studio.session import Session
from studio.tabs.taking import Taker

# What a button is called, by the tab that it leads to.
CALLED = {
    "image": "Send to Image",
    "video": "Send to Video",
    "audio": "Send to Audio",
    "mesh": "Send to 3D mesh",
    "lipsync": "Send to Lip-sync",
}


def build(tabs: gr.Tabs, takers: Mapping[str, Taker]) -> None:
    """Place a button below the results of every tab for each other tab that takes them; call it when all are there."""
    for medium, taker in takers.items():
        for other in takers.values():
            if taker.view is not None and medium in other.takes:
                with taker.view.sends:
                    button = gr.Button(CALLED[other.medium], size="sm")
                outputs = [tabs, *other.parts]
                button.click(_sender(tabs, other, medium), taker.view.session, outputs, **QUICK)


def _sender(tabs: gr.Tabs, other: Taker, medium: str) -> Callable[[Session], dict[Any, Any]]:
    def send(session: Session) -> dict[Any, Any]:
        if session.result is None:
            return {}
        return {tabs: gr.Tabs(selected=other.medium), **other.takes[medium](session.result)}

    return send
