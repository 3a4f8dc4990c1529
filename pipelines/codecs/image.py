"""Pictures: reading any file, fitting onto a model's canvas, and bringing an edit back at full size.

Tensors are [B, 4, H, W] float32 in [-1, 1] with premultiplied alpha, so that a transparent pixel is (-1, -1, -1, -1).
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate, pad

from pipelines.errors import MediaError
from pipelines.headers import check_exif, check_header, exif_of, too_large
from pipelines.media import Mask, Picture

MAX_PIXELS = 40_000_000
MAX_BYTES = 100_000_000
# Not every format of Pillow's: EPS runs a program, and others are rare enough to be no more than a risk.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")
# An edit this large (of the range 2) replaces the source's fine detail; a smaller one keeps a part of it.
REPLACED_AT = 0.3


def read_picture(source: str | Path | bytes) -> tuple[Picture, tuple[str, ...]]:
    """Read a still picture in any format of ``FORMATS``.

    Orientation is applied, CMYK and grey become RGB, 16 bits become 8, and of an animation the first frame is taken.

    Returns:
        The picture, and notes on what was changed on the way in.

    Raises:
        MediaError: not a picture, damaged, or larger than ``MAX_PIXELS``.
    """
    name = "picture" if isinstance(source, bytes) else Path(source).name
    data = _bytes_of(source, name)
    notes = []
    try:
        check_header(io.BytesIO(data), MAX_PIXELS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large or odd files; the checks below decide
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise MediaError(too_large(width, height, MAX_PIXELS))
            # Not n_frames: it walks through every frame, and a small file may hold millions.
            if getattr(image, "is_animated", False):
                notes.append(f"{name} is animated; its first frame is used")
            if image.mode.startswith("I") or image.mode == "F":
                notes.append(f"{name} has more than 8 bits a channel; it is reduced to 8")
            image.load()
            rgba = _eight_bit(_upright(image)).convert("RGBA")
    except MediaError as error:
        raise MediaError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        raise MediaError(f"{name}: not a picture that can be read; use PNG, JPEG, WebP, GIF, BMP or TIFF") from None
    except Image.DecompressionBombError:
        raise MediaError(f"{name}: far too many pixels, at most {MAX_PIXELS / 1e6:.0f} million") from None
    except Exception as error:  # decoders raise whatever they like on damaged data
        reason = f" ({error})" if str(error) else ""
        raise MediaError(f"{name}: damaged or cut short{reason}; try saving it again") from error
    return Picture(np.array(rgba)), tuple(notes)


def _bytes_of(source: str | Path | bytes, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        if not path.is_file():
            raise MediaError(f"{name}: no such file")
        if path.stat().st_size > MAX_BYTES:
            raise MediaError(f"{name}: {path.stat().st_size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f}")
        data = path.read_bytes()
    if not data:
        raise MediaError(f"{name}: the file is empty")
    return data


def _upright(image: Image.Image) -> Image.Image:
    """The picture as its orientation says; damaged or oversized EXIF says nothing."""
    try:
        check_exif(exif_of(image.info))
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's reader of EXIF raises whatever it likes; the pixels are whole all the same
        return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit and float pictures to 8 bits; Pillow's own conversion clips them instead."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    if image.mode.startswith("I"):
        values = values / 257  # 65535 / 255
    else:
        values = values * (255 if values.max() <= 1 else 1)
    return Image.fromarray((values + 0.5).clip(0, 255).astype(np.uint8))


def read_mask(image: Image.Image, size: tuple[int, int]) -> Mask | None:
    """What was painted on an editor's layer, as a mask of a picture of ``size`` (width, height); None if nothing."""
    layer = image if "A" in image.getbands() else image.convert("L")
    channel = layer.getchannel("A") if "A" in layer.getbands() else layer
    if channel.size != size:
        channel = channel.resize(size, Image.Resampling.NEAREST)
    # Anti-aliased brush edges count as painted: what the person sees covered may change, all else may not.
    weights = (np.asarray(channel) > 0).astype(np.float32)
    return Mask(weights) if weights.any() else None


def read_mask_file(path: str | Path, size: tuple[int, int]) -> Mask:
    """A mask from a picture file of the same size: its alpha where it has any transparency, else its brightness.

    Raises:
        MediaError: not a picture, of another size, or nothing in it may change.
    """
    picture, _ = read_picture(path)
    name = Path(path).name
    if picture.size != size:
        raise MediaError(f"mask: {name} is {picture.size} pixels, the picture is {size}; make them equal")
    alpha = picture.pixels[..., 3]
    weights = alpha if (alpha < 255).any() else picture.pixels[..., :3].max(-1)
    if not weights.any():
        raise MediaError(f"mask: {name} is empty; paint what may change in white or opaque")
    return Mask(weights.astype(np.float32) / 255)


def to_signal(picture: Picture) -> Tensor:
    """``picture`` as [1, 4, H, W] in [-1, 1], premultiplied."""
    rgba = torch.from_numpy(picture.pixels.astype(np.float32) / 255)
    premultiplied = torch.cat([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], -1)
    return premultiplied.permute(2, 0, 1)[None] * 2 - 1


def to_picture(signal: Tensor) -> Picture:
    """[4, H, W] in [-1, 1], premultiplied, as a picture; values beyond the range are clipped."""
    rgba = _premultiplied_bytes(signal).astype(np.float32)
    alpha = rgba[..., 3:]
    rgb = np.where(alpha > 0, rgba[..., :3] * 255 / np.maximum(alpha, 1), 0)
    return Picture(np.concatenate([rgb + 0.5, alpha], -1).clip(0, 255).astype(np.uint8))


FAINT = 16  # of 255: a network's "nothing" is never quite 0, and its haze shows where a sticker is laid on black


def without_haze(picture: Picture, source: Picture | None = None) -> Picture:
    """``picture`` with what is barely there, opacity below 16 of 255, taken away.

    Of an edited ``source`` only where that is fully transparent, and its own pixels come back there: what it holds,
    however faint, is a person's own.
    """
    haze = picture.pixels[..., 3] < FAINT
    ground = np.zeros_like(picture.pixels) if source is None else source.pixels
    if source is not None:
        haze &= source.pixels[..., 3] == 0
    return Picture(np.where(haze[..., None], ground, picture.pixels))


def _premultiplied_bytes(signal: Tensor) -> np.ndarray:
    unit = ((signal.detach().float().cpu() + 1) / 2).clamp(0, 1)
    unit = torch.cat([torch.minimum(unit[:3], unit[3:]), unit[3:]])  # premultiplied colour never exceeds alpha
    return (unit.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Fit:
    """How a picture of any size lies on a square canvas: scaled to touch it, centred, transparent around."""

    source: Picture
    canvas: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, width, height) of the picture on the canvas."""
        width, height = self.source.size
        scale = self.canvas / max(width, height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        return (self.canvas - inner_width) // 2, (self.canvas - inner_height) // 2, inner_width, inner_height

    def signal(self) -> Tensor:
        """The picture on the canvas, [1, 4, canvas, canvas]."""
        return self._on_canvas(self._shrunk(), -1.0)

    def mask(self, mask: Mask) -> Tensor:
        """A mask of the picture on the canvas, [1, 1, canvas, canvas]; a cell may change if any pixel of it may."""
        left, top, width, height = self.box
        weights = torch.from_numpy(mask.weights.astype(np.float32))[None, None]
        return self._on_canvas(adaptive_max_pool2d(weights, (height, width)), 0.0)

    def restore(self, edited: Tensor, mask: Tensor | None = None) -> Picture:
        """Bring an edited canvas [1, 4, canvas, canvas] back to the picture's own size.

        Where the edit changed nothing, the source's pixels return as they were; where it changed much, its own
        enlarged pixels stand; between, the source's fine detail fades. ``mask`` [1, 1, H, W] is at the picture's
        size: weight 0 returns the source's pixels untouched, bit for bit.
        """
        left, top, width, height = self.box
        inner = edited[..., top : top + height, left : left + width].float()
        source, shrunk = to_signal(self.source), self._shrunk()
        size = source.shape[-2:]
        change = inner - shrunk
        replaced = self._enlarged((change.abs().amax(1, keepdim=True) / REPLACED_AT).clamp(max=1), size).clamp(0, 1)
        detail = source - self._enlarged(shrunk, size)
        result = (source + self._enlarged(change, size) - replaced * detail).clamp(-1, 1)
        if mask is not None:
            result = source + mask * (result - source)
        new = to_picture(result[0]).pixels
        same = (_premultiplied_bytes(result[0]) == _premultiplied_bytes(source[0])).all(-1)
        if mask is not None:
            same |= mask[0, 0].numpy() == 0
        return Picture(np.where(same[..., None], self.source.pixels, new))

    def _shrunk(self) -> Tensor:
        _, _, width, height = self.box
        source = to_signal(self.source)
        if source.shape[-2:] == (height, width):
            return source
        return interpolate(source, (height, width), mode="bilinear", antialias=True, align_corners=False)

    def _on_canvas(self, inner: Tensor, fill: float) -> Tensor:
        left, top, width, height = self.box
        return pad(inner, [left, self.canvas - left - width, top, self.canvas - top - height], value=fill)

    @staticmethod
    def _enlarged(small: Tensor, size: torch.Size) -> Tensor:
        if small.shape[-2:] == size:
            return small
        return interpolate(small, size, mode="bicubic", align_corners=False, antialias=True)
