"""LoRA files on a loaded model: small changes to its weights, several at once, on for one run and off after it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.checkpoints.loras import Lora, asked_for, describe, layers_of, opened
from pipelines.errors import ModelError
from pipelines.models.diffusers.model import DiffusersModel


@contextmanager
def with_loras(model: DiffusersModel, text: str) -> Iterator[list[str]]:
    """The LoRA files that ``text`` names, on while the block runs; yields notes about them.

    Raises:
        ModelError: a file is missing, damaged, or made for another model.
    """
    loras = asked_for(text)
    if not loras:
        yield []
        return
    pipeline = model.pipeline
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelError(f"lora: {model.family.title} takes no LoRA files")
    try:
        for lora in loras:
            _load(model, lora)
        pipeline.set_adapters([lora.name for lora in loras], [lora.weight for lora in loras])
        yield [describe(lora.path) for lora in loras]
    finally:
        pipeline.unload_lora_weights()


def _load(model: DiffusersModel, lora: Lora) -> None:
    with opened(lora.path) as file:
        if not layers_of(file):
            raise ModelError(f"lora: {lora.path.name} holds no LoRA layers; it may be a whole model")
    try:
        model.pipeline.load_lora_weights(
            str(lora.path.parent), weight_name=lora.path.name, adapter_name=lora.name, local_files_only=True
        )
    except ImportError as error:
        raise ModelError("lora: such files need a package; run: pip install 'eddyline[pretrained]'") from error
    except Exception as error:
        raise ModelError(f"lora: {lora.path.name} does not fit {model.family.title}; {describe(lora.path)}") from error
    active = model.pipeline.get_list_adapters()
    if not any(lora.name in names for names in active.values()):
        raise ModelError(f"lora: {lora.path.name} changes nothing in {model.family.title}; {describe(lora.path)}")
