"""How much of everything a host takes in; written once here, changed by a host in its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from pipelines.errors import SettingsError

PREFIX = "EDDYLINE_MAX_"


@dataclass(frozen=True)
class Limits:
    """What an upload may be at most.

    Attributes:
        upload_bytes: size of the file.
        picture_bytes: size of a picture, which is held in memory whole when it is read.
        pixels: of a still picture, width times height.
        side: pixels along one side of a picture or video.
        frame_pixels: pixels of one frame of a video or an animated picture.
        frames: of a video or an animated picture.
        seconds: of video and audio; the longest text, read slowly, takes less.
        sample_rate: of audio, samples a second.
        channels: of audio.
        triangles: of a mesh, counted as often as they are placed.
        vertices: of a mesh.
        zip_entries: files in an archive.
        zip_ratio: how many times larger a file in an archive may become when unpacked.
        zip_bytes: size of all files in an archive when unpacked.
        metadata_bytes: of settings and descriptions.
        json_depth: lists and objects inside one another.
    """

    upload_bytes: int = 500_000_000
    picture_bytes: int = 100_000_000
    pixels: int = 40_000_000
    side: int = 30_000
    frame_pixels: int = 9_000_000
    frames: int = 20_000
    seconds: int = 3_600
    sample_rate: int = 192_000
    channels: int = 16
    triangles: int = 5_000_000
    vertices: int = 5_000_000
    zip_entries: int = 20_000
    zip_ratio: int = 200
    zip_bytes: int = 4_000_000_000
    metadata_bytes: int = 4_000_000
    json_depth: int = 64

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The limits of this host: ``EDDYLINE_MAX_PIXELS=...`` and so on, each a whole number above 0.

        Raises:
            SettingsError: a value is not such a number.
        """
        found = {}
        for each in fields(cls):
            name = PREFIX + each.name.upper()
            text = environment.get(name, "").strip()
            if not text:
                continue
            if not (text.isascii() and text.replace("_", "").isdigit() and len(text) <= 18 and int(text) > 0):
                raise SettingsError(f"{name}: must be a whole number above 0, got {text!r:.40}")
            found[each.name] = int(text)
        return cls(**found)


LIMITS = Limits()
