"""From the name of a checkpoint to a pipeline that runs it."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.checkpoints import f5tts, fetch, find, hunyuan3d, measured, plan
from pipelines.checkpoints.named import all_named
from pipelines.errors import ModelError


def explain(model: str, asked: Mapping[str, str] | None = None) -> list[str]:
    """What would be loaded, where, and what it costs, a line each; loads nothing.

    Raises:
        ModelError: there is no such checkpoint.
    """
    kept = all_named().get(model)
    return plan(find(model), asked=asked or (kept.load if kept else None)).lines()


def open_checkpoint(
    medium: str,
    model: str,
    asked: Mapping[str, str] | None = None,
    *,
    may_fetch: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Any:
    """The pipeline of a checkpoint, loaded as :func:`explain` says; fetched first where ``may_fetch``.

    ``asked`` overrides the plan; without it, what was kept with the checkpoint's name does.

    Raises:
        ModelError: it cannot be found, fetched or loaded, or makes another medium.
        OutOfBudget: it does not fit this machine.
    """
    found = find(model)
    if found.folder is None:
        if not may_fetch:
            raise ModelError(f"model: {found.title} is not on this machine; fetch it: eddyline models fetch {model}")
        found = fetch(found, say)
    made = found.known
    if made.medium != medium:
        raise ModelError(f"model: {found.title} makes {made.medium}, not {medium}; choose it in that tab")
    kept = all_named().get(model)
    chosen = plan(found, _means(), asked or (kept.load if kept else None))
    if found.family == hunyuan3d.FAMILY:
        from pipelines.pretrained.shapes import PretrainedShapes

        return PretrainedShapes.load(found, chosen)
    if found.family == f5tts.FAMILY:
        from pipelines.pretrained.speech import PretrainedSpeech

        return PretrainedSpeech.load(found, chosen)
    from pipelines.models.diffusers.loading import load

    return KINDS[medium]()(load(found, chosen), chosen)


def _means() -> Any:
    import torch  # so that graphics cards are seen

    _ = torch.cuda.is_available()
    return measured()


def _images() -> Any:
    from pipelines.pretrained.images import PretrainedImages

    return PretrainedImages


def _clips() -> Any:
    from pipelines.pretrained.clips import PretrainedClips

    return PretrainedClips


def _sounds() -> Any:
    from pipelines.pretrained.sounds import PretrainedSounds

    return PretrainedSounds


KINDS: dict[str, Callable[[], Any]] = {"image": _images, "video": _clips, "audio": _sounds}
