"""The studio for programs: one HTTP endpoint and MCP tool for each kind of run, with the settings' own parameters.

Called through Gradio's client (``Client("http://127.0.0.1:7860").predict(prompt="a red heart", api_name=
"/image_generate")``), plain HTTP, or as MCP tools when the server was started with ``--mcp``. A call waits for its job,
which stands in the same queue as everybody's, and returns where the files are.

Clients send every default. With a checkpoint, a value that equals the starter's default therefore counts as not said,
and what the checkpoint's makers recommend takes its place; the answer tells the settings that ran.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from pydantic_core import PydanticUndefined

from pipelines.errors import MediaError, StudioError
from pipelines.settings import ANY_SETTINGS, SamplingSettings, Seed
from studio import runs
from studio.intake import take
from studio.jobs import Job
from studio.library import CALLED, Asset
from studio.provenance import read_words
from studio.solids import figures
from studio.uploads import uploaded
from studio.workshop import Workshop

BEAT = 0.1  # seconds between looks at a job
MASK = "Picture whose opaque or white part may change."
# Files that a kind of run takes, by role; only a source must be there.
FILES: dict[str, dict[str, str]] = {
    "image.edit": {"source": "Picture to edit.", "mask": MASK},
    "speech.generate": {"voice_from": "Recording of the voice to clone, 3 to 12 s; for a checkpoint that clones."},
    "speech.edit": {"source": "Recording to edit, of any format."},
    "sound.edit": {"source": "Sound to edit, of any format."},
    "video.generate": {
        "first_frame": "Picture that the clip begins with.", "last_frame": "Picture that the clip ends with.",
        "sound": "Voice or sound that the clip follows, for a checkpoint that can (LTX-2).",
    },
    "video.edit": {"source": "Clip to edit, of any format.", "mask": MASK},
    "video.extend": {"source": "Clip that goes on, of any format."},
    "mesh.generate": {"image": "Picture of what to make; words may be left out then."},
    "mesh.edit": {"source": "Mesh to edit: GLB, OBJ, STL or PLY."},
    "lipsync.generate": {
        "source": "Picture or clip of a face; none where a character is named.",
        "recording": "Recording of what is said; none where a text is given.",
        "recording_2": "Recording for the second face from the left, with faces 'all'.",
        "recording_3": "The same for the third.",
        "recording_4": "The same for the fourth.",
    },
    "shape.edit": {"source": "Mesh to work on: GLB, OBJ, STL or PLY."},
    "turntable.edit": {"source": "Mesh to film: GLB, OBJ, STL or PLY."},
    "clip.edit": {"source": "Clip to work on, of any format.", "sound_file": "Sound for it, of any format."},
}  # fmt: skip
# What each role has to be; where nothing is said: of the run's own medium.
MEDIA = {
    **dict.fromkeys(("mask", "first_frame", "last_frame", "image"), "image"),
    **dict.fromkeys(("voice_from", "sound", "sound_file"), "audio"),
    **dict.fromkeys(("recording", "recording_2", "recording_3", "recording_4"), "audio"),
}
EITHER = {"lipsync": ("image", "video")}  # what the source of such a run may be


def publish(shop: Workshop) -> None:
    """Add an endpoint for every kind of run; call it while the page is being built."""
    for kind, settings in ANY_SETTINGS.items():
        gr.api(endpoint(shop, settings), api_name=kind.replace(".", "_"), concurrency_limit=None)


def endpoint(shop: Workshop, kind: type[SamplingSettings]) -> Callable[..., Any]:
    """A function with the parameters of ``kind`` that runs a job and returns what came of it."""
    roles = FILES.get(f"{kind.SUBJECT or kind.MEDIUM}.{kind.TASK}", {})

    async def run(*positional: Any, **named: Any) -> dict[str, Any]:
        values = dict(zip(names, positional, strict=False)) | named
        request = values.pop("request", None)
        sent = {role: values.pop(role, None) for role in roles}
        try:
            owner = shop.people.owner(request)
            settings = runs.seeded(kind(**_meant(kind, values)))
            inputs = await asyncio.to_thread(_inputs, shop, owner, kind.MEDIUM, sent)
            job = (await asyncio.to_thread(shop.submit, [settings], owner, inputs))[0]
            return await asyncio.to_thread(_said, shop, await _ended(shop, job, owner), owner)
        except StudioError as error:
            raise gr.Error(str(error).removeprefix("settings: "), print_exception=False) from None

    parameters = _parameters(kind, roles)
    taken = [*parameters, _parameter("request", gr.Request, None)]  # Gradio fills this one in by its type
    names = [parameter.name for parameter in taken]
    run.__name__ = f"{kind.SUBJECT or kind.MEDIUM}_{kind.TASK}"
    run.__signature__ = inspect.Signature(taken, return_annotation=dict)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in taken} | {"return": dict}
    run.__doc__ = _doc(kind, parameters, roles)
    return run


def _meant(kind: type[SamplingSettings], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` without those of a starter that nobody need have said, where a checkpoint is asked for."""
    model = kind.model_fields.get("model")
    if model is None or values.get("model", model.default) in kind.STARTERS:
        return dict(values)
    return {name: value for name, value in values.items() if value != kind.model_fields[name].default}


def _parameters(kind: type[SamplingSettings], roles: Mapping[str, str]) -> list[inspect.Parameter]:
    missing = inspect.Parameter.empty
    needed = "source" if kind.TASK != "generate" else ""
    made = [_parameter(role, gr.FileData, missing if role == needed else None) for role in roles]
    for name, field in kind.model_fields.items():
        if name == "version":
            continue
        annotation: Any = int if Seed in getattr(field.annotation, "__args__", ()) else field.annotation
        default = inspect.Parameter.empty if field.default is PydanticUndefined else field.default
        made.append(_parameter(name, annotation, default))
    return sorted(made, key=lambda parameter: parameter.default is not inspect.Parameter.empty)


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _doc(kind: type[SamplingSettings], parameters: list[inspect.Parameter], roles: Mapping[str, str]) -> str:
    """What an MCP client reads: the class's sentence, then one line a parameter."""
    told = {name: f"{field.title}. {field.description}" for name, field in kind.model_fields.items()} | {**roles}
    lines = "\n".join(f"        {p.name}: {told[p.name]}" for p in parameters)
    return f"{inspect.getdoc(kind)}\n\n    Args:\n{lines}\n"


def _inputs(shop: Workshop, owner: str, medium: str, files: Mapping[str, Any]) -> dict[str, str]:
    """Uploads as assets by role.

    Raises:
        MediaError: one was not uploaded here, is refused at the gate, or is of another medium than its role.
    """
    found = {}
    for role, sent in files.items():
        if sent is None:
            continue
        held = sent if isinstance(sent, dict) else getattr(sent, "__dict__", {})
        path = uploaded(held.get("path"))
        taken = take(path, str(held.get("orig_name") or path.name))
        wanted = (MEDIA[role],) if role in MEDIA else EITHER.get(medium, (medium,))
        if not (taken.medium in wanted or ("video" in wanted and taken.moves)):
            named = " or ".join(CALLED[each] for each in wanted)
            raise MediaError(f"{role}: must be {named}, {taken.filename} is {CALLED[taken.medium]}")
        found[role] = shop.library.bring_in(path, taken.filename, owner).id
    return found


async def _ended(shop: Workshop, job: Job, owner: str) -> Job:
    """Wait until a job has ended.

    Raises:
        StudioError: it failed or was cancelled; the message says why.
    """
    while job.waiting:
        await asyncio.sleep(BEAT)
        job = shop.watch.job(job.id, owner)
    if job.state != "done":
        raise StudioError(job.reason or job.state)
    return job


def _said(shop: Workshop, job: Job, owner: str) -> dict[str, Any]:
    made = shop.library.made_by([job.id], owner).get(job.id, ())
    files = [_file(each) | (figures(shop.store.home, each.path) if each.medium == "mesh" else {}) for each in made]
    return {"job": job.id, "settings": job.settings.model_dump(mode="json"), "notes": list(job.notes), "files": files}


def _file(asset: Asset) -> dict[str, Any]:
    """Where a result is; of a clip also its frames, of a sound how long it is and what is said in it.

    Of a mesh its figures are told beside.
    """
    told: dict[str, Any] = {"id": asset.id, "seed": asset.seed, "url": f"studio/assets/{asset.id}/file"}
    if asset.medium == "audio":
        words = [{"text": word.text, "start": word.start, "end": word.end} for word in read_words(asset.path)]
        told |= {"seconds": asset.seconds, "sample_rate": asset.sample_rate, "words": words}
    if asset.medium == "video":
        told |= {"seconds": asset.seconds, "frames": asset.frames, "width": asset.width, "height": asset.height}
    return told
