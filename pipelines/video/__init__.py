"""Clips: words or a picture to moving pictures, clips to other clips, and clips that go on."""

from pipelines.codecs.image import read_mask_file, read_picture
from pipelines.codecs.masks import read_masks_file, save_masks
from pipelines.codecs.video import Cut, film_in, read_clip
from pipelines.video.pipeline import MAX_FRAMES, VideoPipeline

__all__ = [
    "MAX_FRAMES",
    "Cut",
    "VideoPipeline",
    "film_in",
    "read_clip",
    "read_mask_file",
    "read_masks_file",
    "read_picture",
    "save_masks",
]
