"""A tiny Hunyuan3D-2 on the disk, as its publisher lays one out: configuration and random weights in safetensors."""

import yaml
from safetensors.torch import save_file

CONFIG = {
    "model": {
        "target": "hy3dgen.shapegen.models.Hunyuan3DDiT",
        "params": {
            "in_channels": 8, "context_in_dim": 16, "hidden_size": 32, "mlp_ratio": 2.0, "num_heads": 2, "depth": 1,
            "depth_single_blocks": 1, "axes_dim": [16], "theta": 10000, "qkv_bias": True, "guidance_embed": False,
        },
    },
    "vae": {
        "target": "hy3dgen.shapegen.models.ShapeVAE",
        "params": {
            "num_latents": 12, "embed_dim": 8, "num_freqs": 4, "include_pi": False, "heads": 2, "width": 16,
            "num_decoder_layers": 1, "qkv_bias": False, "qk_norm": True, "scale_factor": 0.9,
        },
    },
    "conditioner": {
        "target": "hy3dgen.shapegen.models.SingleImageEncoder",
        "params": {
            "main_image_encoder": {
                "type": "DinoImageEncoder",
                "kwargs": {
                    "config": {
                        "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "mlp_ratio": 2,
                        "image_size": 28, "patch_size": 14,
                    },
                    "image_size": 28,
                },
            },
        },
    },
    "image_processor": {
        "target": "hy3dgen.shapegen.preprocessors.ImageProcessorV2", "params": {"size": 28, "border_ratio": 0.15},
    },
    "scheduler": {
        "target": "hy3dgen.shapegen.schedulers.FlowMatchEulerDiscreteScheduler",
        "params": {"num_train_timesteps": 1000},
    },
}  # fmt: skip


def save(folder):
    """Write one with the classes of the package itself; needs it."""
    import torch
    from hy3dgen.shapegen.pipelines import instantiate_from_config

    torch.manual_seed(0)
    place = folder / "hunyuan3d-dit-v2-0"
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    weights = {}
    for part in ("model", "vae", "conditioner"):
        for name, value in instantiate_from_config(CONFIG[part]).state_dict().items():
            weights[f"{part}.{name}"] = (0.3 * torch.randn(value.shape) if value.is_floating_point() else value).clone()
    save_file(weights, place / "model.fp16.safetensors")
    return folder
