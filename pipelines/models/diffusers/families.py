"""What families of pipelines do each in their own way: sizes, guidance, encoding and decoding. Nothing else.

A family is told by the class that ``model_index.json`` names.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from pipelines.errors import ModelError
from pipelines.models.diffusers import codecs
from pipelines.models.diffusers.codecs import first, spatial

Medium = Literal["image", "video", "audio"]
Encode = Callable[[Any, Tensor], Tensor]  # (pipeline, pixels or wave in [-1, 1]) -> the state that its network knows
Decode = Callable[[Any, Tensor, tuple[int, ...]], Tensor]  # (pipeline, state, size) -> pixels or wave


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        name: how tables call it.
        medium: what it makes.
        title: what a person reads.
        encode: media to the state, [B, 3, H, W] or [B, 3, F, H, W] or [B, channels, samples] in [-1, 1].
        decode: the way back; ``size`` is (height, width) or (frames, height, width) or (samples,).
        guidance: argument that holds the scale of classifier-free guidance.
        shifted: what that argument says less than our scale, where 0 turns it off instead of 1.
        embedded: argument of a guidance that the network itself reads, where it was distilled to.
        negative: whether it takes a negative prompt.
        always: arguments of every call.
        quiet: arguments of a call that is listened to, which turn off what guides beside the usual guidance.
        apart: arguments of the network while editors ask it, in the place of the pipeline's own.
        patch: cells of the codec's grid that one token spans, along height and width.
        least: what its pipeline wants width and height to be multiples of, whatever the grid.
        grid_first: whether the grid stands before the text in a shared sequence.
        pairs: whether two prompts can run in one batch.
        edits: whether editors can ask for its velocity.
        first_frame: whether it needs a picture to start from.
        each_its_picture: whether every sample of a batch wants a picture of its own to start from.
        one_at_a_time: whether it takes no batch in diffusers 0.42: its codec, or what prepares its picture.
        follows: arguments of a call whose pictures follow a given sound; None where the family can follow none.
        own_size: whether its pipeline chooses the size by its picture, unless it is told otherwise.
        why_not: why editors cannot, for people.
    """

    name: str
    medium: Medium
    title: str
    encode: Encode
    decode: Decode
    guidance: str = "guidance_scale"
    shifted: float = 0.0
    embedded: str | None = None
    negative: bool = True
    always: Mapping[str, Any] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    apart: Mapping[str, Any] = field(default_factory=dict)
    patch: int = 2
    least: int = 1
    grid_first: bool = False
    pairs: bool = True
    edits: bool = True
    first_frame: bool = False
    each_its_picture: bool = False
    one_at_a_time: bool = False
    own_size: bool = False
    follows: Mapping[str, Any] | None = None
    why_not: str = ""


def multiple(family: Family, pipeline: Any) -> int:
    """What width and height must be multiples of."""
    return math.lcm(spatial(pipeline) * family.patch, family.least)


def sample_rate(pipeline: Any) -> int:
    """Of a pipeline that makes sound, in hertz."""
    found = first(pipeline, "sample_rate") or first(pipeline.vae.config, "sampling_rate", "sample_rate")
    if found is None:
        raise ModelError("model: its codec does not say at which sample rate it works")
    return found


def channels(pipeline: Any) -> int:
    """Of its waves."""
    return first(pipeline.vae.config, "audio_channels", "in_channels") or 1


_PLAIN: dict[str, Any] = {"encode": codecs.plain_encode, "decode": codecs.plain_decode}


def _image(name: str, title: str, **more: Any) -> Family:
    return Family(
        name, "image", title, more.pop("encode", codecs.plain_encode), more.pop("decode", codecs.plain_decode), **more
    )


def _video(name: str, title: str, **more: Any) -> Family:
    return Family(
        name, "video", title, more.pop("encode", codecs.plain_encode), more.pop("decode", codecs.plain_decode), **more
    )


def _audio(name: str, title: str, **more: Any) -> Family:
    return Family(name, "audio", title, patch=1, **{**_PLAIN, **more})


_FLUX = {"encode": codecs.packed_encode, "decode": codecs.packed_decode}
_FLUX2 = {"encode": codecs.flux2_encode, "decode": codecs.flux2_decode, "negative": False}
_LTX = {"encode": codecs.ltx_encode, "decode": codecs.ltx_decode, "patch": 1, "least": 32}
_BINNED = {"use_resolution_binning": False}  # sizes are what was asked for
# LTX-2 guides by three more differences of its own. Editors move pictures alone, without attention between pictures and
# sound, and a clip keeps the sound that it has. Where pictures follow a sound, which stays as it is given, guidance of
# its own would cost a run of the network and move nothing.
_AS_PICTURES: dict[str, Any] = dict.fromkeys(
    f"audio_{name}" for name in ("guidance_scale", "stg_scale", "modality_scale", "guidance_rescale")
)
_LTX2: dict[str, Any] = {
    **_LTX,
    "quiet": {"stg_scale": 0.0, "modality_scale": 1.0, "guidance_rescale": 0.0, **_AS_PICTURES},
    "apart": {"isolate_modalities": True},
    "follows": _AS_PICTURES,
}
_FROM = {"first_frame": True, "each_its_picture": True}
_HUNYUAN15 = {"guidance": "guider", "patch": 1, "one_at_a_time": True}
_HUNYUAN = {"guidance": "true_cfg_scale", "embedded": "guidance_scale", "grid_first": True}

FAMILIES: dict[str, Family] = {
    "FluxPipeline": _image("flux", "FLUX.1", guidance="true_cfg_scale", embedded="guidance_scale", **_FLUX),
    "Flux2Pipeline": _image("flux2", "FLUX.2", guidance="", embedded="guidance_scale", **_FLUX2),
    "Flux2KleinPipeline": _image("flux2-klein", "FLUX.2 klein", **_FLUX2),
    "StableDiffusion3Pipeline": _image("sd3", "Stable Diffusion 3.5"),
    "SanaPipeline": _image("sana", "SANA", always=_BINNED, patch=1, least=32),
    "SanaSprintPipeline": _image(
        "sana-sprint", "SANA-Sprint", guidance="", embedded="guidance_scale", always=_BINNED, patch=1, least=32,
        negative=False,
    ),
    "Lumina2Pipeline": _image("lumina2", "Lumina 2", pairs=False),
    "QwenImagePipeline": _image(
        "qwen-image", "Qwen-Image", guidance="true_cfg_scale", embedded="guidance_scale", encode=codecs.qwen_encode,
        decode=codecs.qwen_decode,
    ),
    "ZImagePipeline": _image("z-image", "Z-Image", shifted=1.0, grid_first=True, pairs=False),
    "ChromaPipeline": _image("chroma", "Chroma", **_FLUX),
    "WanPipeline": _video("wan", "Wan", least=16),
    "WanImageToVideoPipeline": _video("wan-i2v", "Wan, from a picture", first_frame=True, least=16),
    "LTXPipeline": _video("ltx", "LTX-Video", **_LTX),
    "LTXImageToVideoPipeline": _video("ltx-i2v", "LTX-Video, from a picture", **_LTX, **_FROM),
    "LTX2Pipeline": _video("ltx2", "LTX-2", **_LTX2),
    "LTX2ImageToVideoPipeline": _video(
        "ltx2-i2v", "LTX-2, from a picture", first_frame=True, one_at_a_time=True, **_LTX2
    ),
    "HunyuanVideoPipeline": _video("hunyuan-video", "HunyuanVideo", **_HUNYUAN),
    "HunyuanVideoImageToVideoPipeline": _video(
        "hunyuan-video-i2v", "HunyuanVideo, from a picture", **_HUNYUAN, **_FROM
    ),
    "HunyuanVideo15Pipeline": _video("hunyuan-video-1.5", "HunyuanVideo 1.5", **_HUNYUAN15),
    "HunyuanVideo15ImageToVideoPipeline": _video(
        "hunyuan-video-1.5-i2v", "HunyuanVideo 1.5, from a picture", first_frame=True, own_size=True, **_HUNYUAN15
    ),
    "SanaVideoPipeline": _video("sana-video", "SANA-Video", always=_BINNED, least=32),
    "SanaImageToVideoPipeline": _video(
        "sana-video-i2v", "SANA-Video, from a picture", always=_BINNED, least=32, first_frame=True
    ),
    "MochiPipeline": _video("mochi", "Mochi 1", least=8),
    "AceStepPipeline": _audio(
        "ace-step", "ACE-Step 1.5", encode=codecs.turned_encode, decode=codecs.turned_decode, negative=False
    ),
    "StableAudio3Pipeline": _audio("stable-audio-3", "Stable Audio 3", decode=codecs.wave_decode),
    "LongCatAudioDiTPipeline": _audio(
        "longcat", "LongCat AudioDiT", encode=codecs.longcat_encode, decode=codecs.turned_decode
    ),
}  # fmt: skip

# Pipelines whose weights another one starts from a picture with; Wan's where every token has its own time (2.2, 5B).
FROM_A_PICTURE = {
    "LTXPipeline": "LTXImageToVideoPipeline",
    "LTX2Pipeline": "LTX2ImageToVideoPipeline",
    "SanaVideoPipeline": "SanaImageToVideoPipeline",
    "WanPipeline": "WanImageToVideoPipeline",
}


def family_of(class_name: str) -> Family:
    """The family of a pipeline class.

    Raises:
        ModelError: it is none that is known; the message names those that are.
    """
    if class_name not in FAMILIES:
        known = ", ".join(each.title for each in FAMILIES.values() if not each.first_frame)
        raise ModelError(f"model: {class_name} is of no family that is known here; known are {known}")
    return FAMILIES[class_name]
