"""Wan2GP: JSON in the comment of a video or sound, or in the EXIF comment of a picture."""

from collections.abc import Mapping

from studio.intake.foreign.found import Foreign, objects, real, size_of, stem, whole, words

_PLACES = ("comment", "usercomment", "description", "parameters", "json")
_OWN = ("settings_version", "model_type", "base_model_type", "num_inference_steps", "model_filename")


def read_wan2gp(texts: Mapping[str, str]) -> Foreign | None:
    """The settings, or None where Wan2GP wrote none."""
    for values in objects(texts, *_PLACES):
        named = words(values.get("type")).lower().startswith(("wangp", "wan2gp"))
        if not (named or sum(key in values for key in _OWN) >= 2 and "prompt" in values):
            continue
        seed = whole(values.get("seed"))
        return Foreign(
            studio="Wan2GP",
            prompt=words(values.get("prompt")),
            negative_prompt=words(values.get("negative_prompt")),
            seed=seed if seed is not None and seed >= 0 else None,
            steps=whole(values.get("num_inference_steps")),
            guidance=real(values.get("guidance_scale")),
            size=size_of(values.get("resolution")),
            model=words(values.get("model_type")) or stem(values.get("model_filename")),
            sampler=words(values.get("sample_solver")),
            everything=values,
        )
    return None
