"""Between a page and the queue: what a run needs, and what a page opens with."""

import base64
import binascii
import io
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.errors import MediaError, StudioError
from pipelines.media import Mask
from pipelines.paths import assets
from pipelines.settings import ANY_SETTINGS, MAX_SEED, SamplingSettings, kind_of
from studio.jobs.runner import EDITED_FRAMES
from studio.language import phrase
from studio.session import KEPT, Result, Session
from studio.workshop import Workshop

log = logging.getLogger(__name__)
MASK = "data:image/png;base64,"
MASK_BYTES = 6_000_000
BEFORE = ".before"  # in the name of an example that another was made from


@dataclass(frozen=True)
class Asked:
    """What a run button asks for: settings of one job or of several, and assets by role."""

    settings: Sequence[SamplingSettings]
    inputs: dict[str, str]
    notes: Sequence[str] = ()


def seeded(settings: SamplingSettings) -> SamplingSettings:
    """``settings`` with an empty seed filled in: a job is stored with the seed that it will use."""
    return settings.resolved(secrets.randbelow(MAX_SEED + 1))


def sources(shop: Workshop, source: Path | None, mask: str | None, owner: str) -> dict[str, str]:
    """The picture in ``source``, and where ``mask`` (a PNG data address, or nothing) is painted, as assets by role.

    Both are brought into the library, so that the run can be repeated when the upload is long gone.

    Raises:
        StudioError: there is no picture, or one of the two cannot be read.
    """
    if source is None:
        text = "Picture: there is none yet; drop one above, or choose 'Use as source' below a result"
        raise StudioError(phrase(text))
    from pipelines.image import read_picture

    picture = shop.library.bring_in(source, source.name, owner)
    inputs = {"source": picture.id}
    # Its size upright, as the person saw it.
    if mask and (painted := masked(shop, mask, owner, lambda: read_picture(picture.path)[0].size)):
        inputs["mask"] = painted
    return inputs


def again(shop: Workshop, result: Result, owner: str) -> Asked:
    """The same once more with a new seed; an edit starts from its own source and mask again."""
    settings = seeded(result.settings.with_(seed=None))
    given = {role: path for role, path, _ in result.given}
    if not given:  # an example: it lies beside what it was made from
        given = {role: path for role, path in (("source", result.source), ("mask", result.mask)) if path is not None}
    if (result.edited and "source" not in given) or not all(path.exists() for path in given.values()):
        raise StudioError(phrase("Variation: the file that this was made from is gone; drop it again and edit it anew"))
    inputs = {role: shop.library.bring_in(path, path.name, owner).id for role, path in given.items() if path}
    return Asked([settings], inputs)


def last(shop: Workshop, owner: str, kinds: Sequence[str], shipped: tuple[Result, ...]) -> Session:
    """What a page opens with: the owner's last results of these kinds, then the shipped examples."""
    medium = ANY_SETTINGS[kinds[0]].MEDIUM
    found = shop.library.search(owner, medium=medium, imported=False, limit=KEPT - len(shipped)).assets
    mine = tuple(Result.of(asset, shop.library) for asset in found if asset.settings is not None)
    # Of the same medium may be what no tab asks for, such as the film of a mesh that turns.
    own = tuple(each for each in mine if kind_of(each.settings) in kinds)
    return Session((*own, *shipped))


def examples(kinds: Sequence[str]) -> tuple[Result, ...]:
    """The shipped examples of these kinds, newest first; a damaged one is left out rather than stopping the page.

    They lie in ``assets/examples`` as ``medium-number-words``; beside an edit may lie what it was made from, with
    ``.before`` in front of its ending.
    """
    from studio.library.looks import measure
    from studio.provenance import read_settings

    medium, shipped = ANY_SETTINGS[kinds[0]].MEDIUM, []
    for path in sorted((assets() / "examples").glob(f"{medium}-*"), reverse=True):
        if Path(path.stem).suffix == BEFORE:
            continue
        try:
            found, measured = read_settings(path), measure(path, medium)  # headers alone: no model is loaded yet
        except (StudioError, OSError) as error:
            log.warning("example %s left out: %s", path.name, error)
            continue
        if not measured or found is None or kind_of(found.settings) not in kinds:
            log.warning("example %s left out: damaged, or not one of %s", path.name, ", ".join(kinds))
            continue
        size = (measured.get("width") or 0, measured.get("height") or 0)
        before = path.with_name(f"{path.stem}{BEFORE}{path.suffix}")
        shipped.append(
            Result(
                *(path, found.settings, size, path.name),
                length=measured.get("seconds"),
                source=before if before.exists() else None,
                example=True,
            )
        )
    return tuple(shipped)


def example(name: str) -> Path:
    """A file among the shipped examples.

    Raises:
        StudioError: there is none of this name.
    """
    found = next((path for path in (assets() / "examples").iterdir() if path.name == name), None)
    if found is None:
        raise StudioError(phrase("example: there is none of this name"))
    return found


def masked(shop: Workshop, mask: str, owner: str, size: Callable[[], tuple[int, int]]) -> str | None:
    """The painted ``mask`` as an asset of the ``size`` of what it lies on; None when nothing is painted.

    ``mask`` is a PNG data address, or for a clip JSON of them by frame. What is wrong with it is said before anything
    is queued.
    """
    if not mask.startswith("{"):
        weights = _weights(mask, size())
        return None if weights is None else shop.keep_mask(weights, owner)
    try:
        told = {int(frame): str(each) for frame, each in json.loads(mask).items()}
    except (ValueError, AttributeError):
        raise MediaError("mask: expected PNGs by frame from the page; clear it and paint again") from None
    if len(told) > EDITED_FRAMES or not all(0 <= frame < EDITED_FRAMES for frame in told):
        raise MediaError(
            f"mask: is painted on frames {sorted(told)[-5:]}, at most {EDITED_FRAMES} are edited; clear it"
        )
    box = size()
    painted = {frame: weights for frame, each in told.items() if (weights := _weights(each, box)) is not None}
    return shop.keep_mask(painted, owner) if painted else None


def _weights(mask: str, size: tuple[int, int]) -> Mask | None:
    """The mask in a PNG data address, of ``size``; None when nothing is painted.

    Raises:
        MediaError: it is no such PNG, or too large.
    """
    from pipelines.image import read_mask

    if not mask.startswith(MASK) or len(mask) > MASK_BYTES:
        raise MediaError("mask: expected a PNG from the page; clear it and paint again")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(mask[len(MASK) :], validate=True)), formats=["PNG"])
        if max(image.size) > 2048:
            raise MediaError(f"mask: at most 2048 pixels a side, got {image.size}; clear it and paint again")
        return read_mask(image.convert("RGBA"), size)
    except (OSError, binascii.Error, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"mask: could not be read ({error}); clear it and paint again") from None
