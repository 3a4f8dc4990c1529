"""Tokenizers, text encoders and codecs of tiny pipelines: random weights from configs, no hub and no files."""

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLHunyuanVideo,
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    AutoencoderKLMochi,
    AutoencoderKLQwenImage,
    AutoencoderKLWan,
    AutoencoderOobleck,
    AutoencoderSAME,
    LongCatAudioDiTVae,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    ByT5Tokenizer,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    GemmaTokenizer,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
    T5GemmaConfig,
    T5GemmaEncoderModel,
    T5TokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)
from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

BYTES = sorted(ByteLevel.alphabet())
CHAT = (
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}{% endfor %}"
)


def clip_tokenizer():
    signs = [*BYTES, *(sign + "</w>" for sign in BYTES), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={sign: index for index, sign in enumerate(signs)}, merges=[], model_max_length=77)


def t5_tokenizer():
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    scores += [(chr(code), -3.0) for code in range(33, 127)]
    return T5TokenizerFast(vocab=scores, extra_ids=0, model_max_length=512)


def gemma_tokenizer(side="right"):
    signs = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(f"<0x{code:02X}>" for code in range(256))]
    signs += [chr(code) for code in range(33, 127)]
    made = GemmaTokenizer(vocab={sign: index for index, sign in enumerate(signs)}, merges=[], model_max_length=512)
    made.padding_side, made.chat_template = side, CHAT
    return made


def qwen_tokenizer():
    signs = [*BYTES, "<|endoftext|>"]
    made = Qwen2Tokenizer(vocab={sign: index for index, sign in enumerate(signs)}, merges=[], model_max_length=512)
    made.chat_template = CHAT
    return made


def byt5_tokenizer():
    return ByT5Tokenizer()


_SMALL = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 1, "num_heads": 4, "vocab_size": 1024}


def t5():
    return T5EncoderModel(T5Config(**_SMALL)).eval()


def umt5():
    return UMT5EncoderModel(UMT5Config(**_SMALL)).eval()


def clip_config(width=32):
    return CLIPTextConfig(
        bos_token_id=512, eos_token_id=513, pad_token_id=513, hidden_size=width, intermediate_size=37,
        num_attention_heads=4, num_hidden_layers=2, vocab_size=514, projection_dim=32,
    )  # fmt: skip


def clip(width=32):
    return CLIPTextModel(clip_config(width)).eval()


def clip_projected():
    return CLIPTextModelWithProjection(clip_config()).eval()


def clip_vision():
    config = CLIPVisionConfig(
        hidden_size=4, projection_dim=4, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        intermediate_size=16, patch_size=8,
    )  # fmt: skip
    return CLIPVisionModelWithProjection(config).eval()


def siglip():
    config = SiglipVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=8
    )
    return SiglipVisionModel(config).eval()


def siglip_pictures():
    return SiglipImageProcessor(size={"height": 16, "width": 16})


def gemma2():
    config = Gemma2Config(
        head_dim=16, hidden_size=8, intermediate_size=64, num_attention_heads=2, num_hidden_layers=2,
        num_key_value_heads=2, vocab_size=512,
    )  # fmt: skip
    return Gemma2Model(config).eval()


def gemma3():
    text = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "vocab_size": 512, "max_position_embeddings": 1024,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    return Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision)).eval()


def llama():
    config = LlamaConfig(
        bos_token_id=0, eos_token_id=2, hidden_size=16, intermediate_size=37, num_attention_heads=4,
        num_hidden_layers=2, pad_token_id=1, vocab_size=1000,
    )  # fmt: skip
    return LlamaModel(config).eval()


def llava():
    """Reads a picture of 14 x 14 as four tokens, and words."""
    text = LlamaConfig(
        bos_token_id=0, eos_token_id=2, hidden_size=16, intermediate_size=37, num_attention_heads=4,
        num_hidden_layers=3, pad_token_id=1, vocab_size=1000,
    )  # fmt: skip
    seen = CLIPVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=14, patch_size=7
    )
    config = LlavaConfig(
        text_config=text, vision_config=seen, image_token_index=999, pad_token_id=1, vision_feature_layer=-1,
        image_seq_length=4,
    )  # fmt: skip
    return LlavaForConditionalGeneration(config).eval()


def small_pictures():
    side = {"height": 14, "width": 14}
    return CLIPImageProcessor(size=side, crop_size=side, do_center_crop=False)


_QWEN = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 1024,
}  # fmt: skip
_TURNED = {**_QWEN, "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"}}


def qwen3(width=16):
    return Qwen3Model(Qwen3Config(**{**_QWEN, "hidden_size": width}, head_dim=8)).eval()


def qwen3_causal():
    deep = {**_QWEN, "num_hidden_layers": 28}  # FLUX.2 reads its layers 9, 18 and 27
    return Qwen3ForCausalLM(Qwen3Config(**deep, head_dim=8)).eval()


def qwen25_vision():
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=_TURNED, vision_config=vision)).eval()


def qwen25_text():
    return Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**_TURNED)).eval()


def t5_gemma():
    half = T5GemmaModuleConfig(
        vocab_size=512, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=64, sliding_window=64,
        layer_types=["full_attention"] * 2,
    ).to_dict()  # fmt: skip
    return T5GemmaEncoderModel(T5GemmaConfig(encoder=half, decoder=half, is_encoder_decoder=False)).eval()


def kl(levels=2):
    return AutoencoderKL(
        block_out_channels=(4,) * levels, down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels, layers_per_block=1, latent_channels=4, norm_num_groups=1,
        use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5035, sample_size=32,
    ).eval()  # fmt: skip


def kl_flux2():
    return AutoencoderKLFlux2(
        block_out_channels=(4, 4), down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        layers_per_block=1, latent_channels=2, norm_num_groups=1, use_quant_conv=False, use_post_quant_conv=False,
        sample_size=32,
    ).eval()  # fmt: skip


def kl_wan():
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ).eval()


def kl_qwen():
    return AutoencoderKLQwenImage(
        base_dim=6, z_dim=4, dim_mult=[1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[0.1] * 4, latents_std=[1.5] * 4,
    ).eval()  # fmt: skip


def dc():
    return AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2, encoder_layers_per_block=(1, 1),
        encoder_block_types=("ResBlock", "EfficientViTBlock"), decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)), decoder_layers_per_block=[1, 1], downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu",
        scaling_factor=0.41407,
    ).eval()  # fmt: skip


def kl_ltx():
    return AutoencoderKLLTXVideo(
        in_channels=3, out_channels=3, latent_channels=8, block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4, layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, False, False), decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False,) * 5, upsample_residual=(False,) * 4, upsample_factor=(1,) * 4,
        timestep_conditioning=False, patch_size=1, patch_size_t=1, encoder_causal=True, decoder_causal=False,
    ).eval()  # fmt: skip


def kl_ltx2():
    made = AutoencoderKLLTX2Video(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(8,), decoder_block_out_channels=(8,),
        layers_per_block=(1,), decoder_layers_per_block=(1, 1), spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,), decoder_inject_noise=(False, False),
        downsample_type=("spatiotemporal",),
        upsample_residual=(False,), upsample_factor=(1,), timestep_conditioning=False, patch_size=1, patch_size_t=1,
        encoder_causal=True, decoder_causal=False,
    ).eval()  # fmt: skip
    made.use_framewise_encoding = made.use_framewise_decoding = False
    return made


def kl_ltx2_audio():
    made = AutoencoderKLLTX2Audio(
        base_channels=4, output_channels=2, ch_mult=(1, 1, 1), num_res_blocks=1, attn_resolutions=None, in_channels=2,
        resolution=32, latent_channels=2, norm_type="pixel", causality_axis="height", dropout=0.0,
        mid_block_add_attention=False, sample_rate=16000, mel_hop_length=160, is_causal=True, mel_bins=8,
    ).eval()  # fmt: skip
    made.latents_mean.copy_(torch.linspace(-0.3, 0.2, 4))
    made.latents_std.copy_(torch.linspace(0.7, 1.6, 4))
    return made


def kl_hunyuan():
    return AutoencoderKLHunyuanVideo(
        in_channels=3, out_channels=3, latent_channels=4, down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4, block_out_channels=(8,) * 4, layers_per_block=1,
        norm_num_groups=4, scaling_factor=0.476986, spatial_compression_ratio=8, temporal_compression_ratio=4,
        mid_block_add_attention=True,
    ).eval()  # fmt: skip


def kl_hunyuan15():
    return AutoencoderKLHunyuanVideo15(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 16), layers_per_block=1,
        spatial_compression_ratio=4, temporal_compression_ratio=2, downsample_match_channel=False,
        upsample_match_channel=False,
    ).eval()  # fmt: skip


def kl_mochi():
    return AutoencoderKLMochi(
        latent_channels=12, out_channels=3, encoder_block_out_channels=(32,) * 4,
        decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
    ).eval()  # fmt: skip


def oobleck():
    return AutoencoderOobleck(
        encoder_hidden_size=16, downsampling_ratios=[8, 10], decoder_channels=3, decoder_input_channels=8,
        audio_channels=2, channel_multiples=[2, 4], sampling_rate=2000,
    ).eval()  # fmt: skip


def same():
    return AutoencoderSAME(
        audio_channels=2, patch_size=2, encoder_channels=8, encoder_c_mults=(2,), encoder_strides=(2,),
        encoder_transformer_depths=(1,), latent_dim=8, use_differential_attention=False, dim_heads=4, ff_mult=2,
        sampling_rate=2000,
    ).eval()  # fmt: skip


def longcat():
    made = LongCatAudioDiTVae(
        in_channels=1, channels=16, c_mults=[1, 2], strides=[2, 2], latent_dim=8, encoder_latent_dim=16,
        downsampling_ratio=4, sample_rate=2000,
    )  # fmt: skip
    return made.eval()


def alive(module):
    """The module with small noise wherever a class leaves parameters unset or at zero, which would hide mistakes."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            unset = "pad_token" in name or not parameter.isfinite().all() or parameter.abs().max() > 1e3
            if unset or not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        if hasattr(module, "silence_latent"):
            module.silence_latent.copy_(0.1 * torch.randn(module.silence_latent.shape, generator=generator))
    return module
