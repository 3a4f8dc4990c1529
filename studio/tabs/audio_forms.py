"""The left column of the audio tab: a form for each of its four modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipelines.settings import (
    SamplingSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
)
from studio.extras import Extras
from studio.form import Form
from studio.prompts import words_of
from studio.recorder import recorder
from studio.session import Result
from studio.sources import named
from studio.tabs.parts import FEATURES, knows, run_bar, seed, starting_points
from studio.workshop import Workshop

SPEECH_KNOWS = "Starter: five English voices; no cloning."
CONSENT = "3 to 12 seconds in which one person speaks. Clone only voices whose owners agreed."
SOUND_KNOWS = "Starter: one instrument, drum kit or noise at a time; no songs. It says which words it did not use."
VOICES = {
    "heart": "Heart: a woman, American",
    "slt": "SLT: a woman, American",
    "rms": "RMS: a man, American",
    "awb": "AWB: a man, Scottish",
    "kal": "KAL: a man, American",
}
SPEAKERS = {"speech": "Starter", "hibari": "Ready-made voice: Heart only, no other"}
METHODS = {
    "rf-edit": "RF-Edit: turn back exactly, then remake",
    "flowedit": "FlowEdit: follow the change in words",
    "magicmix": "MagicMix: keep the layout, mix the meaning",
    "sdedit": "SDEdit: add noise and remake",
}
SPEAK = (
    "Good morning. The river is calm today.",
    "Where the current turns round, the water rests.",
    "Dr. Brown paid $3.50 for 12 apples on May 4th.",
)
EDIT_SPEECH = (
    ("The cat sat on the mat.", "The dog sat on the mat."),
    ("We will meet on Monday.", "We will meet on Friday."),
    ("It is really very cold outside.", "It is cold outside."),
)
SOUND = ("slow piano arpeggio in C minor", "rain on a window", "snare roll")
EDIT_SOUND = (("piano", "strings"), ("guitar", "flute"), ("bell", "marimba"))
SAMPLING = ("steps", "guidance", "solver", "loudness", "schedule", "shift")


@dataclass(frozen=True)
class Mode:
    """One mode: its settings' kind, what stands beside its form, its buttons, and a recording that it takes.

    ``role`` is what a run takes it as: an edit's source, or the voice that a checkpoint clones; that one lies in
    ``fold``, which a starter has no use for.
    """

    kind: str
    more: Extras
    reuse: gr.Button
    bar: tuple[gr.Button, gr.Button, gr.Button]
    source: gr.HTML | None = None
    role: str = "source"
    fold: gr.Accordion | None = None

    @property
    def form(self) -> Form[Any]:
        """Its form."""
        return self.more.form

    @property
    def words(self) -> Any:
        """The control for what is to be made or said."""
        return self.more.prompt

    @property
    def source_words(self) -> Any:
        """The control for what an edit's source is or says."""
        return self.form.controls[f"source_{self.form.settings.PROMPT}"]


def speak(shop: Workshop) -> Mode:
    """Read a text aloud."""
    form = Form(SpeechSettings, {"voice": VOICES, "model": SPEAKERS})
    with gr.Column(elem_classes=["fields"]):
        form.place("text")
        starting_points([(words,) for words in SPEAK], [form.controls["text"]], str)
        with gr.Accordion("Voice to clone", visible=False, elem_classes=["fold"]) as fold:
            voice = recorder("voice-from")
            form.place("voice_words")
            knows(CONSENT)
        form.place("voice", "speed", "pause")
        reuse = seed(form)
        form.fold("model", "takes", *SAMPLING)
        more = Extras(shop, form, "speech.generate")
        more.place(lines=False)
        knows(SPEECH_KNOWS)
    form.finish()
    return Mode("speech.generate", more, reuse, run_bar("Speak it", more), voice, "voice_from", fold)


def edit_speech(shop: Workshop, shipped: Sequence[Result]) -> Mode:
    """Change words of a recording."""
    form = Form(SpeechEditSettings, {"voice": VOICES, "model": {"speech": "Starter"}})
    with gr.Column(elem_classes=["fields"]):
        source = recorder("edit-speech")
        form.place("source_text", "text")
        _pairs(form, source, EDIT_SPEECH, shipped)
        with gr.Row(elem_classes=["span"]):
            form.place("start", "end")
        form.place("voice", "speed")
        reuse = seed(form)
        form.fold("model", "takes", *SAMPLING)
        more = Extras(shop, form, "speech.edit")
        more.place(lines=False)
        knows(SPEECH_KNOWS)
    form.finish()
    return Mode("speech.edit", more, reuse, run_bar("Edit recording", more), source)


def make_sound(shop: Workshop) -> Mode:
    """Music and noises from words."""
    form = Form(SoundSettings, {"model": {"sound": "Starter"}})
    with gr.Column(elem_classes=["fields"]):
        form.place("prompt")
        starting_points([(words,) for words in SOUND], [form.controls["prompt"]], str)
        form.place("seconds", "count", "loop")
        reuse = seed(form)
        form.fold("model", "lora", "lyrics", "negative_prompt", *SAMPLING)
        more = Extras(shop, form, "sound.generate")
        more.place(lines=True)
        knows(SOUND_KNOWS)
    form.finish()
    return Mode("sound.generate", more, reuse, run_bar("Make it sound", more))


def edit_sound(shop: Workshop, shipped: Sequence[Result]) -> Mode:
    """Turn one sound into another, or let it go on."""
    form = Form(SoundEditSettings, {"method": METHODS, "model": {"sound": "Starter"}, "features": FEATURES})
    with gr.Column(elem_classes=["fields"]):
        source = recorder("edit-sound")
        form.place("source_prompt", "prompt")
        _pairs(form, source, EDIT_SOUND, shipped)
        form.place("strength", "method", "extend")
        reuse = seed(form)
        form.fold("model", "lora", *SAMPLING, "share_steps", "share_from", "features", "budget_mb")
        more = Extras(shop, form, "sound.edit")
        more.place(lines=False)
        knows(SOUND_KNOWS)
    form.finish()
    return Mode("sound.edit", more, reuse, run_bar("Edit sound", more), source)


def _pairs(form: Form[Any], source: gr.HTML, given: Sequence[tuple[str, str]], shipped: Sequence[Result]) -> None:
    """Starting points of an edit; one whose words a shipped example has starts from that example, too."""
    field = form.settings.PROMPT
    words = [form.controls[f"source_{field}"], form.controls[field]]
    files = [next((named(each) for each in shipped if _is(each.settings, was)), "") for was, _ in given]
    if all(files):
        filled = [(was, now, file) for (was, now), file in zip(given, files, strict=True)]
        starting_points(filled, [*words, source], lambda was, now, _: changed(was, now))
    else:
        starting_points(given, words, changed)


def _is(settings: SamplingSettings, words: str) -> bool:
    return settings.TASK == "generate" and words_of(settings).strip() == words


def changed(was: str, now: str) -> str:
    """What a change is called: of sentences, the words that differ."""
    old, new = was.split(), now.split()
    if len(old) <= 2:
        return f"{was} → {now}"
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    last = 0
    while last < min(len(old), len(new)) - same and old[-1 - last] == new[-1 - last]:
        last += 1
    before, after = (" ".join(each[same : len(each) - last]).strip(".") for each in (old, new))
    return f"{before} → {after or '–'}"
