"""How a page names the file that an edit starts from, and how it is found again.

A name is ``asset:ID`` for a file of the library, ``example:NAME`` for a shipped one, else the path that an upload
answered. The page can show the file by any of the three, and none gives away where the library keeps it.
"""

from pathlib import Path

from pipelines.errors import MediaError
from studio import runs
from studio.language import phrase
from studio.session import Result
from studio.uploads import uploaded
from studio.workshop import Workshop

ASSET, EXAMPLE = "asset:", "example:"


def named(result: Result) -> str:
    """The name of a result's own file; empty where it has none that a page could name."""
    if result.example:
        return f"{EXAMPLE}{result.path.name}"
    return f"{ASSET}{result.id}" if result.id else ""


def source_named(result: Result) -> str:
    """The name of what a result was made from; empty where that is gone or there was nothing."""
    if result.source is None or not result.source.exists():
        return ""
    if result.example:
        return f"{EXAMPLE}{result.source.name}"
    return f"{ASSET}{result.source_id}" if result.source_id else ""


def found(shop: Workshop, name: object, owner: str) -> Path | None:
    """The file that ``name`` stands for; None for an empty name.

    Raises:
        StudioError: it is gone, is another person's, or was never uploaded here.
    """
    if not isinstance(name, str) or not name:
        return None
    if name.startswith(ASSET):
        asset = shop.library.get(name.removeprefix(ASSET), owner)
        if asset is None or not asset.path.exists():
            raise MediaError(phrase("source: this file is in the library no more; drop it again"))
        return asset.path
    return runs.example(name.removeprefix(EXAMPLE)) if name.startswith(EXAMPLE) else uploaded(name)


NO_RECORDING = "Recording: there is none yet; drop one above, or choose 'Use as source' below a result"
NO_VOICE = "Voice to clone: there is no recording yet; drop one above"
NO_CLIP = "Clip: there is none yet; drop one above, or choose 'Use as source' below a result"


def kept(
    shop: Workshop, name: object, owner: str, none: str = NO_RECORDING, medium: str | None = None
) -> dict[str, str]:
    """The source as assets by role, brought into the library so that the run can be repeated; ``none`` is said if not.

    Raises:
        StudioError: there is none, or it cannot be kept.
    """
    path = found(shop, name, owner)
    if path is None:
        raise MediaError(phrase(none))
    return {"source": shop.keep(path, owner, medium)}
