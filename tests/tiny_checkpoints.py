"""Tiny pipelines saved and loaded back as real checkpoints are, and what to ask each for."""

import inspect
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from PIL import Image

from pipelines.checkpoints import find, plan
from pipelines.models.diffusers.model import Ask

# The networks are tiny; the long prompts and instructions that pipelines put before a person's words are not.
SHORT = {
    "flux2-klein": {"max_sequence_length": 32},
    "sana": {"complex_human_instruction": None},
    "sana-video": {"complex_human_instruction": []},
    "hunyuan-video-i2v": {
        "prompt_template": {
            "template": "{}",
            "crop_start": 0,
            "image_emb_len": 4,
            "image_emb_start": 0,
            "image_emb_end": 4,
        },
    },
    "hunyuan-video": {"prompt_template": {"template": "{}", "crop_start": 0}},
    "sana-sprint": {"complex_human_instruction": None},
    "sana-video-i2v": {"complex_human_instruction": []},
    "ltx2-i2v": {"spatio_temporal_guidance_blocks": [1]},
    "ltx2": {"spatio_temporal_guidance_blocks": [1]},
}
LENGTHS = {"flux": 32, "sd3": 32, "chroma": 32, "lumina2": 48, "qwen-image": 32}
SIZES = {"image": (32, 64), "video": (9, 32, 32), "audio": (960,)}
ODD = {"image": (37, 53), "video": (10, 37, 53), "audio": (1001,)}


@cache
def folder(name):
    """The checkpoint of a family on the disk, saved once a process."""
    from tiny_pipelines import tiny

    place = Path(mkdtemp(prefix="eddyline-tiny-")) / name
    tiny(name).save_pretrained(place)
    return place


@cache
def model(name):
    """The checkpoint loaded by the code that loads real ones; shared, so leave it as it is."""
    return loaded(name)


def loaded(name, **asked):
    """The same, afresh, with the plan otherwise."""
    from pipelines.models.diffusers.loading import load

    found = find(str(folder(name)))
    return briefly(load(found, plan(found, asked=asked)))


def briefly(made):
    """A model whose pipeline puts no long instructions before a person's words."""
    brief = {
        **{"tokenizer_max_length": 24, "tokenizer_2_max_length": 24, "system_message": ""},  # HunyuanVideo 1.5
        **{"prompt_template_encode": "- {}", "prompt_template_encode_start_idx": 0},  # and Qwen-Image
        "system_prompt": "",  # Lumina 2
    }
    for part, value in brief.items():
        if hasattr(made.pipeline, part):
            setattr(made.pipeline, part, value)
    return made


def ask(found, prompts=("a red cat",), **more):
    """A request that fits a loaded model."""
    family = found.family
    size = (7, 16, 16) if family.name == "mochi" else (9, 16, 16) if "hunyuan" in family.name else SIZES[family.medium]
    size = more.pop("size", size)
    taken = inspect.signature(type(found.pipeline).__call__).parameters
    given = {"max_sequence_length": LENGTHS.get(family.name, 16)} if "max_sequence_length" in taken else {}
    given |= SHORT.get(family.name, {})
    if family.first_frame:
        given["image"] = Image.new("RGB", size[:0:-1], (200, 30, 30))
    return Ask(tuple(prompts), size, more=given, **{"steps": 4, "seeds": tuple(range(len(prompts))), **more})


def state_of(found, asked):
    """A state as editors know it: half of what the network is given first."""
    held = found.encode(["a red cat"], asked)
    key = held.places[0].key
    value = held.args[key] if isinstance(key, int) else held.kwargs[key]
    value = torch.stack(value).reshape(held.shape) if isinstance(value, list) else value
    return 0.5 * value[tuple(slice(0, size) for size in held.shape)].float()
