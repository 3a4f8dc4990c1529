"""Clips that follow a sound against Lightricks' own ``ltx-core``, where it is installed: what is heard and answered.

``pip install --no-deps ltx-core einops torchaudio`` does; ``test_hearing.py`` holds numbers that it gave.
"""

import copy
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("torchaudio")
pytest.importorskip("ltx_core.model.transformer.model")

from diffusers import AutoencoderKLLTX2Audio, LTX2Pipeline
from ltx_core.guidance.perturbations import (
    BatchedPerturbationConfig,
    Perturbation,
    PerturbationConfig,
    PerturbationType,
)
from ltx_core.model.audio_vae.audio_vae import AudioEncoder, encode_audio
from ltx_core.model.audio_vae.causality_axis import CausalityAxis
from ltx_core.model.common.normalization import NormType
from ltx_core.model.transformer.modality import Modality
from ltx_core.model.transformer.model import LTXModel
from ltx_core.model.transformer.rope import LTXRopeType
from ltx_core.types import Audio
from test_hearing import BOTH, asked, calls, run
from tiny_checkpoints import model
from tiny_parts import alive

from pipelines.models.diffusers.hearing import heard, told_clean
from pipelines.models.diffusers.model import DiffusersModel

pytestmark = [pytest.mark.filterwarnings("ignore")]
NAMES = {
    "proj_in": "patchify_proj", "audio_proj_in": "audio_patchify_proj", "time_embed": "adaln_single",
    "audio_time_embed": "audio_adaln_single",
    "av_cross_attn_video_scale_shift": "av_ca_video_scale_shift_adaln_single",
    "av_cross_attn_audio_scale_shift": "av_ca_audio_scale_shift_adaln_single",
    "av_cross_attn_video_a2v_gate": "av_ca_a2v_gate_adaln_single",
    "av_cross_attn_audio_v2a_gate": "av_ca_v2a_gate_adaln_single",
    "video_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_video",
    "audio_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_audio",
    "norm_q": "q_norm", "norm_k": "k_norm", "prompt_adaln": "prompt_adaln_single",
    "audio_prompt_adaln": "audio_prompt_adaln_single",
}  # fmt: skip


def test_a_sound_becomes_the_latents_of_its_own_encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = AutoencoderKLLTX2Audio(base_channels=16, ch_mult=(1, 2, 4), latent_channels=1).eval()
        vae.latents_mean.normal_()
        vae.latents_std.uniform_(0.5, 1.5)
        wave = (0.1 * torch.randn(2, 80_667)).clamp(-1, 1)
    theirs = AudioEncoder(
        ch=16, ch_mult=(1, 2, 4), num_res_blocks=2, attn_resolutions=set(), in_channels=2, resolution=256, z_channels=1,
        norm_type=NormType.PIXEL, causality_axis=CausalityAxis.HEIGHT, mid_block_add_attention=False,
    ).eval()  # fmt: skip
    weights = {name.removeprefix("encoder."): each for name, each in vae.encoder.state_dict().items()}
    weights |= {"per_channel_statistics.std-of-means": vae.latents_std}
    weights |= {"per_channel_statistics.mean-of-means": vae.latents_mean}
    theirs.load_state_dict(weights)
    with torch.no_grad():
        wanted = LTX2Pipeline._pack_audio_latents(encode_audio(Audio(wave[None], 16_000), theirs))[:, :126]
    ours = heard(SimpleNamespace(audio_vae=vae, _execution_device="cpu"), wave, 121 / 24)
    packed = LTX2Pipeline._pack_audio_latents(ours)
    ours = LTX2Pipeline._normalize_audio_latents(packed, vae.latents_mean, vae.latents_std)
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


def their_network(network, **more):
    """The same weights in ltx-core's network."""
    more = more or {
        "caption_projection": copy.deepcopy(network.caption_projection),
        "audio_caption_projection": copy.deepcopy(network.audio_caption_projection),
    }
    made = LTXModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, num_layers=2,
        cross_attention_dim=16, audio_num_attention_heads=2, audio_attention_head_dim=4, audio_in_channels=4,
        audio_out_channels=4, audio_cross_attention_dim=8, av_ca_timestep_scale_multiplier=1000,
        rope_type=LTXRopeType.SPLIT, **more,
    )  # fmt: skip
    named = {
        ".".join(NAMES.get(part, part) for part in name.split(".")): each for name, each in network.state_dict().items()
    }
    made.load_state_dict(named)
    return made.eval()


def left_out(told, count):
    kinds, blocks = (), None
    if told["isolate_modalities"]:
        kinds = (PerturbationType.SKIP_A2V_CROSS_ATTN, PerturbationType.SKIP_V2A_CROSS_ATTN)
    elif blocks := told["spatio_temporal_guidance_blocks"]:
        kinds = (PerturbationType.SKIP_VIDEO_SELF_ATTN, PerturbationType.SKIP_AUDIO_SELF_ATTN)
    return BatchedPerturbationConfig([PerturbationConfig([Perturbation(kind, blocks) for kind in kinds])] * count)


@pytest.mark.parametrize("name", BOTH)
def test_its_own_network_answers_every_call_alike(name):
    found = copy.copy(model(name).pipeline)
    network = model(name).networks[0]
    skips = type(network).from_config({**network.config, "perturbed_attn": True}).eval()  # as published networks can
    skips.load_state_dict(network.state_dict())
    found.__dict__["transformer"] = skips
    found = DiffusersModel(found)
    with calls(found) as seen:
        run(found, asked(found))
    theirs = their_network(skips)
    assert len(seen) == 12
    for told, answer in seen:
        close(answer, told, theirs)


def close(answer, told, theirs):
    """The same call of their network, its sound held clean, is answered alike."""
    count, tokens = told["hidden_states"].shape[:2]
    level = told["timestep"] / 1000
    level = level[:, None].expand(count, tokens) if level.ndim == 1 else level
    pictures = Modality(
        told["hidden_states"], told["sigma"] / 1000, level, told["video_coords"], told["encoder_hidden_states"]
    )
    clean = torch.zeros(count, told["audio_hidden_states"].shape[1])
    sound = Modality(
        told["audio_hidden_states"], clean[:, 0], clean, told["audio_coords"], told["audio_encoder_hidden_states"]
    )
    with torch.no_grad():
        wanted = theirs(video=pictures, audio=sound, perturbations=left_out(told, count))
    for ours, each in zip(answer, wanted, strict=True):
        torch.testing.assert_close(ours, each, atol=2e-6, rtol=1e-5)


def test_a_network_of_the_later_shape_does_too():
    """That of LTX-2.3, whose prompts are modulated by noise levels and whose attention has gates."""
    base = model("ltx2").networks[0]
    later = ("cross_attn_mod", "audio_cross_attn_mod", "gated_attn", "audio_gated_attn", "perturbed_attn")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = {**base.config, **dict.fromkeys(later, True), "use_prompt_embeddings": False}
        network = alive(type(base).from_config(shape)).eval()
        words = {"encoder_hidden_states": torch.randn(2, 16, 16), "audio_encoder_hidden_states": torch.randn(2, 16, 8)}
    theirs = their_network(network, cross_attention_adaln=True, apply_gated_attention=True)
    found = model("ltx2")
    with calls(found) as seen:
        run(found, asked(found, steps=1))
    masks = dict.fromkeys(("encoder_attention_mask", "audio_encoder_attention_mask"))
    told = {**seen[0][0], **words, **masks, "sigma": torch.full((2,), 700.0), "timestep": torch.full((2,), 700.0)}
    noisy = {**told, "audio_timestep": told["sigma"], "audio_sigma": told["sigma"]}
    with torch.no_grad(), told_clean([network]):
        answer = network(**noisy)
    close(answer, told, theirs)
    with torch.no_grad():
        assert not torch.allclose(network(**noisy)[0], answer[0], atol=1e-4)  # so the levels are read
