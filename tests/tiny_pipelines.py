"""A tiny pipeline of random weights for every family of pretrained models, built from configs alone.

``FAMILIES[name]()`` makes one; all have the classes, the quirks and the latent layout of the published checkpoints and
20 to 300 thousand parameters.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may look for a network

import diffusers as d
import tiny_parts as parts
import torch
from diffusers import DPMSolverMultistepScheduler as Dpm
from diffusers import FlowMatchEulerDiscreteScheduler as Euler
from diffusers import UniPCMultistepScheduler as UniPC

SHORT = {"num_layers": 2, "num_attention_heads": 2}


def flux(guidance=True):
    net = d.FluxTransformer2DModel(
        patch_size=1, in_channels=16, **SHORT, num_single_layers=2, attention_head_dim=16, joint_attention_dim=32,
        pooled_projection_dim=32, axes_dims_rope=[4, 4, 8], guidance_embeds=guidance,
    )  # fmt: skip
    return d.FluxPipeline(
        scheduler=Euler(shift=3.0, use_dynamic_shifting=True), text_encoder=parts.clip(),
        tokenizer=parts.clip_tokenizer(), text_encoder_2=parts.t5(), tokenizer_2=parts.t5_tokenizer(),
        transformer=net, vae=parts.kl(),
    )  # fmt: skip


def flux2_klein():
    net = d.Flux2Transformer2DModel(
        patch_size=1, in_channels=8, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=48, timestep_guidance_channels=256, axes_dims_rope=[4, 4, 4, 4], guidance_embeds=False,
    )  # fmt: skip
    return d.Flux2KleinPipeline(
        scheduler=Euler(use_dynamic_shifting=True), text_encoder=parts.qwen3_causal(), tokenizer=parts.qwen_tokenizer(),
        transformer=net, vae=parts.kl_flux2(), is_distilled=False,
    )  # fmt: skip


def sd3():
    net = d.SD3Transformer2DModel(
        sample_size=32, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=4,
    )  # fmt: skip
    return d.StableDiffusion3Pipeline(
        scheduler=Euler(shift=3.0), text_encoder=parts.clip_projected(), tokenizer=parts.clip_tokenizer(),
        text_encoder_2=parts.clip_projected(), tokenizer_2=parts.clip_tokenizer(), text_encoder_3=parts.t5(),
        tokenizer_3=parts.t5_tokenizer(), transformer=net, vae=parts.kl(),
    )  # fmt: skip


def sana(scheduler=None):
    net = d.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, **SHORT, attention_head_dim=4, num_cross_attention_heads=2,
        cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8, sample_size=32,
    )  # fmt: skip
    flow = Dpm(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    return d.SanaPipeline(
        tokenizer=parts.gemma_tokenizer(), text_encoder=parts.gemma2(), vae=parts.dc(), transformer=net,
        scheduler=scheduler or flow,
    )  # fmt: skip


def sana_sprint():
    net = d.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, **SHORT, attention_head_dim=4, num_cross_attention_heads=2,
        cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8, sample_size=32, guidance_embeds=True,
        qk_norm="rms_norm_across_heads",
    )  # fmt: skip
    return d.SanaSprintPipeline(
        tokenizer=parts.gemma_tokenizer(), text_encoder=parts.gemma2(), vae=parts.dc(), transformer=net,
        scheduler=d.SCMScheduler(),
    )  # fmt: skip


def lumina2():
    net = d.Lumina2Transformer2DModel(
        sample_size=4, patch_size=2, in_channels=4, hidden_size=8, num_layers=2, num_attention_heads=1, num_kv_heads=1,
        multiple_of=16, ffn_dim_multiplier=None, norm_eps=1e-5, scaling_factor=1.0, axes_dim_rope=[4, 2, 2],
        cap_feat_dim=8,
    )  # fmt: skip
    return d.Lumina2Pipeline(
        transformer=net, vae=parts.kl(4), scheduler=Euler(shift=6.0), text_encoder=parts.gemma2(),
        tokenizer=parts.gemma_tokenizer(),
    )  # fmt: skip


def qwen_image():
    net = d.QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, **SHORT, attention_head_dim=16, joint_attention_dim=16,
        guidance_embeds=False, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    return d.QwenImagePipeline(
        scheduler=Euler(use_dynamic_shifting=True), vae=parts.kl_qwen(), text_encoder=parts.qwen25_vision(),
        tokenizer=parts.qwen_tokenizer(), transformer=net,
    )  # fmt: skip


def z_image():
    net = d.ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2,
        n_kv_heads=2, norm_eps=1e-5, qk_norm=True, cap_feat_dim=16, rope_theta=256.0, t_scale=1000.0,
        axes_dims=[8, 4, 4], axes_lens=[256, 64, 64],
    )  # fmt: skip
    return d.ZImagePipeline(
        scheduler=Euler(shift=3.0), vae=parts.kl(), text_encoder=parts.qwen3(), tokenizer=parts.qwen_tokenizer(),
        transformer=net,
    )  # fmt: skip


def chroma():
    net = d.ChromaTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, axes_dims_rope=[4, 4, 8], approximator_hidden_dim=32, approximator_layers=1,
        approximator_num_channels=16,
    )  # fmt: skip
    return d.ChromaPipeline(
        scheduler=Euler(), vae=parts.kl(), text_encoder=parts.t5(), tokenizer=parts.t5_tokenizer(), transformer=net
    )


def _wan_net(channels=16, **more):
    return d.WanTransformer3DModel(
        patch_size=(1, 2, 2), **SHORT, attention_head_dim=12, in_channels=channels, out_channels=16, text_dim=32,
        freq_dim=256, ffn_dim=32, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=32, **more,
    )  # fmt: skip


def _wan_parts():
    flow = UniPC(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    return {
        "tokenizer": parts.t5_tokenizer(), "text_encoder": parts.umt5(), "vae": parts.kl_wan(), "scheduler": flow,
    }  # fmt: skip


def wan():
    return d.WanPipeline(**_wan_parts(), transformer=_wan_net())


def wan22():
    return d.WanPipeline(**_wan_parts(), transformer=_wan_net(), transformer_2=_wan_net(), boundary_ratio=0.875)


def wan_i2v():
    return d.WanImageToVideoPipeline(**_wan_parts(), transformer=_wan_net(36))


def wan_ti2v():
    return d.WanImageToVideoPipeline(**_wan_parts(), transformer=_wan_net(), expand_timesteps=True)


def ltx(kind=None):
    net = d.LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, patch_size=1, patch_size_t=1, num_attention_heads=4, attention_head_dim=8,
        cross_attention_dim=32, num_layers=2, caption_channels=32,
    )  # fmt: skip
    scheduler = Euler(use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, shift_terminal=0.1)
    return (kind or d.LTXPipeline)(
        scheduler=scheduler,
        vae=parts.kl_ltx(),
        text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(),
        transformer=net,
    )


def ltx_i2v():
    return ltx(d.LTXImageToVideoPipeline)


def ltx2(kind=None):
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder

    net = d.LTX2VideoTransformer3DModel(
        in_channels=4, out_channels=4, patch_size=1, patch_size_t=1, num_attention_heads=2, attention_head_dim=8,
        cross_attention_dim=16, audio_in_channels=4, audio_out_channels=4, audio_num_attention_heads=2,
        audio_attention_head_dim=4, audio_cross_attention_dim=8, num_layers=2, qk_norm="rms_norm_across_heads",
        caption_channels=32, rope_double_precision=False, rope_type="split",
    )  # fmt: skip
    half = {
        f"{side}_connector_{name}": value
        for side in ("video", "audio")
        for name, value in (
            ("num_attention_heads", 4), ("attention_head_dim", 8), ("num_layers", 1), ("num_learnable_registers", None),
        )
    }  # fmt: skip
    connectors = LTX2TextConnectors(
        caption_channels=32, text_proj_in_factor=3, **half, connector_rope_base_seq_len=32, rope_theta=10000.0,
        rope_double_precision=False, causal_temporal_positioning=False, rope_type="split",
    )  # fmt: skip
    vocoder = LTX2Vocoder(
        in_channels=16, hidden_channels=32, out_channels=2, upsample_kernel_sizes=[4, 4], upsample_factors=[2, 2],
        resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]], leaky_relu_negative_slope=0.1,
        output_sampling_rate=16000,
    )  # fmt: skip
    return (kind or d.LTX2Pipeline)(
        scheduler=Euler(), vae=parts.kl_ltx2(), audio_vae=parts.kl_ltx2_audio(), text_encoder=parts.gemma3(),
        tokenizer=parts.gemma_tokenizer("left"), connectors=connectors, transformer=net, vocoder=vocoder,
    )  # fmt: skip


def ltx2_i2v():
    return ltx2(d.LTX2ImageToVideoPipeline)


def hunyuan_video():
    net = d.HunyuanVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=10, num_layers=1, num_single_layers=1,
        num_refiner_layers=1, patch_size=1, patch_size_t=1, guidance_embeds=True, text_embed_dim=16,
        pooled_projection_dim=8, rope_axes_dim=(2, 4, 4),
    )  # fmt: skip
    return d.HunyuanVideoPipeline(
        text_encoder=parts.llama(), tokenizer=parts.qwen_tokenizer(), transformer=net, vae=parts.kl_hunyuan(),
        scheduler=Euler(shift=7.0), text_encoder_2=parts.clip(8), tokenizer_2=parts.clip_tokenizer(),
    )  # fmt: skip


def hunyuan_video_i2v():
    net = d.HunyuanVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=10, num_layers=1, num_single_layers=1,
        num_refiner_layers=1, patch_size=1, patch_size_t=1, guidance_embeds=True, text_embed_dim=16,
        pooled_projection_dim=8, rope_axes_dim=(2, 4, 4), image_condition_type="token_replace",
    )  # fmt: skip
    return d.HunyuanVideoImageToVideoPipeline(
        text_encoder=parts.llava(), tokenizer=parts.qwen_tokenizer(), transformer=net, vae=parts.kl_hunyuan(),
        scheduler=Euler(shift=7.0), text_encoder_2=parts.clip(8), tokenizer_2=parts.clip_tokenizer(),
        image_processor=parts.small_pictures(),
    )  # fmt: skip


def hunyuan_video15(kind=None, task="t2v", mean=False, **more):
    from diffusers.guiders import ClassifierFreeGuidance

    net = d.HunyuanVideo15Transformer3DModel(
        in_channels=9, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=1, num_refiner_layers=1,
        mlp_ratio=2.0, patch_size=1, patch_size_t=1, text_embed_dim=16, text_embed_2_dim=32, image_embed_dim=12,
        rope_axes_dim=(2, 2, 4), target_size=16, task_type=task, use_meanflow=mean,
    )  # fmt: skip
    return (kind or d.HunyuanVideo15Pipeline)(
        text_encoder=parts.qwen25_text(), tokenizer=parts.qwen_tokenizer(), transformer=net, vae=parts.kl_hunyuan15(),
        scheduler=Euler(shift=7.0), text_encoder_2=parts.t5(), tokenizer_2=parts.byt5_tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=6.0), **more,
    )  # fmt: skip


def hunyuan_video15_i2v(mean=False):
    seeing = {"image_encoder": parts.siglip(), "feature_extractor": parts.siglip_pictures()}
    return hunyuan_video15(d.HunyuanVideo15ImageToVideoPipeline, "i2v", mean, **seeing)


def sana_video(kind=None):
    net = d.SanaVideoTransformer3DModel(
        in_channels=16, out_channels=16, **SHORT, attention_head_dim=12, num_cross_attention_heads=2,
        cross_attention_head_dim=12, cross_attention_dim=24, caption_channels=8, mlp_ratio=2.5, sample_size=8,
        patch_size=(1, 2, 2), qk_norm="rms_norm_across_heads", rope_max_seq_len=32,
    )  # fmt: skip
    flow = Dpm(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0)
    return (kind or d.SanaVideoPipeline)(
        tokenizer=parts.gemma_tokenizer(), text_encoder=parts.gemma2(), vae=parts.kl_wan(), transformer=net,
        scheduler=flow,
    )  # fmt: skip


def sana_video_i2v():
    return sana_video(d.SanaImageToVideoPipeline)


def mochi():
    net = d.MochiTransformer3DModel(
        patch_size=2, **SHORT, attention_head_dim=8, pooled_projection_dim=16, in_channels=12, out_channels=None,
        qk_norm="rms_norm", text_embed_dim=32, time_embed_dim=4, activation_fn="swiglu", max_sequence_length=16,
    )  # fmt: skip
    return d.MochiPipeline(
        scheduler=Euler(invert_sigmas=True), vae=parts.kl_mochi(), text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(), transformer=net,
    )  # fmt: skip


def ace_step():
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepConditionEncoder

    size = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 16}
    net = d.AceStepTransformer1DModel(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, in_channels=24, audio_acoustic_hidden_dim=8,
        patch_size=2, **size,
    )  # fmt: skip
    condition = AceStepConditionEncoder(
        hidden_size=32, intermediate_size=64, text_hidden_dim=32, timbre_hidden_dim=8,
        num_lyric_encoder_hidden_layers=1, num_timbre_encoder_hidden_layers=1, **size,
    )  # fmt: skip
    return d.AceStepPipeline(
        vae=parts.oobleck(), text_encoder=parts.qwen3(32), tokenizer=parts.qwen_tokenizer(), transformer=net,
        condition_encoder=condition, scheduler=Euler(num_train_timesteps=1, shift=1.0),
    )  # fmt: skip


def stable_audio3(distilled=False):
    from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder

    net = d.StableAudio3DiTModel(
        io_channels=8, patch_size=1, embed_dim=32, depth=2, num_heads=4, cond_token_dim=16, global_cond_dim=16,
        local_add_cond_dim=5, timestep_features_dim=16, ff_mult=2, num_memory_tokens=3,
        use_differential_attention=True,
    )  # fmt: skip
    return d.StableAudio3Pipeline(
        vae=parts.same(), text_encoder=parts.t5_gemma(), tokenizer=parts.gemma_tokenizer(),
        duration_embedder=StableAudio3DurationEmbedder(output_dim=16, fourier_dim=16), transformer=net,
        scheduler=Euler(num_train_timesteps=1, shift=1.0, stochastic_sampling=distilled),
    )  # fmt: skip


def longcat():
    net = d.LongCatAudioDiTTransformer(
        dit_dim=64, dit_depth=2, dit_heads=4, dit_text_dim=32, latent_dim=8, text_conv=False
    )
    return d.LongCatAudioDiTPipeline(
        vae=parts.longcat(), text_encoder=parts.umt5(), tokenizer=parts.t5_tokenizer(), transformer=net,
        scheduler=Euler(shift=1.0, invert_sigmas=True),
    )  # fmt: skip


FAMILIES = {
    make.__name__: make
    for make in (
        flux, flux2_klein, sd3, sana, sana_sprint, lumina2, qwen_image, z_image, chroma, wan, wan22, wan_i2v, wan_ti2v,
        ltx, ltx_i2v, ltx2, ltx2_i2v, hunyuan_video, hunyuan_video_i2v, hunyuan_video15, hunyuan_video15_i2v,
        sana_video, sana_video_i2v, mochi, ace_step, stable_audio3, longcat,
    )
}  # fmt: skip


def tiny(name, **options):
    """The tiny pipeline of a family, the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipeline = FAMILIES[name](**options)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            parts.alive(part).eval()
    return pipeline
