"""SwarmUI: JSON with ``sui_image_params``, in PNG under ``parameters``, elsewhere in EXIF or the comment."""

from collections.abc import Mapping

from studio.intake.foreign.found import Foreign, objects, pair, real, stem, whole, words

_PLACES = ("parameters", "usercomment", "comment", "imagedescription", "description", "json")


def read_swarm(texts: Mapping[str, str]) -> Foreign | None:
    """The settings, or None where SwarmUI wrote none."""
    for found in objects(texts, *_PLACES):
        values = found.get("sui_image_params")
        if not isinstance(values, dict):
            continue
        seed = whole(values.get("seed"))
        return Foreign(
            studio="SwarmUI",
            prompt=words(values.get("prompt")),
            negative_prompt=words(values.get("negativeprompt")),
            seed=seed if seed is not None and seed >= 0 else None,
            steps=whole(values.get("steps")),
            guidance=real(values.get("cfgscale")),
            size=pair(values.get("width"), values.get("height")),
            model=stem(values.get("model")),
            sampler=words(values.get("sampler")) or words(values.get("comfyuisampler")),
            everything=found,
        )
    return None
