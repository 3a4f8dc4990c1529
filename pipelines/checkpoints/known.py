"""Families of checkpoints and what their makers recommend.

A family goes by the class that ``model_index.json`` names, or by the package that runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.checkpoints import f5tts, hunyuan3d

Medium = Literal["image", "video", "audio", "mesh"]


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
        sound: whether its clips follow a sound.
        subject: what of its medium it makes, where settings tell several apart.
        edit: settings that its makers recommend for edits, where these are no turning back.
        notes: what a plan says of it.
    """

    medium: Medium
    title: str
    generate: Mapping[str, Any] = field(default_factory=dict)
    lora: bool = True
    caches: bool = False
    parallel: bool = False
    first_frame: bool = False
    sound: bool = False
    subject: str = ""
    edit: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _image(title: str, steps: int, guidance: float, **more: Any) -> Known:
    return Known("image", title, {"steps": steps, "guidance": guidance, "width": 1024, "height": 1024}, **more)


def _video(title: str, steps: int, guidance: float, clip: tuple[int, int, int, float], **more: Any) -> Known:
    width, height, frames, rate = clip
    size = {"width": width, "height": height, "frames": frames, "rate": rate}
    return Known("video", title, {"steps": steps, "guidance": guidance, **size}, **more)


def _audio(title: str, steps: int, guidance: float, seconds: float, **more: Any) -> Known:
    return Known("audio", title, {"steps": steps, "guidance": guidance, "seconds": seconds}, subject="sound", **more)


_F5 = Known(  # its makers write guidance as 2, the part beyond the plain answer
    "audio", "F5-TTS", {"steps": 32, "guidance": 3.0}, lora=False, subject="speech",
    edit={"steps": 32, "guidance": 3.0, "solver": "euler"},
    notes=("the starter's vocoder makes sound of its frames; its own is published only as what can run code",),
)  # fmt: skip


_BOTH = {"caches": True, "parallel": True}
KNOWN: dict[str, Known] = {
    "FluxPipeline": _image("FLUX.1", 28, 3.5, **_BOTH),
    "Flux2Pipeline": _image("FLUX.2", 50, 4.0, **_BOTH),
    "Flux2KleinPipeline": _image("FLUX.2 klein", 4, 1.0, **_BOTH),
    "StableDiffusion3Pipeline": _image("Stable Diffusion 3.5", 28, 4.5),
    "SanaPipeline": _image("SANA", 20, 4.5),
    "SanaSprintPipeline": _image("SANA-Sprint", 2, 4.5),
    "Lumina2Pipeline": _image("Lumina 2", 30, 4.0),
    "QwenImagePipeline": _image("Qwen-Image", 50, 4.0, **_BOTH),
    "ZImagePipeline": _image("Z-Image", 9, 1.0),
    "ChromaPipeline": _image("Chroma", 35, 5.0),
    "WanPipeline": _video("Wan", 50, 5.0, (832, 480, 81, 16.0), **_BOTH),
    "WanImageToVideoPipeline": _video("Wan, from a picture", 50, 5.0, (832, 480, 81, 16.0), first_frame=True, **_BOTH),
    "LTXPipeline": _video("LTX-Video", 50, 3.0, (704, 512, 161, 25.0), **_BOTH),
    "LTXImageToVideoPipeline": _video(
        "LTX-Video, from a picture", 50, 3.0, (704, 512, 161, 25.0), first_frame=True, **_BOTH
    ),
    "LTX2Pipeline": _video("LTX-2", 30, 3.0, (768, 512, 121, 24.0), sound=True, **_BOTH),
    "LTX2ImageToVideoPipeline": _video(
        "LTX-2, from a picture", 30, 3.0, (768, 512, 121, 24.0), first_frame=True, sound=True, **_BOTH
    ),
    "HunyuanVideoPipeline": _video("HunyuanVideo", 50, 6.0, (832, 480, 61, 15.0), caches=True),
    "HunyuanVideoImageToVideoPipeline": _video(
        "HunyuanVideo, from a picture", 50, 6.0, (832, 480, 61, 15.0), caches=True, first_frame=True
    ),
    "HunyuanVideo15Pipeline": _video("HunyuanVideo 1.5", 50, 6.0, (832, 480, 121, 24.0), lora=False),
    "HunyuanVideo15ImageToVideoPipeline": _video(
        "HunyuanVideo 1.5, from a picture", 50, 6.0, (832, 480, 121, 24.0), lora=False, first_frame=True
    ),
    "SanaVideoPipeline": _video("SANA-Video", 50, 6.0, (832, 480, 81, 16.0)),
    "SanaImageToVideoPipeline": _video("SANA-Video, from a picture", 50, 6.0, (832, 480, 81, 16.0), first_frame=True),
    "MochiPipeline": _video("Mochi 1", 64, 4.5, (848, 480, 19, 30.0), caches=True),
    "AceStepPipeline": _audio("ACE-Step 1.5", 8, 1.0, 60.0),
    "StableAudio3Pipeline": _audio("Stable Audio 3", 50, 4.0, 10.0, lora=False),
    hunyuan3d.FAMILY: Known("mesh", "Hunyuan3D 2", {"steps": 30, "guidance": 5.0, "faces": 20_000}, lora=False),
    "LongCatAudioDiTPipeline": _audio("LongCat AudioDiT", 16, 4.0, 10.0, lora=False),
    f5tts.FAMILY: _F5,
}
# What every checkpoint is run with, unless a person says otherwise: as its own pipeline would.
PLAIN = {
    "schedule": "model", "style": "none", "solver": "euler", "guidance_from": 0.0, "guidance_to": 1.0, "loop": False,
}  # fmt: skip
EDITING = {
    "schedule": "model", "style": "none", "steps": 28, "guidance": 3.0, "solver": "alf",
}  # fmt: skip
