"""Settings as other studios write them, after their formats and with made-up content."""

import io
import json
import zlib

import uploads
from PIL import Image, PngImagePlugin

USER_COMMENT, EXIF_IFD = 0x9286, 0x8769

TOWN = """masterpiece, best quality, (old harbour town:1.2), cobblestones,
evening light <lora:paper_cut_v2:0.8>
Negative prompt: lowres, (bad hands:1.4),
text, watermark
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 3421870116, Size: 512x768, \
Model hash: 6ce0161689, Model: dreamshaper_8, Clip skip: 2, \
Lora hashes: "paper_cut_v2: 7fe80a9ab6c5, other: 00ff", Version: v1.10.1"""

FOX = """a fox reading a newspaper, watercolour
Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 910, Size: 896x1152, \
Model hash: bea01d51bd, Model: flux1-dev-bnb-nf4-v2, Version: f2.0.1v1.10.1-previous-665-gae278f79, Module 1: ae"""

TEA = """茶を飲む猫、水彩
Negative prompt: ぼやけた
Steps: 30, Sampler: Euler a, CFG scale: 5.5, Seed: 77, Size: 640x640, Model hash: 1d1e459f9f, Model: counterfeit_v30, \
Denoising strength: 0.55, ENSD: 31337"""

LAMP = """a brass lamp
Steps: 9, Sampler: Heun, CFG scale: 3.0, Seed: 5, Size: 64x96, Civitai resources: [{"type":"checkpoint",\
"modelName":"A, B","versionName":"v3"}], Civitai metadata: {}, \
Hires prompt: "a \\"big\\" lamp, gold", Model: "odd, name"
Template: a {brass|steel} lamp
Negative Template: none"""


def default_graph(**changes):
    """The graph that ComfyUI opens with."""
    sampler = {
        "seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal",
        "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    return {
        "3": {"class_type": "KSampler", "inputs": sampler | changes},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD1.5/v1-5-pruned-emaonly.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "beautiful scenery glass bottle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }


FLUX = {
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cup of coffee that says hello", "clip": ["11", 0]}},
    "11": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5xxl_fp16.safetensors", "type": "flux"}},
    "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}},
    "13": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            "noise": ["25", 0],
            "guider": ["22", 0],
            "sampler": ["16", 0],
            "sigmas": ["17", 0],
            "latent_image": ["27", 0],
        },  # fmt: skip
    },
    "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "17": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 24, "model": ["30", 0]}},
    "22": {"class_type": "BasicGuider", "inputs": {"model": ["30", 0], "conditioning": ["26", 0]}},
    "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["40", 0]}},
    "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
    "27": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "30": {"class_type": "ModelSamplingFlux", "inputs": {"max_shift": 1.15, "width": 1024, "model": ["12", 0]}},
    "40": {"class_type": "PrimitiveInt", "inputs": {"value": 219670278}},
}

WAN = {
    "3": {
        "class_type": "KSamplerAdvanced",
        "inputs": {
            "add_noise": "enable",
            "noise_seed": 4004,
            "steps": 8,
            "cfg": 3.5,
            "sampler_name": "uni_pc",
            "model": ["54", 0],
            "positive": ["50", 0],
            "negative": ["50", 1],
            "latent_image": ["50", 2],
        },  # fmt: skip
    },
    "4": {
        "class_type": "KSamplerAdvanced",
        "inputs": {
            "add_noise": "disable",
            "noise_seed": 0,
            "steps": 8,
            "cfg": 1.0,
            "sampler_name": "uni_pc",
            "model": ["54", 0],
            "positive": ["50", 0],
            "negative": ["50", 1],
            "latent_image": ["3", 0],
        },  # fmt: skip
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["70", 0], "clip": ["38", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "static, blurred", "clip": ["38", 0]}},
    "50": {
        "class_type": "WanImageToVideo",
        "inputs": {"positive": ["6", 0], "negative": ["7", 0], "width": 832, "height": 480, "length": 81},
    },
    "54": {"class_type": "ModelSamplingSD3", "inputs": {"shift": 8, "model": ["37", 0]}},
    "37": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.2_i2v_high_noise_14B.safetensors"}},
    "70": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a paper boat drifts down a gutter"}},
}

WORKFLOW = {
    "last_node_id": 9,
    "nodes": [
        {
            "id": 7,
            "type": "CLIPTextEncode",
            "mode": 0,
            "widgets_values": ["blurry"],
            "inputs": [{"name": "clip", "link": 5}],
        },
        {"id": 6, "type": "CLIPTextEncode", "mode": 0, "widgets_values": ["a red kite"], "inputs": []},
        {"id": 5, "type": "EmptyLatentImage", "mode": 0, "widgets_values": [64, 96, 1]},
        {"id": 4, "type": "CheckpointLoaderSimple", "mode": 0, "widgets_values": ["sd_xl_base_1.0.safetensors"]},
        {
            "id": 3,
            "type": "KSampler",
            "mode": 0,
            "widgets_values": [42, "randomize", 25, 6.5, "heun", "karras", 1],
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 4},
                {"name": "negative", "link": 6},
                {"name": "latent_image", "link": 2},
            ],
        },
        {"id": 8, "type": "KSampler", "mode": 4, "widgets_values": [1, "fixed", 1, 1, "euler", "normal", 1]},
    ],
    "links": [
        [1, 4, 0, 3, 0, "MODEL"],
        [2, 5, 0, 3, 3, "LATENT"],
        [4, 6, 0, 3, 1, "CONDITIONING"],
        [5, 4, 1, 7, 0, "CLIP"],
        [6, 7, 0, 3, 2, "CONDITIONING"],
    ],
    "version": 0.4,
}


def swarm(**changes):
    values = {
        "prompt": "a cat on a windowsill", "negativeprompt": "dog", "model": "OfficialStableDiffusion/sd_xl_base_1.0",
        "seed": 1843, "steps": 20, "cfgscale": 7.0, "aspectratio": "1:1", "width": 1024, "height": 1024,
        "sampler": "euler", "scheduler": "normal", "automaticvae": True, "swarm_version": "0.9.6.2",
    }  # fmt: skip
    return {
        "sui_image_params": values | changes,
        "sui_extra_data": {"date": "2025-06-01", "generation_time": "4.84 sec"},
        "sui_models": [{"name": "sd_xl_base_1.0.safetensors", "param": "model", "hash": "0xd7a9"}],
    }


def wan2gp(**changes):
    return {
        "type": "WanGP v8.994 by DeepBeepMeep - Wan2.1 Text2Video 14B", "settings_version": 2.36, "model_type": "t2v",
        "prompt": "a lighthouse in a storm", "negative_prompt": "cartoon", "resolution": "832x480", "video_length": 81,
        "seed": 20931, "num_inference_steps": 30, "guidance_scale": 5, "flow_shift": 5, "sample_solver": "unipc",
        "activated_loras": [], "loras_multipliers": "", "creation_date": "2025-10-09T11:20:05",
        "model_filename": "https://huggingface.co/someone/Wan2.1/resolve/main/wan2.1_text2video_14B_quanto_int8.safetensors",
    } | changes  # fmt: skip


def in_png(**texts):
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text if isinstance(text, str) else json.dumps(text))
    return uploads.picture("png", pnginfo=info)


def exif(text=None, order="be", code=b"UNICODE\0", tags=None):
    made = Image.Exif()
    for tag, value in (tags or {}).items():
        made[tag] = value
    if text is not None:
        text = text if isinstance(text, str) else json.dumps(text)
        encoded = text.encode(f"utf-16-{order}") if code == b"UNICODE\0" else text.encode()
        made.get_ifd(EXIF_IFD)[USER_COMMENT] = code + encoded
    return made


def in_picture(kind, **options):
    made = exif(**options)
    return uploads.picture(kind, exif=made.tobytes() if kind == "avif" else made)  # of an object, AVIF keeps nothing


def in_text_behind_the_pixels(text):
    """PNG with its text after the pixels, compressed: some programs write it there."""
    plain = uploads.picture("png")
    return plain[:-12] + uploads.chunk(b"zTXt", b"parameters\0\0" + zlib.compress(text.encode())) + plain[-12:]


def animated(**options):
    held = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (40 * n, 0, 0)) for n in range(3)]
    frames[0].save(held, "WEBP", save_all=True, append_images=frames[1:], exif=exif(**options))
    return held.getvalue()
