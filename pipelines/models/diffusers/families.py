"""What families of pipelines do each in their own way: sizes, guidance, encoding and decoding. Nothing else.

A family is told by the class that ``model_index.json`` names.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from pipelines.errors import ModelError

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
        patch: cells of the codec's grid that one token spans, along height and width.
        least: what its pipeline wants width and height to be multiples of, whatever the grid.
        grid_first: whether the grid stands before the text in a shared sequence.
        pairs: whether two prompts can run in one batch.
        edits: whether editors can ask for its velocity.
        first_frame: whether it needs a picture to start from.
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
    patch: int = 2
    least: int = 1
    grid_first: bool = False
    pairs: bool = True
    edits: bool = True
    first_frame: bool = False
    why_not: str = ""


def _first(holder: Any, *names: str) -> int | None:
    return next((int(getattr(holder, name)) for name in names if getattr(holder, name, None) is not None), None)


def spatial(pipeline: Any) -> int:
    """Pixels along one side of a cell of the codec's grid."""
    names = ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_spatial_scale_factor")
    return _first(pipeline, *names, "vae_scale_factor") or 8


def temporal(pipeline: Any) -> int:
    """Frames that one step of the codec's grid spans."""
    names = ("vae_scale_factor_temporal", "vae_temporal_compression_ratio", "vae_temporal_scale_factor")
    return _first(pipeline, *names) or 1


def multiple(family: Family, pipeline: Any) -> int:
    """What width and height must be multiples of."""
    return math.lcm(spatial(pipeline) * family.patch, family.least)


def sample_rate(pipeline: Any) -> int:
    """Of a pipeline that makes sound, in hertz."""
    found = _first(pipeline, "sample_rate") or _first(pipeline.vae.config, "sampling_rate", "sample_rate")
    if found is None:
        raise ModelError("model: its codec does not say at which sample rate it works")
    return found


def channels(pipeline: Any) -> int:
    """Of its waves."""
    return _first(pipeline.vae.config, "audio_channels", "in_channels") or 1


def _posterior(found: Any) -> Tensor:
    """The middle of what a codec answers: no noise of its own in an edit."""
    for name in ("latent_dist", "latent", "latents"):
        if hasattr(found, name):
            held = getattr(found, name)
            return held.mode() if hasattr(held, "mode") and callable(held.mode) and name == "latent_dist" else held
    return found[0]


def _moments(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and scale of a codec's latents, shaped for ``like`` [B, C, ...]: state = (latent - mean) * scale."""

    def wide(value: Any, default: float) -> Tensor:
        found = torch.as_tensor(default if value is None else value, dtype=torch.float32, device=like.device)
        return found.reshape(1, -1, *[1] * (like.ndim - 2))

    def said(name: str) -> Any:
        found = getattr(vae.config, name, None)
        return getattr(vae, name, None) if found is None else found

    mean = wide(said("latents_mean"), 0.0) + wide(getattr(vae.config, "shift_factor", None), 0.0)
    scale = wide(getattr(vae.config, "scaling_factor", None), 1.0) / wide(said("latents_std"), 1.0)
    return mean, scale


def to_state(vae: Any, pixels: Tensor) -> Tensor:
    """Pixels as the codec's latents [B, C, ...], at the mean and scale that the network was trained on; float32."""
    weight = next(vae.parameters())
    latent = _posterior(vae.encode(pixels.to(weight.device, weight.dtype))).float()
    mean, scale = _moments(vae, latent)
    return (latent - mean) * scale


def from_state(vae: Any, state: Tensor, *more: Any) -> Tensor:
    """The way back, in float32."""
    weight = next(vae.parameters())
    mean, scale = _moments(vae, state)
    latent = (state.float() / scale + mean).to(weight.device, weight.dtype)
    return vae.decode(latent, *more, return_dict=False)[0].float()


def _plain_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    return to_state(pipeline.vae, pixels)


def _plain_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    return from_state(pipeline.vae, state)


def _packed_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    latent = to_state(pipeline.vae, pixels)
    return pipeline._pack_latents(latent, *latent.shape)


def _packed_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    return from_state(pipeline.vae, pipeline._unpack_latents(state, *size, pipeline.vae_scale_factor))


def _qwen_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    latent = to_state(pipeline.vae, pixels[:, :, None])
    batch, depth, _, height, width = latent.shape
    return pipeline._pack_latents(latent.transpose(1, 2), batch, depth, height, width)


def _qwen_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    return _packed_decode(pipeline, state, size)[:, :, 0]


def _flux2_norm(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = vae.bn.running_mean.view(1, -1, 1, 1).to(like.device, torch.float32)
    spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    return mean, spread.to(like.device, torch.float32)


def _flux2_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    weight = next(pipeline.vae.parameters())
    latent = _posterior(pipeline.vae.encode(pixels.to(weight.device, weight.dtype))).float()
    latent = pipeline._patchify_latents(latent)
    mean, spread = _flux2_norm(pipeline.vae, latent)
    return pipeline._pack_latents((latent - mean) / spread)


def _flux2_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    side = multiple(FAMILIES["Flux2KleinPipeline"], pipeline)
    weight = next(pipeline.vae.parameters())
    latent = state.float().transpose(1, 2).unflatten(2, (size[0] // side, size[1] // side))
    mean, spread = _flux2_norm(pipeline.vae, latent)
    latent = pipeline._unpatchify_latents(latent * spread + mean).to(weight.device, weight.dtype)
    return pipeline.vae.decode(latent, return_dict=False)[0].float()


def _ltx_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    latent = to_state(pipeline.vae, pixels)
    return pipeline._pack_latents(
        latent, pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    )


def _ltx_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    side, step = spatial(pipeline), temporal(pipeline)
    grid = ((size[0] - 1) // step + 1, size[1] // side, size[2] // side)
    patches = pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    latent = state if state.ndim == 5 else pipeline._unpack_latents(state, *grid, *patches)
    when = None
    if pipeline.vae.config.timestep_conditioning:  # such a codec takes off a last little noise itself
        when = torch.zeros(latent.shape[0], device=latent.device, dtype=next(pipeline.vae.parameters()).dtype)
    return from_state(pipeline.vae, latent, when)


def _turned_encode(pipeline: Any, wave: Tensor) -> Tensor:
    return to_state(pipeline.vae, wave).transpose(1, 2)


def _turned_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    return from_state(pipeline.vae, state.transpose(1, 2))[..., : size[0]]


def _longcat_encode(pipeline: Any, wave: Tensor) -> Tensor:
    return pipeline.vae.encode(wave, sample_posterior=False).latents.float().transpose(1, 2)


def _wave_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    return from_state(pipeline.vae, state)[..., : size[0]]


def _image(name: str, title: str, **more: Any) -> Family:
    return Family(name, "image", title, more.pop("encode", _plain_encode), more.pop("decode", _plain_decode), **more)


def _video(name: str, title: str, **more: Any) -> Family:
    return Family(name, "video", title, more.pop("encode", _plain_encode), more.pop("decode", _plain_decode), **more)


def _audio(name: str, title: str, encode: Encode, decode: Decode, **more: Any) -> Family:
    return Family(name, "audio", title, encode, decode, **more)


_FLUX = {"encode": _packed_encode, "decode": _packed_decode}
_FLUX2 = {"encode": _flux2_encode, "decode": _flux2_decode, "negative": False}
_LTX = {"encode": _ltx_encode, "decode": _ltx_decode, "patch": 1, "least": 32}
_BINNED = {"use_resolution_binning": False}  # sizes are what was asked for
_FIRST = "starts from a picture and gives every part its own time, which editors cannot follow; its text model edits"
_SOUND = "makes sound beside its pictures, which editors cannot follow yet; a silent video model edits"

FAMILIES: dict[str, Family] = {
    "FluxPipeline": _image("flux", "FLUX.1", guidance="true_cfg_scale", embedded="guidance_scale", **_FLUX),
    "Flux2Pipeline": _image("flux2", "FLUX.2", guidance="", embedded="guidance_scale", **_FLUX2),
    "Flux2KleinPipeline": _image("flux2-klein", "FLUX.2 klein", **_FLUX2),
    "StableDiffusion3Pipeline": _image("sd3", "Stable Diffusion 3.5"),
    "SanaPipeline": _image("sana", "SANA", always=_BINNED, patch=1, least=32),
    "Lumina2Pipeline": _image("lumina2", "Lumina 2", pairs=False),
    "QwenImagePipeline": _image(
        "qwen-image", "Qwen-Image", guidance="true_cfg_scale", embedded="guidance_scale", encode=_qwen_encode,
        decode=_qwen_decode,
    ),
    "ZImagePipeline": _image("z-image", "Z-Image", shifted=1.0, grid_first=True, pairs=False),
    "ChromaPipeline": _image("chroma", "Chroma", **_FLUX),
    "WanPipeline": _video("wan", "Wan", least=16),
    "WanImageToVideoPipeline": _video("wan-i2v", "Wan, from a picture", first_frame=True, least=16),
    "LTXPipeline": _video("ltx", "LTX-Video", **_LTX),
    "LTXImageToVideoPipeline": _video(
        "ltx-i2v", "LTX-Video, from a picture", first_frame=True, edits=False, why_not=_FIRST, **_LTX
    ),
    "LTX2Pipeline": _video("ltx2", "LTX-2", edits=False, why_not=_SOUND, **_LTX),
    "HunyuanVideoPipeline": _video(
        "hunyuan-video", "HunyuanVideo", guidance="true_cfg_scale", embedded="guidance_scale", grid_first=True
    ),
    "HunyuanVideo15Pipeline": _video("hunyuan-video-1.5", "HunyuanVideo 1.5", guidance="guider", patch=1),
    "SanaVideoPipeline": _video("sana-video", "SANA-Video", always=_BINNED, least=32),
    "MochiPipeline": _video("mochi", "Mochi 1", least=8),
    "AceStepPipeline": _audio(
        "ace-step", "ACE-Step 1.5", _turned_encode, _turned_decode, negative=False, patch=1
    ),
    "StableAudio3Pipeline": _audio("stable-audio-3", "Stable Audio 3", _plain_encode, _wave_decode, patch=1),
    "LongCatAudioDiTPipeline": _audio("longcat", "LongCat AudioDiT", _longcat_encode, _turned_decode, patch=1),
}  # fmt: skip


def family_of(class_name: str) -> Family:
    """The family of a pipeline class.

    Raises:
        ModelError: it is none that is known; the message names those that are.
    """
    if class_name not in FAMILIES:
        known = ", ".join(each.title for each in FAMILIES.values() if not each.first_frame)
        raise ModelError(f"model: {class_name} is of no family that is known here; known are {known}")
    return FAMILIES[class_name]
