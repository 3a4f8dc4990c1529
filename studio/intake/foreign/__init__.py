"""Settings that other studios wrote into their files: AUTOMATIC1111 and Forge, ComfyUI, SwarmUI, Wan2GP."""

from collections.abc import Callable, Mapping

from studio.intake.foreign.a1111 import read_a1111
from studio.intake.foreign.comfyui import read_comfyui
from studio.intake.foreign.found import Foreign
from studio.intake.foreign.mapping import to_image_settings
from studio.intake.foreign.swarm import read_swarm
from studio.intake.foreign.wan2gp import read_wan2gp

# From the most certain to the least: the first two are marked by their own names, a graph has to be followed.
_READERS: tuple[Callable[[Mapping[str, str]], Foreign | None], ...] = (
    read_swarm,
    read_wan2gp,
    read_a1111,
    read_comfyui,
)


def read_foreign(texts: Mapping[str, str]) -> Foreign | None:
    """The settings in a file's texts (key in lower case -> text), or None where no known studio wrote any."""
    for read in _READERS:
        found = read(texts)
        if found is not None:
            return found
    return None


__all__ = ["Foreign", "read_foreign", "to_image_settings"]
