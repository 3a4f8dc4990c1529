"""Families of checkpoints by the pipeline class that ``model_index.json`` names, and what their makers recommend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Medium = Literal["image", "video", "audio"]


@dataclass(frozen=True)
class Known:
    """One family.

    Attributes:
        medium: what it makes.
        title: what a person reads.
        generate: settings that its makers recommend, by the names that settings have here.
        lora: whether its pipeline takes LoRA files.
        caches: whether its network has step caches in diffusers.
        parallel: whether its network splits over several graphics cards.
        first_frame: whether it starts from a picture.
        edits: whether editors work with it.
    """

    medium: Medium
    title: str
    generate: Mapping[str, Any] = field(default_factory=dict)
    lora: bool = True
    caches: bool = False
    parallel: bool = False
    first_frame: bool = False
    edits: bool = True


def _image(title: str, steps: int, guidance: float, **more: Any) -> Known:
    return Known("image", title, {"steps": steps, "guidance": guidance, "width": 1024, "height": 1024}, **more)


def _video(title: str, steps: int, guidance: float, clip: tuple[int, int, int, float], **more: Any) -> Known:
    width, height, frames, rate = clip
    size = {"width": width, "height": height, "frames": frames, "rate": rate}
    return Known("video", title, {"steps": steps, "guidance": guidance, **size}, **more)


def _audio(title: str, steps: int, guidance: float, seconds: float, **more: Any) -> Known:
    return Known("audio", title, {"steps": steps, "guidance": guidance, "seconds": seconds}, **more)


_BOTH = {"caches": True, "parallel": True}
KNOWN: dict[str, Known] = {
    "FluxPipeline": _image("FLUX.1", 28, 3.5, **_BOTH),
    "Flux2Pipeline": _image("FLUX.2", 50, 4.0, **_BOTH),
    "Flux2KleinPipeline": _image("FLUX.2 klein", 4, 1.0, **_BOTH),
    "StableDiffusion3Pipeline": _image("Stable Diffusion 3.5", 28, 4.5),
    "SanaPipeline": _image("SANA", 20, 4.5),
    "Lumina2Pipeline": _image("Lumina 2", 30, 4.0),
    "QwenImagePipeline": _image("Qwen-Image", 50, 4.0, **_BOTH),
    "ZImagePipeline": _image("Z-Image", 9, 1.0),
    "ChromaPipeline": _image("Chroma", 35, 5.0),
    "WanPipeline": _video("Wan", 50, 5.0, (832, 480, 81, 16.0), **_BOTH),
    "WanImageToVideoPipeline": _video("Wan, from a picture", 50, 5.0, (832, 480, 81, 16.0), first_frame=True, **_BOTH),
    "LTXPipeline": _video("LTX-Video", 50, 3.0, (704, 512, 161, 25.0), **_BOTH),
    "LTXImageToVideoPipeline": _video(
        "LTX-Video, from a picture", 50, 3.0, (704, 512, 161, 25.0), first_frame=True, edits=False, **_BOTH
    ),
    "LTX2Pipeline": _video("LTX-2", 30, 3.0, (768, 512, 121, 24.0), edits=False, **_BOTH),
    "HunyuanVideoPipeline": _video("HunyuanVideo", 50, 6.0, (832, 480, 61, 15.0), caches=True),
    "HunyuanVideo15Pipeline": _video("HunyuanVideo 1.5", 50, 6.0, (832, 480, 121, 24.0), lora=False),
    "SanaVideoPipeline": _video("SANA-Video", 50, 6.0, (832, 480, 81, 16.0)),
    "MochiPipeline": _video("Mochi 1", 64, 4.5, (848, 480, 19, 30.0), caches=True),
    "AceStepPipeline": _audio("ACE-Step 1.5", 8, 1.0, 60.0),
    "StableAudio3Pipeline": _audio("Stable Audio 3", 50, 4.0, 10.0, lora=False),
    "LongCatAudioDiTPipeline": _audio("LongCat AudioDiT", 16, 4.0, 10.0, lora=False),
}
# What every checkpoint is run with, unless a person says otherwise: as its own pipeline would.
PLAIN = {
    "schedule": "model", "style": "none", "solver": "euler", "guidance_from": 0.0, "guidance_to": 1.0, "loop": False,
}  # fmt: skip
EDITING = {
    "schedule": "model", "style": "none", "steps": 28, "guidance": 3.0, "solver": "alf",
}  # fmt: skip
