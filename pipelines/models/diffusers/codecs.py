"""Media to the state that a network knows, and back, where families of codecs differ; see ``families``."""

from typing import Any

import torch
from torch import Tensor


def first(holder: Any, *names: str) -> int | None:
    """The first of these attributes that is there and no None."""
    return next((int(getattr(holder, name)) for name in names if getattr(holder, name, None) is not None), None)


def spatial(pipeline: Any) -> int:
    """Pixels along one side of a cell of the codec's grid."""
    names = ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_spatial_scale_factor")
    return first(pipeline, *names, "vae_scale_factor") or 8


def temporal(pipeline: Any) -> int:
    """Frames that one step of the codec's grid spans."""
    names = ("vae_scale_factor_temporal", "vae_temporal_compression_ratio", "vae_temporal_scale_factor")
    return first(pipeline, *names) or 1


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


def plain_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    """Pixels [B, 3, ...] in [-1, 1] as latents, which are the state as they are."""
    return to_state(pipeline.vae, pixels)


def plain_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back; as of all of these, ``size`` is of the result."""
    return from_state(pipeline.vae, state)


def packed_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    """FLUX.1 and Chroma: 2 x 2 cells are one token, [B, tokens, channels]."""
    latent = to_state(pipeline.vae, pixels)
    return pipeline._pack_latents(latent, *latent.shape)


def packed_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back."""
    return from_state(pipeline.vae, pipeline._unpack_latents(state, *size, pipeline.vae_scale_factor))


def qwen_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    """Qwen-Image: packed as FLUX.1, by a codec for clips of one frame."""
    latent = to_state(pipeline.vae, pixels[:, :, None])
    batch, depth, _, height, width = latent.shape
    return pipeline._pack_latents(latent.transpose(1, 2), batch, depth, height, width)


def qwen_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back."""
    return packed_decode(pipeline, state, size)[:, :, 0]


def _flux2_norm(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = vae.bn.running_mean.view(1, -1, 1, 1).to(like.device, torch.float32)
    spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    return mean, spread.to(like.device, torch.float32)


def flux2_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    """FLUX.2: the codec's own batch norm takes the place of a mean and a scale."""
    weight = next(pipeline.vae.parameters())
    latent = _posterior(pipeline.vae.encode(pixels.to(weight.device, weight.dtype))).float()
    latent = pipeline._patchify_latents(latent)
    mean, spread = _flux2_norm(pipeline.vae, latent)
    return pipeline._pack_latents((latent - mean) / spread)


def flux2_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back."""
    side = 2 * spatial(pipeline)  # its network takes 2 x 2 cells as one
    weight = next(pipeline.vae.parameters())
    latent = state.float().transpose(1, 2).unflatten(2, (size[0] // side, size[1] // side))
    mean, spread = _flux2_norm(pipeline.vae, latent)
    latent = pipeline._unpatchify_latents(latent * spread + mean).to(weight.device, weight.dtype)
    return pipeline.vae.decode(latent, return_dict=False)[0].float()


def ltx_encode(pipeline: Any, pixels: Tensor) -> Tensor:
    """LTX: every cell of the grid is a token, [B, tokens, channels]."""
    latent = to_state(pipeline.vae, pixels)
    return pipeline._pack_latents(
        latent, pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    )


def ltx_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back."""
    side, step = spatial(pipeline), temporal(pipeline)
    grid = ((size[0] - 1) // step + 1, size[1] // side, size[2] // side)
    patches = pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    latent = state if state.ndim == 5 else pipeline._unpack_latents(state, *grid, *patches)
    when = None
    if pipeline.vae.config.timestep_conditioning:  # such a codec takes off a last little noise itself
        when = torch.zeros(latent.shape[0], device=latent.device, dtype=next(pipeline.vae.parameters()).dtype)
    return from_state(pipeline.vae, latent, when)


def turned_encode(pipeline: Any, wave: Tensor) -> Tensor:
    """ACE-Step: time before channels."""
    return to_state(pipeline.vae, wave).transpose(1, 2)


def turned_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """The way back."""
    return from_state(pipeline.vae, state.transpose(1, 2))[..., : size[0]]


def longcat_encode(pipeline: Any, wave: Tensor) -> Tensor:
    """LongCat: time before channels, and no mean or scale."""
    return pipeline.vae.encode(wave, sample_posterior=False).latents.float().transpose(1, 2)


def wave_decode(pipeline: Any, state: Tensor, size: tuple[int, ...]) -> Tensor:
    """A wave [B, channels, samples], cut to the length that was asked for."""
    return from_state(pipeline.vae, state)[..., : size[0]]
