"""Settings: frozen, versioned, and the one definition behind sliders, command line, HTTP, presets and metadata.

A default is written here and nowhere else. Every class refuses unknown fields and values out of range with a
:class:`SettingsError` that names the field, what it got and what is allowed. ``migrate`` reads what older versions
wrote and reports the fields that it did not know.
"""

from pipelines.settings.audio import (
    AudioSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    Voice,
)
from pipelines.settings.base import (
    MAX_SEED,
    EditorSettings,
    Prompt,
    SamplingSettings,
    ScheduleName,
    Seed,
    Settings,
    Solver,
)
from pipelines.settings.clips import ClipEditSettings
from pipelines.settings.image import ImageEditSettings, ImageSettings
from pipelines.settings.lipsync import LipSyncSettings
from pipelines.settings.mesh import MeshEditSettings, MeshSettings
from pipelines.settings.tools import ShapeEditSettings, ToolSettings, TurntableSettings
from pipelines.settings.video import VideoEditSettings, VideoExtendSettings, VideoSettings

__all__ = [
    "ANY_SETTINGS",
    "MAX_SEED",
    "AudioSettings",
    "ClipEditSettings",
    "EditorSettings",
    "ImageEditSettings",
    "ImageSettings",
    "LipSyncSettings",
    "MeshEditSettings",
    "MeshSettings",
    "Prompt",
    "SamplingSettings",
    "ScheduleName",
    "Seed",
    "Settings",
    "ShapeEditSettings",
    "Solver",
    "SoundEditSettings",
    "SoundSettings",
    "SpeechEditSettings",
    "SpeechSettings",
    "ToolSettings",
    "VideoEditSettings",
    "VideoExtendSettings",
    "VideoSettings",
    "TurntableSettings",
    "Voice",
    "kind_of",
]

ANY_SETTINGS: dict[str, type[SamplingSettings]] = {
    "image.generate": ImageSettings,
    "image.edit": ImageEditSettings,
    "speech.generate": SpeechSettings,
    "speech.edit": SpeechEditSettings,
    "sound.generate": SoundSettings,
    "sound.edit": SoundEditSettings,
    "video.generate": VideoSettings,
    "video.edit": VideoEditSettings,
    "video.extend": VideoExtendSettings,
    "clip.edit": ClipEditSettings,
    "lipsync.generate": LipSyncSettings,
    "mesh.generate": MeshSettings,
    "mesh.edit": MeshEditSettings,
    "shape.edit": ShapeEditSettings,
    "turntable.edit": TurntableSettings,
}


def kind_of(settings: SamplingSettings) -> str:
    """Key of these settings in :data:`ANY_SETTINGS`, as written into files."""
    return f"{settings.SUBJECT or settings.MEDIUM}.{settings.TASK}"
