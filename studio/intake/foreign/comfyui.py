"""ComfyUI: the graph that made the file, followed from the sampler back to words, seed and size.

Two graphs may be there: ``prompt``, which ran (node id -> class and inputs, a link is ``[id, slot]``), and
``workflow``, which the editor shows. The first is taken where there is one; the other is brought into its form.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from studio.intake.foreign.comfyui_editor import from_workflow
from studio.intake.foreign.found import Foreign, objects, pair, parsed, real, stem, whole, words

MAX_NODES = 5_000
MAX_BEHIND = 60  # nodes between a sampler and its words
MAX_SAMPLERS = 20  # looked at; a graph of a few passes has two or three
_PLACES = ("prompt", "workflow", "comment", "usercomment", "model", "make", "imagedescription", "description", "json")
_TEXTS = ("text", "prompt", "t5xxl", "text_g", "clip_g", "text_l", "clip_l", "value", "string", "wildcard_text",
          "populated_text", "positive_prompt")  # fmt: skip
_VALUES = ("value", "seed", "noise_seed", "int", "float", "number", "Number", "width", "height")
_MODELS = ("ckpt_name", "unet_name", "model_name", "model_path", "gguf_name", "diffusion_model")
# Inputs that never lead to the words.
_ASIDE = {"model", "clip", "vae", "image", "images", "pixels", "samples", "latent", "latent_image", "control_net",
          "clip_vision", "clip_vision_output", "mask", "noise", "sigmas", "sampler", "start_image",
          "audio"}  # fmt: skip


def read_comfyui(texts: Mapping[str, str]) -> Foreign | None:
    """The settings, or None where there is no graph with a sampler in it."""
    graphs = list(_graphs(texts))
    for graph in graphs:
        sampler = graph.sampler()
        if sampler is not None:
            everything = {key: found for key in _PLACES if (found := parsed(texts.get(key, "")))}
            return _read(graph, sampler, everything)
    return None


def _graphs(texts: Mapping[str, str]) -> Iterator["Graph"]:
    """Every graph in the texts, those that ran before those that the editor shows."""
    found = list(objects(texts, *_PLACES))
    # Video nodes put both graphs into one object in the comment, as objects or as texts once more.
    for each in list(found):
        for key in ("prompt", "workflow"):
            inner = parsed(each[key]) if isinstance(each.get(key), str) else each.get(key)
            found += [inner] if isinstance(inner, dict) else []
    for each in found:
        nodes = {str(key): node for key, node in each.items() if isinstance(node, dict) and "class_type" in node}
        if nodes and len(nodes) <= MAX_NODES:
            yield Graph(nodes)
    for each in found:
        if isinstance(each.get("nodes"), list) and len(each["nodes"]) <= MAX_NODES:
            yield Graph(from_workflow(each))


def _read(graph: "Graph", sampler: dict[str, Any], everything: dict[str, Any]) -> Foreign:
    guider = graph.node(sampler, "guider") or sampler
    scheduler = graph.node(sampler, "sigmas") or sampler
    words_at = next((key for key in ("positive", "conditioning", "cond1") if key in graph.inputs(guider)), "positive")
    guidance = graph.number(guider, "cfg", "cfg_conds")
    if guidance is None:
        guidance = graph.upstream_number(guider, words_at, "guidance")
    seed = graph.number(sampler, "seed", "noise_seed")
    if seed is None and (noise := graph.node(sampler, "noise")):
        seed = graph.number(noise, "noise_seed", "seed")
    choice = graph.node(sampler, "sampler") or sampler
    return Foreign(
        studio="ComfyUI",
        prompt=graph.text(guider, words_at),
        negative_prompt=graph.text(guider, "negative"),
        seed=whole(seed) if seed is not None and seed >= 0 else None,
        steps=whole(graph.number(scheduler, "steps")),
        guidance=real(guidance),
        size=graph.size(sampler),
        model=graph.model(guider),
        sampler=words(graph.inputs(choice).get("sampler_name")),
        everything=everything,
    )


class Graph:
    """Nodes by id. Every walk remembers where it was, so that a graph that leads back into itself ends too."""

    def __init__(self, nodes: dict[str, dict[str, Any]]) -> None:
        self.nodes = nodes

    @staticmethod
    def inputs(node: dict[str, Any]) -> dict[str, Any]:
        """A node's inputs by name."""
        found = node.get("inputs")
        return found if isinstance(found, dict) else {}

    def node(self, node: dict[str, Any], key: str) -> dict[str, Any] | None:
        """The node that an input is linked to."""
        link = self.inputs(node).get(key)
        return self.nodes.get(str(link[0])) if isinstance(link, list) and len(link) == 2 else None

    def sampler(self) -> dict[str, Any] | None:
        """The sampler that starts from an empty picture: later ones only refine it."""
        samplers = [node for node in self.nodes.values() if self._samples(node)][:MAX_SAMPLERS]
        own = {id(node) for node in samplers}
        for node in samplers:
            behind = self._upstream(node, "latent_image", "latent", "samples")
            if not any(id(each) in own and each is not node for each in behind):
                return node
        return samplers[0] if samplers else None

    def _samples(self, node: dict[str, Any]) -> bool:
        inputs = self.inputs(node)
        return (
            {"positive", "negative"} <= set(inputs)
            and ("seed" in inputs or "noise_seed" in inputs)
            or {"guider", "sigmas"} <= set(inputs)
        )

    def _upstream(self, node: dict[str, Any], *keys: str) -> Iterator[dict[str, Any]]:
        """All nodes behind the given inputs, nearest first."""
        waiting = deque(found for key in keys if (found := self.node(node, key)))
        seen = {id(node)}
        while waiting:
            each = waiting.popleft()
            if id(each) in seen:
                continue
            seen.add(id(each))
            yield each
            waiting += [found for key in self.inputs(each) if (found := self.node(each, key))]

    def number(self, node: dict[str, Any], *keys: str) -> int | float | None:
        """The first of the inputs that is a number, or is linked to a node that holds one."""
        for key in keys:
            value, seen = self.inputs(node).get(key), set[str]()
            while isinstance(value, list) and value and str(value[0]) not in seen:
                seen.add(str(value[0]))
                held = self.inputs(self.nodes.get(str(value[0]), {}))
                value = next((held[name] for name in (key, *_VALUES) if name in held), None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
        return None

    def upstream_number(self, node: dict[str, Any], key: str, name: str) -> int | float | None:
        """The nearest number ``name`` behind an input."""
        found = (self.number(each, name) for each in self._upstream(node, key))
        return next((number for number in found if number is not None), None)

    def size(self, sampler: dict[str, Any]) -> tuple[int, int] | None:
        """Width and height of the nearest node that makes the empty picture."""
        for each in self._upstream(sampler, "latent_image", "latent", "samples", "positive"):
            found = pair(self.number(each, "width"), self.number(each, "height"))
            if found:
                return found
        return None

    def model(self, node: dict[str, Any]) -> str:
        """Name of the checkpoint behind the nearest model."""
        for each in (node, *self._upstream(node, "model")):
            found = next((self.inputs(each)[key] for key in _MODELS if words(self.inputs(each).get(key))), None)
            if found:
                return stem(found)
        return ""

    def text(self, node: dict[str, Any], key: str, seen: set[int] | None = None) -> str:
        """The words behind an input; those of several branches are joined by commas, each node is asked once."""
        seen = set() if seen is None else seen
        link = self.inputs(node).get(key)
        target = self.node(node, key)
        if isinstance(link, str):
            return words(link)
        if target is None or id(target) in seen or len(seen) > MAX_BEHIND:
            return ""
        seen.add(id(target))
        inputs = self.inputs(target)
        if "ZeroOut" in str(target.get("class_type")):
            return ""
        if {"positive", "negative"} <= set(inputs):  # one node for both: its first output is the positive one
            slot = link[1] if isinstance(link, list) else 0
            return self.text(target, "negative" if slot == 1 else "positive", seen)
        held = [name for name in _TEXTS if name in inputs] or [name for name in inputs if name not in _ASIDE]
        found: list[str] = []
        for name in held:
            text = self.text(target, name, seen)
            if text and text not in found:
                found.append(text)
        return ", ".join(found)
