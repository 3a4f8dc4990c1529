"""ComfyUI's editor graph brought into the form of the graph that runs."""

from typing import Any

# The editor keeps a node's values in a list without names; here are the names for the nodes that matter.
_SEED = ("seed", "control_after_generate")
_SIZE = ("width", "height")
_WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": (*_SEED, "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "control_after_generate", "steps", "cfg", "sampler_name"),
    "SamplerCustom": ("add_noise", "noise_seed", "control_after_generate", "cfg"),
    "RandomNoise": ("noise_seed", "control_after_generate"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "Flux2Scheduler": ("steps", *_SIZE),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "EmptyLatentImage": _SIZE,
    "EmptySD3LatentImage": _SIZE,
    "EmptyFlux2LatentImage": _SIZE,
    "EmptyHunyuanLatentVideo": _SIZE,
    "WanImageToVideo": _SIZE,
    "PrimitiveNode": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
}
_MUTED = (2, 4)  # modes of a node that does not run


def from_workflow(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Nodes by id, each with ``class_type`` and ``inputs``; muted nodes and unknown values are left out."""
    origins = _origins(workflow.get("links"))
    nodes = {}
    for node in workflow["nodes"]:
        if not isinstance(node, dict) or node.get("mode") in _MUTED:
            continue
        kind = str(node.get("type"))
        inputs = _widgets(kind, node.get("widgets_values"))
        slots = node.get("inputs")
        for slot in slots if isinstance(slots, list) else []:
            if isinstance(slot, dict) and str(slot.get("link")) in origins:
                inputs[str(slot.get("name"))] = origins[str(slot.get("link"))]
        nodes[str(node.get("id"))] = {"class_type": kind, "inputs": inputs}
    return nodes


def _origins(links: Any) -> dict[str, list[Any]]:
    """Link id -> [node id, slot]; a link is ``[id, from node, from slot, to node, to slot, kind]`` or an object."""
    found = {}
    for link in links if isinstance(links, list) else []:
        if isinstance(link, list) and len(link) >= 5:
            found[str(link[0])] = [str(link[1]), link[2]]
        elif isinstance(link, dict):
            found[str(link.get("id"))] = [str(link.get("origin_id")), link.get("origin_slot")]
    return found


def _widgets(kind: str, values: Any) -> dict[str, Any]:
    if isinstance(values, dict):
        return {str(key): value for key, value in values.items() if not isinstance(value, list | dict)}
    if not isinstance(values, list):
        return {}
    plain = [None if isinstance(value, list | dict) else value for value in values]
    return dict(zip(_WIDGETS.get(kind, ()), plain, strict=False))
