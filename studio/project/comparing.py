"""Whether what was made again is what is kept: pixel for pixel, sample for sample."""

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Clip, Picture, Sound
from studio.export import write
from studio.export.loading import load
from studio.provenance import Stamp

Compared = tuple[bool, str]
WHITE = {".jpg", ".jpeg"}  # formats whose pictures are laid on white and never kept exactly
EXACT = {".wav"}  # formats of sound that keep every bit


def compared(path: Path, made: Any) -> Compared:
    """Whether the file in ``path`` holds what was made now, and one sentence on it.

    Raises:
        MediaError: the file cannot be read, or nothing is known of comparing such media.
    """
    if type(made) not in _WAYS:
        raise MediaError(f"{type(made).__name__.lower()}: cannot be compared yet")
    return _WAYS[type(made)](path, made)


def _pictures(path: Path, made: Picture) -> Compared:
    from pipelines.image import read_picture

    kept, _ = read_picture(path)
    if kept.size != made.size:
        return False, f"different size: {made.size[0]} x {made.size[1]}, was {kept.size[0]} x {kept.size[1]}"
    now, then, lossy = made.pixels.astype(np.float64), kept.pixels.astype(np.float64), path.suffix in WHITE
    if lossy:
        now = np.concatenate([_over(now, 255.0), np.full_like(now[..., 3:], 255)], -1)
    unequal = int((now != then).any(-1).sum())
    if unequal == 0:
        return True, "same pixels"
    # As it is seen: the colour of a pixel that is nearly transparent may differ a lot and mean nothing.
    seen = np.abs(np.concatenate([_over(now, 0.0) - _over(then, 0.0), now[..., 3:] - then[..., 3:]], -1)).max()
    said = f"largest difference {math.ceil(seen)} of 255, {unequal} of {now[..., 0].size} pixels are not equal"
    return False, said + ("; JPEG never keeps pixels exactly" if lossy else "")


def _over(pixels: np.ndarray, ground: float) -> np.ndarray:
    """Colours [H, W, 3] of ``pixels`` [H, W, 4] on a grey ``ground``, whole numbers."""
    alpha = pixels[..., 3:] / 255
    return np.floor(pixels[..., :3] * alpha + ground * (1 - alpha) + 0.5)


def _sounds(path: Path, made: Sound) -> Compared:
    kept, suffix = _heard(path), path.suffix.lower()
    words = "" if kept.words == made.words else "; its words have other times"
    if suffix not in EXACT:
        made = _as_kept(made, suffix)
    if (kept.sample_rate, kept.samples.shape) != (made.sample_rate, made.samples.shape):
        return False, f"different length: {_size(made)}, was {_size(kept)}"
    unequal = int((kept.samples != made.samples).any(0).sum())
    if unequal:
        off = 20 * math.log10(float(np.abs(kept.samples.astype(np.float64) - made.samples).max()))
        said = f"largest difference {off:.0f} dB of full scale, {unequal} of {made.samples.shape[1]} samples"
        return False, f"{said} are not equal{words}"
    return True, ("same samples" if suffix in EXACT else f"same samples as {suffix[1:].upper()} keeps them") + words


def _as_kept(sound: Sound, suffix: str) -> Sound:
    """``sound`` as it comes back from a format that rounds or leaves out: encoders are deterministic."""
    with TemporaryDirectory(prefix="eddyline-") as folder:
        return _heard(write(sound, Path(folder) / f"again{suffix}", Stamp(), sign=False))


def _heard(path: Path) -> Sound:
    found = load(path)
    if not isinstance(found, Sound):
        raise MediaError(f"{path.name}: holds no sound")
    return found


def _size(sound: Sound) -> str:
    channels, count = sound.samples.shape
    return f"{count} samples at {sound.sample_rate} Hz in {channels} channel{'s' * (channels > 1)}"


def _clips(path: Path, made: Clip) -> Compared:
    kept = load(path)
    if not isinstance(kept, Clip):
        return False, "it is no clip"
    with TemporaryDirectory(prefix="eddyline-") as folder:  # as its format keeps it: encoders are deterministic
        now = load(write(made, Path(folder) / f"again{path.suffix.lower()}", Stamp(), sign=False))
    assert isinstance(now, Clip)
    if now.frames.shape != kept.frames.shape:
        frames, height, width = now.frames.shape[:3]
        return False, f"different size: {frames} frames of {width} x {height}, was {kept.frames.shape[:3]}"
    unequal = int((now.frames != kept.frames).any(-1).sum())
    if unequal:
        off = int(np.abs(now.frames.astype(np.int16) - kept.frames).max())
        return False, f"largest difference {off} of 255, {unequal} of {now.frames[..., 0].size} pixels are not equal"
    return True, f"same {len(now.frames)} frames as {path.suffix[1:].upper()} keeps them"


_WAYS: dict[type, Callable[[Path, Any], Compared]] = {Picture: _pictures, Sound: _sounds, Clip: _clips}
