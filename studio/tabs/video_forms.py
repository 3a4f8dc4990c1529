"""The left column of the video tab: a form for each of its four modes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from pipelines.settings import ClipEditSettings, VideoEditSettings, VideoExtendSettings, VideoSettings
from studio.clipper import clipper
from studio.extras import Extras
from studio.form import Form
from studio.language import say
from studio.paint import clip_painter, drop_area
from studio.recorder import recorder
from studio.session import Result
from studio.sources import named
from studio.tabs.parts import FEATURES, knows, run_bar, seed, starting_points
from studio.workshop import Workshop

KNOWS = "Starter: stickers and emoji that move; 64 × 64 pixels, not films."
LIVE = "It grows while you watch. Change the words on the way, or end it where you like and keep what is there."
FOLLOWS = "Faces speak what it says, and what moves keeps its time. Say in the prompt who is seen and what they do."
TOOLS = "No model: the same clip and settings give the same result."
STYLES = {"3d": "3D", "flat": "Flat", "cartoon": "Cartoon", "none": "None"}
METHODS = {
    "flowedit": "FlowEdit: follow the change in words",
    "rf-edit": "RF-Edit: turn back exactly, then remake",
    "magicmix": "MagicMix: keep the layout, mix the meaning",
    "sdedit": "SDEdit: add noise and repaint",
}
LABELS: dict[str, dict[str, str]] = {
    "style": STYLES, "model": {"starter": "Starter"}, "method": METHODS, "features": FEATURES,
}  # fmt: skip
TOOL_LABELS = {
    "loop": {"none": "As it is", "swing": "Forth and back", "fade": "Fade over"},
    "filter": {"redrawn": "Redrawing", "lanczos": "Lanczos", "pixels": "Square pixels"},
    "sound": {"keep": "Keep", "none": "None", "new": "From the file", "mix": "Both"},
    "sound_fit": {"once": "Once", "loop": "Again and again"},
}
MAKE = ("a grinning face, nodding", "a red heart, growing", "a rocket, shaking")
EDIT = (("a grinning face", "a crying face"), ("a red heart", "a blue heart"), ("a cat", "a panda"))
EXTEND = (("nodding", ""), ("spinning", "2: bouncing"), ("growing", "2: shrinking"))
SAMPLING = ("steps", "guidance", "solver", "schedule", "shift")


@dataclass(frozen=True)
class Mode:
    """One mode: its settings' kind, its form and what stands beside it, its buttons, and the files that it takes.

    In ``fold`` lies what only some models take.
    """

    kind: str
    form: Form[Any]
    bar: tuple[gr.Button, gr.Button, gr.Button]
    more: Extras
    reuse: gr.Button | None = None
    source: gr.HTML | None = None
    files: dict[str, Any] = field(default_factory=dict)  # role -> component
    fold: gr.Accordion | None = None

    @property
    def source_words(self) -> Any:
        """The control for what a clip shows now, where there is one."""
        return self.form.controls.get("source_prompt")

    def inputs(self) -> set[Any]:
        """Everything that a run of this mode reads."""
        own = {self.source} if self.source is not None else set()
        return self.form.inputs() | self.more.inputs() | own | set(self.files.values())


def make(shop: Workshop) -> Mode:
    """Clips from words, or from pictures that they begin and end with."""
    form = Form(VideoSettings, LABELS)
    with gr.Column(elem_classes=["fields"]):
        form.place("prompt")
        starting_points([(words,) for words in MAKE], [form.controls["prompt"]], str)
        with gr.Row(elem_classes=["frames-row"]):
            first = drop_area("First frame", 118, "Drop a picture")
            last = drop_area("Last frame", 118, "Drop a picture")
        with gr.Accordion("Sound to follow", visible=False, elem_classes=["fold"]) as fold:
            sound = recorder("make-video-sound")
            form.place("follow_sound")
            knows(FOLLOWS)
        form.place("style", "amount", "frames", "loop")
        reuse = seed(form)
        form.fold("model", "lora", "width", "height", "negative_prompt", "rate", "count", *SAMPLING)
        more = Extras(shop, form, "video.generate", sound)
        more.place(lines=True)
        knows(KNOWS)
    form.finish()
    bar = run_bar("Make clip", more)
    files = {"first_frame": first, "last_frame": last, "sound": sound}
    return Mode("video.generate", form, bar, more, reuse, files=files, fold=fold)


def edit(shop: Workshop, shipped: Sequence[Result]) -> Mode:
    """Turn what a clip shows into something else that moves alike."""
    form = Form(VideoEditSettings, LABELS)
    with gr.Column(elem_classes=["fields"]):
        source = clipper("edit-video")
        mask = clip_painter()
        form.place("source_prompt", "prompt")
        _pairs(form, source, shipped)
        form.place("strength", "method")
        reuse = seed(form)
        form.fold(
            "model",
            "lora",
            "style",
            "feather",
            "average",
            *SAMPLING,
            "share_steps",
            "share_from",
            "features",
            "budget_mb",
        )
        more = Extras(shop, form, "video.edit")
        more.place(lines=False)
        knows(KNOWS)
    form.finish()
    return Mode("video.edit", form, run_bar("Edit clip", more), more, reuse, source, {"mask": mask})


def extend(shop: Workshop) -> Mode:
    """Let a clip go on while it is watched."""
    form = Form(VideoExtendSettings, LABELS)
    with gr.Column(elem_classes=["fields"]):
        source = clipper("extend-video")
        form.place("prompt", "changes")
        words = [form.controls["prompt"], form.controls["changes"]]
        starting_points(EXTEND, words, lambda now, then: f"{now}, {then}" if then else now)
        form.place("seconds", "amount")
        reuse = seed(form)
        form.fold("model", "style", "steps", "guidance", "schedule", "shift")
        more = Extras(shop, form, "video.extend")
        more.place(lines=False)
        knows(LIVE)
    form.finish()
    return Mode("video.extend", form, run_bar("Go on", more), more, reuse, source)


def tools(shop: Workshop) -> Mode:
    """Cut, loop, turn, pace and enlarge a clip, and give it a sound."""
    form = Form(ClipEditSettings, TOOL_LABELS)
    with gr.Column(elem_classes=["fields"]):
        source = clipper("tools-video")
        with gr.Row(elem_classes=["span"]):
            form.place("start", "end")
        form.place("speed", "smooth", "reverse", "loop", "fade", "repeat")
        form.place("enlarge", "filter", "sound")
        gr.HTML(say("A sound file for it"), elem_classes=["knows"], apply_default_css=False, js_on_load=None)
        sound = recorder("edit-clip-sound")
        form.fold("sound_start", "sound_fit")
        more = Extras(shop, form, "clip.edit")
        more.place(lines=False)
        knows(TOOLS)
    form.finish()
    return Mode("clip.edit", form, run_bar("Apply", more), more, source=source, files={"sound_file": sound})


def _pairs(form: Form[Any], source: gr.HTML, shipped: Sequence[Result]) -> None:
    """Starting points of an edit; one whose words a shipped example has starts from that example, too."""
    words = [form.controls["source_prompt"], form.controls["prompt"]]
    files = [next((named(each) for each in shipped if _shows(each, was)), "") for was, _ in EDIT]
    if all(files):
        filled = [(was, now, file) for (was, now), file in zip(EDIT, files, strict=True)]
        starting_points(filled, [*words, source], lambda was, now, _: f"{was} → {now}")
    else:
        starting_points(EDIT, words, "{} → {}".format)


def _shows(result: Result, words: str) -> bool:
    return result.settings.TASK == "generate" and result.settings.asked.partition(",")[0].strip() == words
