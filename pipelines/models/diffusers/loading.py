"""Loading a checkpoint as its plan says: safetensors alone, no foreign code, no network."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.checkpoints import Checkpoint, Plan
from pipelines.checkpoints.fetching import needs_extra
from pipelines.checkpoints.found import check
from pipelines.checkpoints.planning import require
from pipelines.checkpoints.used import Peak
from pipelines.errors import ModelError
from pipelines.models.diffusers.model import DiffusersModel


def load(found: Checkpoint, made: Plan) -> DiffusersModel:
    """The checkpoint, loaded from its folder.

    Raises:
        ModelError: packages are missing, the folder is not whole, or its files do not fit this version of diffusers.
        OutOfBudget: the plan does not fit this machine.
    """
    assert found.folder is not None
    _ = found.known
    check(found.folder)
    require(made)
    try:
        import diffusers
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise ModelError(needs_extra("checkpoints")) from error
    kind = getattr(diffusers, found.family or "", None)
    if kind is None:
        raise ModelError(
            f"model: this version of diffusers ({diffusers.__version__}) has no {found.family}; upgrade it"
        )
    dtype = getattr(torch, made.dtype)
    with _quiet(), Peak() as peak:
        try:
            pipeline = kind.from_pretrained(
                str(found.folder), dtype=dtype, use_safetensors=True, local_files_only=True,
                trust_remote_code=False, **_replaced(diffusers, found, made, dtype),
            )  # fmt: skip
        except ModelError:
            raise
        except Exception as error:  # loaders raise whatever they like on damaged files
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"model: {found.title} could not be loaded ({reason[:200]}); fetch it again, or upgrade diffusers"
            ) from error
        _place(pipeline, made, torch)
    model = DiffusersModel(pipeline, found.name)
    model.before, model.loaded = peak.before, peak.memory
    return model


def _replaced(diffusers: Any, found: Checkpoint, made: Plan, dtype: Any) -> dict[str, Any]:
    """Parts that are made in another way than the folder says."""
    if made.quantised == "gguf":
        assert made.gguf is not None and found.folder is not None
        kind = getattr(diffusers, _network_class(found.folder))
        network = kind.from_single_file(
            str(made.gguf), quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            config=str(found.folder), subfolder="transformer", torch_dtype=dtype,
        )  # fmt: skip
        return {"transformer": network}
    if made.quantised == "4bit":
        four = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
        config = diffusers.PipelineQuantizationConfig(
            quant_backend="bitsandbytes_4bit", quant_kwargs=four, components_to_quantize=["transformer"]
        )
        return {"quantization_config": config}
    return {}


def _network_class(folder: Path) -> str:
    from pipelines.checkpoints.found import parts_of

    return parts_of(folder)["transformer"][1]


def _place(pipeline: Any, made: Plan, torch: Any) -> None:
    """Move the loaded pipeline to where the plan wants it."""
    networks = [
        part for name in ("transformer", "transformer_2") if (part := getattr(pipeline, name, None)) is not None
    ]
    vae = getattr(pipeline, "vae", None)
    if made.tiling and vae is not None and hasattr(vae, "enable_tiling"):
        vae.enable_tiling()
    for network in networks:
        if made.quantised == "fp8":
            compute = getattr(torch, made.dtype)
            network.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute)
            network.compute_dtype = compute
        if made.attention != "native":
            network.set_attention_backend(made.attention)
    if made.offload == "model":
        pipeline.enable_model_cpu_offload(device=made.device)
    elif made.offload in ("group", "disk"):
        _by_layers(pipeline, made, torch)
    elif made.quantised != "4bit":
        pipeline.to(made.device)
    if made.cards > 1:
        _shared_by_cards(networks, made.cards)
    if made.compiled:
        for network in networks:
            network.compile_repeated_blocks(fullgraph=True)


def _by_layers(pipeline: Any, made: Plan, torch: Any) -> None:
    """Layers come to the card one after the other; from the disk each part has a folder of its own."""
    from diffusers.hooks import apply_group_offloading

    home = Path(tempfile.mkdtemp(prefix="eddyline-layers-")) if made.offload == "disk" else None
    for name, part in pipeline.components.items():
        if not isinstance(part, torch.nn.Module):
            continue
        place: dict[str, Any] = {}
        if home is not None:  # one folder for all would mix parts up whose layers are called alike
            (home / name).mkdir()
            place["offload_to_disk_path"] = str(home / name)
        apply_group_offloading(
            part, onload_device=torch.device(made.device), offload_device=torch.device("cpu"),
            offload_type="leaf_level", use_stream=made.device == "cuda", **place,
        )  # fmt: skip


def _shared_by_cards(networks: list[Any], cards: int) -> None:
    from diffusers import ContextParallelConfig

    for network in networks:
        network.enable_parallelism(config=ContextParallelConfig(ulysses_degree=cards))


@contextmanager
def cached_steps(model: DiffusersModel, kind: str) -> Iterator[None]:
    """A step cache while a picture is generated; off again before anything is turned back or tapped."""
    if kind == "none":
        yield
        return
    if kind == "cache-dit":
        import cache_dit

        cache_dit.enable_cache(model.pipeline)
        try:
            yield
        finally:
            cache_dit.disable_cache(model.pipeline)
        return
    from diffusers import FirstBlockCacheConfig

    for network in model.networks:
        network.enable_cache(FirstBlockCacheConfig(threshold=0.1))  # type: ignore[operator]
    try:
        yield
    finally:
        for network in model.networks:
            network.disable_cache()  # type: ignore[operator]


@contextmanager
def _quiet() -> Iterator[None]:
    """Progress bars and advice of the libraries stay out of the way; errors do not."""
    from diffusers.utils import logging as theirs
    from transformers.utils import logging as others

    levels = theirs.get_verbosity(), others.get_verbosity()
    theirs.set_verbosity_error()
    others.set_verbosity_error()
    theirs.disable_progress_bar()
    others.disable_progress_bar()
    noisy = logging.getLogger("huggingface_hub")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        yield
    finally:
        theirs.set_verbosity(levels[0])
        others.set_verbosity(levels[1])
        noisy.setLevel(level)
